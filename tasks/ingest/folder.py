"""An inbox in a folder of this machine, which may be a network share."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from typing_extensions import override

from tasks.errors import InboxUnavailable
from tasks.ingest.sources import Entry, Kind, Source, SourceChanged, SourceDenied, numbered
from tasks.storage.base import CHUNK_BYTES

_NO_LINK = frozenset((errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))
"""Errors of file systems that have no hard links, or cannot make this one."""


class FolderSource(Source):
    """The inbox in the folder *root*. Links are never followed: they could lead out of it."""

    settles = True

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)

    @override
    def entries(self, folder: str) -> Iterator[Entry]:
        prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(self._at(folder)) as found:
                for entry in found:
                    with contextlib.suppress(FileNotFoundError):  # it went in this moment
                        yield _entry(prefix + entry.name, entry)
        except (FileNotFoundError, NotADirectoryError) as error:
            if folder:
                return
            raise self._unavailable(error) from error
        except OSError as error:
            if not folder:
                raise self._unavailable(error) from error
            raise SourceDenied(_said(error)) from error

    def _unavailable(self, error: OSError) -> InboxUnavailable:
        return InboxUnavailable(
            f"The inbox {self._root} can't be read: {_said(error)}. Make the folder, mount its share, or allow "
            "Batchscribe's user to read it."
        )

    @override
    def device(self) -> str:
        with contextlib.suppress(OSError):
            return str(Path(self._root).stat().st_dev)
        return ""

    @override
    def look(self, path: str) -> Entry | None:
        try:
            status = os.lstat(self._at(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceDenied(_said(error)) from error
        return _file(path, status) if stat.S_ISREG(status.st_mode) else None

    @override
    def chunks(self, path: str, signature: str) -> Iterator[bytes]:
        with _told():
            # Not blocking: something that became a pipe would be waited for.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self._at(path), flags), "rb", buffering=0) as file:
                _check(os.fstat(file.fileno()), signature)
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
                _check(os.fstat(file.fileno()), signature)
            _check(os.lstat(self._at(path)), signature)

    @override
    def read(self, path: str) -> bytes:
        with _told():
            return b"".join(self.chunks(path, _signature(os.lstat(self._at(path)))))

    @override
    def place(self, path: str, content: bytes, *, over: bool) -> bool:
        target = Path(self._at(path))
        with _told(), _temporary(target.parent) as temporary:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not over:
                return _given(temporary, target)
            temporary.replace(target)
        return True

    @override
    def delete(self, path: str, signature: str) -> None:
        file = Path(self._at(path))
        with _told():
            _check(file.lstat(), signature)
            file.unlink()

    @override
    def move(self, path: str, signature: str, target: str, sha256: str) -> str:
        source, number = Path(self._at(path)), 1
        with _told():
            _check(source.lstat(), signature)
            Path(self._at(target)).parent.mkdir(parents=True, exist_ok=True)
            while not _moved(source, Path(self._at(numbered(target, number))), sha256):
                number += 1
        return numbered(target, number)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root


def _moved(source: Path, target: Path, sha256: str) -> bool:
    """Give the file its new name and take the old one away; False if the new one is taken."""
    try:
        given = _linked(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        given = _copied(source, target, sha256)
    if not given and not _has_content(target, source.stat().st_size, sha256):  # else a move was interrupted
        return False
    source.unlink()
    return True


def _copied(source: Path, target: Path, sha256: str) -> bool:
    """Copy the file to the name *target*, and verify the copy; False if the name is taken."""
    with _temporary(target.parent) as temporary:
        shutil.copy2(source, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise SourceChanged
        return _given(temporary, target)


def _given(temporary: Path, target: Path) -> bool:
    """Give a complete file its name; False if that is taken. A kill leaves the whole file there, or none."""
    try:
        return _linked(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
    if target.exists() or target.is_symlink():  # no hard links here: between this look and the next line is a gap
        return False
    temporary.replace(target)
    return True


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    return True


def _has_content(path: Path, size: int, sha256: str) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Yield the name of a hidden file, which no scan takes for a recording; it is gone afterwards."""
    path = folder / f".batchscribe-{secrets.token_hex(8)}.tmp"
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _entry(path: str, entry: os.DirEntry[str]) -> Entry:
    if entry.is_symlink():
        return Entry(path, Kind.LINK)
    if entry.is_dir(follow_symlinks=False):
        return Entry(path, Kind.FOLDER)
    if not entry.is_file(follow_symlinks=False):
        return Entry(path, Kind.SPECIAL)
    try:
        return _file(path, entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        raise
    except OSError:
        return Entry(path, Kind.UNREADABLE)


def _file(path: str, status: os.stat_result) -> Entry:
    return Entry(path, Kind.FILE, status.st_size, status.st_mtime_ns, _signature(status))


def _signature(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def _check(status: os.stat_result, signature: str) -> None:
    if not stat.S_ISREG(status.st_mode) or _signature(status) != signature:
        raise SourceChanged


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Translate the file system's errors into `SourceChanged` or `SourceDenied`."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise SourceChanged from error
    except OSError as error:
        if error.errno == errno.ELOOP:  # it is a link now
            raise SourceChanged from error
        raise SourceDenied(_said(error)) from error


def _said(error: OSError) -> str:
    return error.strerror or str(error)
