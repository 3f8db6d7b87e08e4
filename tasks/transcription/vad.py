"""The speech in a recording: found by the voice detector, cut into chunks of at most 30 s."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.transcription.backend import Samples, TranscriptionCancelled
from tasks.transcription.sound import SAMPLE_RATE, Sound, levels

CHUNK_SECONDS = 30

WINDOW_SAMPLES = 512
"""Samples that the voice detector judges at a time: 32 ms."""

VOICE = 0.5
NO_VOICE = 0.35
"""Probabilities of a voice at which a span of speech begins, and under which it ends."""

SHORTEST_PAUSE_SAMPLES = SAMPLE_RATE * 160 // 1000
AIR_SAMPLES = SAMPLE_RATE * 400 // 1000
"""Sound kept before and after a span. Where the pause is shorter than two of them, each span gets half of it."""

_SHORTEST_CUT_SAMPLES = SAMPLE_RATE * 98 // 1000
_LONGEST_SPAN_SAMPLES = SAMPLE_RATE * CHUNK_SECONDS - WINDOW_SAMPLES - 2 * AIR_SAMPLES

_STEP_WINDOWS = 156
"""
Windows that the detector hears in one call: 5 s, of which it needs 0.01 s. So long may it also hear no voice before
its memory is emptied.

Through a long silence it grows deaf: after 30 s it gives half the probability to the same words, after two minutes it
misses whole sentences, even more so in the faint noise that silence becomes in an MP3.
"""

_LEAD_IN_WINDOWS = 16
"""Windows heard a second time with an empty memory, so that it begins before a word that starts just then: 0.5 s."""

_CONTEXT_SAMPLES = 64
"""Samples before a window that the detector hears with it."""

_PASSAGE_WINDOWS = 31
_FADING_WINDOWS = 8
_RISE_WINDOWS = 4
_RISE_DECIBELS = 10.0
_FAINTEST_NOISE_DECIBELS = -82.0
"""Fainter is what MP3 leaves of silence."""

_BLIP_WINDOWS = 8
_CERTAIN = 0.8
"""A voice alone between pauses of 5 s has a window this certain, or 0.25 s. What has neither is a bird or a melody."""

_MOST_GAIN = 10.0
_LOUD = 16_000
"""The peak, of 32,768, up to which a passage is amplified."""

Probabilities = NDArray[np.float32]


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


def voice_probabilities(
    sound: Sound, *, cancelled: Callable[[], bool], on_progress: Callable[[float], None]
) -> Probabilities:
    """
    Return the probability of a voice in each window of *sound*; see `find_speech`.

    Passages in which the detector heard no voice, though something rises out of the noise, are heard once more:
    amplified, and with an empty memory. After a loud voice the detector is deaf to one that is 30 dB quieter.
    """
    total = len(sound) // WINDOW_SAMPLES + 1
    probabilities = np.zeros(total, dtype=np.float32)
    for start, heard in _listen(sound, range(total), 1.0, cancelled):
        probabilities[start : start + len(heard)] = heard
        on_progress((start + len(heard)) / total)
    for passage in _passages_without_voice(probabilities):
        part = sound[passage.start * WINDOW_SAMPLES : passage.stop * WINDOW_SAMPLES]
        if _something_rises(levels(part, WINDOW_SAMPLES)):
            gain = min(_MOST_GAIN, _LOUD / max(int(part.max()), -int(part.min()), 1))
            again = np.concatenate([heard for _, heard in _listen(sound, passage, max(gain, 1.0), cancelled)])
            before = probabilities[passage.start : passage.stop]
            np.maximum(before, _without_blips(again), out=before)
    return _without_blips(probabilities)


def _listen(
    sound: Sound, windows: range, gain: float, cancelled: Callable[[], bool]
) -> Iterator[tuple[int, Probabilities]]:
    """Yield the probabilities of a voice in *windows*, step by step, each with its first window."""
    memory = _empty_memory()
    start = new = voice_until = windows.start
    while new < windows.stop:
        if cancelled():
            raise TranscriptionCancelled
        end = min(start + _STEP_WINDOWS, windows.stop)
        found, *memory = get_vad_model().session.run(
            None, {"input": _input(sound, start, end) * np.float32(gain), "h": memory[0], "c": memory[1]}
        )
        heard: Probabilities = found.reshape(-1)[new - start :]
        yield new, heard
        voices = np.flatnonzero(heard >= VOICE)
        voice_until = new + int(voices[-1]) + 1 if len(voices) else voice_until
        start = new = end
        if end - voice_until >= _STEP_WINDOWS:
            start = voice_until = end - _LEAD_IN_WINDOWS
            memory = _empty_memory()


def _empty_memory() -> list[Probabilities]:
    return [np.zeros((1, 1, 128), dtype=np.float32) for _ in range(2)]


def _input(sound: Sound, start: int, end: int) -> Samples:
    """Return the windows from *start* to before *end*, each behind its context; beyond the edges it is silent."""
    first = start * WINDOW_SAMPLES - _CONTEXT_SAMPLES
    part = sound[max(first, 0) : end * WINDOW_SAMPLES]
    before = max(-first, 0)
    after = (end - start) * WINDOW_SAMPLES + _CONTEXT_SAMPLES - before - len(part)
    padded = np.pad(_floats(part), (before, after))
    return sliding_window_view(padded, _CONTEXT_SAMPLES + WINDOW_SAMPLES)[::WINDOW_SAMPLES]


def _passages_without_voice(probabilities: Probabilities) -> Iterator[range]:
    """Yield the passages of a second and more without a voice, less the fading of the word before."""
    voiced = np.flatnonzero(probabilities >= VOICE).tolist()
    for before, after in pairwise([-1, *voiced, len(probabilities)]):
        if after - before > _PASSAGE_WINDOWS:
            yield range(before + 1 + (_FADING_WINDOWS if before >= 0 else 0), after)


def _without_blips(probabilities: Probabilities) -> Probabilities:
    """Return *probabilities* without the voices that are too short and too uncertain for a word that stands alone."""
    kept = probabilities.copy()
    voiced = np.flatnonzero(probabilities >= VOICE)
    for voice in np.split(voiced, np.flatnonzero(np.diff(voiced) > _STEP_WINDOWS) + 1):
        if len(voice) and voice[-1] - voice[0] < _BLIP_WINDOWS and probabilities[voice].max() < _CERTAIN:
            kept[voice] = 0
    return kept


def _something_rises(decibels: NDArray[np.float32]) -> bool:
    """Return whether a sound as long as a short word is well above the noise around it."""
    if not len(decibels):
        return False
    noise = max(float(np.percentile(decibels, 20)), _FAINTEST_NOISE_DECIBELS)
    return int(np.sum(decibels > noise + _RISE_DECIBELS)) >= _RISE_WINDOWS


def voiced_spans(probabilities: Probabilities, samples: int) -> Iterator[Span]:
    """
    Yield the spans of a voice in a sound of so many *samples*, as faster-whisper finds them.

    A span ends at a pause of 160 ms. One that would get longer than a chunk ends at the last pause of 98 ms in it; if
    it has none, just there.
    """
    start: int | None = None
    quiet_since = 0  # where the pause begins that is not yet long enough; 0 if there is none
    cut = resumed = 0  # the last pause in the span that it may be cut at
    for place, probability in zip(range(0, samples + 1, WINDOW_SAMPLES), probabilities.tolist(), strict=True):
        if probability >= VOICE:
            if quiet_since:
                quiet_since = 0
                resumed = place if resumed < cut else resumed
            if start is None:
                start = place
                continue
        if start is None:
            continue
        if place - start > _LONGEST_SPAN_SAMPLES:
            yield Span(start, cut or place)
            start = resumed if resumed >= cut > 0 else None
            quiet_since = cut = resumed = 0
            if start is None:
                continue
        if probability < NO_VOICE:
            quiet_since = quiet_since or place
            if place - quiet_since > _SHORTEST_CUT_SAMPLES:
                cut = quiet_since
            if place - quiet_since >= SHORTEST_PAUSE_SAMPLES:
                yield Span(start, quiet_since)
                start = None
                quiet_since = cut = resumed = 0
    if start is not None and start < samples:
        yield Span(start, samples)


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


def _floats(sound: Sound) -> Samples:
    """Return *sound* as Whisper takes it: between -1 and 1."""
    return sound.astype(np.float32) / np.float32(32768)
