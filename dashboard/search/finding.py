"""Finding words in the index: recordings, the best first, each with the sentences that fit best."""

import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.search.query import Query

MOST_SENTENCES = 20_000
"""Sentences that are ranked. Of words that are said more often, those that were indexed last are found, unranked."""

_MATCHES = "SELECT rowid, {score} FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Indexed:
    """A recording in the index."""

    recording: int
    job_id: str
    batch_id: str
    batch_name: str
    path: str
    version: str


@dataclass(frozen=True, slots=True)
class _Match:
    """A row in which all terms were found. The better it fits, the more its score is below 0."""

    row: int
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """A recording in which a search found something: in its names, or in sentences, whose ids it has, best first."""

    indexed: Indexed
    score: float = 0.0
    sentences: Sequence[int] = ()

    def outdated_by(self, version: str | None) -> bool:
        """Check whether *version*, the store's newest, is another one than was found; None: it has no text any more."""
        return version is None or (self.indexed.version not in ("", version))


@dataclass(frozen=True, slots=True)
class Findings:
    """All recordings that were found, the best first; *cut* if a word is said too often to rank all sentences."""

    recordings: Sequence[Found]
    cut: bool


def find(connection: sqlite3.Connection, query: Query) -> Findings:
    """
    Return the recordings of whose sentences one holds all terms, or whose names do; the best first.

    How well one fits is told by its best sentence (BM25, to a tenth); of equals, the newest batch comes first.
    """
    spoken = _matches(connection, "spoken", query, ranked=False)
    cut = len(spoken) > MOST_SENTENCES
    if spoken and not cut:
        spoken = _matches(connection, "spoken", query)
    sentences = _by_recording(connection, spoken[:MOST_SENTENCES])
    named = {match.row: match.score for match in _matches(connection, "named", query)}
    found = [
        Found(
            indexed,
            score=min([named.get(indexed.recording, 0.0), *(match.score for match in sentences[indexed.recording])]),
            sentences=[match.row for match in sorted(sentences[indexed.recording], key=_rank)],
        )
        for indexed in _indexed(connection, sentences.keys() | named.keys())
    ]
    found.sort(key=lambda one: one.indexed.path)
    found.sort(key=lambda one: one.indexed.batch_id, reverse=True)
    found.sort(key=lambda one: round(one.score, 1))
    return Findings(found, cut)


def _matches(connection: sqlite3.Connection, table: str, query: Query, *, ranked: bool = True) -> list[_Match]:
    statement = _MATCHES.format(table=table, score=f"bm25({table})" if ranked else "0.0")
    rows = connection.execute(statement, (query.expression, MOST_SENTENCES + 1))
    return [_Match(row, score) for row, score in rows]


def _rank(match: _Match) -> tuple[float, int]:
    return round(match.score, 1), match.row


def _by_recording(connection: sqlite3.Connection, spoken: Sequence[_Match]) -> Mapping[int, list[_Match]]:
    """Return the sentences by the recording whose they are; those that are of none any more are left out."""
    found: defaultdict[int, list[_Match]] = defaultdict(list)
    if spoken:
        query = "SELECT first, after, id FROM recordings WHERE first IS NOT NULL AND NOT gone ORDER BY first"
        spans = connection.execute(query).fetchall()
        firsts = [first for first, _, _ in spans]
        for match in spoken:
            place = bisect_right(firsts, match.row) - 1
            if place >= 0 and match.row < spans[place][1]:
                found[spans[place][2]].append(match)
    return found


def _indexed(connection: sqlite3.Connection, recordings: Iterable[int]) -> list[Indexed]:
    """Return the recordings with these ids, but for those that are gone."""
    connection.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO wanted VALUES (?)", ((each,) for each in recordings))
    rows = connection.execute(
        "SELECT id, job_id, batch_id, batch_name, path, version FROM wanted JOIN recordings USING (id) WHERE NOT gone"
    )
    return [Indexed(*row) for row in rows]
