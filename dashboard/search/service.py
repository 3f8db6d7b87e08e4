"""Search service: answers searches from the index, and never with what the store no longer has."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio import CapacityLimiter
from pydantic import Field

from dashboard.search.database import Database
from dashboard.search.finding import Findings, Found
from dashboard.search.index import SearchIndex
from dashboard.search.indexer import Indexer
from dashboard.search.query import Query, Snippet
from dashboard.search.texts import Sentence, newest_version
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import StoredModel
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

SEARCH_THREADS = CapacityLimiter(2)
TRIES = 3
"""Searches that one answer may take: after each, what the store has lost meanwhile is dropped."""


class MarkedText(StoredModel):
    """A text with the parts that were looked for."""

    text: str
    marks: tuple[tuple[int, int], ...] = Field(description="start and end of each part, in Unicode characters")

    @classmethod
    def of(cls, snippet: Snippet) -> "MarkedText":
        """Return the text of *snippet*."""
        return cls(text=snippet.text, marks=snippet.marks)


class Hit(MarkedText):
    """A sentence in which all words were found."""

    start: float | None = Field(description="second at which it begins; null if the text has no times")


class RecordingFound(StoredModel):
    """A recording in whose sentences or names all words were found."""

    job_id: str
    batch_id: str
    batch_name: MarkedText
    path: MarkedText
    total_hits: int = Field(description="sentences found in it")
    hits: tuple[Hit, ...] = Field(description="the best of them first")


class IndexState(StoredModel):
    """How far the index is filled."""

    recordings: int = Field(description="transcripts that are searched")
    waiting: int = Field(description="transcripts that are not in it yet")
    unreadable: int = Field(description="transcripts that are damaged or have no text")
    counting: bool = Field(description="true while there are batches whose transcripts are not counted yet")


class SearchAnswer(StoredModel):
    """A page of the recordings that were found, the best first."""

    total: int = Field(description="recordings found")
    total_hits: int = Field(description="sentences found in all of them")
    cut: bool = Field(description="true if there are more than 20,000 sentences: those indexed last are told, unranked")
    recordings: tuple[RecordingFound, ...]
    index: IndexState


class SearchService:
    """Searches the transcripts. Methods raise `SearchInvalid`, `SearchUnavailable` and `StoreUnavailable`."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._index = SearchIndex(Database(folder))
        self.indexer = Indexer(store, self._index)

    async def search(self, typed: str, *, limit: int, offset: int = 0, hits: int) -> SearchAnswer:
        """Return recordings from *offset* on, each with at most *hits* sentences."""
        query = Query.parse(typed)
        for _ in range(TRIES):
            findings = await in_thread(SEARCH_THREADS, self._index.find, query)
            page = findings.recordings[offset : offset + limit]
            outdated = await self._drop_outdated(page)
            if not outdated:
                break
        shown = [one for one in page if one.indexed.job_id not in outdated]
        return await self._answer(query, findings, shown, hits)

    async def state(self) -> IndexState:
        """Return how far the index is filled."""
        counts = await in_thread(SEARCH_THREADS, self._index.counts)
        unread = self.indexer.unread_batches
        return IndexState(
            recordings=counts.indexed,
            waiting=counts.waiting,
            unreadable=counts.unreadable,
            counting=unread is None or unread > 0,
        )

    async def _answer(self, query: Query, findings: Findings, shown: Sequence[Found], hits: int) -> SearchAnswer:
        wanted = [sentence for one in shown for sentence in one.sentences[:hits]]
        sentences = await in_thread(SEARCH_THREADS, self._index.sentences, wanted)
        return SearchAnswer(
            total=len(findings.recordings),
            total_hits=sum(len(one.sentences) for one in findings.recordings),
            cut=findings.cut,
            recordings=tuple(_told(query, one, sentences, hits) for one in shown),
            index=await self.state(),
        )

    async def _drop_outdated(self, page: Sequence[Found]) -> frozenset[str]:
        """Drop from the index what the store no longer has, and return the jobs of *page* that this concerns."""
        batches = sorted({one.indexed.batch_id for one in page})
        stands = await asyncio.gather(*(in_thread(STORE_THREADS, self._stands, batch_id) for batch_id in batches))
        dismissed = {batch_id for batch_id, there in zip(batches, stands, strict=True) if not there}
        for batch_id in dismissed:
            await in_thread(SEARCH_THREADS, self._index.forget_batch, batch_id)
            self.indexer.touch(batch_id)
        standing = [one for one in page if one.indexed.batch_id not in dismissed]
        versions = await asyncio.gather(
            *(
                in_thread(STORE_THREADS, newest_version, self._store, one.indexed.batch_id, one.indexed.job_id)
                for one in standing
            )
        )
        changed = [one for one, version in zip(standing, versions, strict=True) if one.outdated_by(version)]
        for one in changed:
            await in_thread(SEARCH_THREADS, self._index.forget_job, one.indexed.job_id)
            self.indexer.touch(one.indexed.batch_id)
        return frozenset(one.indexed.job_id for one in page if one.indexed.batch_id in dismissed or one in changed)

    def _stands(self, batch_id: str) -> bool:
        return self._store.stat(BatchKeys.of(batch_id).batch) is not None


def _told(query: Query, found: Found, sentences: Mapping[int, Sentence], hits: int) -> RecordingFound:
    shown = [sentences[number] for number in found.sentences[:hits] if number in sentences]
    snippets = [(sentence, query.snippet(sentence.text)) for sentence in shown]
    return RecordingFound(
        job_id=found.indexed.job_id,
        batch_id=found.indexed.batch_id,
        batch_name=MarkedText(text=found.indexed.batch_name, marks=query.marks(found.indexed.batch_name)),
        path=MarkedText(text=found.indexed.path, marks=query.marks(found.indexed.path)),
        total_hits=len(found.sentences),
        hits=tuple(Hit(text=each.text, marks=each.marks, start=sentence.start) for sentence, each in snippets),
    )
