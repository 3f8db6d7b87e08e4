"""
The source that an inbox watches: a folder or an S3 prefix, with the same behaviour.

A file has a *signature*, which changes whenever its content may have: size, mtime, ctime and inode in a folder, ETag,
size and time in a bucket. Reading takes the signature along and fails if it is no longer the file's, before the first
byte or after the last one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Protocol


class Kind(StrEnum):
    """The kind of a folder's entry. Only files and folders are looked into."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    SPECIAL = "neither a file nor a folder"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder; *path* is below the inbox, with ``/`` between its parts."""

    path: str
    kind: Kind
    size: int = 0
    mtime_ns: int = 0
    signature: str = ""

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition("/")[2]


class SourceChanged(Exception):
    """The file is gone, or no longer the one that was looked at."""


class SourceDenied(Exception):
    """The file cannot be read or changed; the message says why, without the file's name."""


class Source(Protocol):
    """A folder or a bucket. All methods may be called from any thread; their paths are below the inbox."""

    settles: bool
    """True if a file may be seen half-written, so that it has to be still for a while before it counts."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """
        Yield the entries directly in *folder*; the empty path is the inbox itself.

        Raises `InboxUnavailable` if the inbox can't be read, `SourceDenied` for a folder in it.
        """
        ...

    def device(self) -> str:
        """Return an id that tells this file system from the one seen when it is not mounted; empty if there is none."""
        ...

    def look(self, path: str) -> Entry | None:
        """Return the file as it is now, or None if there is none. Raises `SourceDenied`."""
        ...

    def chunks(self, path: str, signature: str) -> Iterator[bytes]:
        """Yield the file's content. Raises `SourceChanged` and `SourceDenied`."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of a small file. Raises `SourceChanged` and `SourceDenied`."""
        ...

    def place(self, path: str, content: bytes, *, over: bool) -> bool:
        """Write a small file atomically; False if there is one and it is not to be written *over*."""
        ...

    def delete(self, path: str, signature: str) -> None:
        """Delete the file. Raises `SourceChanged` and `SourceDenied`."""
        ...

    def move(self, path: str, signature: str, target: str, sha256: str) -> str:
        """
        Move the file to *target*, or to a numbered name next to it if that is taken, and return its new path.

        Raises `SourceChanged` and `SourceDenied`.
        """
        ...


def numbered(path: str, number: int) -> str:
    """Return *path* for the *number*-th file of this name: ``a.mp3``, ``a (2).mp3``."""
    if number == 1:
        return path
    name = PurePosixPath(path).name
    stem, dot, ending = name.rpartition(".")
    new = f"{stem} ({number}){dot}{ending}" if stem else f"{name} ({number})"
    return path[: len(path) - len(name)] + new
