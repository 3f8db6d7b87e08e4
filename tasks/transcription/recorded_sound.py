"""
The sound of a recording, decoded piece by piece where it is asked for.

A device that hears a part of a long recording decodes that part, and one that begins with the first part need not wait
for the last. All of it comes out as if it had been decoded in one go: an MP3 frame needs nothing but the few before it.
"""

import mmap
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError

from tasks.transcription.mp3_frames import FRAME_SAMPLES, NotSeekable, find_frames, frame_at
from tasks.transcription.sound import Sound, SoundSource, decode, unreadable

RUN_UP_FRAMES = 24
"""
Frames that are decoded before the first one that is wanted.

A frame may keep its bits in the 255 bytes before it, of which the smallest frame (8 kbit/s) brings 23, and is
overlapped with the frame before; the filter bank remembers two frames.
"""

BLOCK_FRAMES = 2048
"""Frames that are decoded together: 74 s, and 2.4 MB of sound."""

BLOCKS_KEPT = 12
"""Those of the parts that are being heard and reviewed; a part is five minutes of speech at most."""

FULL_SCALE = 32_768

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

_READ_AHEAD = ThreadPoolExecutor(max_workers=2, thread_name_prefix="decode")


def open_sound(audio_file: Path, *, name: str, cancelled: Callable[[], bool]) -> SoundSource:
    """
    Return the sound of *audio_file*, the recording of the upload *name*. One of another format is decoded at once.

    Raises `MediaRejected` if it cannot be read, or `TranscriptionCancelled`.
    """
    try:
        return RecordedSound(audio_file, name=name, cancelled=cancelled)
    except NotSeekable:
        return decode(audio_file, name=name, cancelled=cancelled)


class RecordedSound:
    """
    The sound of an MP3, mono at 16 kHz, of which slices are arrays as `decode` returns them.

    While one block is used, the next one is decoded. Several threads may use it.
    """

    def __init__(self, audio_file: Path, *, name: str, cancelled: Callable[[], bool]) -> None:
        """
        Find the frames of *audio_file*, the recording of the upload *name*.

        Raises `NotSeekable`, `MediaRejected` if it cannot be read, or `TranscriptionCancelled`.
        """
        self._name = name
        try:
            with audio_file.open("rb") as file:
                self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # it is empty
            raise NotSeekable from error
        except OSError as error:
            raise unreadable(name, error) from error
        self._frames = find_frames(self._content, cancelled=cancelled)
        self._blocks: OrderedDict[int, Future[Sound]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of its samples."""
        return self._frames.samples

    def __getitem__(self, samples: slice) -> Sound:
        """Return the sound from one sample to another. Raises `MediaRejected` if it cannot be decoded."""
        start, stop, step = samples.indices(len(self))
        if step != 1:
            msg = "the sound of a recording is read sample by sample"
            raise ValueError(msg)
        if start >= stop:
            return np.zeros(0, dtype=np.int16)
        first, last = self._block_of(start), self._block_of(stop - 1)
        parts = [self._block(block) for block in range(first, last + 1)]
        sound = parts[0] if len(parts) == 1 else np.concatenate(parts)
        before = self._start_of(first)
        return sound[start - before : stop - before]

    def _block(self, number: int) -> Sound:
        """Return a block, and have the next one decoded meanwhile."""
        with self._lock:
            block = self._begun(number)
            if (number + 1) * BLOCK_FRAMES < len(self._frames.offsets):
                self._begun(number + 1)
            while len(self._blocks) > BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        try:
            return block.result()
        except FFmpegError as error:
            raise unreadable(self._name, error) from error

    def _begun(self, number: int) -> Future[Sound]:
        if number not in self._blocks:
            self._blocks[number] = _READ_AHEAD.submit(self._decoded, number)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _decoded(self, number: int) -> Sound:
        """Return the sound of the frames of a block; those that are damaged are silent."""
        first = number * BLOCK_FRAMES
        frames = range(max(first - RUN_UP_FRAMES, 0), min(first + BLOCK_FRAMES, len(self._frames.offsets)))
        sound = np.zeros((frames.stop - first) * FRAME_SAMPLES, dtype=np.float32)
        decoder = cast("AudioCodecContext", av.CodecContext.create("mp3float", "r"))
        for frame in frames:
            packet = av.Packet(frame_at(self._content, self._frames.offsets[frame]))
            with suppress(InvalidDataError):
                for decoded in decoder.decode(packet):
                    if frame >= first:
                        place = (frame - first) * FRAME_SAMPLES
                        sound[place : place + FRAME_SAMPLES] = decoded.to_ndarray()[0]
        return np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _start_of(self, block: int) -> int:
        """Return the sample with which a block begins; that of the first one is before the recording's."""
        return block * BLOCK_FRAMES * FRAME_SAMPLES - self._frames.skipped_samples

    def _block_of(self, sample: int) -> int:
        return (sample + self._frames.skipped_samples) // (BLOCK_FRAMES * FRAME_SAMPLES)
