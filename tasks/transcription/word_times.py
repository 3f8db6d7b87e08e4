"""Word times: from the texts of chunks to the segments and words of a recording, in its own time."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.vad import SpeechTimestampsMap

from tasks.transcription.backend import FRAMES_PER_SECOND, Chunk, ChunkText, TimedWord
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import Segment, Word
from tasks.transcription.vad import Speech

PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - the full-width marks are those of Chinese and Japanese


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


class SegmentWriter:
    """Writes the segments of one recording, chunk by chunk in order. *offset_seconds* is added to all times."""

    def __init__(self, speech: Speech, *, offset_seconds: float = 0.0) -> None:
        self._offset = offset_seconds
        self._clock = SpeechTimestampsMap(
            [{"start": span.start, "end": span.end} for span in speech.spans], SAMPLE_RATE
        )
        self._last_speech_seconds = 0.0

    def write(self, chunk: Chunk, text: ChunkText) -> Segment | None:
        """Return the segment of the next chunk, or None if the model wrote nothing."""
        words = self._place_words(chunk, text)
        if not text.text.strip():
            return None
        start, end = self._edges(words, chunk.start_seconds, chunk.start_seconds + chunk.speech_seconds)
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

    def _edges(self, words: Sequence[Word], speech_start: float, speech_end: float) -> tuple[float, float]:
        """Return start and end of a segment: those of its words, or else of the speech it is for."""
        if words:
            return words[0].start, max(words[0].start, words[-1].end)
        start = self._time(self._clock.get_original_time(speech_start))
        return start, max(start, self._time(self._clock.get_original_time(speech_end, is_end=True)))

    def _place_words(self, chunk: Chunk, text: ChunkText) -> tuple[Word, ...]:
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
        return tuple(
            self._place_word(word["word"], word["start"], word["end"], word["probability"]) for word in row["words"]
        )

    def _place_word(self, text: str, start: float, end: float, probability: float) -> Word:
        """Return a word at its time in the recording: both ends by the span that its middle lies in."""
        span = self._clock.get_chunk_index((start + end) / 2)
        placed_start = self._time(self._clock.get_original_time(start, span))
        placed_end = self._time(self._clock.get_original_time(end, span))
        return Word(text=text, start=placed_start, end=max(placed_start, placed_end), probability=probability)

    def _time(self, seconds: float) -> float:
        return round(self._offset + float(seconds), 3)
