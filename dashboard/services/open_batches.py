"""
The batches that still take uploads, as this process knows them: their contents, their locks, and the room they have.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dashboard.services.record_cache import RecordCache
from tasks.batches import Batch, Upload, job_id_for
from tasks.errors import PathTaken, UploadTooLarge, WrongStage
from tasks.names import display_name, told_apart
from tasks.settings import Settings

OPEN_BATCHES_KEPT = 64


@dataclass(slots=True)
class OpenBatch:
    """A batch that takes uploads, as this process knows it."""

    batch: Batch
    uploads: dict[str, Upload]
    held_bytes: int
    arriving: int = 0
    arriving_bytes: int = 0
    stale: bool = False
    """True if the store may hold one more upload: it was asked to write the record and did not confirm it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class OpenBatches:
    """Reads batches that take uploads, keeps those used last, and locks each against two changes at once."""

    def __init__(self, records: RecordCache, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        self._batches: OrderedDict[str, OpenBatch] = OrderedDict()
        self._opening = asyncio.Lock()

    def forget(self, batch_id: str) -> None:
        """Drop the batch; it is read from the store again when it is needed."""
        self._batches.pop(batch_id, None)

    def check_room(self, batch: OpenBatch, size: int, path: str | None) -> None:
        """Check that a file of *size* bytes fits into the batch. Raises `UploadTooLarge` and `PathTaken`."""
        if size > self._settings.max_file_bytes:
            raise too_large(size, self._settings.max_file_bytes)
        known = batch.uploads.get(job_id_for(batch.batch.batch_id, path)) if path is not None else None
        if known is not None:
            if known.size != size:
                raise path_taken(known.path)
            return
        files = len(batch.uploads) + batch.arriving
        if files >= self._settings.max_batch_files:
            msg = f"The batch holds {files} files, the most that is accepted. Upload the rest as another batch."
            raise UploadTooLarge(msg)
        held = batch.held_bytes + batch.arriving_bytes
        if held + size > self._settings.max_batch_bytes:
            whole, limit = told_apart(held + size, self._settings.max_batch_bytes)
            msg = f"The batch would have {whole} with this file; {limit} are accepted. Upload the rest as another one."
            raise UploadTooLarge(msg)

    @asynccontextmanager
    async def locked(self, batch_id: str) -> AsyncIterator[OpenBatch]:
        """
        Yield the batch, locked against other changes.

        Raises `NotFound`, also for one that was dismissed since it was opened, and `WrongStage` if it was started.
        """
        await self._records.batch(batch_id)
        async with self.opened(batch_id) as batch:
            yield batch

    @asynccontextmanager
    async def opened(self, batch_id: str) -> AsyncIterator[OpenBatch]:
        """Yield the batch likewise, without checking whether it was dismissed since it was opened."""
        while True:
            batch = await self._open(batch_id)
            async with batch.lock:
                if self._batches.get(batch_id) is not batch:  # closed or forgotten while this waited for the lock
                    continue
                if batch.stale:
                    batch.uploads = await self._records.uploads(batch_id)
                    batch.held_bytes = sum(upload.size for upload in batch.uploads.values())
                    batch.stale = False
                yield batch
                return

    async def _open(self, batch_id: str) -> OpenBatch:
        if batch_id not in self._batches:
            async with self._opening:
                if batch_id not in self._batches:
                    self._batches[batch_id] = await self._read(batch_id)
        self._batches.move_to_end(batch_id)
        self._forget_idle()
        return self._batches[batch_id]

    async def _read(self, batch_id: str) -> OpenBatch:
        batch = await self._records.batch(batch_id)
        if await self._records.manifest(batch_id) is not None:
            raise _started(batch_id)
        if batch.inbox:
            msg = f"Batch {batch_id} is filled and started by scans of the inbox {batch.inbox}. Look again later."
            raise WrongStage(msg)
        uploads = await self._records.uploads(batch_id)
        return OpenBatch(batch=batch, uploads=uploads, held_bytes=sum(upload.size for upload in uploads.values()))

    def _forget_idle(self) -> None:
        """Drop the least recently used batch; it is read from the store again when it is needed."""
        oldest = next(iter(self._batches.values()))
        if len(self._batches) > OPEN_BATCHES_KEPT and not oldest.arriving and not oldest.lock.locked():
            del self._batches[oldest.batch.batch_id]


def too_large(size: int, limit_bytes: int) -> UploadTooLarge:
    """Return the refusal of a file of *size* bytes."""
    whole, limit = told_apart(size, limit_bytes)
    return UploadTooLarge(f"The file has {whole}; {limit} are accepted. Upload a shorter or smaller file.")


def _started(batch_id: str) -> WrongStage:
    return WrongStage(f"Batch {batch_id} has been started: its uploads are fixed. Upload the file as another batch.")


def path_taken(path: str) -> PathTaken:
    """Return the refusal of another file of this path."""
    return PathTaken(
        f"The batch holds another file as {display_name(path)}. Remove that one first, or rename this one."
    )
