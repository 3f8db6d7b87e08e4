"""The interface between the engine and a model, with the model's inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DeviceFailed
from tasks.options import WhisperTask

Samples = NDArray[np.float32]
"""Mono sound at 16 kHz, between -1 and 1."""

Floats = NDArray[np.floating]

FRAMES_PER_SECOND = 100
"""Frames of Whisper's log-Mel features: one every 160 samples."""


class OutOfMemory(DeviceFailed):
    """A batch did not fit into the memory of the device. A smaller one may."""


class TranscriptionCancelled(Exception):
    """The caller does not want the transcription any more."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """
    The decoding options for the speech of one recording.

    With *any_language*, what is clearly spoken in another language than *language* is written in that one.
    """

    language: str
    task: WhisperTask = WhisperTask.TRANSCRIBE
    vocabulary: tuple[str, ...] = ()
    any_language: bool = False


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its place in its chunk, as the model's attention tells it."""

    text: str
    tokens: tuple[int, ...]
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """
    At most 30 s of speech of one recording, ready for the model.

    *start_seconds* counts speech only: the pauses before it are taken out. *encoded* is the encoder's output where it
    was needed before, to detect the language.
    """

    features: Floats
    start_seconds: float
    speech_seconds: float
    prompt: tuple[int, ...]
    decoding: Decoding
    encoded: Floats | None = None


@dataclass(frozen=True, slots=True)
class ChunkText:
    """
    The model's output for one chunk.

    *language* is the one it is written in, *language_probability* that of the likeliest one, 1 where it was given.
    *mixed*: several may be spoken in it, one after the other.
    """

    text: str
    tokens: tuple[int, ...]
    words: tuple[TimedWord, ...]
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    language: str = ""
    language_probability: float = 1.0
    mixed: bool = False


class Backend(Protocol):
    """A loaded model. It may be called from several threads."""

    def forward(self, batch: Sequence[Chunk]) -> list[ChunkText]:
        """
        Return the text of each chunk. All prompts of a batch have the same length.

        Raises `OutOfMemory` if the batch is too large and `DeviceFailed` if the device works no more.
        """
        ...

    def shrink(self) -> bool:
        """Take up less memory from now on, at some cost; return False if that is not possible."""
        ...

    def close(self) -> None:
        """Free the memory of the model. It is not used afterwards."""
        ...


MEMORY_SIGNS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
DEVICE_SIGNS = ("CUDA", "cuBLAS", "cuDNN", "CUDNN", "is not found or cannot be loaded", "compute type")
"""The last two: a library of CUDA's is missing on this machine; the GPU lacks the number format that is asked for."""


def device_error(error: RuntimeError | ValueError | MemoryError) -> Exception:
    """
    Return *error* as `OutOfMemory` or `DeviceFailed`, or as it is if it is about neither.

    CTranslate2 has no classes of its own for them, so the text decides.
    """
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text for sign in MEMORY_SIGNS):
        return OutOfMemory(f"The device ran out of memory ({text or 'no details'}). Choose a smaller model.")
    if any(sign in text for sign in DEVICE_SIGNS):
        return DeviceFailed(f"The device does not work ({text}). Retry the job; if this repeats, restart the worker.")
    return error
