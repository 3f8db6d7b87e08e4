"""Search service: answers searches from the index, and never with what the store no longer has."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from anyio import CapacityLimiter
from pydantic import Field

from dashboard.search.database import Database
from dashboard.search.finding import Found, Scope
from dashboard.search.index import SearchIndex
from dashboard.search.indexer import Indexer
from dashboard.search.query import Query
from dashboard.search.texts import newest_version
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import StoredModel
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

SEARCH_THREADS = CapacityLimiter(2)
TRIES = 3
"""Searches that one answer may take: after each, what the store has lost meanwhile is dropped."""


EVERYTHING = Scope()


class MarkedText(StoredModel):
    """A text with the parts that were looked for."""

    text: str
    marks: tuple[tuple[int, int], ...] = Field(description="start and end of each part, in Unicode characters")


class Hit(MarkedText):
    """A sentence, or a passage of some, in which all words were found."""

    start: float | None = Field(description="second at which it begins; null if the text has no times")


class RecordingFound(StoredModel):
    """A recording in whose sentences or names all words were found."""

    job_id: str
    batch_id: str
    batch_name: MarkedText
    path: MarkedText
    title: MarkedText = Field(description="what users call it; an empty text if nothing but its path")
    total_hits: int = Field(description="sentences found in it")
    hits: tuple[Hit, ...] = Field(description="the best of them first")


class IndexState(StoredModel):
    """The part of the store that the index has by now."""

    recordings: int = Field(description="transcripts that are searched")
    waiting: int = Field(description="transcripts that are not in it yet")
    unreadable: int = Field(description="transcripts that are damaged")
    languages: dict[str, int] = Field(description="transcripts in each language, by its code")
    counting: bool = Field(description="true while there are batches whose transcripts are not counted yet")


class SearchAnswer(StoredModel):
    """A page of the recordings that were found, the best first."""

    total: int = Field(description="recordings found")
    total_hits: int = Field(description="sentences found in all of them")
    cut: bool = Field(description="true if there are more than 20,000 sentences: those indexed last are told, unranked")
    spread: bool = Field(description="true if no sentence has all words: hits are passages of up to five")
    recordings: tuple[RecordingFound, ...]
    index: IndexState


class SearchService:
    """Searches the transcripts. Methods raise `SearchInvalid`, `SearchUnavailable` and `StoreUnavailable`."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._index = SearchIndex(Database(folder))
        self.indexer = Indexer(store, self._index)

    async def search(
        self, typed: str, scope: Scope = EVERYTHING, *, limit: int, offset: int = 0, hits: int
    ) -> SearchAnswer:
        """Return recordings from *offset* on, each with at most *hits* sentences."""
        query = Query.parse(typed)
        for _ in range(TRIES):
            find = partial(self._index.find, query, scope, limit=limit, offset=offset, hits=hits)
            findings = await in_thread(SEARCH_THREADS, find)
            outdated = await self._drop_outdated(findings.page)
            if not outdated:
                break
        return SearchAnswer(
            total=findings.total,
            total_hits=findings.total_hits,
            cut=findings.cut,
            spread=findings.spread,
            recordings=tuple(_told(query, one) for one in findings.page if one.job_id not in outdated),
            index=await self.state(),
        )

    async def state(self) -> IndexState:
        """Return how far the index is filled."""
        counts = await in_thread(SEARCH_THREADS, self._index.counts)
        return IndexState(
            recordings=counts.indexed,
            waiting=counts.waiting,
            unreadable=counts.unreadable,
            languages=dict(counts.languages),
            counting=self.indexer.is_counting,
        )

    async def _drop_outdated(self, page: Sequence[Found]) -> frozenset[str]:
        """Drop from the index what the store no longer has, and return the jobs of *page* that this concerns."""
        batches = sorted({one.batch_id for one in page})
        stands = await asyncio.gather(*(in_thread(STORE_THREADS, self._stands, batch_id) for batch_id in batches))
        dismissed = {batch_id for batch_id, there in zip(batches, stands, strict=True) if not there}
        for batch_id in dismissed:
            await in_thread(SEARCH_THREADS, self._index.forget_batch, batch_id)
            self.indexer.touch(batch_id)
        standing = [one for one in page if one.batch_id not in dismissed]
        versions = await asyncio.gather(
            *(in_thread(STORE_THREADS, newest_version, self._store, one.batch_id, one.job_id) for one in standing)
        )
        changed = [one for one, version in zip(standing, versions, strict=True) if one.outdated_by(version)]
        for one in changed:
            await in_thread(SEARCH_THREADS, self._index.forget_job, one.job_id)
            self.indexer.touch(one.batch_id)
        return frozenset(one.job_id for one in page if one.batch_id in dismissed or one in changed)

    def _stands(self, batch_id: str) -> bool:
        return self._store.stat(BatchKeys.of(batch_id).batch) is not None


def _told(query: Query, found: Found) -> RecordingFound:
    snippets = [(sentence, query.snippet(sentence.text)) for sentence in found.hits]
    return RecordingFound(
        job_id=found.job_id,
        batch_id=found.batch_id,
        batch_name=MarkedText(text=found.batch_name, marks=query.marks(found.batch_name)),
        path=MarkedText(text=found.path, marks=query.marks(found.path)),
        title=MarkedText(text=found.title, marks=query.marks(found.title)),
        total_hits=found.total_hits,
        hits=tuple(Hit(text=each.text, marks=each.marks, start=sentence.start) for sentence, each in snippets),
    )
