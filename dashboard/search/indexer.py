"""
Follow the store: index the texts of jobs as they are published, and remove those that are gone.

It hears of most changes from the dashboard itself (`touch`). For all others it lists the batches once a minute, and
looks at a batch the less often the longer it has not changed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Mapping

from anyio import CapacityLimiter

from dashboard.search.index import ListedBatch, LookedAt, SearchIndex
from dashboard.search.texts import listed_versions, newest_text
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import BATCH_ID, Batch, Manifest
from tasks.errors import NotFound, RecordDamaged, SearchUnavailable, StoreUnavailable
from tasks.storage.base import Store
from tasks.storage.keys import BATCHES, BatchKeys
from tasks.storage.records import parse_record

INDEX_THREADS = CapacityLimiter(1)
"""Apart from those that answer searches."""

SECONDS_BETWEEN_LISTINGS = 60.0
SECONDS_BETWEEN_TRIES = 10.0
SECONDS_OF_OTHERS = 1.0
"""Pause while another process fills the same index."""

SHARE_OF_QUIET = 0.05
"""A batch that has not changed for an hour is looked at again after three minutes."""

LONGEST_PAUSE = 3600.0
LONGEST_PAUSE_OF_COMPLETE = 24 * 3600.0

logger = logging.getLogger(__name__)


class Indexer:
    """Keeps the index in step with the store, in steps of one batch's listing or one text, each in a thread."""

    def __init__(self, store: Store, index: SearchIndex) -> None:
        self._store = store
        self._index = index
        self._touched: set[str] = set()
        self._woken = asyncio.Event()
        self._listed_at = float("-inf")
        self.unread_batches: int | None = None
        """The number of batches that were never looked at; None before the first listing."""

    def touch(self, batch_id: str) -> None:
        """Look at the batch soon: something of it was published or removed."""
        self._touched.add(batch_id)
        self._woken.set()

    def list_now(self) -> None:
        """Have the next step list the batches, however short ago the last one did."""
        self._listed_at = float("-inf")
        self._woken.set()

    async def follow(self) -> None:
        """Follow the store for as long as the dashboard runs."""
        while True:
            try:
                pause = await self.step()
            except (StoreUnavailable, SearchUnavailable) as error:
                logger.warning("The index of the search is not filled now: %s", error)
                pause = SECONDS_BETWEEN_TRIES
            if pause:
                await self._wait(pause)

    async def step(self) -> float:
        """List, look at batches or index one text, whatever is due, and return the pause until the next step."""
        now = time.monotonic()
        if now - self._listed_at >= SECONDS_BETWEEN_LISTINGS:
            await self._list()
            self._listed_at = now
        while self._touched:
            await in_thread(STORE_THREADS, self._look, self._touched.pop())
        if await in_thread(INDEX_THREADS, self._do_next):
            return 0.0
        waits = (await in_thread(INDEX_THREADS, self._index.counts)).waiting > 0
        return SECONDS_OF_OTHERS if waits else max(0.0, self._listed_at + SECONDS_BETWEEN_LISTINGS - time.monotonic())

    async def catch_up(self) -> None:
        """Take steps until nothing is left to do."""
        while await self.step() == 0.0:
            pass

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()

    async def _list(self) -> None:
        """Look at the batches that are new, due or gone, the newest first."""
        listed = await in_thread(STORE_THREADS, lambda: set(filter(BATCH_ID.fullmatch, self._store.folders(BATCHES))))
        known = await in_thread(INDEX_THREADS, self._index.batches)
        self.unread_batches = len(listed - known.keys())
        for batch_id in sorted(_due(listed, known, time.time()), reverse=True):
            await in_thread(STORE_THREADS, self._look, batch_id)
            self.unread_batches = max(0, self.unread_batches - (batch_id not in known))

    def _look(self, batch_id: str) -> None:
        """Note what the store has of a batch. One whose records are damaged is left as it is: the list names it."""
        keys = BatchKeys.of(batch_id)
        try:
            batch = parse_record(Batch, self._store.read(keys.batch), keys.batch)
            signatures = listed_versions(self._store, batch_id)
            manifest = parse_record(Manifest, self._store.read(keys.manifest), keys.manifest) if signatures else None
        except NotFound:
            self._index.forget_batch(batch_id)
        except RecordDamaged as error:
            logger.warning("The search leaves out a batch: %s", error)
        else:
            jobs = manifest.jobs if manifest else ()
            paths = {job.job_id: job.path for job in jobs}
            kept = {job_id: sign for job_id, sign in signatures.items() if job_id in paths}
            self._index.note(ListedBatch(batch_id, batch.name, paths, kept))

    def _do_next(self) -> bool:
        """Index or remove one text, and return whether there was one and no other process at it."""
        with self._index.turn() as ours:
            undone = self._index.next_undone() if ours else None
            if undone is None:
                return False
            if undone.gone:
                self._index.remove(undone)
                return True
            try:
                text, problem = newest_text(self._store, undone.batch_id, undone.job_id), ""
            except (NotFound, RecordDamaged) as error:
                text, problem = None, str(error)
                logger.warning("The search leaves out job %s: %s", undone.job_id, error)
            self._index.put(undone, text, problem=problem)
            return True


def _due(listed: Collection[str], known: Mapping[str, LookedAt], now: float) -> set[str]:
    """Return the batches that are to be looked at: the new ones, those that are gone, and those whose pause is over."""
    new_or_gone = set(listed) ^ known.keys()
    return new_or_gone | {batch_id for batch_id, looked in known.items() if now >= looked.looked_at + pause(looked)}


def pause(looked: LookedAt) -> float:
    """Return the seconds after which a batch is looked at again: the longer it has been quiet, the more."""
    longest = LONGEST_PAUSE_OF_COMPLETE if looked.complete else LONGEST_PAUSE
    quiet = looked.looked_at - looked.changed_at
    return min(max(SECONDS_BETWEEN_LISTINGS, quiet * SHARE_OF_QUIET), longest)
