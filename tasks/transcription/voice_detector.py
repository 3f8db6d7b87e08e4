"""The voice detector: for each 32 ms of a recording, how probable it is that a voice is heard there (Silero VAD)."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.transcription.backend import Samples, TranscriptionCancelled
from tasks.transcription.sound import Sound

Probabilities = NDArray[np.float32]

WINDOW_SAMPLES = 512
"""Samples that the detector judges at a time."""

VOICE = 0.5
"""Probability from which on a window counts as a voice."""

_CONTEXT_SAMPLES = 64
"""Samples before a window that the detector hears with it."""

_STEP_WINDOWS = 156
"""
Windows that the detector hears in one call: 5 s, of which it needs 0.01 s. Longer than this it never hears no voice
before its memory is emptied.

In a long silence it grows deaf: after 30 s it gives half the probability to the same words, after two minutes it misses
whole sentences, even more of them in the faint noise that MP3 makes of silence.
"""

_LEAD_IN_WINDOWS = 16
"""Windows heard a second time with an empty memory: a word may start just where it was emptied."""

_PASSAGE_WINDOWS = 31
"""A passage without a voice that is heard once more lasts longer than a second."""

_FADING_WINDOWS = 8
"""Windows after a voice that belong to its echo."""

_RISE_WINDOWS = 4
_RISE_DECIBELS = 10.0
_FAINTEST_NOISE_DECIBELS = -82.0
"""A passage is heard once more if 0.13 s of it are so much louder than its noise, or than what MP3 makes of silence."""

_MOST_GAIN = 10.0
_LOUD = 16_000
"""The peak, of 32,768, up to which it is amplified then."""

_HELPFUL_GAIN = 4.0
"""With less, only the first steps are heard once more: after them the memory has been emptied before."""

_BLIP_WINDOWS = 8
_CERTAIN = 0.8
"""A word alone between pauses of 5 s lasts this long or is this certain. What has neither is a bird or a melody."""


def voice_probabilities(sound: Sound, *, cancelled: Callable[[], bool]) -> Probabilities:
    """
    Return the probability of a voice in each window of *sound*.

    Passages in which the detector heard no voice, though something rises out of the noise, are heard once more:
    amplified, and with an empty memory. After a loud voice the detector is deaf to one that is 30 dB quieter.

    Raises `TranscriptionCancelled`, within five seconds of the sound.
    """
    total = len(sound) // WINDOW_SAMPLES + 1
    probabilities = np.zeros(total, dtype=np.float32)
    for start, heard in _listen(sound, range(total), cancelled):
        probabilities[start : start + len(heard)] = heard
    for passage in _passages_without_voice(probabilities):
        part = sound[passage.start * WINDOW_SAMPLES : passage.stop * WINDOW_SAMPLES]
        if _something_rises(_levels(part)):
            gain = max(1.0, min(_MOST_GAIN, _LOUD / max(int(part.max()), -int(part.min()), 1)))
            deaf = passage if gain >= _HELPFUL_GAIN else passage[: 2 * _STEP_WINDOWS]
            again = [heard for _, heard in _listen(sound, deaf, cancelled, gain=gain)]
            before = probabilities[deaf.start : deaf.stop]
            np.maximum(before, _without_blips(np.concatenate(again)), out=before)
    return _without_blips(probabilities)


def _listen(
    sound: Sound, windows: range, cancelled: Callable[[], bool], *, gain: float = 1.0
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
    part = floats(sound[max(first, 0) : end * WINDOW_SAMPLES])
    before = max(-first, 0)
    after = (end - start) * WINDOW_SAMPLES + _CONTEXT_SAMPLES - before - len(part)
    return sliding_window_view(np.pad(part, (before, after)), _CONTEXT_SAMPLES + WINDOW_SAMPLES)[::WINDOW_SAMPLES]


def floats(sound: Sound) -> Samples:
    """Return *sound* as models take it: between -1 and 1."""
    return sound.astype(np.float32) / np.float32(32768)


def _passages_without_voice(probabilities: Probabilities) -> Iterator[range]:
    voiced = np.flatnonzero(probabilities >= VOICE).tolist()
    for before, after in pairwise([-1, *voiced, len(probabilities)]):
        if after - before > _PASSAGE_WINDOWS:
            yield range(before + 1 + (_FADING_WINDOWS if before >= 0 else 0), after)


def _levels(sound: Sound) -> Probabilities:
    """
    Return the level of each whole window in decibels; 0 is the loudest that there is.

    It is that of the differences between samples: hum and rumble count little, the hiss of an "s" counts.
    """
    windows = sound[: len(sound) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
    power = np.empty(len(windows), dtype=np.float32)
    for start in range(0, len(windows), _STEP_WINDOWS):  # the floats of an hour would take 230 MB
        part = floats(windows[start : start + _STEP_WINDOWS])
        power[start : start + len(part)] = np.square(np.diff(part, axis=1)).mean(axis=1)
    return np.asarray(10 * np.log10(power + np.float32(1e-12)))


def _something_rises(decibels: Probabilities) -> bool:
    """Return whether a sound as long as a short word is well above the noise around it."""
    if not len(decibels):
        return False
    noise = max(float(np.percentile(decibels, 20)), _FAINTEST_NOISE_DECIBELS)
    return int(np.sum(decibels > noise + _RISE_DECIBELS)) >= _RISE_WINDOWS


def _without_blips(probabilities: Probabilities) -> Probabilities:
    """Return *probabilities* without the voices that are too short and too uncertain for a word that stands alone."""
    kept = probabilities.copy()
    voiced = np.flatnonzero(probabilities >= VOICE)
    for voice in np.split(voiced, np.flatnonzero(np.diff(voiced) > _STEP_WINDOWS) + 1):
        if len(voice) and voice[-1] - voice[0] < _BLIP_WINDOWS and probabilities[voice].max() < _CERTAIN:
            kept[voice] = 0
    return kept
