"""
The review of a first pass: what it left out, and what is doubted, is heard a second time, in pieces of a few seconds.

A piece is cut where the speaker pauses and heard alone: there the model neither skips nor loops, and it is asked for
the language of each piece.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, groupby
from typing import Protocol

from tasks.transcription.backend import Chunk, ChunkText, Decoding
from tasks.transcription.gaps import MIN_SECONDS, SHORT_WORD_SECONDS, Stretch, wordless
from tasks.transcription.hallucinations import (
    Hypothesis,
    Suspicion,
    Verdict,
    WrittenWord,
    agrees,
    bears_out,
    find_loop,
    fits_its_time,
    is_credible,
    judge,
    says_again,
    suspicion_of,
)
from tasks.transcription.languages import SHORT_SECONDS, LanguageVote, languages_of_passages
from tasks.transcription.pieces import joined, part_of, pieces_of
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import RemovedText, Segment, Word
from tasks.transcription.vad import Span, SpokenChunk
from tasks.transcription.word_times import SegmentWriter

logger = logging.getLogger(__name__)

IN_VAIN_SECONDS = 30.0
"""Most that second tries without a result may cost in a part: the sound of one chunk."""

ROUNDS = 2

SAMPLED = 2
"""Pieces of a repetition that are heard first: if they agree with it, the others need not be heard."""

PIECE_SECONDS = 8.0
"""Cost of a piece beside its own length, in seconds of speech: encoding takes a quarter of the time of a full chunk."""

VOTES_COST = 0.5
"""Cost of the language votes of all pieces of a chunk, as a share of its first pass."""

Heard = tuple[Chunk, ChunkText]


class Listener(Protocol):
    """The model, as the review of one part uses it."""

    def hear(self, pieces: Iterable[tuple[SpokenChunk, Decoding]]) -> list[Heard]:
        """Return the text of each piece."""
        ...

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        """Return the language vote of a piece."""
        ...


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A chunk's part of the transcript."""

    segments: tuple[Segment, ...]
    removed: tuple[RemovedText, ...] = ()


class Reviewer:
    """Reviews the chunks of one part of a recording in their order. Second tries that find nothing are bounded."""

    def __init__(self, listener: Listener, writer: SegmentWriter, *, offset_seconds: float = 0.0) -> None:
        self._listener = listener
        self._writer = writer
        self._offset = offset_seconds
        self._in_vain_seconds = IN_VAIN_SECONDS
        self.left_alone_seconds = 0.0
        """Speech without words that was not tried again, since second tries had cost enough without a result."""

    def review(self, spoken: SpokenChunk, chunk: Chunk, text: ChunkText) -> Reviewed:
        """Return the part of the transcript that the next chunk makes up; *text* is the first pass's for it."""
        segment = self._writer.write(chunk, text)
        written = self._second_look(spoken, chunk, text, segment) if segment else Reviewed(())
        if any(one.reason == Suspicion.UNKNOWN_LANGUAGE for one in written.removed):
            return written  # shorter pieces are guessed at even more
        return self._filled(spoken, _in_language(chunk.decoding, text), written)

    def _second_look(self, spoken: SpokenChunk, chunk: Chunk, text: ChunkText, segment: Segment) -> Reviewed:
        """Return the segment of a chunk, or what replaces it if it is doubted."""
        if text.mixed and (by_language := self._by_language(spoken, chunk.decoding, text)):
            return by_language
        doubt = suspicion_of(_hypothesis(chunk, text))
        if doubt is None:
            return Reviewed((segment,))
        if doubt.unheard:
            return Reviewed((), (_removed(segment, doubt),))
        return self._tried_again(spoken, chunk, text, segment, doubt)

    def _tried_again(
        self, spoken: SpokenChunk, chunk: Chunk, text: ChunkText, segment: Segment, doubt: Suspicion
    ) -> Reviewed:
        """Return the better of two tries at a chunk."""
        first, pieces = _hypothesis(chunk, text), pieces_of(spoken)
        if len(pieces) == 1 or not self._affordable(pieces):
            return without_loop(segment) if doubt.repeats and not fits_its_time(first) else Reviewed((segment,))
        decoding, many = _in_language(chunk.decoding, text), len(pieces) > SAMPLED + 1
        if doubt.repeats and many and fits_its_time(first) and self._was_said(first, pieces, decoding):
            logger.info("%.0f s of speech doubted: %s; it was said", chunk.speech_seconds, doubt)
            return Reviewed((segment,))
        again = self._listener.hear((piece, decoding) for piece in pieces)
        verdict = judge(first, doubt, [_hypothesis(*one) for one in again])
        logger.info("%.0f s of speech doubted: %s; second try %s", chunk.speech_seconds, doubt, verdict)
        if verdict is Verdict.SECOND:
            segments = tuple(self._written(one for one in again if is_credible(_hypothesis(*one)) or not doubt.repeats))
            invented = doubt.repeats and not bears_out("".join(one.text for one in segments), first)
            return Reviewed(segments, (_removed(segment, doubt),) if invented else ())
        if verdict is Verdict.SHORTENED or not doubt.repeats:
            self._spend(pieces)
        return without_loop(segment) if verdict is Verdict.SHORTENED else Reviewed((segment,))

    def _was_said(self, first: Hypothesis, pieces: Sequence[SpokenChunk], decoding: Decoding) -> bool:
        """
        Return whether the pieces in the middle and at the end, heard alone, agree with the repetition in *first*.

        A model that has lost its way does not find back, so what it writes there was not said.
        """
        sampled = (pieces[len(pieces) // 2], pieces[-1])
        starts = [piece.start_seconds - pieces[0].start_seconds for piece in sampled]
        if not all(
            first.text_between(at, at + piece.speech_seconds) for at, piece in zip(starts, sampled, strict=True)
        ):
            return False
        alone = self._listener.hear((piece, decoding) for piece in sampled)
        return all(agrees(first, at, _hypothesis(*one)) for at, one in zip(starts, alone, strict=True))

    def _by_language(self, spoken: SpokenChunk, decoding: Decoding, text: ChunkText) -> Reviewed | None:
        """Return the passages of *spoken*, each in its own language; None if there is one language only."""
        pieces = pieces_of(spoken, shortest_seconds=SHORT_SECONDS, enough_seconds=2 * SHORT_SECONDS)
        if not self._affordable(pieces):
            return None
        languages = languages_of_passages([self._listener.language_of(piece) for piece in pieces], text.language)
        if set(languages) == {text.language}:
            self._in_vain_seconds -= VOTES_COST * spoken.speech_seconds
            return None
        runs = groupby(zip(languages, pieces, strict=True), key=lambda pair: pair[0])
        passages = [
            (joined([piece for _, piece in run]), replace(decoding, language=code, any_language=False))
            for code, run in runs
        ]
        logger.info("%.0f s of speech in several languages: %s", spoken.speech_seconds, ", ".join(languages))
        return Reviewed(tuple(self._written(self._listener.hear(passages))))

    def _filled(self, spoken: SpokenChunk, decoding: Decoding, written: Reviewed) -> Reviewed:
        """
        Return *written* with the words of the voiced stretches that have none, as far as they are understood.

        What a second try has left out between its words is tried once more. In a repetition a short voice is a word.
        """
        segments, in_vain = written.segments, set[Span]()
        repetition = _repetition_in(written)
        least_seconds = SHORT_WORD_SECONDS if repetition else MIN_SECONDS
        for _ in range(ROUNDS):
            fills = [
                segment
                for place in self._wordless(spoken, segments, least_seconds)
                for segment in self._fill(part_of(spoken, place), decoding, in_vain, repetition)
            ]
            segments = _inserted(segments, fills)
            if not fills:
                break
        return replace(written, segments=segments)

    def _wordless(
        self, spoken: SpokenChunk, segments: Iterable[Segment], least_seconds: float
    ) -> Iterator[tuple[Stretch, ...]]:
        """Yield the places of *spoken* that have a voice and no words, in seconds of the recording."""
        words = (Stretch(one.start - self._offset, one.end - self._offset) for one in worded_stretches(segments))
        yield from wordless(voiced_stretches(spoken.spans), words, least_seconds=least_seconds)

    def _fill(self, place: SpokenChunk, decoding: Decoding, in_vain: set[Span], repetition: str) -> Iterator[Segment]:
        """Yield the words of a place without any. Pieces that have none are added to *in_vain*, and not heard again."""
        pieces = [piece for piece in pieces_of(place) if not any(_lies_in(piece, span) for span in in_vain)]
        if not pieces or not self._affordable(pieces):
            return
        again = self._listener.hear((piece, decoding) for piece in pieces)
        tries = [_hypothesis(*one) for one in again]
        credible = [is_credible(one) or says_again(one, repetition) for one in tries]
        empty = [piece for piece, worded in zip(pieces, credible, strict=True) if not worded]
        self._spend(empty)
        in_vain.update(Span(piece.spans[0].start, piece.spans[-1].end) for piece in empty)
        seconds = sum(piece.speech_seconds for piece in pieces)
        logger.info(
            "%.0f s of speech without words; second try: words in %d of %d pieces", seconds, sum(credible), len(pieces)
        )
        yield from self._written(compress(again, credible))

    def _written(self, heard: Iterable[Heard]) -> Iterator[Segment]:
        for chunk, text in heard:
            if segment := self._writer.write(chunk, text):
                yield segment

    def _affordable(self, pieces: Sequence[SpokenChunk]) -> bool:
        if self._in_vain_seconds > 0:
            return True
        self.left_alone_seconds += sum(piece.speech_seconds for piece in pieces)
        return False

    def _spend(self, pieces: Sequence[SpokenChunk]) -> None:
        self._in_vain_seconds -= sum(piece.speech_seconds + PIECE_SECONDS for piece in pieces)


def voiced_stretches(spans: Iterable[Span], *, offset_seconds: float = 0.0) -> Iterator[Stretch]:
    """Yield spans of speech in seconds of the recording, or with its offset, on the clock of the transcript."""
    for span in spans:
        yield Stretch(span.start / SAMPLE_RATE + offset_seconds, span.end / SAMPLE_RATE + offset_seconds)


def _repetition_in(written: Reviewed) -> str:
    """Return the words that are written again and again, or were left out as a repetition; empty if there are none."""
    left_out = [one.text for one in written.removed if Suspicion(one.reason).repeats]
    words = [word.text for segment in written.segments for word in segment.words]
    loop = find_loop(words)
    return " ".join([*left_out, *(words[loop] if loop else ())])


def _in_language(decoding: Decoding, text: ChunkText) -> Decoding:
    """Return the decoding of the pieces of a chunk: its language is the usual one there."""
    return replace(decoding, language=text.language or decoding.language)


def _lies_in(piece: SpokenChunk, span: Span) -> bool:
    return span.start <= piece.spans[0].start and piece.spans[-1].end <= span.end


def without_loop(segment: Segment) -> Reviewed:
    """Return *segment* with the phrase that it repeats again and again written once."""
    loop = find_loop([word.text for word in segment.words])
    if loop is None:
        return Reviewed((segment,))
    kept = segment.words[: loop.start] + segment.words[loop.stop :]
    repeated = "".join(word.text for word in segment.words[loop])
    removed = RemovedText(
        start=segment.words[loop.start].start,
        end=segment.words[loop.stop - 1].end,
        text=repeated.strip(),
        reason=Suspicion.LOOP.value,
    )
    return Reviewed((_with_words(segment, kept),), (removed,))


def _inserted(segments: Sequence[Segment], fills: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return both in order of time; a segment around another one is parted there."""
    parted = list(segments)
    for fill in fills:
        parted = [part for segment in parted for part in _parted(segment, fill.start)]
    return tuple(sorted((*parted, *fills), key=lambda segment: segment.start))


def _parted(segment: Segment, seconds: float) -> Iterator[Segment]:
    before = tuple(word for word in segment.words if word.start < seconds)
    after = segment.words[len(before) :]
    if not before or not after:
        yield segment
        return
    yield _with_words(segment, before)
    yield _with_words(segment, after)


def _with_words(segment: Segment, words: Sequence[Word]) -> Segment:
    text = "".join(word.text for word in words)
    return segment.model_copy(
        update={"words": tuple(words), "text": text, "start": words[0].start, "end": words[-1].end}
    )


def worded_stretches(segments: Iterable[Segment]) -> Iterator[Stretch]:
    """Yield the stretches that have words; a segment whose words have no times counts as a whole."""
    for segment in segments:
        yield from (Stretch(one.start, one.end) for one in segment.words or (segment,))


def _removed(segment: Segment, doubt: Suspicion) -> RemovedText:
    return RemovedText(start=segment.start, end=segment.end, text=segment.text.strip(), reason=doubt.value)


def _hypothesis(chunk: Chunk, text: ChunkText) -> Hypothesis:
    return Hypothesis(
        words=tuple(WrittenWord(word.text, word.start, word.end, word.probability) for word in text.words),
        speech_seconds=chunk.speech_seconds,
        average_log_probability=text.average_log_probability,
        compression_ratio=text.compression_ratio,
        no_speech_probability=text.no_speech_probability,
        language_probability=text.language_probability,
    )
