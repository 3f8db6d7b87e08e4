"""Finding words in the index: recordings, the best first, each with the sentences that fit best."""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dashboard.search.passages import passages
from dashboard.search.query import Query
from dashboard.search.texts import Sentence

MOST_SENTENCES = 20_000
"""Sentences that are ranked. Of words that are said more often, those that were indexed last are found, unranked."""

_MATCHES = (
    "SELECT rowid, {score} FROM {table} WHERE {table} MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?"
)
_IN_SCOPE = """
SELECT id, ifnull(first, 0), ifnull(after, 0), batch_id, path FROM recordings
WHERE NOT gone AND :batch IN ('', batch_id) AND :language IN ('', language) AND batch_id >= :since AND batch_id < :after
  AND (:batches IS NULL OR batch_id IN (SELECT value FROM json_each(:batches)))
ORDER BY first
"""
_ALL_ROWS = (0, 2**62)


@dataclass(frozen=True, slots=True)
class Scope:
    """The recordings in which is searched: of one batch, in one language, of batches of some days or ids; or all."""

    batch_id: str = ""
    language: str = ""
    since: date | None = None
    until: date | None = None
    batches: frozenset[str] | None = None

    @property
    def values(self) -> dict[str, str | None]:
        """The values of the query for its recordings. The id of a batch begins with its day (UTC)."""
        after = f"{self.until + timedelta(days=1):%Y%m%d}" if self.until and self.until < date.max else "~"
        since = f"{self.since:%Y%m%d}" if self.since else ""
        batches = None if self.batches is None else json.dumps(sorted(self.batches))
        return {"batch": self.batch_id, "language": self.language, "since": since, "after": after, "batches": batches}


@dataclass(frozen=True, slots=True)
class Found:
    """A recording in which a search found something: in its names, or in sentences."""

    job_id: str
    batch_id: str
    batch_name: str
    path: str
    title: str
    version: str
    total_hits: int
    hits: tuple[Sentence, ...]
    """The best of its sentences."""

    def outdated_by(self, version: str | None) -> bool:
        """Check whether *version*, the store's newest, is another one than was found; None: it has no text any more."""
        return version is None or (self.version not in ("", version))


@dataclass(frozen=True, slots=True)
class Findings:
    """
    A page of the recordings that were found; *cut* if a word is said too often to rank all sentences, *spread* if no
    sentence has all words, so that the hits are passages of several.
    """

    total: int
    total_hits: int
    cut: bool
    spread: bool
    page: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class _Match:
    """Rows in which all terms were found: mostly one alone. The better they fit, the more the score is below 0."""

    row: int
    score: float
    last: int

    @property
    def rank(self) -> tuple[float, int]:
        return round(self.score, 1), self.row


@dataclass(frozen=True, slots=True)
class _Indexed:
    """A recording in the index; its sentences have the ids from *first* up to *after*."""

    recording: int
    first: int
    after: int
    batch_id: str
    path: str


def find(connection: sqlite3.Connection, query: Query, scope: Scope, *, limit: int, offset: int, hits: int) -> Findings:
    """
    Return a page of the recordings of whose sentences one holds all terms, or whose names do; the best first.

    How well one fits is told by its best sentence (BM25, to a tenth); of equals, the newest batch comes first.
    """
    indexed = [_Indexed(*row) for row in connection.execute(_IN_SCOPE, scope.values)]
    if not indexed:
        return Findings(0, 0, cut=False, spread=False, page=())
    matches, cut = _find_sentences(connection, query, indexed)
    spread = not matches and len(query.terms) > 1
    if spread:
        matches, cut = _find_passages(connection, query, indexed)
    sentences = _by_recording(matches, indexed)
    named = {match.row: match for match in _matches(connection, "named", query.expression)}
    scores = {
        each.recording: min(match.score for match in [*sentences.get(each.recording, ()), *filter(None, [name])])
        for each in indexed
        if (name := named.get(each.recording)) or each.recording in sentences
    }
    found = sorted((each for each in indexed if each.recording in scores), key=lambda one: one.path)
    found.sort(key=lambda one: one.batch_id, reverse=True)
    found.sort(key=lambda one: round(scores[one.recording], 1))
    page = found[offset : offset + limit]
    told = tuple(_told(connection, each.recording, sentences.get(each.recording, []), hits) for each in page)
    total_hits = sum(map(len, sentences.values()))
    return Findings(len(found), total_hits, cut, spread and total_hits > 0, told)


def _find_sentences(
    connection: sqlite3.Connection, query: Query, indexed: Sequence[_Indexed]
) -> tuple[list[_Match], bool]:
    """Return the sentences with all terms, and whether there are more than are ranked."""
    rows = _rows_of(indexed)
    matches = _matches(connection, "spoken", query.expression, rows=rows, ranked=False)
    if len(matches) > MOST_SENTENCES:
        return matches[:MOST_SENTENCES], True
    return _matches(connection, "spoken", query.expression, rows=rows) if matches else [], False


def _find_passages(
    connection: sqlite3.Connection, query: Query, indexed: Sequence[_Indexed]
) -> tuple[list[_Match], bool]:
    """Return the passages with all terms, the shortest as the best, and whether a term is said too often to see all."""
    rows_of_terms = []
    for term in query.terms:
        matches = _matches(connection, "spoken", term.expression, rows=_rows_of(indexed), ranked=False)
        if not matches:
            return [], False
        rows_of_terms.append([match.row for match in matches])
    found = [_Match(first, -1 / (1 + last - first), last) for first, last in passages(rows_of_terms)]
    return found, any(len(rows) > MOST_SENTENCES for rows in rows_of_terms)


def _by_recording(matches: Sequence[_Match], indexed: Sequence[_Indexed]) -> dict[int, list[_Match]]:
    """Return the matches by the recording whose they are; none of one that is gone, or not of the scope."""
    firsts = [each.first for each in indexed]
    found: dict[int, list[_Match]] = {}
    for match in matches:
        one = indexed[max(0, bisect_right(firsts, match.row) - 1)]
        if one.first <= match.row and match.last < one.after:
            found.setdefault(one.recording, []).append(match)
    return found


def _rows_of(indexed: Sequence[_Indexed]) -> tuple[int, int]:
    return min(each.first for each in indexed), max(each.after for each in indexed)


def _matches(
    connection: sqlite3.Connection,
    table: str,
    expression: str,
    *,
    rows: tuple[int, int] = _ALL_ROWS,
    ranked: bool = True,
) -> list[_Match]:
    statement = _MATCHES.format(table=table, score=f"bm25({table})" if ranked else "0.0")
    found = connection.execute(statement, (expression, *rows, MOST_SENTENCES + 1))
    return [_Match(row, score, last=row) for row, score in found]


def _told(connection: sqlite3.Connection, recording: int, matches: Sequence[_Match], hits: int) -> Found:
    query = "SELECT job_id, batch_id, batch_name, path, title, version FROM recordings WHERE id = ?"
    job_id, batch_id, batch_name, path, title, version = connection.execute(query, (recording,)).fetchone()
    best = sorted(matches, key=lambda match: match.rank)[:hits]
    shown = tuple(_text_of(connection, match) for match in best)
    return Found(job_id, batch_id, batch_name, path, title, version, len(matches), shown)


def _text_of(connection: sqlite3.Connection, match: _Match) -> Sentence:
    query = "SELECT text, start FROM sentences WHERE id BETWEEN ? AND ? ORDER BY id"
    rows = connection.execute(query, (match.row, match.last)).fetchall()
    return Sentence(" ".join(text for text, _ in rows), rows[0][1])
