"""Finding words in the index: recordings, the best first, each with the sentences that fit best."""

import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboard.search.query import Query

MOST_SENTENCES = 20_000
"""Sentences that are ranked; of a word that is said more often, those that were indexed last."""


_MATCHES = "SELECT rowid, bm25({0}) FROM {0} WHERE {0} MATCH ? ORDER BY rowid DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Indexed:
    """A recording in the index; its sentences have the ids from *first* up to *after*."""

    recording: int
    job_id: str
    batch_id: str
    batch_name: str
    path: str
    version: str
    first: int
    after: int


@dataclass(slots=True)
class Found:
    """A recording in which a search found something: in its names, or in sentences, the best of them first."""

    indexed: Indexed
    score: float = 0.0
    sentences: list[tuple[float, int]] = field(default_factory=list)

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
    rows = connection.execute(
        "SELECT id, job_id, batch_id, batch_name, path, version, ifnull(first, 0), ifnull(after, 0) FROM recordings"
        " WHERE NOT gone ORDER BY first"
    )
    indexed = [Indexed(*row) for row in rows]
    spoken = connection.execute(_MATCHES.format("spoken"), (query.expression, MOST_SENTENCES + 1)).fetchall()
    named = connection.execute(_MATCHES.format("named"), (query.expression, MOST_SENTENCES)).fetchall()
    found: dict[int, Found] = {}
    _add_sentences(found, indexed, spoken[:MOST_SENTENCES])
    _add_names(found, indexed, named)
    ranked = sorted(found.values(), key=lambda one: one.indexed.path)
    ranked.sort(key=lambda one: one.indexed.batch_id, reverse=True)
    ranked.sort(key=lambda one: round(one.score, 1))
    return Findings(ranked, cut=len(spoken) > MOST_SENTENCES)


def _add_sentences(found: dict[int, Found], indexed: Sequence[Indexed], spoken: Sequence[tuple[int, float]]) -> None:
    starts = [each.first for each in indexed]
    for sentence, score in spoken:
        place = bisect_right(starts, sentence) - 1
        if place >= 0 and sentence < indexed[place].after:  # else it is of a recording that is gone
            one = found.setdefault(indexed[place].recording, Found(indexed[place]))
            one.sentences.append((score, sentence))
            one.score = min(one.score, score)
    for one in found.values():
        one.sentences.sort(key=lambda match: (round(match[0], 1), match[1]))


def _add_names(found: dict[int, Found], indexed: Sequence[Indexed], named: Sequence[tuple[int, float]]) -> None:
    by_id = {each.recording: each for each in indexed}
    for recording, score in named:
        if recording in by_id:
            one = found.setdefault(recording, Found(by_id[recording]))
            one.score = min(one.score, score)
