"""The search index: which texts it holds, and which it lacks."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.search.database import Database
from dashboard.search.finding import Findings, Scope, find
from dashboard.search.query import Query
from dashboard.search.texts import JobText, ListedBatch, Sentence
from dashboard.search.words import tokens


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A batch that the index has looked at: when, and when it had changed (Unix times)."""

    looked_at: float
    changed_at: float
    complete: bool
    edit: int = 0
    """Number of the edit that it was looked at with."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A recording whose text is to be indexed, or removed if it is *gone*."""

    recording: int
    job_id: str
    batch_id: str
    signature: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """
    The numbers of recordings in the index, of those that are known and wait, and of those that cannot be read; and of
    those in each language.
    """

    indexed: int
    waiting: int
    unreadable: int
    languages: Mapping[str, int]


class SearchIndex:
    """The index in a database. Methods raise `SearchUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.turn = database.turn

    def batches(self) -> dict[str, LookedAt]:
        """Return the batches that it has looked at."""

        def look(connection: sqlite3.Connection) -> dict[str, LookedAt]:
            rows = connection.execute("SELECT batch_id, looked_at, changed_at, complete, edit FROM batches")
            return {
                batch_id: LookedAt(looked, changed, bool(complete), edit)
                for batch_id, looked, changed, complete, edit in rows
            }

        return self._database.read(look)

    def note(self, batch: ListedBatch) -> None:
        """Note what the store has of the batch: what is new or another text waits to be indexed, the rest is gone."""

        def change(connection: sqlite3.Connection) -> None:
            query = "SELECT job_id, signature, batch_name, title FROM recordings WHERE batch_id = ? AND NOT gone"
            known = {job_id: noted for job_id, *noted in connection.execute(query, (batch.batch_id,))}
            changed = [
                job_id
                for job_id, sign in batch.signatures.items()
                if known.get(job_id) != [sign, batch.name, batch.titles.get(job_id, "")]
            ]
            for job_id in changed:
                _note_recording(connection, batch, job_id)
            gone = known.keys() - batch.signatures.keys()
            connection.executemany("UPDATE recordings SET gone = 1 WHERE job_id = ?", [(each,) for each in gone])
            now = time.time()
            connection.execute(
                "INSERT INTO batches VALUES (:id, :now, :now, :complete, :edit) ON CONFLICT (batch_id) DO UPDATE SET"
                " looked_at = :now, changed_at = iif(:changed, :now, changed_at), complete = :complete, edit = :edit",
                {
                    "id": batch.batch_id,
                    "now": now,
                    "complete": batch.complete,
                    "changed": bool(changed or gone),
                    "edit": batch.edit,
                },
            )

        self._database.change(change)

    def forget_batch(self, batch_id: str) -> None:
        """Find nothing of the batch any more; its texts are removed one by one."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE recordings SET gone = 1 WHERE batch_id = ?", (batch_id,))
            connection.execute("DELETE FROM batches WHERE batch_id = ?", (batch_id,))

        self._database.change(change)

    def forget_job(self, job_id: str) -> None:
        """Find nothing of the job any more until its batch is noted again."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE recordings SET gone = 1 WHERE job_id = ?", (job_id,))

        self._database.change(change)

    def next_undone(self) -> Undone | None:
        """Return a recording to be removed, or the one of the newest batch that waits to be indexed."""

        def look(connection: sqlite3.Connection) -> Undone | None:
            row = connection.execute(
                "SELECT id, job_id, batch_id, signature, gone FROM recordings"
                " WHERE gone OR indexed IS NOT signature ORDER BY gone DESC, batch_id DESC, id LIMIT 1"
            ).fetchone()
            return Undone(*row) if row else None

        return self._database.read(look)

    def put(self, undone: Undone, text: JobText | None, *, problem: str = "") -> None:
        """Put the text of a recording into the index in place of an older one; None: it cannot be read, and why."""

        def change(connection: sqlite3.Connection) -> None:
            recording = undone.recording
            wanted = "SELECT 1 FROM recordings WHERE id = ? AND signature = ? AND NOT gone"
            if connection.execute(wanted, (recording, undone.signature)).fetchone() is None:
                return  # another process has seen that it is gone, or another one
            _remove_sentences(connection, recording)
            first, after = _insert_sentences(connection, text.sentences if text else ())
            connection.execute(
                "UPDATE recordings SET indexed = signature, version = ?, language = ?, problem = ?, first = ?,"
                " after = ? WHERE id = ?",
                (*((text.version, text.language) if text else ("", "")), problem, first, after, recording),
            )

        self._database.change(change)

    def remove(self, undone: Undone) -> None:
        """Remove a recording that is gone."""

        def change(connection: sqlite3.Connection) -> None:
            query = "SELECT path, batch_name, title FROM recordings WHERE id = ? AND gone"
            names = connection.execute(query, (undone.recording,)).fetchone()
            if names is None:
                return
            _remove_sentences(connection, undone.recording)
            _change_names(connection, undone.recording, _names(*names), delete=True)
            connection.execute("DELETE FROM recordings WHERE id = ?", (undone.recording,))
            if connection.execute("SELECT 1 FROM recordings WHERE gone LIMIT 1").fetchone() is None:
                _drop_deleted_words(connection)

        self._database.change(change)

    def counts(self) -> Counts:
        """Return how far it is filled."""

        def look(connection: sqlite3.Connection) -> Counts:
            row = connection.execute(
                "SELECT count(*), ifnull(sum(indexed IS NOT signature), 0),"
                " ifnull(sum(indexed IS signature AND problem != ''), 0) FROM recordings WHERE NOT gone"
            ).fetchone()
            languages = connection.execute(
                "SELECT language, count(*) FROM recordings WHERE language != '' AND NOT gone GROUP BY language"
            )
            return Counts(row[0] - row[1] - row[2], waiting=row[1], unreadable=row[2], languages=dict(languages))

        return self._database.read(look)

    def find(self, query: Query, scope: Scope, *, limit: int, offset: int, hits: int) -> Findings:
        """Return a page of the recordings in which all terms were found, each with at most *hits* sentences."""
        return self._database.read(
            lambda connection: find(connection, query, scope, limit=limit, offset=offset, hits=hits)
        )


def _note_recording(connection: sqlite3.Connection, batch: ListedBatch, job_id: str) -> None:
    path, title = batch.paths.get(job_id, ""), batch.titles.get(job_id, "")
    query = "SELECT id, path, batch_name, title FROM recordings WHERE job_id = ?"
    row = connection.execute(query, (job_id,)).fetchone()
    if row is not None:
        _change_names(connection, row[0], _names(*row[1:]), delete=True)
    values = {"job": job_id, "batch": batch.batch_id, "name": batch.name, "path": path, "title": title}
    recording = connection.execute(
        "INSERT INTO recordings (job_id, batch_id, batch_name, path, title, signature)"
        " VALUES (:job, :batch, :name, :path, :title, :sign) ON CONFLICT (job_id) DO UPDATE"
        " SET batch_name = :name, path = :path, title = :title, signature = :sign, gone = 0 RETURNING id",
        values | {"sign": batch.signatures[job_id]},
    ).fetchone()[0]
    _change_names(connection, recording, _names(path, batch.name, title))


def _names(path: str, batch_name: str, title: str) -> str:
    return " ".join(token.text for token in tokens(f"{path} / {batch_name} / {title}"))


def _change_names(connection: sqlite3.Connection, recording: int, names: str, *, delete: bool = False) -> None:
    if delete:
        connection.execute("INSERT INTO named (named, rowid, tokens) VALUES ('delete', ?, ?)", (recording, names))
    else:
        connection.execute("INSERT INTO named (rowid, tokens) VALUES (?, ?)", (recording, names))


def _insert_sentences(connection: sqlite3.Connection, sentences: Sequence[Sentence]) -> tuple[int | None, int | None]:
    """Insert sentences under ids that follow each other, and return the first id and the one after the last."""
    if not sentences:
        return None, None
    first = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM sentences").fetchone()[0]
    rows = list(enumerate(sentences, first))
    kept = ((number, each.start, each.text) for number, each in rows)
    connection.executemany("INSERT INTO sentences VALUES (?, ?, ?)", kept)
    indexed = ((number, _indexed(each.text)) for number, each in rows)
    connection.executemany("INSERT INTO spoken (rowid, tokens) VALUES (?, ?)", indexed)
    return first, first + len(rows)


def _remove_sentences(connection: sqlite3.Connection, recording: int) -> None:
    first, after = connection.execute("SELECT first, after FROM recordings WHERE id = ?", (recording,)).fetchone()
    if first is None:
        return
    rows = connection.execute("SELECT id, text FROM sentences WHERE id >= ? AND id < ?", (first, after)).fetchall()
    indexed = [(number, _indexed(text)) for number, text in rows]
    connection.executemany("INSERT INTO spoken (spoken, rowid, tokens) VALUES ('delete', ?, ?)", indexed)
    connection.execute("DELETE FROM sentences WHERE id >= ? AND id < ?", (first, after))
    connection.execute("UPDATE recordings SET first = NULL, after = NULL WHERE id = ?", (recording,))


def _drop_deleted_words(connection: sqlite3.Connection) -> None:
    """Write the full-text indexes once more: until then they keep deleted words. It takes a second per 1000 hours."""
    connection.execute("INSERT INTO spoken (spoken) VALUES ('optimize')")
    connection.execute("INSERT INTO named (named) VALUES ('optimize')")


def _indexed(text: str) -> str:
    return " ".join(token.text for token in tokens(text))
