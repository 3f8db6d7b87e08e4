"""The speech in a recording: found by the voice detector, cut into chunks of at most 30 s."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from tasks.transcription.backend import Samples, TranscriptionCancelled
from tasks.transcription.sound import SAMPLE_RATE, Sound

CHUNK_SECONDS = 30

BLOCK_SECONDS = 15 * 60
"""
Seconds of sound listened to at once. The voice detector needs some 2 s and 250 MB for it; a recording of many hours
would take its memory many times over and could not be cancelled meanwhile.
"""


WINDOW_SAMPLES = 512
"""Samples that the voice detector judges at a time. Blocks start on its grid."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of speech, in samples of the recording."""

    start: int
    end: int

    @property
    def samples(self) -> int:
        """Length of the span in samples."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, eq=False)
class SpokenChunk:
    """Neighbouring spans of a recording without the pauses between them. *start_seconds* counts speech only."""

    sound: Sound
    spans: tuple[Span, ...]
    start_seconds: float

    @property
    def samples(self) -> Samples:
        """The sound of the spans, joined each time it is asked for: kept, it would hold the recording twice."""
        return _floats(np.concatenate([self.sound[span.start : span.end] for span in self.spans]))

    @property
    def speech_seconds(self) -> float:
        """Total length of the spans."""
        return sum(span.samples for span in self.spans) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A recording and the spans of speech in it."""

    sound: Sound
    spans: tuple[Span, ...]
    chunks: tuple[SpokenChunk, ...]

    @property
    def audio_seconds(self) -> float:
        """Length of the whole recording."""
        return len(self.sound) / SAMPLE_RATE

    @property
    def speech_seconds(self) -> float:
        """Length of the speech, with a little air around it."""
        return sum(span.samples for span in self.spans) / SAMPLE_RATE


def find_speech(
    sound: Sound,
    *,
    cancelled: Callable[[], bool],
    on_progress: Callable[[float], None] = lambda _: None,
    block_seconds: int = BLOCK_SECONDS,
) -> Speech:
    """
    Return the speech in *sound*.

    *on_progress* gets the share of *sound* that is searched, from 0 to 1, after each block. Raises
    `TranscriptionCancelled` between two blocks.
    """
    spans = tuple(_spans(sound, block_seconds * SAMPLE_RATE, cancelled, on_progress))
    return Speech(sound, spans, tuple(_pack(sound, spans)))


def _spans(
    sound: Sound, block: int, cancelled: Callable[[], bool], on_progress: Callable[[float], None]
) -> Iterator[Span]:
    """
    Yield the spans of *sound*, block by block, by the settings of faster-whisper's batched pipeline.

    The end of a block may cut through a span: the next block starts with what reaches into its last second, or else
    with that second, so that the air in front of its first span is there.
    """
    settings = VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    start = spoken_until = 0
    while start < len(sound):
        if cancelled():
            raise TranscriptionCancelled
        end = min(start + block, len(sound))
        found = [
            Span(max(start + place["start"], spoken_until), start + place["end"])
            for place in get_speech_timestamps(_floats(sound[start:end]), settings)
        ]
        on_progress(end / len(sound))
        if end == len(sound):
            yield from found
            return
        second_before = end - SAMPLE_RATE
        whole = [span for span in found if span.end <= second_before]
        yield from whole
        spoken_until = whole[-1].end if whole else spoken_until
        start = found[len(whole)].start if len(whole) < len(found) else second_before
        start -= start % WINDOW_SAMPLES


def _pack(sound: Sound, spans: Iterable[Span]) -> Iterator[SpokenChunk]:
    """Yield the spans in chunks as faster-whisper's batched pipeline does: in order, as many as fit into 30 s."""
    packed: list[Span] = []
    packed_samples = samples_before = 0
    for span in spans:
        if packed and packed_samples + span.samples > CHUNK_SECONDS * SAMPLE_RATE:
            yield SpokenChunk(sound, tuple(packed), samples_before / SAMPLE_RATE)
            samples_before += packed_samples
            packed, packed_samples = [], 0
        packed.append(span)
        packed_samples += span.samples
    if packed:
        yield SpokenChunk(sound, tuple(packed), samples_before / SAMPLE_RATE)


def _floats(sound: Sound) -> Samples:
    """Return *sound* as Whisper takes it: between -1 and 1."""
    return sound.astype(np.float32) / np.float32(32768)
