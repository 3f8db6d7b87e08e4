"""
A store in a folder, which may be on a disk that several hosts share.

An object is written to a file of its own in ``.unfinished``, made durable, and then renamed or linked to its place, so
a reader sees the old content or the new one. Folders come and go with the objects in them, as in a bucket, which has no
empty ones.
"""

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from tasks.errors import DiskFull, NotFound, StoreUnavailable
from tasks.storage.base import (
    CHUNK_BYTES,
    UNFINISHED,
    Store,
    StoredObject,
    check_range,
    checked_folder_prefix,
    checked_key,
    checked_prefix,
    is_disk_full,
    not_found,
)

PLACING_ATTEMPTS = 20


def open_folder(root: Path) -> "FolderStore":
    """Return the store in the folder *root*, which is made if it is missing. Raises `StoreUnavailable`."""
    with _translated(root):
        root.mkdir(parents=True, exist_ok=True)
    return FolderStore(root)


class FolderStore(Store):
    """The store in a folder that exists."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @override
    def write(self, key: str, data: bytes) -> None:
        target = self._path(key)
        with _translated(self._root), self._unfinished([data]) as file:
            _place(file, target, os.replace)

    @override
    def create(self, key: str, data: bytes) -> bool:
        target = self._path(key)
        with _translated(self._root), self._unfinished([data]) as file:
            try:
                _place(file, target, os.link)
            except FileExistsError:
                return False
        return True

    @override
    def put_file(self, key: str, path: Path) -> None:
        target = self._path(key)
        with path.open("rb") as source, _translated(self._root):
            content = iter(lambda: source.read(CHUNK_BYTES), b"")
            with self._unfinished(content) as file:
                _place(file, target, os.replace)

    @override
    def stat(self, key: str) -> StoredObject | None:
        path = self._path(key)
        try:
            with self._reading(key):
                status = path.stat()
        except NotFound:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return StoredObject(key=key, size=status.st_size, modified=datetime.fromtimestamp(status.st_mtime, UTC))

    @override
    def read_range(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        check_range(start, stop)
        path = self._path(key)
        with self._reading(key):
            file = path.open("rb")
        return self._chunks(file, start, stop)

    @override
    def list(self, prefix: str) -> Iterator[str]:
        with self._listing(prefix) as folder:
            for path in self._files(folder):
                yield path.relative_to(self._root).as_posix()

    @override
    def objects(self, prefix: str) -> Iterator[StoredObject]:
        with self._listing(prefix) as folder:
            for path in self._files(folder):
                if (found := _stored(path, self._root)) is not None:
                    yield found

    @override
    def folders(self, prefix: str) -> Iterator[str]:
        with self._listing(prefix) as folder:
            for name in sorted(entry.name for entry in self._entries(folder) if entry.is_dir()):
                if any(self._files(folder / name)):
                    yield name

    @override
    def delete(self, key: str) -> None:
        path = self._path(key)
        with contextlib.suppress(NotFound), self._reading(key):
            path.unlink()
            self._remove_empty(path.parent)

    @override
    def delete_all(self, prefix: str) -> int:
        deleted = 0
        with self._listing(checked_folder_prefix(prefix)) as folder:
            for path in self._files(folder):
                deleted += _unlinked(path)
                self._remove_empty(path.parent)
        return deleted

    @override
    def unfinished(self, *, older_than_seconds: float) -> Iterator[StoredObject]:
        latest = datetime.fromtimestamp(time.time() - older_than_seconds, UTC)
        with self._listing(""):
            for entry in _scanned(self._root / UNFINISHED):
                found = _stored(Path(entry.path), self._root)
                if found is not None and found.modified <= latest:
                    yield found

    @override
    def sweep(self, *, older_than_seconds: float) -> int:
        latest = time.time() - older_than_seconds
        with self._listing(""):
            unfinished = _scanned(self._root / UNFINISHED)
            return sum(_unlinked(Path(entry.path), latest=latest) for entry in unfinished)

    @override
    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    @contextlib.contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        with _translated(self._root):
            try:
                yield
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
                self._root.stat()  # a store that is gone holds no answer
                raise not_found(key) from exc

    @contextlib.contextmanager
    def _listing(self, prefix: str) -> Iterator[Path]:
        folder = self._root / checked_prefix(prefix)
        with _translated(self._root):
            os.scandir(self._root).close()  # a store that is gone, or is no folder, is not an empty one
            yield folder

    @contextlib.contextmanager
    def _unfinished(self, chunks: Iterable[bytes]) -> Iterator[Path]:
        """Yield a durable file with the content of *chunks*, to be renamed or linked; it is gone afterwards."""
        folder = self._root / UNFINISHED
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        path = folder / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _chunks(self, file: BinaryIO, start: int, stop: int | None) -> Iterator[bytes]:
        with _translated(self._root), file:
            file.seek(start)
            position = start
            while chunk := file.read(CHUNK_BYTES if stop is None else min(CHUNK_BYTES, stop - position)):
                yield chunk
                position += len(chunk)

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        return (entry for entry in _scanned(folder) if folder != self._root or entry.name != UNFINISHED)

    def _files(self, folder: Path) -> Iterator[Path]:
        for entry in self._entries(folder):
            if entry.is_dir():
                yield from self._files(Path(entry.path))
            else:
                yield Path(entry.path)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:  # it still holds something, or another process was faster
                return
            folder = folder.parent


@contextlib.contextmanager
def _translated(root: Path) -> Iterator[None]:
    """Translate the file system's errors into `DiskFull` or `StoreUnavailable`."""
    try:
        yield
    except OSError as exc:
        if is_disk_full(exc):
            msg = f"The disk of the store {root} is full. Free some space on it, then try again."
            raise DiskFull(msg) from exc
        msg = (
            f"The store {root} can't be used: {exc.strerror or exc}. "
            "Check that its disk is there and that Batchscribe may write to it."
        )
        raise StoreUnavailable(msg) from exc


def _place(file: Path, target: Path, place: Callable[[Path, Path], None]) -> None:
    """Rename or link *file* to *target*, durably."""
    for attempt in range(1, PLACING_ATTEMPTS + 1):
        try:
            _make_folder(target.parent)
            place(file, target)
        except FileNotFoundError:  # another process deleted the last object of the folder and the folder with it
            if attempt == PLACING_ATTEMPTS or not file.exists():
                raise
        else:
            break
    with contextlib.suppress(FileNotFoundError):  # deleted already, by its next owner
        _sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in *folder* survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno != errno.EINVAL:  # some network file systems can't sync a folder and need not
            raise
    finally:
        os.close(descriptor)


def _scanned(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of *folder*, in the order of keys: a folder sorts as if its name ended with ``/``."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stored(path: Path, root: Path) -> StoredObject | None:
    """Return the file *path* as the store lists it, or None if it was just removed."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return StoredObject(key=path.relative_to(root).as_posix(), size=status.st_size, modified=modified)


def _unlinked(path: Path, *, latest: float = float("inf")) -> bool:
    """Remove the file *path* if it was last written at *latest* (Unix time) or before, and return whether it was."""
    try:
        if path.stat().st_mtime > latest:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
