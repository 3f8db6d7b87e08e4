"""
The batches that still take uploads: their contents, the uploads in progress, and the closing of a batch.

An upload counts from the moment its record is in the store; before that it is bytes that the next start of the
dashboard sweeps away. The start of a batch closes it under the same lock under which uploads enter and are recorded,
so a manifest never misses an upload that was answered with 201.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from dashboard.services.record_cache import RecordCache
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_file import UploadBody
from tasks.batches import Batch, Manifest, StoredModel, Upload, job_id_for, manifest_of
from tasks.errors import (
    DiskFull,
    NotFound,
    NotMedia,
    PathTaken,
    StoreUnavailable,
    TooManyUploads,
    UploadRejected,
    UploadTooLarge,
    WrongStage,
)
from tasks.media.formats import is_media
from tasks.names import clean_path, display_name, file_size, told_apart
from tasks.settings import Settings
from tasks.storage.part_file import PartFile, Received, free_bytes

OPEN_BATCHES_KEPT = 64

logger = logging.getLogger(__name__)


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


class UploadService:
    """Takes uploads into batches, and closes batches."""

    def __init__(self, records: RecordCache, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        self._batches: OrderedDict[str, OpenBatch] = OrderedDict()
        self._opening = asyncio.Lock()
        self._arriving = 0

    async def uploads(self, batch_id: str) -> list[Upload]:
        """Return the uploads of an open batch, by path."""
        async with self._locked(batch_id) as batch:
            return sorted(batch.uploads.values(), key=lambda upload: upload.path)

    async def rehearsal(self, batch_id: str) -> OpenBatch:
        """Return a copy of the batch to try arrivals on."""
        async with self._locked(batch_id) as batch:
            return replace(batch)

    @asynccontextmanager
    async def arrival(self, batch_id: str, size: int, path: str | None) -> AsyncIterator[OpenBatch]:
        """
        Let one upload of at least *size* bytes in and count it as arriving.

        With *path* the size is exact; it is None where the body has yet to tell the path.

        Raises `NotFound`, `WrongStage`, `TooManyUploads`, `UploadTooLarge`, `PathTaken` and `DiskFull`.
        """
        if self._arriving >= self._settings.max_concurrent_uploads:
            msg = f"{self._arriving} uploads are being received, as many as possible. Send the file again in a moment."
            raise TooManyUploads(msg)
        self._arriving += 1
        try:
            async with self._locked(batch_id) as batch:
                self.check_room(batch, size, path)
                batch.arriving += 1
                batch.arriving_bytes += size
            try:
                await self._check_disk(size)
                yield batch
            finally:
                batch.arriving -= 1
                batch.arriving_bytes -= size
        finally:
            self._arriving -= 1

    async def receive(self, batch_id: str, path: str, body: UploadBody) -> Upload:
        """
        Receive a file into the batch, and return its record. A form's file without a *path* has its own name.

        Raises what `arrival`, `UploadBody.receive` and `commit` raise.
        """
        known_path = media_path(path) if body.boundary is None else None
        async with self.arrival(batch_id, body.least_file_bytes, known_path) as batch:
            part = PartFile(self._folder(batch_id), limit_bytes=self._settings.max_file_bytes)
            async with _open(part, body.length):
                kept_path = await body.receive(path, part, media_path)
                received = await in_thread(WRITE_THREADS, part.complete)
                return await self.commit(batch, kept_path, part, received)

    async def commit(self, batch: OpenBatch, path: str, part: PartFile, received: Received) -> Upload:
        """
        Make a received file an upload of the batch, and return its record.

        The same content under the same path is the same upload, however often it is sent. Raises `PathTaken`.
        """
        batch_id = batch.batch.batch_id
        job_id = job_id_for(batch_id, path)
        async with batch.lock:  # it can't be closed: this upload counts as arriving
            known = batch.uploads.get(job_id)
            if known is not None and (known.size, known.sha256) != (received.size, received.sha256):
                raise _path_taken(path)
            final = self._folder(batch_id) / job_id
            await in_thread(WRITE_THREADS, part.move_to, final)
            if known is not None:
                return known
            upload = Upload(
                job_id=job_id,
                path=path,
                size=received.size,
                sha256=received.sha256,
                uploaded_at=datetime.now(UTC),
            )
            try:
                await self._records.write_upload(batch_id, upload)
            except StoreUnavailable:  # the record may be there, and then the file must be
                batch.stale = True
                raise
            except (NotFound, DiskFull):
                await in_thread(WRITE_THREADS, final.unlink, missing_ok=True)
                raise
            batch.uploads[job_id] = upload
            batch.held_bytes += upload.size
        logger.info("upload of job %s received: %d bytes", job_id, upload.size)
        return upload

    def check_room(self, batch: OpenBatch, size: int, path: str | None) -> None:
        """Check that a file of *size* bytes fits into the batch. Raises `UploadTooLarge` and `PathTaken`."""
        if size > self._settings.max_file_bytes:
            raise too_large(size, self._settings.max_file_bytes)
        known = batch.uploads.get(job_id_for(batch.batch.batch_id, path)) if path is not None else None
        if known is not None:
            if known.size != size:
                raise _path_taken(known.path)
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

    async def delete(self, batch_id: str, job_id: str) -> None:
        """Remove an upload from a batch that has not been started."""
        async with self._locked(batch_id) as batch:
            if job_id not in batch.uploads:
                msg = f"Batch {batch_id} holds no upload {display_name(job_id)}."
                raise NotFound(msg)
            await self._records.delete_upload(batch_id, job_id)
            batch.held_bytes -= batch.uploads.pop(job_id).size
            await in_thread(WRITE_THREADS, (self._folder(batch_id) / job_id).unlink, missing_ok=True)
        logger.info("upload of job %s removed", job_id)

    async def close(self, batch_id: str, expected: frozenset[str] | None = None) -> Manifest:
        """Freeze the contents of the batch; with *expected*, only if they are exactly that. Raises `WrongStage`."""
        async with self._opened(batch_id) as batch:  # a start that comes in time brings back what is being removed
            if batch.arriving:
                uploads = "1 upload is" if batch.arriving == 1 else f"{batch.arriving} uploads are"
                msg = f"{uploads} still being received. Start batch {batch_id} when all are there."
                raise WrongStage(msg)
            uploads_in_store = await self._records.uploads(batch_id)
            if not uploads_in_store:
                await self._records.batch(batch_id)  # it may have been dismissed
                msg = f"Batch {batch_id} holds no uploads. Upload at least one file, then start it."
                raise WrongStage(msg)
            if expected is not None and uploads_in_store.keys() != expected:
                more, fewer = len(uploads_in_store.keys() - expected), len(expected - uploads_in_store.keys())
                msg = f"Batch {batch_id} holds {more} uploads more and {fewer} fewer than asked. Look again."
                raise WrongStage(msg)
            manifest = manifest_of(batch.batch, uploads_in_store.values(), started_at=datetime.now(UTC))
            try:
                return await self._records.create_manifest(manifest)
            finally:  # it is closed, or nobody knows: whoever asks next reads it anew
                self._batches.pop(batch_id, None)

    @asynccontextmanager
    async def _locked(self, batch_id: str) -> AsyncIterator[OpenBatch]:
        """
        Yield the batch, locked against other changes.

        Raises `NotFound`, also for one that was dismissed since it was opened, and `WrongStage` if it was started.
        """
        await self._records.batch(batch_id)
        async with self._opened(batch_id) as batch:
            yield batch

    @asynccontextmanager
    async def _opened(self, batch_id: str) -> AsyncIterator[OpenBatch]:
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

    async def _check_disk(self, size: int) -> None:
        free = await in_thread(WRITE_THREADS, free_bytes, self._settings)
        if size > free:
            needed, room = told_apart(size, free)
            msg = f"The file has {needed}, and the server's disk has room for {room}. Free some space on it."
            raise DiskFull(msg)

    def _folder(self, batch_id: str) -> Path:
        return self._settings.uploads_folder / batch_id


def media_path(raw: str) -> str:
    """Return the path of an upload as it is kept. Raises `UploadRejected`, and `NotMedia` by the name's ending."""
    path = clean_path(raw)
    if not is_media(path):
        msg = f"{display_name(path)} does not have the ending of an audio or video file. Upload only such files."
        raise NotMedia(msg)
    return path


def too_large(size: int, limit_bytes: int) -> UploadTooLarge:
    """Return the refusal of a file of *size* bytes."""
    whole, limit = told_apart(size, limit_bytes)
    return UploadTooLarge(f"The file has {whole}; {limit} are accepted. Upload a shorter or smaller file.")


def _started(batch_id: str) -> WrongStage:
    return WrongStage(f"Batch {batch_id} has been started: its uploads are fixed. Upload the file as another batch.")


@asynccontextmanager
async def _open(part: PartFile, length: int) -> AsyncIterator[None]:
    """Open a file with room for *length* bytes; it is gone afterwards unless it was committed."""
    try:
        await in_thread(WRITE_THREADS, part.open, length)
        yield
    except Exception:
        await in_thread(WRITE_THREADS, part.close)  # removing 20 GB takes a while
        raise
    except BaseException:  # the process is being stopped, and waits for no thread
        part.close()
        raise
    await in_thread(WRITE_THREADS, part.close)


def _path_taken(path: str) -> PathTaken:
    return PathTaken(
        f"The batch holds another file as {display_name(path)}. Remove that one first, or rename this one."
    )


class OfferedFile(StoredModel):
    """A file that a client offers for upload."""

    path: str = Field(max_length=10_000)
    size: int


class RefusedFile(StoredModel):
    """A file that would be refused, and why."""

    path: str
    reason: str


async def refusals(
    intake: UploadService, batch_id: str, files: Iterable[OfferedFile], *, free_bytes: int
) -> list[RefusedFile]:
    """Return the files that would be refused if all were sent in this order and nothing else happened."""
    batch = await intake.rehearsal(batch_id)
    refused: list[RefusedFile] = []
    for file in files:
        try:
            intake.check_room(batch, file.size, media_path(file.path))
        except UploadRejected as error:
            refused.append(RefusedFile(path=file.path, reason=str(error)))
            continue
        if batch.arriving_bytes + file.size > free_bytes:
            reason = f"The server's disk has room for {file_size(free_bytes)}, which the files before this one need."
            refused.append(RefusedFile(path=file.path, reason=reason))
            continue
        batch.arriving += 1
        batch.arriving_bytes += file.size
    return refused
