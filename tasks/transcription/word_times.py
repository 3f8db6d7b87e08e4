"""Word times: from the texts of chunks to the segments and words of a recording, in its own time."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

from faster_whisper import WhisperModel

from tasks.transcription.backend import FRAMES_PER_SECOND, Chunk, ChunkText, TimedWord
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import Segment, Word
from tasks.transcription.vad import Speech
from tasks.transcription.voice_edges import edges_of

PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - the full-width marks are those of Chinese and Japanese

REACH_SECONDS = 0.5
"""Maximum distance of an aligned word edge from the sound that it begins or ends with."""

SHORTEST_WORD_SECONDS = 0.04


class _AlignedModel(WhisperModel):  # type: ignore[misc]  # faster-whisper has no types
    """
    faster-whisper's clean-up of word times, for words that were aligned before, in a batch with other recordings.

    The clean-up looks back at the last word of the chunk before, so it goes through a recording in order, which the
    chunks of a shared batch do not.
    """

    def __init__(self, words: Sequence[TimedWord]) -> None:  # it loads no model
        self.frames_per_second = FRAMES_PER_SECOND
        self._words = words

    def find_alignment(self, *_: Any) -> list[list[dict[str, Any]]]:
        return [
            [
                {
                    "word": word.text,
                    "tokens": list(word.tokens),
                    "start": word.start,
                    "end": word.end,
                    "probability": word.probability,
                }
                for word in self._words
            ]
        ]


@dataclass(frozen=True, slots=True)
class _Part:
    """
    The part of a span that belongs to a chunk, in seconds of the speech, from which the pauses are taken out.

    *onset* and *offset* are where the speech in it begins and ends; None where the chunk is cut in the midst
    of it, or noise hides it.
    """

    start: float
    end: float
    onset: float | None
    offset: float | None
    pauses_before: float

    @property
    def heard_from(self) -> float:
        return self.start if self.onset is None else self.onset

    @property
    def heard_until(self) -> float:
        return self.end if self.offset is None else self.offset

    def distance(self, start: float, end: float) -> float:
        """Return how far a word is from the speech in this part; below 0, how much they have in common."""
        late = start - self.heard_until
        if late > 0:
            return 2 * late  # the alignment is early more often than late
        return max(start, self.heard_from) - min(end, self.heard_until)


class SegmentWriter:
    """Writes the segments of one recording, chunk by chunk in order. *offset_seconds* is added to all times."""

    def __init__(self, speech: Speech, *, offset_seconds: float = 0.0) -> None:
        self._offset = offset_seconds
        self._spans = speech.spans
        self._heard = tuple(edges_of(speech))
        self._ends = list(accumulate(span.samples for span in speech.spans))
        self._last_speech_seconds = 0.0

    def write(self, chunk: Chunk, text: ChunkText) -> Segment | None:
        """Return the segment of the next chunk, or None if the model wrote nothing."""
        words = self._place_words(chunk, self._cleaned_words(chunk, text))
        if not text.text.strip():
            return None
        start, end = self._edges(words, chunk, chunk.start_seconds, chunk.start_seconds + chunk.speech_seconds)
        return Segment(
            start=start,
            end=end,
            text=text.text,
            words=words,
            average_log_probability=text.average_log_probability,
            no_speech_probability=text.no_speech_probability,
            compression_ratio=text.compression_ratio,
            language=text.language,
        )

    def _edges(self, words: Sequence[Word], chunk: Chunk, start: float, end: float) -> tuple[float, float]:
        """Return start and end of a segment: those of its words, or else of the speech it is for."""
        if words:
            return words[0].start, words[-1].end
        parts = self._parts(chunk)
        first, last = (next((part for part in parts if time < part.end), parts[-1]) for time in (start, end))
        return self._time(first, start), max(self._time(first, start), self._time(last, end))

    def _cleaned_words(self, chunk: Chunk, text: ChunkText) -> list[Word]:
        """Return the words as faster-whisper cleans their times up, in seconds of the speech."""
        row: dict[str, Any] = {
            "seek": int(chunk.start_seconds * FRAMES_PER_SECOND),
            "start": chunk.start_seconds,
            "end": chunk.start_seconds + chunk.speech_seconds,
            "tokens": list(text.tokens),
        }
        text_tokens_only = SimpleNamespace(eot=math.inf)
        self._last_speech_seconds = _AlignedModel(text.words).add_word_timestamps(
            [[row]], text_tokens_only, None, 0, PREPENDED, APPENDED, self._last_speech_seconds
        )
        return [
            Word(text=word["word"], start=word["start"], end=word["end"], probability=word["probability"])
            for word in row["words"]
        ]

    def _parts(self, chunk: Chunk) -> list[_Part]:
        """Return the parts of spans that make up *chunk*."""
        begin = round(chunk.start_seconds * SAMPLE_RATE)
        finish = min(begin + max(round(chunk.speech_seconds * SAMPLE_RATE), 1), self._ends[-1])
        parts = []
        for number in range(bisect_right(self._ends, min(begin, finish - 1)), bisect_left(self._ends, finish) + 1):
            span, heard = self._spans[number], self._heard[number]
            pauses = span.end - self._ends[number]
            start, end = max(span.start - pauses, begin), min(self._ends[number], finish)
            onset, offset = (heard.start - pauses, heard.end - pauses) if heard else (None, None)
            parts.append(
                _Part(
                    start=start / SAMPLE_RATE,
                    end=end / SAMPLE_RATE,
                    onset=onset / SAMPLE_RATE if onset is not None and start <= onset < end else None,
                    offset=offset / SAMPLE_RATE if offset is not None and start < offset <= end else None,
                    pauses_before=pauses / SAMPLE_RATE,
                )
            )
        return parts

    def _place_words(self, chunk: Chunk, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return *words*, which have seconds of the speech, at their times in the recording."""
        parts = self._parts(chunk)
        placed: list[Word] = []
        first = number = 0
        while first < len(words):
            number = _nearest(parts, number, words[first])
            after = first + 1
            while after < len(words) and _nearest(parts, number, words[after]) == number:
                after += 1
            part = parts[number]
            placed += (
                _moved(word, self._time(part, start), self._time(part, end))
                for word, (start, end) in zip(words[first:after], _fitted(words[first:after], part), strict=True)
            )
            first = after
        return tuple(placed)

    def _time(self, part: _Part, seconds: float) -> float:
        within = min(max(seconds, part.start), part.end)
        return round(self._offset + part.pauses_before + within, 3)


def _moved(word: Word, start: float, end: float) -> Word:
    return Word(text=word.text, start=start, end=end, probability=word.probability)


def _nearest(parts: Sequence[_Part], earliest: int, word: Word) -> int:
    """
    Return the part, from *earliest* on, whose speech a word shares most of its time with, or is nearest to.

    The alignment often begins the first word after a pause in the air behind the word before.
    """
    return min(range(earliest, len(parts)), key=lambda number: parts[number].distance(word.start, word.end))


def _fitted(words: Sequence[Word], part: _Part) -> list[tuple[float, float]]:
    """
    Return start and end of the words of one part: one after the other, and none where nothing is heard.

    The first word begins where the speech is first heard, the last one ends where it is last heard, unless the
    alignment is too far from there: then a word may be missing.
    """
    begin, finish = part.heard_from, part.heard_until
    starts, ends = [word.start for word in words], [word.end for word in words]
    if part.onset is not None and starts[0] - begin < REACH_SECONDS:
        starts[0] = begin
    if part.offset is not None and finish - ends[-1] < REACH_SECONDS:
        ends[-1] = finish
    least = min(SHORTEST_WORD_SECONDS, (finish - begin) / len(words))
    clock = begin
    for number in range(len(words)):
        starts[number] = max(starts[number], clock)
        clock = ends[number] = max(ends[number], starts[number] + least)
    clock = finish
    for number in reversed(range(len(words))):
        ends[number] = min(ends[number], clock)
        clock = starts[number] = min(starts[number], ends[number] - least)
    return list(zip(starts, ends, strict=True))
