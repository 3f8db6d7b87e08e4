"""The sound of a recording."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from numpy.typing import NDArray

from tasks.errors import MediaRejected
from tasks.transcription.backend import TranscriptionCancelled

SAMPLE_RATE = 16_000
"""Sample rate of Whisper's input, in Hz."""

Sound = NDArray[np.int16]
"""Mono sound at 16 kHz. A quarter of what faster-whisper's own decoder needs: 115 MB an hour in place of 460."""


class SoundSource(Protocol):
    """Sound that is read in slices: all of it as an array, or a recording of which the slices are decoded."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __getitem__(self, samples: slice, /) -> Sound:
        """Return the sound from one sample to another."""
        ...


SECONDS_BETWEEN_CANCEL_CHECKS = 60


def decode(audio_file: Path, *, name: str, cancelled: Callable[[], bool]) -> Sound:
    """
    Return the sound of *audio_file*, a recording that we converted ourselves.

    Raises `MediaRejected`, with *name* in the message, if it cannot be decoded, and `TranscriptionCancelled`.
    """
    decoded = bytearray()
    unchecked = 0
    try:
        for part in _parts(audio_file):
            decoded += part
            unchecked += len(part)
            if unchecked > SECONDS_BETWEEN_CANCEL_CHECKS * SAMPLE_RATE * 2:
                unchecked = 0
                if cancelled():
                    raise TranscriptionCancelled
    except (FFmpegError, OSError, IndexError) as error:
        raise unreadable(name, error) from error
    return np.frombuffer(decoded, dtype=np.int16)


def unreadable(name: str, error: Exception) -> MediaRejected:
    """Return what to raise when the recording of the upload *name* cannot be decoded."""
    return MediaRejected(f"The recording of {name} cannot be read ({error}). Upload the file again.")


def blocks(audio_file: Path, *, samples: int) -> Iterator[Sound]:
    """Yield the sound of *audio_file* in blocks of *samples*, so that one of many hours takes little memory."""
    decoded = bytearray()
    for part in _parts(audio_file):
        decoded += part
        while len(decoded) >= 2 * samples:
            yield np.frombuffer(bytes(decoded[: 2 * samples]), dtype=np.int16)
            del decoded[: 2 * samples]
    if decoded:
        yield np.frombuffer(bytes(decoded), dtype=np.int16)


def _parts(audio_file: Path) -> Iterator[bytes]:
    with av.open(str(audio_file), metadata_errors="ignore") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for frame in chain(_valid_frames(container), [None]):  # None: what the resampler still holds
            if frame is not None:
                frame.pts = None  # the times of a damaged file are no reason to stop
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().tobytes()


def _valid_frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """Yield the frames, without those that are damaged: a click is better than no transcript."""
    frames = container.decode(audio=0)
    while True:
        try:
            yield next(frames)
        except StopIteration:
            return
        except InvalidDataError:
            continue
