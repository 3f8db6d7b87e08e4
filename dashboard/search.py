"""Finds batches by their names."""

import asyncio
import unicodedata
from collections.abc import Sequence

from dashboard.records import Records
from tasks.core.errors import NotFound, RecordDamaged

READ_AT_ONCE = 8


class Search:
    """
    Remembers the names of all batches that were searched: a name never changes.

    The first search reads the record of every batch, later ones those of the batches that are new.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._names: dict[str, str] = {}

    async def matching(self, batch_ids: Sequence[str], search: str) -> list[str]:
        """Return those of *batch_ids* that fit every word of *search*: it is in the name, or the id begins with it."""
        words = _comparable(search).split()
        if not words:
            return list(batch_ids)
        await self._learn(batch_ids)
        return [
            batch_id
            for batch_id in batch_ids
            if all(word in self._names.get(batch_id, "") or batch_id.startswith(word) for word in words)
        ]

    async def _learn(self, batch_ids: Sequence[str]) -> None:
        self._names = {batch_id: self._names[batch_id] for batch_id in batch_ids if batch_id in self._names}
        places = asyncio.Semaphore(READ_AT_ONCE)

        async def learn(batch_id: str) -> None:
            async with places:
                try:
                    batch = await self._records.batch(batch_id)
                except (NotFound, RecordDamaged):  # being made or dismissed in this moment; or nobody knows its name
                    return
                self._names[batch_id] = _comparable(batch.name)

        await asyncio.gather(*(learn(batch_id) for batch_id in batch_ids if batch_id not in self._names))


def _comparable(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
