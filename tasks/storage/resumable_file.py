"""
A large upload that outlives its connection, its tab and the dashboard: what has arrived stays, and the rest is added.

Its name tells the job, and of which file of the user's this is a part, so another file of the same path never
continues it. Behind the room for its content the file has a slot with a note: how many bytes have arrived, and their
checksum. The note is written after each block, so a kill loses the last block at most. What a power failure tore out of
what the note counts is found by the checksum when the file is complete, and nothing of it is kept.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import zlib
from functools import partial
from pathlib import Path
from typing import Final

from typing_extensions import override

from tasks.batches import JOB_ID
from tasks.errors import UploadBrokenOff, UploadOffsetWrong, UploadUnderWay
from tasks.storage.part_file import PART_ENDING, PartFile, Received, errors_translated, open_locked, reserve

SLOT_BYTES: Final = 64
"""Length and alignment of the slot of the note: so it lies within one page, and no kill writes half of it."""
NOTE = re.compile(rb"(?P<size>\d{20}) (?P<crc>[0-9a-f]{8}) (?P<check>[0-9a-f]{8})\n")
READ_BYTES = 2**20
NAME = re.compile(rf"(?P<job_id>{JOB_ID.pattern})-[0-9a-f]{{32}}{re.escape(PART_ENDING)}")


def is_resumable(name: str) -> bool:
    """Return whether this is the name of an upload that can go on."""
    return NAME.fullmatch(name) is not None


def kept_parts(folder: Path) -> list[Path]:
    """Return the uploads in *folder*, the batch's, that have not arrived as a whole and can go on."""
    return sorted(path for path in folder.glob(f"*{PART_ENDING}") if is_resumable(path.name))


def arrived_bytes(path: Path) -> int:
    """Return how much of an upload has arrived, also while it is being received; 0 if it is gone or unreadable."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - SLOT_BYTES))
        slot = file.read(SLOT_BYTES)
        note = _parsed(slot)
        if note is not None:
            return note[0]
        return end if any(slot) else 0  # all of it, or room in which nothing has arrived
    return 0


class ResumableFile(PartFile):
    """
    A file of *size* bytes that is received in as many requests as it takes.

    *fingerprint* is what tells the user's file from another one of its path, in the words of the client. Methods block
    and may be called from any thread.
    """

    def __init__(self, folder: Path, job_id: str, *, size: int, fingerprint: str) -> None:
        super().__init__(folder, limit_bytes=size)
        which = hashlib.sha256(f"{size} {fingerprint}".encode()).hexdigest()[:32]
        self.path = folder / f"{job_id}-{which}{PART_ENDING}"
        self._slot = -(-size // SLOT_BYTES) * SLOT_BYTES
        self._crc: int | None = 0
        """Checksum of what has arrived; None if all had, and the note made room for it."""
        self._resumed = False
        self._moved = False
        self._given_up = False

    def arrived(self) -> int:
        """Return how many bytes have arrived. Raises `UploadUnderWay` while it is being received."""
        with errors_translated(self.path.parent):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
            try:
                _lock(descriptor, fcntl.LOCK_SH)
                return self._state(descriptor)[0]
            finally:
                os.close(descriptor)

    def held_bytes(self) -> int:
        """Return the bytes that the file takes up on the disk by now."""
        try:
            return self.path.stat().st_blocks * 512
        except OSError:
            return 0

    @override
    def open(self, expected_bytes: int) -> None:
        """
        Open the file behind what has arrived, which is all but *expected_bytes*, and reserve its space.

        Raises `UploadUnderWay` if it is being received, `UploadOffsetWrong` if it ends elsewhere, and `DiskFull`.
        """
        with self._guard, errors_translated(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = open_locked(self.path, os.O_RDWR, partial(_lock, kind=fcntl.LOCK_EX))
            self._open = True
            self._size, self._crc = self._state(self._descriptor)
            self._resumed = self._size > 0
            if self._size + expected_bytes != self._limit_bytes:
                msg = (
                    f"{self._size} bytes of the file have arrived, and the request goes on at "
                    f"{self._limit_bytes - expected_bytes}. Ask how many have arrived, then send the rest."
                )
                raise UploadOffsetWrong(msg)
            if self._crc is not None:
                reserve(self._descriptor, self._slot + SLOT_BYTES)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)

    @override
    def complete(self) -> Received:
        """
        Make the content durable and return its size and checksum. The file stays locked until it is closed.

        Raises `UploadBrokenOff`, and gives up what has arrived, if it is not what was received.
        """
        with self._guard, errors_translated(self.path.parent):
            os.fsync(self._descriptor)  # without its note the file counts as complete: it must be
            if self._resumed:
                self._read_again()
        return super().complete()

    @override
    def move_to(self, path: Path) -> None:
        super().move_to(path)
        self._moved = True  # the name is free for others

    def give_up(self) -> None:
        """Have the file removed when it is closed."""
        self._given_up = True

    @property
    @override
    def _stays(self) -> bool:
        return self._moved or (self._size > 0 and not self._given_up)

    @override
    def _note(self, content: bytes | memoryview) -> None:
        if self._crc is None:  # it has arrived: there is nothing to note, and no room for it
            return
        self._crc = zlib.crc32(content, self._crc)
        text = f"{self._size:020d} {self._crc:08x} ".encode()
        os.pwrite(self._descriptor, text + f"{zlib.crc32(text):08x}\n".encode(), self._slot)

    def _state(self, descriptor: int) -> tuple[int, int | None]:
        """Return how many bytes have arrived, and their checksum if there is a note of it."""
        size = os.fstat(descriptor).st_size
        if size == self._limit_bytes:
            return size, None
        note = _parsed(os.pread(descriptor, SLOT_BYTES, self._slot))
        return note if note and note[0] <= self._limit_bytes else (0, 0)

    def _read_again(self) -> None:
        """Hash all that has arrived, of earlier requests too."""
        digest, crc, position = hashlib.sha256(), 0, 0
        while content := os.pread(self._descriptor, min(READ_BYTES, self._size - position), position):
            digest.update(content)
            crc = zlib.crc32(content, crc)
            position += len(content)
        if position != self._size or self._crc not in (None, crc):
            self._given_up = True
            msg = "What had arrived of the file before is damaged on the server's disk. Send the file again."
            raise UploadBrokenOff(msg)
        self._digest = digest


def _parsed(slot: bytes) -> tuple[int, int] | None:
    """Return size and checksum as the slot tells them; None if nothing was noted there, or something else."""
    note = NOTE.match(slot)
    if note is None or int(note["check"], 16) != zlib.crc32(slot[: note.start("check")]):
        return None
    return int(note["size"]), int(note["crc"], 16)


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = "The file is being received already: in another tab, or over a connection that has not ended yet."
        raise UploadUnderWay(msg) from error
