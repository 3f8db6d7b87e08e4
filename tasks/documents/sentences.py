"""Sentences of a transcript: the model's chunks of up to 30 s, divided where sentences end and speakers pause."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tasks.documents.paragraphs import Paragraph
from tasks.subtitles.breaks import Border, borders
from tasks.subtitles.standards import SubtitleStandard
from tasks.subtitles.tokens import units_of, written_words
from tasks.transcription.transcript import Segment, Transcript, Word

LONGEST_PAUSE = 1500
"""Milliseconds. A longer pause ends a segment, whatever the punctuation says."""


def sentences(
    transcript: Transcript, paragraphs: Sequence[Paragraph], standard: SubtitleStandard
) -> tuple[Segment, ...]:
    """
    Return the transcript's words as segments of a sentence each, every word once, in order.

    A segment ends with a sentence, a paragraph, a long pause or a chunk of the model, whose figures it keeps; with a
    paragraph ends the turn of a speaker. A chunk that came without words stays whole.
    """
    written = written_words(transcript.segments)
    words = tuple(word for spoken in written for word in spoken)
    ends = sorted(_ends(words, standard) | {paragraph.words_before for paragraph in paragraphs})
    found: list[Segment] = []
    first = 0
    for segment, spoken in zip(transcript.segments, written, strict=True):
        after = first + len(spoken)
        if segment.words:
            inside = ends[bisect_right(ends, first) : bisect_left(ends, after)]
            found.extend(_divided(segment, words, [first, *inside, after]))
        elif segment.text.strip():
            found.append(segment)
        first = after
    return tuple(found)


def language_turns(transcript: Transcript) -> frozenset[int]:
    """Return the indexes of the words with which another language begins than that of the words before them."""
    turns: set[int] = set()
    count, language = 0, ""
    for segment, spoken in zip(transcript.segments, written_words(transcript.segments), strict=True):
        own = segment.language or transcript.language
        if count and spoken and own != language:
            turns.add(count)
        count, language = count + len(spoken), own if spoken else language
    return frozenset(turns)


def _ends(words: Sequence[Word], standard: SubtitleStandard) -> set[int]:
    """Return the numbers of words before which a sentence ends or a speaker pauses for long."""
    units = units_of(words, standard)
    found = borders(units, standard.language)
    return {
        right.words_before
        for border, (left, right) in zip(found[1:], pairwise(units), strict=False)
        if border is Border.SENTENCE or right.start - left.end > LONGEST_PAUSE
    }


def _divided(segment: Segment, words: Sequence[Word], borders: Sequence[int]) -> Iterator[Segment]:
    for first, after in pairwise(borders):
        spoken = words[first:after]
        yield segment.model_copy(
            update={
                "start": spoken[0].start,
                "end": max(spoken[0].start, spoken[-1].end),
                "text": "".join(word.text for word in spoken),
                "words": tuple(spoken),
                "speaker": spoken[0].speaker if len({word.speaker for word in spoken}) == 1 else "",
            }
        )
