"""
Follow the store: index the texts of jobs as they are published, and remove those that are gone.

It hears of most changes from the dashboard itself (`touch`). For all others it lists the batches once a minute, and
looks at a batch the less often the longer it has not changed. While there is much to do it rests as long as it works,
so that the pages stay quick.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Mapping
from functools import partial

from anyio import CapacityLimiter

from dashboard.search.index import LookedAt, SearchIndex, Undone
from dashboard.search.texts import JobText, ListedBatch, list_batch, newest_text
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import BATCH_ID
from tasks.errors import NotFound, RecordDamaged, TranscriptionError, Unreadable
from tasks.storage.base import Store
from tasks.storage.edits import newest_edits
from tasks.storage.keys import BATCHES, BatchKeys
from tasks.storage.records import distinguish_outage

INDEX_THREADS = CapacityLimiter(1)
"""Apart from those that answer searches."""

SECONDS_BETWEEN_LISTINGS = 60.0
SECONDS_BETWEEN_TRIES = 10.0
SECONDS_OF_OTHERS = 1.0
"""Pause while another process fills the same index."""

LOOKS_AT_ONCE = 20
"""Batches that are looked at before the next text is indexed, so that texts need not wait for thousands of looks."""

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
        self._due: list[str] = []
        self._unread: set[str] | None = None
        self._woken = asyncio.Event()
        self._listed_at = float("-inf")

    @property
    def is_counting(self) -> bool:
        """True while there are batches that were never looked at, or may be."""
        return self._unread is None or bool(self._unread)

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
        told = ""
        while True:
            began = time.monotonic()
            try:
                pause = time.monotonic() - began if await self.step() else await self._pause()
                told = ""
            except TranscriptionError as error:
                if str(error) != told:
                    logger.warning("The index of the search is not filled now: %s", error)
                told, pause = str(error), SECONDS_BETWEEN_TRIES
            await self._wait(pause)

    async def step(self) -> bool:
        """List, look at a few batches and index one text, as far as they are due; return whether one of them was."""
        now = time.monotonic()
        if now - self._listed_at >= SECONDS_BETWEEN_LISTINGS:
            await self._list()
            self._listed_at = now
        looks = await self._look_at_some()
        return await in_thread(INDEX_THREADS, self._do_next) or looks > 0

    async def catch_up(self) -> None:
        """Take steps until nothing is left to do."""
        while await self.step():
            pass

    async def _pause(self) -> float:
        """Return the seconds until the next listing; fewer while another process fills the index."""
        if (await in_thread(INDEX_THREADS, self._index.counts)).waiting:
            return SECONDS_OF_OTHERS
        return max(0.0, self._listed_at + SECONDS_BETWEEN_LISTINGS - time.monotonic())

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()

    async def _list(self) -> None:
        """Find out which batches are new, due or gone."""
        listed = await in_thread(STORE_THREADS, lambda: set(filter(BATCH_ID.fullmatch, self._store.folders(BATCHES))))
        edits = await in_thread(STORE_THREADS, newest_edits, self._store)
        known = await in_thread(INDEX_THREADS, self._index.batches)
        self._due = sorted(due(listed, known, time.time(), edits))
        self._unread = listed - known.keys()

    async def _look_at_some(self) -> int:
        """Look at batches that were touched, then at the newest that are due, and return the number of looks."""
        looks = 0
        while looks < LOOKS_AT_ONCE and (self._touched or self._due):
            batch_id = next(iter(self._touched), None) or self._due[-1]
            await in_thread(STORE_THREADS, self._look, batch_id)
            self._touched.discard(batch_id)
            if self._due[-1:] == [batch_id]:
                self._due.pop()
            if self._unread:
                self._unread.discard(batch_id)
            looks += 1
        return looks

    def _look(self, batch_id: str) -> None:
        """Note what the store has of a batch; of one whose records are damaged, that is nothing."""
        what = f"Batch {batch_id}"
        try:
            listed = distinguish_outage(self._store, what, lambda: list_batch(self._store, batch_id))
        except NotFound:
            self._index.forget_batch(batch_id)
            return
        except (RecordDamaged, Unreadable) as error:
            logger.warning("The search leaves out a batch: %s", error)
            listed = ListedBatch(batch_id, "", {}, {}, {}, 0)
        self._index.note(listed)

    def _do_next(self) -> bool:
        """Index or remove one text, and return whether there was one and no other process at it."""
        with self._index.turn() as ours:
            undone = self._index.next_undone() if ours else None
            if undone is None:
                return False
            if undone.gone:
                self._index.remove(undone)
                return True
            text, problem = self._read(undone)
            self._index.put(undone, text, problem=problem)
            return True

    def _read(self, undone: Undone) -> tuple[JobText | None, str]:
        """Return the text of a recording, or None and the reason why it cannot be read."""
        what = f"The transcript of job {undone.job_id}"
        try:
            read = partial(newest_text, self._store, undone.batch_id, undone.job_id)
            return distinguish_outage(self._store, what, read), ""
        except (NotFound, RecordDamaged, Unreadable) as error:
            if self._store.stat(BatchKeys.of(undone.batch_id).batch) is None:  # it was dismissed in this moment
                self._index.forget_batch(undone.batch_id)
            else:
                logger.warning("The search leaves out job %s: %s", undone.job_id, error)
            return None, str(error)


def due(listed: Collection[str], known: Mapping[str, LookedAt], now: float, edits: Mapping[str, int]) -> set[str]:
    """
    Return the batches that are to be looked at: the new ones, those that are gone, those whose pause is over, and those
    that were edited since. *edits* are the numbers of their newest edits.
    """
    new_or_gone = set(listed) ^ known.keys()
    return new_or_gone | {
        batch_id
        for batch_id, looked in known.items()
        if now >= looked.looked_at + pause_after(looked) or looked.edit < edits.get(batch_id, 0)
    }


def pause_after(looked: LookedAt) -> float:
    """Return the seconds after which a batch is looked at again: the longer it has been quiet, the more."""
    longest = LONGEST_PAUSE_OF_COMPLETE if looked.complete else LONGEST_PAUSE
    quiet = looked.looked_at - looked.changed_at
    return min(max(SECONDS_BETWEEN_LISTINGS, quiet * SHARE_OF_QUIET), longest)
