"""The speech in a recording: found by the voice detector, cut into chunks of at most 30 s."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from tasks.transcription.backend import Samples
from tasks.transcription.languages import spread
from tasks.transcription.sound import SAMPLE_RATE, Sound, SoundSource
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.voice_detector import VOICE, WINDOW_SAMPLES, Probabilities, floats, voice_probabilities

CHUNK_SECONDS = 30

LANGUAGE_WINDOWS = 5
"""Number of chunks in which the language is listened for. What is heard there need not be encoded again."""

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

    sound: SoundSource
    spans: tuple[Span, ...]
    start_seconds: float

    @property
    def samples(self) -> Samples:
        """The sound of the spans, joined each time it is asked for: kept, it would hold the recording twice."""
        return floats(np.concatenate([self.sound[span.start : span.end] for span in self.spans]))

    @property
    def speech_seconds(self) -> float:
        """Total length of the spans."""
        return _samples(self.spans) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """
    A recording and the spans of speech in it. *voices*, one for each span, are the spans without the air.

    *language_windows* are the indexes of the chunks that vote for its language. Of a part of a recording, *between*
    are the end of the speech before it and the start of that after it.
    """

    sound: SoundSource
    spans: tuple[Span, ...]
    chunks: tuple[SpokenChunk, ...]
    voices: tuple[Span, ...] = ()
    language_windows: tuple[int, ...] = ()
    between: Span | None = None

    @property
    def audio_seconds(self) -> float:
        """Length of the whole recording."""
        return len(self.sound) / SAMPLE_RATE

    @property
    def speech_seconds(self) -> float:
        """Length of the speech, with a little air around it."""
        return _samples(self.spans) / SAMPLE_RATE

    def part(self, chunks: range) -> "Speech":
        """Return the speech of some neighbouring chunks. It counts its seconds of speech from the first of them."""
        first = sum(len(chunk.spans) for chunk in self.chunks[: chunks.start])
        stop = first + sum(len(self.chunks[index].spans) for index in chunks)
        return Speech(
            self.sound,
            self.spans[first:stop],
            _chunks(self.sound, (self.chunks[index].spans for index in chunks)),
            self.voices[first:stop],
            between=Span(
                self.spans[first - 1].end if first else 0,
                self.spans[stop].start if stop < len(self.spans) else len(self.sound),
            ),
        )


def find_speech(sound: Sound, *, cancelled: Callable[[], bool]) -> Speech:
    """
    Return the speech in *sound*, by the settings of faster-whisper's batched pipeline.

    Raises `TranscriptionCancelled`, within five seconds of the sound.
    """
    return planned_speech(sound, plan_speech(sound, cancelled=cancelled))


def plan_speech(sound: Sound, *, cancelled: Callable[[], bool]) -> SpeechPlan:
    """Return the plan of the speech in *sound*, which is all that `find_speech` finds. Raises as that does."""
    probabilities = voice_probabilities(sound, cancelled=cancelled)
    voices = tuple(voiced_spans(probabilities, len(sound)))
    chunks = tuple(_packed(with_air(voices, len(sound))))
    return SpeechPlan(
        samples=len(sound),
        voices=tuple((voice.start, voice.end) for voice in voices),
        chunks=tuple(tuple((span.start, span.end) for span in spans) for spans in chunks),
        language_windows=spread(len(chunks), at_most=LANGUAGE_WINDOWS),
    )


def planned_speech(sound: SoundSource, plan: SpeechPlan) -> Speech:
    """Return the speech in *sound* by its plan."""
    chunks = _chunks(sound, map(_spans, plan.chunks))
    return Speech(sound, _spans(plan.spans), chunks, _spans(plan.voices), plan.language_windows)


def _chunks(sound: SoundSource, groups: Iterable[tuple[Span, ...]]) -> tuple[SpokenChunk, ...]:
    """Return a chunk for each group of spans, one after the other."""
    groups = list(groups)
    before = accumulate(map(_samples, groups), initial=0)
    return tuple(
        SpokenChunk(sound, spans, samples_before / SAMPLE_RATE)
        for spans, samples_before in zip(groups, before, strict=False)
    )


def _spans(stretches: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in stretches)


def _samples(spans: Iterable[Span]) -> int:
    return sum(span.samples for span in spans)


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


def _packed(spans: Iterable[Span]) -> Iterator[tuple[Span, ...]]:
    """Yield the spans of each chunk as faster-whisper's batched pipeline does: in order, as many as fit into 30 s."""
    packed: list[Span] = []
    packed_samples = 0
    for span in spans:
        if packed and packed_samples + span.samples > CHUNK_SECONDS * SAMPLE_RATE:
            yield tuple(packed)
            packed, packed_samples = [], 0
        packed.append(span)
        packed_samples += span.samples
    if packed:
        yield tuple(packed)
