"""The edges of speech: where its sound rises out of the noise around it, and where it sinks into it again."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.transcription.sound import SAMPLE_RATE, Sound, SoundSource
from tasks.transcription.vad import Span, Speech

Decibels = NDArray[np.float32]
"""Levels of sound: a row for each frame, a column for each band."""

_HOP = SAMPLE_RATE // 100
_FRAME = 2 * _HOP
_BAND_EDGES_HERTZ = (100, 500, 1500, 4000, 8000)
"""A vowel is in the low bands, an "s" in the highest. Noise seldom covers all of them."""

_SHAPE = np.hanning(_FRAME) / 32768

_BEFORE = SAMPLE_RATE // 2
"""Samples beyond a span that tell how loud the noise is, where no other speech is in them."""

_BELOW_VOICE_DECIBELS = 38.0
"""Range of level below the loudest syllables; quieter sound is masked by them."""

_FEW_FRAMES = 10
"""Fewer do not tell how loud the noise is."""

_GUARD_FRAMES = 10
"""Frames beside the voice that are not taken for noise: they may hold its beginning, or its echo."""

_CLOSED_FRAMES = 12
"""The sound of a word may be gone for 0.12 s, before a "p" or a "k"."""

_LEAST_FRAMES = 2
"""Shorter sounds are clicks."""


def edges_of(speech: Speech) -> Iterator[Span | None]:
    """Yield the part of each span in which the speech is heard, in samples; None where the noise is as loud."""
    voices = speech.voices or speech.spans
    between = speech.between or Span(0, len(speech.sound))
    for number, (span, voice) in enumerate(zip(speech.spans, voices, strict=True)):
        first = max(span.start - _BEFORE, speech.spans[number - 1].end if number else between.start)
        following = speech.spans[number + 1].start if number + 1 < len(speech.spans) else between.end
        yield _heard(speech.sound, Span(first, min(span.end + _BEFORE, following)), span, voice)


def _heard(sound: SoundSource, around: Span, span: Span, voice: Span) -> Span | None:
    """Return the part of *span* that is louder than the noise in *around*, if there is one."""
    bands = _bands(sound[around.start : around.end])
    if len(bands) < _FEW_FRAMES:
        return None
    begins, ends = ((edge - around.start) // _HOP for edge in (voice.start, voice.end))
    if not len(bands[begins:ends]):
        return None
    audible = float(np.percentile(bands[begins:ends].max(axis=1), 95)) - _BELOW_VOICE_DECIBELS
    starts = _loud_parts(bands, _noise(bands[: max(0, begins - _GUARD_FRAMES)], bands), audible)
    stops = _loud_parts(bands, _noise(bands[ends + _GUARD_FRAMES :], bands), audible)
    start = next((first for first, after in starts if after > begins), None)
    end = next((after for first, after in reversed(stops) if first < ends), None)
    if start is None or end is None or start >= end:
        return None
    first, last = (around.start + frame * _HOP + _HOP // 2 for frame in (start, end))
    return Span(max(span.start, first), min(span.end, last))


def _bands(sound: Sound) -> Decibels:
    """Return the levels of *sound* in each band, one row every 10 ms."""
    if len(sound) < _FRAME:
        return np.zeros((0, len(_BAND_EDGES_HERTZ) - 1), dtype=np.float32)
    spectra = np.fft.rfft(sliding_window_view(sound, _FRAME)[::_HOP] * _SHAPE, axis=1)
    first, last = (round(hertz * _FRAME / SAMPLE_RATE) for hertz in _BAND_EDGES_HERTZ[:: len(_BAND_EDGES_HERTZ) - 1])
    power = np.square(spectra.real[:, first:last]) + np.square(spectra.imag[:, first:last])
    edges = [round(hertz * _FRAME / SAMPLE_RATE) - first for hertz in _BAND_EDGES_HERTZ[:-1]]
    return np.asarray(10 * np.log10(np.add.reduceat(power, edges, axis=1) + 1e-9), dtype=np.float32)


def _noise(beside: Decibels, everything: Decibels) -> Decibels:
    """Return the level in each band above which it is the voice that is heard, not the noise *beside* it."""
    if len(beside) >= _FEW_FRAMES:
        usual, most = np.percentile(beside, (50, 98), axis=0)
        return np.asarray(np.clip(most + 1.5, usual + 3, usual + 10))
    return np.asarray(np.percentile(everything, 5, axis=0) + 7, dtype=np.float32)


def _loud_parts(bands: Decibels, noise: Decibels, audible: float) -> list[tuple[int, int]]:
    """Return first and after-last frame of the loud parts. Short breaks are part of them, clicks are not."""
    frames = np.flatnonzero((bands > np.maximum(noise, audible)).any(axis=1))
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > _CLOSED_FRAMES) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts if len(part) >= _LEAST_FRAMES]
