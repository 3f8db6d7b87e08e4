"""
A file that arrives among the uploads: written under a name of its own, hashed, made durable, then renamed.

The dashboard receives uploads with it, and the scan of an inbox copies files with it. It is locked as long as it is
open, which keeps sweeps and clean-ups from taking it for a leftover.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import DiskFull, UploadsUnavailable, UploadTooLarge
from tasks.settings import Settings
from tasks.storage.base import is_disk_full

PART_ENDING = ".part"

LEAST_FREE_SHARE = 0.1
"""Share of the disk that must be free for uploads before anything stays on it that need not."""


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
        with self._guard, errors_translated(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = open_locked(self.path, os.O_WRONLY | os.O_EXCL, _lock)
            self._open = True
            reserve(self._descriptor, expected_bytes)

    def write(self, content: bytes | memoryview) -> None:
        """Append *content*. Raises `UploadTooLarge` or `DiskFull`."""
        with self._guard, errors_translated(self.path.parent):
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
            self._note(content)

    def complete(self) -> Received:
        """Make the content durable and return its size and checksum. The file stays locked until it is closed."""
        with self._guard, errors_translated(self.path.parent):
            os.ftruncate(self._descriptor, self._size)  # more may have been reserved
            os.fsync(self._descriptor)
            return Received(size=self._size, sha256=self._digest.hexdigest())

    def move_to(self, path: Path) -> None:
        """Give the file its own name; an earlier file of this name goes."""
        with errors_translated(path.parent):
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
            if not self._stays:
                self.path.unlink(missing_ok=True)
            os.close(self._descriptor)

    @property
    def _stays(self) -> bool:
        """True if the file is left on the disk when it is closed."""
        return False

    def _note(self, content: bytes | memoryview) -> None:
        """Note that *content* was appended."""


def open_locked(path: Path, flags: int, lock: Callable[[int], None]) -> int:
    """
    Return the descriptor of the file, once *lock* has locked it.

    A clean-up may take it for a leftover and remove it before it is locked: then it is made once more.
    """
    while True:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            lock(descriptor)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def free_bytes(settings: Settings) -> int:
    """Return the bytes that may still be uploaded: the free space of the disk without the reserve."""
    folder = settings.uploads_folder
    with errors_translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return max(0, shutil.disk_usage(folder).free - settings.disk_reserve_bytes)


def keeps_videos(settings: Settings) -> bool:
    """Return whether the videos of done jobs stay to be watched: not while less than a tenth of the disk is free."""
    if not settings.video_retention_hours:
        return False
    return free_bytes(settings) >= LEAST_FREE_SHARE * shutil.disk_usage(settings.uploads_folder).total


def reserve(descriptor: int, size: int) -> None:
    """Reserve the space of the file where the file system can: a full disk then shows before the first byte."""
    if size == 0 or not hasattr(os, "posix_fallocate"):  # macOS has none
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


@contextlib.contextmanager
def errors_translated(folder: Path) -> Iterator[None]:
    """Raise `DiskFull` and `UploadsUnavailable` in place of what the system says about files of *folder*."""
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
