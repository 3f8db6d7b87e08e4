"""Cache of the edits of batches: all of them are followed by one listing."""

import asyncio
from collections.abc import Callable, Mapping

from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.single_flight import SingleFlightCache
from tasks.storage.base import Store
from tasks.storage.edits import BatchEdits, change_edits, newest_edits, read_edits
from tasks.storage.keys import BatchKeys

LISTING_MAX_AGE = 1.0
"""Maximum age in seconds of the listing of all edits; one of this dashboard's own shows at once."""

READ_AT_ONCE = 8


class EditCache:
    """
    Reads and changes the edits of batches. One listing tells which batches have newer ones; only those are read.

    Methods raise `NotFound` and `StoreUnavailable`. *on_change* is told each batch that is edited here.
    """

    def __init__(self, store: Store, *, on_change: Callable[[str], None] = lambda _batch_id: None) -> None:
        self._store = store
        self._on_change = on_change
        self._listing: SingleFlightCache[dict[str, int]] = SingleFlightCache()
        self._known: dict[str, tuple[int, BatchEdits]] = {}

    async def of(self, batch_id: str) -> BatchEdits:
        """Return the edits of one batch."""
        BatchKeys.of(batch_id)
        return await self._read(batch_id, (await self._newest()).get(batch_id, 0))

    async def all(self) -> Mapping[str, BatchEdits]:
        """Return the edits of all batches that have any, by batch id."""
        newest = await self._newest()
        self._known = {batch_id: known for batch_id, known in self._known.items() if batch_id in newest}
        places = asyncio.Semaphore(READ_AT_ONCE)

        async def read(batch_id: str) -> BatchEdits:
            async with places:
                return await self._read(batch_id, newest[batch_id])

        found = await asyncio.gather(*map(read, newest))
        return dict(zip(newest, found, strict=True))

    async def change(self, batch_id: str, change: Callable[[BatchEdits], BatchEdits]) -> BatchEdits:
        """Apply *change* to the newest edits of the batch and save the outcome. Raises what *change* does."""
        edits = await in_thread(STORE_THREADS, change_edits, self._store, batch_id, change)
        self.forget_listing()
        self._known[batch_id] = (edits.number, edits)
        self._on_change(batch_id)
        return edits

    def forget_listing(self) -> None:
        """List the edits again when they are asked for next."""
        self._listing.forget("all")

    async def _newest(self) -> dict[str, int]:
        ask = lambda: in_thread(STORE_THREADS, newest_edits, self._store)  # noqa: E731 - a coroutine function
        return await self._listing.get("all", ask, max_age=LISTING_MAX_AGE)

    async def _read(self, batch_id: str, number: int) -> BatchEdits:
        known_number, known = self._known.get(batch_id, (0, BatchEdits(batch_id=batch_id)))
        if number == known_number:
            return known
        known = await in_thread(STORE_THREADS, read_edits, self._store, batch_id)
        self._known[batch_id] = (number, known)
        return known
