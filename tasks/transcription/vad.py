"""The speech in a recording: found by the voice detector, cut into chunks of at most 30 s."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tasks.transcription.backend import Samples
from tasks.transcription.sound import SAMPLE_RATE, Sound
from tasks.transcription.voice_detector import VOICE, WINDOW_SAMPLES, Probabilities, floats, voice_probabilities

CHUNK_SECONDS = 30

NO_VOICE = 0.35
"""Probability of a voice under which a span of speech ends; it begins at `VOICE`."""

SHORTEST_PAUSE_SAMPLES = SAMPLE_RATE * 160 // 1000
AIR_SAMPLES = SAMPLE_RATE * 400 // 1000
"""Sound kept before and after a voice. Where the pause is shorter than two of them, each side gets half of it."""

_SHORTEST_CUT_SAMPLES = SAMPLE_RATE * 98 // 1000
_LONGEST_SPAN_SAMPLES = SAMPLE_RATE * CHUNK_SECONDS - WINDOW_SAMPLES - 2 * AIR_SAMPLES


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
        return floats(np.concatenate([self.sound[span.start : span.end] for span in self.spans]))

    @property
    def speech_seconds(self) -> float:
        """Total length of the spans."""
        return sum(span.samples for span in self.spans) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A recording and the spans of speech in it. *voices*, one for each span, are the spans without the air."""

    sound: Sound
    spans: tuple[Span, ...]
    chunks: tuple[SpokenChunk, ...]
    voices: tuple[Span, ...] = ()

    @property
    def audio_seconds(self) -> float:
        """Length of the whole recording."""
        return len(self.sound) / SAMPLE_RATE

    @property
    def speech_seconds(self) -> float:
        """Length of the speech, with a little air around it."""
        return sum(span.samples for span in self.spans) / SAMPLE_RATE


def find_speech(
    sound: Sound, *, cancelled: Callable[[], bool], on_progress: Callable[[float], None] = lambda _: None
) -> Speech:
    """
    Return the speech in *sound*, by the settings of faster-whisper's batched pipeline.

    *on_progress* gets the share of *sound* that is searched, from 0 to 1, every five seconds of it. Raises
    `TranscriptionCancelled` as often.
    """
    probabilities = voice_probabilities(sound, cancelled=cancelled, on_progress=on_progress)
    voices = tuple(voiced_spans(probabilities, len(sound)))
    spans = with_air(voices, len(sound))
    return Speech(sound, spans, tuple(_pack(sound, spans)), voices)


def voiced_spans(probabilities: Probabilities, samples: int) -> Iterator[Span]:
    """
    Yield the spans of a voice in a sound of so many *samples*, as faster-whisper finds them.

    A span ends at a pause of 160 ms. One that would get longer than a chunk ends at the last pause of 98 ms in it; if
    it has none, just there.
    """
    span: _OpenSpan | None = None
    for place, probability in zip(range(0, samples + 1, WINDOW_SAMPLES), probabilities.tolist(), strict=True):
        if span is None:
            span = _OpenSpan(place) if probability >= VOICE else None
            continue
        if probability >= VOICE:
            span.resume(place)
        if place - span.start > _LONGEST_SPAN_SAMPLES:
            yield Span(span.start, span.cut or place)
            span = span.rest()
        if span is not None and probability < NO_VOICE and span.ends_in_pause(place):
            yield Span(span.start, span.quiet_since)
            span = None
    if span is not None and span.start < samples:
        yield Span(span.start, samples)


@dataclass(slots=True)
class _OpenSpan:
    """A span whose end is not heard yet. All its places are in samples, and 0 if there is no such place."""

    start: int
    quiet_since: int = 0
    """The pause that it is in."""
    cut: int = 0
    """The last pause at which it may be cut, and the voice after that."""
    resumed: int = 0

    def resume(self, place: int) -> None:
        """Go on after a pause, if it is in one."""
        if self.quiet_since and self.resumed < self.cut:
            self.resumed = place
        self.quiet_since = 0

    def ends_in_pause(self, place: int) -> bool:
        """Return whether the pause that *place* is in ends it."""
        self.quiet_since = self.quiet_since or place
        if place - self.quiet_since > _SHORTEST_CUT_SAMPLES:
            self.cut = self.quiet_since
        return place - self.quiet_since >= SHORTEST_PAUSE_SAMPLES

    def rest(self) -> "_OpenSpan | None":
        """Return what is left behind the cut."""
        return _OpenSpan(self.resumed) if self.resumed >= self.cut > 0 else None


def with_air(spans: Sequence[Span], samples: int) -> tuple[Span, ...]:
    """Return *spans*, widened by the air around them."""
    pauses = [2 * AIR_SAMPLES, *(right.start - left.end for left, right in pairwise(spans)), 2 * AIR_SAMPLES]
    air = [min(pause // 2, AIR_SAMPLES) for pause in pauses]
    return tuple(
        Span(max(0, span.start - before), min(samples, span.end + after))
        for span, (before, after) in zip(spans, pairwise(air), strict=False)
    )


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
