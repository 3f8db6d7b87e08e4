"""
Receive the bytes of one upload: to the local disk, in constant memory, with their checksum.

The event loop fills a block of four mebibytes and hands it to a thread, which hashes and writes it while the loop fills
the other one: a hop for each block costs a fraction of one for each chunk, and two blocks are all the memory that an
upload takes. The file grows under a name of its own in the batch's folder and is renamed when it is complete and
durable, so that two requests for the same path never write to the same file.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.threads import WRITE_THREADS, in_thread
from tasks.core.errors import DiskFull, UploadsUnavailable, UploadTooLarge
from tasks.core.settings import Settings
from tasks.store import is_disk_full

BLOCK_BYTES = 2**22
PART_ENDING = ".part"


@dataclass(frozen=True, slots=True)
class Received:
    """A complete file on the disk, not yet under its own name."""

    size: int
    sha256: str


class PartFile:
    """
    A file that is being received.

    It is locked as long as it is open, so that a sweep in this or another process can tell it from one that a killed
    process left. Methods block and may be called from any thread.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.path = folder / f"{secrets.token_hex(8)}{PART_ENDING}"
        self._limit_bytes = limit_bytes
        self._guard = threading.Lock()
        self._digest = hashlib.sha256()
        self._size = 0
        self._open = False
        self._descriptor = -1

    def open(self, expected_bytes: int) -> None:
        """Make the file and reserve its space. Raises `DiskFull` before the first byte is sent."""
        with self._guard, _errors_translated(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._open = True
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            _reserve(self._descriptor, expected_bytes)

    def write(self, content: bytes | memoryview) -> None:
        """Append *content*. Raises `UploadTooLarge` or `DiskFull`."""
        with self._guard, _errors_translated(self.path.parent):
            if not self._open:  # the request was given up while this thread waited for its turn
                return
            self._size += len(content)
            if self._size > self._limit_bytes:
                msg = f"The file is larger than {self._limit_bytes} bytes, the most that is accepted."
                raise UploadTooLarge(msg)
            self._digest.update(content)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def complete(self) -> Received:
        """Make the content durable and return what it is. The file stays locked until it is closed."""
        with self._guard, _errors_translated(self.path.parent):
            os.ftruncate(self._descriptor, self._size)  # more may have been reserved
            os.fsync(self._descriptor)
            return Received(size=self._size, sha256=self._digest.hexdigest())

    def move_to(self, path: Path) -> None:
        """Give the file its own name; an earlier file of this name goes."""
        with _errors_translated(path.parent):
            self.path.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Remove the file unless it was moved."""
        with self._guard:
            if not self._open:
                return
            self._open = False
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)


def free_bytes(settings: Settings) -> int:
    """Return how much may still be uploaded: the free space of the disk without what is kept in reserve."""
    folder = settings.uploads_folder
    with _errors_translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return max(0, shutil.disk_usage(folder).free - settings.disk_reserve_bytes)


async def receive(chunks: AsyncIterator[bytes], feed: Callable[[memoryview], None], *, idle_seconds: float) -> int:
    """
    Give all *chunks* to *feed*, a block at a time and in a thread, and return the number of bytes.

    Raises `TimeoutError` if nothing arrives for *idle_seconds*, and what *feed* raises.
    """
    loop = asyncio.get_running_loop()
    received = 0
    blocks = _Blocks(feed)
    try:
        async with asyncio.timeout(idle_seconds) as patience:
            async for chunk in chunks:
                received += len(chunk)
                rest = memoryview(chunk)
                while rest := rest[blocks.take(rest) :]:
                    patience.reschedule(None)  # a slow disk is not the sender's fault
                    await blocks.hand_over()
                patience.reschedule(loop.time() + idle_seconds)
        await blocks.hand_over()
    finally:
        await blocks.written()
    return received


class _Blocks:
    """Two blocks of bytes, of which one is filled while the other is written."""

    def __init__(self, write: Callable[[memoryview], None]) -> None:
        self._write = write
        self._filling, self._other = bytearray(BLOCK_BYTES), bytearray(BLOCK_BYTES)
        self._filled = 0
        self._writing: asyncio.Task[None] | None = None

    def take(self, content: memoryview) -> int:
        """Copy as much of *content* as there is room for, and return how much that is."""
        size = min(len(content), BLOCK_BYTES - self._filled)
        self._filling[self._filled : self._filled + size] = content[:size]
        self._filled += size
        return size

    async def hand_over(self) -> None:
        """Have what was taken written, as soon as the block before it is. Raises what writing that one raised."""
        await self.written()
        content = memoryview(self._filling)[: self._filled]
        self._writing = asyncio.create_task(in_thread(WRITE_THREADS, self._write, content))
        self._filling, self._other, self._filled = self._other, self._filling, 0

    async def written(self) -> None:
        """Wait until nothing is being written any more. Raises what the writing raised."""
        if (writing := self._writing) is not None:
            self._writing = None
            await writing


def _reserve(descriptor: int, size: int) -> None:
    """Reserve the space of the file where the file system can: a full disk then shows before the first byte."""
    if size == 0 or not hasattr(os, "posix_fallocate"):  # macOS has none
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


@contextlib.contextmanager
def _errors_translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            msg = (
                f"The folder {folder} can't be used: {error.strerror or error}. Check that its disk is there and that "
                "Batchscribe may write to it, then send the file again."
            )
            raise UploadsUnavailable(msg) from error
        msg = f"The disk of {folder} is full. Free some space on it, then send the file again."
        raise DiskFull(msg) from error
