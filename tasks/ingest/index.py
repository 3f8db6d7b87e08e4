"""
The index of an inbox: what the scans of this machine know of its files, in one SQLite file.

It is derived. A scan without it hashes every file again, finds the claims of what was ingested and starts no job twice.
So it need not survive a power failure, and a damaged one is removed and made again.
"""

import contextlib
import sqlite3
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tasks.batches import Stage
from tasks.ingest import clock
from tasks.ingest.sources import Entry

VERSION = 1
SKIPPED = "skipped"
OPEN = "open"
_SCHEMA = """
CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  signature TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  boot TEXT NOT NULL,          -- start of the machine on whose clock
  since REAL NOT NULL,         -- the signature was first seen
  seen_at REAL NOT NULL,       -- the same as Unix time
  whole INTEGER NOT NULL,      -- 1 as soon as two looks, far enough apart, saw the same
  sha256 TEXT,                 -- of this signature; NULL: not hashed yet
  wanted TEXT NOT NULL,        -- fingerprint of the options that hold for it now
  decided TEXT,                -- fingerprint with which it was ingested, found known or skipped; NULL: it was not
  batch_id TEXT, job_id TEXT,
  outcome TEXT,                -- 'open', 'skipped', or the stage at which the job ended
  error TEXT NOT NULL DEFAULT '',
  original TEXT,               -- another path whose content this is
  problem TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0
);
CREATE INDEX undecided ON files (mtime_ns, path) WHERE decided IS NOT wanted;
CREATE INDEX jobs ON files (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX outcomes ON files (outcome, original) WHERE outcome IS NOT NULL;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_CANDIDATES = "whole = 1 AND decided IS NOT wanted AND size > 0 AND size <= :largest AND next_try <= :now"


@dataclass(frozen=True, slots=True)
class Known:
    """The index's entry for one file."""

    file_id: int
    path: str
    signature: str
    size: int
    mtime_ns: int
    since: float
    seen_at: float
    whole: bool
    sha256: str | None
    wanted: str
    problem: str


_COLUMNS = "id, path, signature, size, mtime_ns, since, seen_at, whole, sha256, wanted, problem"


class Index:
    """The open index of an inbox. Its methods may be called from one thread at a time, whichever that is."""

    def __init__(self, connection: sqlite3.Connection, *, fresh: bool) -> None:
        self._connection = connection
        self.fresh = fresh
        """True if it was made just now: nothing is known, or all of it was lost."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the index at *path*; one that is missing, damaged or of another version is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls._opened(path)
        except sqlite3.OperationalError:  # a full disk, or another process: the index is sound
            raise
        except sqlite3.DatabaseError:
            cls.remove(path)
            return cls._opened(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Remove the index at *path*: the next scan makes it again."""
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink(missing_ok=True)

    @classmethod
    def _opened(cls, path: Path) -> Self:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -8000")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                msg = f"version {version}"
                raise sqlite3.DatabaseError(msg)
            if version == 0:
                connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return cls(connection, fresh=version == 0)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside the block together, or none of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def note(self, entry: Entry, wanted: str, *, still_seconds: float) -> int:
        """
        Note one look at a file, whose options have the fingerprint *wanted*, and return its id.

        Below 0 *still_seconds* say that the file is whole whenever it is seen.
        """
        row = self._connection.execute(
            "SELECT id, signature, boot, since, whole, wanted, outcome FROM files WHERE path = ?", (entry.path,)
        ).fetchone()
        now, boot = clock.now(), clock.boot_id()
        if row is None or row[1] != entry.signature:
            return self._note_changed(entry, wanted, whole=still_seconds < 0)
        file_id, _, known_boot, since, whole, known_wanted, outcome = row
        if not whole and known_boot != boot:
            self._connection.execute("UPDATE files SET boot = ?, since = ? WHERE id = ?", (boot, now, file_id))
        elif not whole and now - since >= still_seconds:
            self._connection.execute("UPDATE files SET whole = 1 WHERE id = ?", (file_id,))
        if known_wanted != wanted:
            decided = wanted if outcome == SKIPPED else None
            self._connection.execute(
                "UPDATE files SET wanted = ?, decided = ifnull(?, decided), next_try = 0 WHERE id = ?",
                (wanted, decided, file_id),
            )
        return int(file_id)

    def _note_changed(self, entry: Entry, wanted: str, *, whole: bool) -> int:
        values = (entry.signature, entry.size, entry.mtime_ns, clock.boot_id(), clock.now(), time.time(), whole, wanted)
        found = self._connection.execute(
            "INSERT INTO files (path, signature, size, mtime_ns, boot, since, seen_at, whole, wanted)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET signature = excluded.signature,"
            " size = excluded.size, mtime_ns = excluded.mtime_ns, boot = excluded.boot, since = excluded.since,"
            " seen_at = excluded.seen_at, whole = excluded.whole, wanted = excluded.wanted, sha256 = NULL,"
            " decided = NULL, batch_id = NULL, job_id = NULL, outcome = NULL, error = '', original = NULL,"
            " problem = '', tries = 0, next_try = 0 RETURNING id",
            (entry.path, *values),
        ).fetchone()
        return int(found[0])

    def forget_unseen(self, seen: "Seen") -> None:
        """Forget the files that wait and that the latest look did not see."""
        waiting = self._connection.execute("SELECT id FROM files WHERE decided IS NULL").fetchall()
        gone = [(file_id,) for (file_id,) in waiting if file_id not in seen]
        self._connection.executemany("DELETE FROM files WHERE id = ?", gone)

    def forget(self, path: str) -> None:
        """Forget one file: the next look sees it for the first time."""
        self._connection.execute("DELETE FROM files WHERE path = ?", (path,))

    def candidates(self, *, largest: int) -> Iterator[Known]:
        """Yield the whole files that have not been ingested with their options, oldest first."""
        query = f"SELECT {_COLUMNS} FROM files WHERE {_CANDIDATES} ORDER BY mtime_ns, path"  # noqa: S608 - constants
        yield from self._read(query, {"largest": largest, "now": time.time()})

    def waiting(self, limit: int) -> Sequence[Known]:
        """Return the first files by path that are not ingested with the options that hold for them."""
        query = f"SELECT {_COLUMNS} FROM files WHERE decided IS NOT wanted ORDER BY path LIMIT :limit"  # noqa: S608
        return list(self._read(query, {"limit": limit}))

    def _read(self, query: str, values: dict[str, object]) -> Iterator[Known]:
        for row in self._connection.execute(query, values):
            yield Known(*row)

    def count(self, condition: str) -> int:
        """Return the number of files for which the SQL *condition* holds; it must be a constant of the code."""
        query = f"SELECT count(*) FROM files WHERE {condition}"  # noqa: S608
        return int(self._connection.execute(query).fetchone()[0])

    def list_files(self, condition: str, limit: int) -> Sequence[tuple[str, str, str, str, str]]:
        """Return path, original, error, batch and job of files for which the constant SQL *condition* holds."""
        query = (
            "SELECT path, ifnull(original, ''), error, ifnull(batch_id, ''), ifnull(job_id, '')"  # noqa: S608
            f" FROM files WHERE {condition} ORDER BY path LIMIT ?"
        )
        return self._connection.execute(query, (limit,)).fetchall()

    def keep_hash(self, file: Known, sha256: str) -> None:
        """Keep the checksum of a file, as long as its signature is the same."""
        self._connection.execute(
            "UPDATE files SET sha256 = ?, problem = '', tries = 0 WHERE id = ? AND signature = ?",
            (sha256, file.file_id, file.signature),
        )

    def tries(self, path: str) -> int:
        """Return the number of times in a row that a file could not be read."""
        row = self._connection.execute("SELECT tries FROM files WHERE path = ?", (path,)).fetchone()
        return int(row[0]) if row else 0

    def keep_problem(self, path: str, problem: str, *, next_try: float) -> None:
        """Keep the reason why a file could not be read, and the time of the next try (Unix time)."""
        self._connection.execute(
            "UPDATE files SET problem = ?, tries = tries + 1, next_try = ? WHERE path = ?", (problem, next_try, path)
        )

    def decide(
        self, path: str, signature: str, wanted: str, job: tuple[str, str], *, outcome: str, error: str, original: str
    ) -> None:
        """Note as which job (batch and job id) a file is ingested, or which content it repeats."""
        self._connection.execute(
            "UPDATE files SET decided = ?, batch_id = ?, job_id = ?, outcome = ?, error = ?, original = ?,"
            " problem = '', tries = 0, next_try = 0 WHERE path = ? AND signature = ?",
            (wanted, *job, outcome, error, original or None, path, signature),
        )

    def skip(self, files: Iterable[tuple[str, int, int]]) -> None:
        """Note that these files, each with size and mtime, are not to be ingested as long as they stay as they are."""
        self._connection.executemany(
            "UPDATE files SET decided = wanted, outcome = 'skipped' WHERE path = ? AND size = ? AND mtime_ns = ?"
            " AND decided IS NULL",
            files,
        )

    def end(self, job_id: str, stage: Stage, error: str) -> None:
        """Note the outcome of a job."""
        self._connection.execute(
            "UPDATE files SET outcome = ?, error = ? WHERE job_id = ?", (stage.value, error, job_id)
        )

    def fact(self, name: str) -> str:
        """Return a fact that `keep_fact` kept; empty if there is none."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a fact."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def forget_facts(self, beginning: str, *, but: Container[str]) -> None:
        """Forget the facts whose names begin so, except those named in *but*."""
        names = self._connection.execute("SELECT name FROM facts WHERE name GLOB ?", (f"{beginning} *",)).fetchall()
        with self.transaction():
            gone = [(name,) for (name,) in names if name not in but]
            self._connection.executemany("DELETE FROM facts WHERE name = ?", gone)


class Seen:
    """The set of files that a look saw: one bit for each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, file_id: int) -> None:
        """Add a file by its id."""
        byte = file_id >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits) + 4096))
        self._bits[byte] |= 1 << (file_id & 7)
        self.count += 1

    def __contains__(self, file_id: int) -> bool:
        byte = file_id >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & (1 << (file_id & 7)))
