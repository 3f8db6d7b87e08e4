"""
The file of the search index: one SQLite database in the data folder, with FTS5.

It is derived from the store. One that is damaged, or of another version, is removed and filled again; so is one that
is deleted while the dashboard runs, since each operation opens it by its name. Several processes may use it: it
is in WAL mode, and each change is one short transaction.
"""

import contextlib
import fcntl
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from dashboard.search import words
from tasks.errors import SearchUnavailable

SCHEMA_VERSION = 3
"""Rises, too, when other texts are put into it, or in another way: all of it is filled again then."""

FILE = "transcripts.sqlite"
TURN = "filling.lock"
REMOVAL = "removing.lock"
TRIES = 3
SECONDS_FOR_OTHERS = 30.0
"""Longest wait for the transaction of another process."""

# `spoken` has a row for each of `sentences`, `named` one for each of `recordings`, with the same ids. They keep no text
# of their own: what was indexed is made of the text again when it is deleted.
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE batches (
  batch_id TEXT PRIMARY KEY,
  looked_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  complete INTEGER NOT NULL,      -- 1: each of its jobs is published
  edit INTEGER NOT NULL           -- number of the edit that its names are of
);
CREATE TABLE recordings (
  id INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL UNIQUE, batch_id TEXT NOT NULL, batch_name TEXT NOT NULL, path TEXT NOT NULL,
  title TEXT NOT NULL,
  signature TEXT NOT NULL,        -- of its publication, as last listed
  indexed TEXT,                   -- signature of the one whose text is in the index; NULL: none is
  version TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  problem TEXT NOT NULL DEFAULT '',
  first INTEGER, after INTEGER,   -- ids of its sentences
  gone INTEGER NOT NULL DEFAULT 0 -- 1: to be removed, and no longer found
);
CREATE INDEX of_batch ON recordings (batch_id);
CREATE INDEX undone ON recordings (batch_id) WHERE gone OR indexed IS NOT signature;
CREATE TABLE sentences (id INTEGER PRIMARY KEY, start REAL, text TEXT NOT NULL);
CREATE VIRTUAL TABLE spoken USING fts5 (tokens, content='', tokenize='ascii');
CREATE VIRTUAL TABLE named USING fts5 (tokens, content='', tokenize='ascii');
"""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
"""An error of the disk, too: SQLite tells of one when a part of the file was deleted. A full disk is another one."""

_Answer = TypeVar("_Answer")

logger = logging.getLogger(__name__)


class _OfAnotherVersion(sqlite3.DatabaseError):
    """The file was written by another version, or its tokens were made by other rules."""


class Database:
    """The file of the index in *folder*. Its methods may be called from several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE

    def read(self, look: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Return what *look* finds, all of it as of the same moment. Raises `SearchUnavailable`."""

        def of_one_moment(connection: sqlite3.Connection) -> _Answer:
            connection.execute("BEGIN")
            return look(connection)

        return self._with_a_whole_file(of_one_moment)

    def change(self, change: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Return what *change* returns; all of it is committed together, or nothing. Raises `SearchUnavailable`."""

        def committed(connection: sqlite3.Connection) -> _Answer:
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = change(connection)
            except BaseException:
                if connection.in_transaction:  # a full disk has ended it already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return answer

        return self._with_a_whole_file(committed)

    @contextlib.contextmanager
    def turn(self) -> Iterator[bool]:
        """Yield True if no other process, or thread, has its turn at filling the index; it lasts for the block."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / TURN).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _with_a_whole_file(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Do *work*; if the file turns out to be damaged, or was deleted meanwhile, do it again with an empty one."""
        try:
            for _ in range(TRIES - 1):
                file = self._file_number()
                try:
                    return self._with_connection(work)
                except sqlite3.DatabaseError as error:
                    if _is_useless(error):
                        self._remove(file, str(error))
                    elif self._file_number() == file:
                        raise
            return self._with_connection(work)
        except (sqlite3.Error, OSError) as error:
            msg = (
                f"The index of the search cannot be used: {error}. Check the disk and the rights of {self._folder}; "
                "the folder may be deleted, since the index is made again."
            )
            raise SearchUnavailable(msg) from error

    def _with_connection(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._remove(None)  # what is left of it would be taken for a part of the next one
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=SECONDS_FOR_OTHERS)
        with contextlib.closing(connection):
            _prepare(connection)
            return work(connection)

    def _remove(self, file: int | None, reason: str = "") -> None:
        """Remove the file with this number, or what is left of one, unless another process has put one in its place."""
        with (self._folder / REMOVAL).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._file_number() != file:
                return
            if file is not None:
                logger.warning("The index of the search is of no use (%s). It is removed and filled again.", reason)
            for ending in ("-wal", "-shm", ""):
                self._path.with_name(f"{FILE}{ending}").unlink(missing_ok=True)

    def _file_number(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose the last changes, and damages nothing
    connection.execute("PRAGMA cache_size = -32000")
    connection.execute("PRAGMA secure_delete = ON")  # what is dismissed stays in no free page
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        _create(connection)
    elif version != SCHEMA_VERSION:
        msg = f"its version is {version}"
        raise _OfAnotherVersion(msg)
    rules = connection.execute("SELECT value FROM facts WHERE name = 'words'").fetchone()
    if rules != (words.VERSION,):
        msg = "its words were told apart by other rules"
        raise _OfAnotherVersion(msg)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # else another process was faster
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO facts VALUES ('words', ?)", (words.VERSION,))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _is_useless(error: sqlite3.DatabaseError) -> bool:
    if isinstance(error, _OfAnotherVersion):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
