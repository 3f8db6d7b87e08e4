"""
The store: where records, recordings and documents are kept, on one host or between many.

It is a folder or an S3 bucket, with the same behaviour, so that nothing above this module asks which. What every
caller may rely on:

- An object is there whole or not at all. A process killed in the middle of a write leaves the old content.
- When a write returns, the object survives a power failure.
- `Store.create` has one winner, however many processes and hosts try.
- Keys are relative paths with ``/`` between their parts; `BatchKeys` names those in use. A prefix ends with ``/``.
- No key is both an object and a folder: ``a`` and ``a/b`` exclude each other, since a file system can't hold both.

A store raises `NotFound`, `DiskFull` and `StoreUnavailable`, and `ValueError` for an invalid key.
"""

import contextlib
import errno
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tasks.errors import DiskFull, NotFound, StoreUnavailable
from tasks.names import display_name

CHUNK_BYTES = 256 * 1024
MAX_PART_BYTES = 255
"""Longest file name of the usual file systems."""

MAX_KEY_BYTES = 900
"""S3 allows 1024 and macOS paths of 1024; the rest is for the store's own prefix or folder."""

CHECK_KEY = "check.txt"
UNFINISHED = ".unfinished"
"""First part that no key may have: a folder store writes there what is not yet an object."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store lists it; *size* in bytes, *modified* in UTC."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """A folder or a bucket. All methods may be called from several threads at once."""

    def write(self, key: str, data: bytes) -> None:
        """Store *data* under *key*, in place of what was there."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Store *data* under *key* and return True, or return False if there is an object already."""
        ...

    def put_file(self, key: str, path: Path) -> None:
        """Store the content of the local file *path* under *key*, in place of what was there."""
        ...

    def read(self, key: str) -> bytes:
        """Return the content of a small object. Raises `NotFound`."""
        return b"".join(self.read_range(key))

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object to the local file *path*, whose folder exists. Raises `NotFound`."""
        save_file(path, self.read_range(key))

    def stat(self, key: str) -> StoredObject | None:
        """Return an object's size and time, or None if there is none."""
        ...

    def read_range(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """
        Return the bytes from *start* up to *stop*, or to the end, in chunks of at most `CHUNK_BYTES`.

        Raises `NotFound` at once and not at the first chunk. A range behind the end is cut, as in a slice.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below *prefix* in order; the empty prefix stands for the whole store."""
        ...

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield in order what `list` yields, with sizes and times; `stat` would cost a request for each."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """
        Yield in order the names of the folders directly below *prefix*, however much they hold.

        Some S3 services go on naming a folder for a while after its last object went.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        ...

    def delete_all(self, prefix: str) -> int:
        """Delete all objects below *prefix* and return their number."""
        ...

    def unfinished(self, *, older_than_seconds: float) -> Iterator[StoredObject]:
        """
        Yield what killed writers left, which no listing shows. Its names are not keys.

        S3 does not say how large the parts of an unfinished upload are: there the size is 0.
        """
        ...

    def sweep(self, *, older_than_seconds: float) -> int:
        """Remove what `unfinished` yields, and return the number of those writes."""
        ...

    def uri(self, key: str) -> str:
        """Return the address of *key* for other programs: ``file:///…`` or ``s3://bucket/…``."""
        ...

    def presigned_url(self, key: str, *, name: str, seconds: int) -> str | None:
        """Return a URL for browsers to load *key* as a file *name* for so long; None if only we can read the store."""
        del key, name, seconds
        return None

    def check(self) -> None:
        """Raise `StoreUnavailable` unless a small object can be written and read back."""
        try:
            self.write(CHECK_KEY, b"Batchscribe writes this to see whether its store can be written.\n")
            self.read(CHECK_KEY)
        except (DiskFull, NotFound) as exc:
            raise StoreUnavailable(str(exc)) from exc


def checked_key(key: str) -> str:
    """Return *key*. Raises `ValueError` if a store could not hold it or it would lead out of the store."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or parts[0] == UNFINISHED:
        msg = f"{key!r} is no key: it needs parts with / between them, none of them empty, '.', '..' or {UNFINISHED!r}."
        raise ValueError(msg)
    if "\0" in key or "\\" in key:  # some S3 services take \ for /
        msg = f"{key!r} is no key: it holds a NUL or a backslash."
        raise ValueError(msg)
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts) or len(key.encode()) > MAX_KEY_BYTES:
        msg = f"{key!r} is too long for a key: {MAX_PART_BYTES} bytes a part and {MAX_KEY_BYTES} in all are possible."
        raise ValueError(msg)
    return key


def checked_prefix(prefix: str) -> str:
    """Return *prefix*. Raises `ValueError` if it is neither empty nor a key with ``/`` behind it."""
    if prefix:
        if not prefix.endswith("/"):
            msg = f"{prefix!r} is no prefix: it must end with /, or it would stand for its neighbours too."
            raise ValueError(msg)
        checked_key(prefix.removesuffix("/"))
    return prefix


def checked_folder_prefix(prefix: str) -> str:
    """Return *prefix*. Raises `ValueError` also if it stands for the whole store, which is never to be deleted."""
    if not prefix:
        msg = "The whole store can't be deleted. Name a folder in it, with / at the end."
        raise ValueError(msg)
    return checked_prefix(prefix)


def check_range(start: int, stop: int | None) -> None:
    """Raise `ValueError` unless *start* and *stop* are the bounds of a range of bytes."""
    if start < 0 or (stop is not None and stop < start):
        msg = f"{start} to {stop} is no range of bytes."
        raise ValueError(msg)


def not_found(key: str) -> NotFound:
    """Return the error for an object that is not there."""
    return NotFound(f"The store holds no {display_name(key)}: it was removed, or never written.")


def save_file(path: Path, chunks: Iterable[bytes]) -> None:
    """
    Write *chunks* to the local file *path*, which appears whole or not at all.

    It does not survive a power failure for sure: this is for files that can be had again. Raises `DiskFull`, and
    `OSError` where the folder can't be written.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        temporary.replace(path)
    except OSError as exc:
        if not is_disk_full(exc):
            raise
        msg = f"The disk of {path.parent} is full. Free some space on it, then try again."
        raise DiskFull(msg) from exc
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def is_disk_full(error: OSError) -> bool:
    """Return whether *error* says that the disk, or the quota of this user on it, is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
