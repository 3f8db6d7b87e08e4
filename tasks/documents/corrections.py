"""
Corrections: a transcript as a user wants it is made into one that documents can be made of.

Words that stay keep their times exactly. Those that a user wrote have none: they get the time of what they replace,
or, put between two words, as much of the time between these as it takes to say them.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from operator import itemgetter

from tasks.batches import Gap, GapReason
from tasks.documents.content import Content, ContentParagraph, ContentWord, CorrectedWord, Correction
from tasks.documents.content_check import check_correction
from tasks.documents.paragraphs import ParagraphStart
from tasks.documents.stored_transcript import StoredTranscript
from tasks.documents.word_placement import Span, fill_times
from tasks.subtitles.tokens import space_is_missing, written_words
from tasks.transcription.transcript import Segment, Transcript, Word

CERTAIN = 1.0
"""Probability of a word that a user wrote or confirmed."""


def content_of(stored: StoredTranscript) -> Content:
    """Return what a user can correct of a transcript: its words as they are written in all documents."""
    segments = stored.transcript.segments
    written = written_words(segments)
    spoken = [word for words in written for word in words]
    languages = [segment.language for segment, words in zip(segments, written, strict=True) for _ in words]
    divided = stored.divide(spoken)
    starts = [0, *(paragraph.words_before for paragraph in divided[1:]), len(spoken)] if divided else [0]
    return Content(
        speakers=stored.transcript.speakers,
        paragraphs=tuple(
            ContentParagraph(
                is_heading=paragraph.is_heading,
                words=tuple(
                    ContentWord(**vars(word), language=language)
                    for word, language in zip(spoken[first:after], languages[first:after], strict=True)
                ),
            )
            for paragraph, first, after in zip(divided, starts, starts[1:], strict=False)
        ),
    )


def correct(base: StoredTranscript, heard: Content, correction: Correction) -> StoredTranscript:
    """
    Return the corrected transcript, not yet numbered; *heard* is the content of its *base*. Raises `CorrectionInvalid`.

    Its segments are stretches of one paragraph, one chunk of the model and one language.
    """
    check_correction(correction, heard, base.transcript)
    written = [
        (paragraph.is_heading, words)
        for paragraph in correction.paragraphs
        if (words := tuple(word for word in paragraph.words if word.text.strip()))
    ]
    times = iter(_times([words for _, words in written], heard, base.transcript))
    segments: list[Segment] = []
    begun = []  # segments before each paragraph
    for _, words in written:
        begun.append(len(segments))
        segments += _segments([(word, next(times)) for word in words], base.transcript.segments)
    spoken = written_words(segments)  # what they are from now on: a space that is missing between sentences is there
    before = list(accumulate(map(len, spoken), initial=0))
    transcript = base.transcript.model_copy(
        update={
            "gaps": _open_gaps(base.transcript.gaps, spoken),
            "segments": tuple(
                segment.model_copy(update={"words": words, "text": "".join(word.text for word in words)})
                for segment, words in zip(segments, spoken, strict=True)
            ),
            "speakers": correction.speakers,
        }
    )
    starts = (
        ParagraphStart(words_before=before[first], is_heading=is_heading)
        for (is_heading, _), first in zip(written, begun, strict=True)
    )
    return base.model_copy(update={"transcript": transcript, "paragraphs": tuple(starts)})


def _open_gaps(gaps: Sequence[Gap], spoken: Sequence[Sequence[Word]]) -> tuple[Gap, ...]:
    """Return the gaps that are left: in those that were not understood no word may be by now."""
    middles = sorted((word.start + word.end) / 2 for words in spoken for word in words)
    return tuple(
        gap
        for gap in gaps
        if gap.reason is GapReason.UNREADABLE or bisect_left(middles, gap.start) == bisect_right(middles, gap.end)
    )


def _times(paragraphs: Sequence[Sequence[CorrectedWord]], heard: Content, transcript: Transcript) -> list[Span]:
    words = [word for paragraph in paragraphs for word in paragraph]
    kept = {word.times for word in words}
    return fill_times(
        [word.text for word in words],
        [word.times for word in words],
        sorted(span for word in heard.words if (span := (word.start, word.end)) not in kept),
        opening=frozenset(accumulate(map(len, paragraphs[:-1]), initial=0)),
        whole=(transcript.offset_seconds, transcript.end_seconds),
    )


def _segments(words: Sequence[tuple[CorrectedWord, Span]], chunks: Sequence[Segment]) -> Iterator[Segment]:
    """Yield the words of one paragraph as segments with the figures of the chunks in which they are heard."""
    starts = list(accumulate((chunk.words[0].start if chunk.words else chunk.start for chunk in chunks), max))
    sources: list[tuple[int, str]] = []
    last = ""
    for word, (start, _) in words:
        number = max(0, bisect_right(starts, start) - 1)
        language = (chunks[number].language if chunks else "") if word.language is None else word.language
        joined = bool(last) and not word.text[0].isspace() and space_is_missing(last, word.text)
        sources.append(sources[-1] if joined else (number, language))
        last = word.text
    for (number, language), group in groupby(zip(sources, words, strict=True), key=itemgetter(0)):
        spoken = tuple(_word(word, times) for _, (word, times) in group)
        figures = chunks[number] if chunks else Segment(start=0, end=0, text="")
        yield figures.model_copy(
            update={
                "start": spoken[0].start,
                "end": max(word.end for word in spoken),
                "text": "".join(word.text for word in spoken),
                "words": spoken,
                "language": language,
            }
        )


def _word(word: CorrectedWord, times: Span) -> Word:
    probability = CERTAIN if word.probability is None else word.probability
    return Word(text=word.text, start=times[0], end=times[1], probability=probability, speaker=word.speaker)


def words_changed(base: Content, corrected: Content) -> int:
    """Return the number of words whose text, times or speaker differ; removed ones count if none came for them."""
    before, now = (
        Counter((word.text.strip(), word.start, word.end, word.speaker) for word in each.words)
        for each in (base, corrected)
    )
    return max((before - now).total(), (now - before).total())
