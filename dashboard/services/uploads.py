"""
The batches that still take uploads: their contents, the uploads in progress, and the closing of a batch.

An upload counts from the moment its record is in the store; before that it is bytes that the next start of the
dashboard sweeps away, or, of a file that says which one it is, keeps until the rest has come. The start of a batch
closes it under the same lock under which uploads enter and are recorded, so a manifest never misses an upload that was
answered with 201.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dashboard.services.media_check import MediaCheck
from dashboard.services.open_batches import OpenBatch, OpenBatches, path_taken
from dashboard.services.record_cache import RecordCache
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_file import FileBody, UploadBody
from tasks.batches import Manifest, Upload, job_id_for, manifest_of
from tasks.cleanup.deletion import remove_unless_received
from tasks.errors import (
    DiskFull,
    NotFound,
    NotMedia,
    PathTaken,
    StoreUnavailable,
    TooManyUploads,
    UploadRejected,
    WrongStage,
)
from tasks.names import clean_path, display_name, told_apart
from tasks.options import JobOptions
from tasks.settings import Settings
from tasks.storage.part_file import PartFile, Received, free_bytes
from tasks.storage.resumable_file import ResumableFile, arrived_bytes, kept_parts
from tasks.transcription.models import check_options

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """The file of the user's that requests bring piece by piece; *fingerprint* is the client's, of time and content."""

    path: str
    size: int
    fingerprint: str


class UploadService:
    """Takes uploads into batches, and closes batches."""

    def __init__(self, records: RecordCache, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        self.open_batches = OpenBatches(records, settings)
        self._arriving = 0

    async def uploads(self, batch_id: str) -> list[Upload]:
        """Return the uploads of an open batch, by path."""
        async with self.open_batches.locked(batch_id) as batch:
            return sorted(batch.uploads.values(), key=lambda upload: upload.path)

    async def rehearsal(self, batch_id: str) -> OpenBatch:
        """Return a copy of the batch to try arrivals on."""
        async with self.open_batches.locked(batch_id) as batch:
            return replace(batch)

    @asynccontextmanager
    async def arrival(
        self, batch_id: str, size: int, path: str | None, *, held_bytes: int = 0
    ) -> AsyncIterator[OpenBatch]:
        """
        Let one upload of at least *size* bytes in and count it as arriving; *held_bytes* of it have their room already.

        With *path* the size is exact; it is None where the body has yet to tell the path.

        Raises `NotFound`, `WrongStage`, `TooManyUploads`, `UploadTooLarge`, `PathTaken` and `DiskFull`.
        """
        if self._arriving >= self._settings.max_concurrent_uploads:
            msg = f"{self._arriving} uploads are being received, as many as possible. Send the file again in a moment."
            raise TooManyUploads(msg)
        self._arriving += 1
        try:
            async with self.open_batches.locked(batch_id) as batch:
                self.open_batches.check_room(batch, size, path)
                batch.arriving += 1
                batch.arriving_bytes += size
            try:
                await self._check_disk(max(0, size - held_bytes))
                yield batch
            finally:
                batch.arriving -= 1
                batch.arriving_bytes -= size
        finally:
            self._arriving -= 1

    async def receive(self, batch_id: str, path: str, body: FileBody, options: JobOptions | None = None) -> Upload:
        """
        Receive a file into the batch, and return its record. A form's file without a *path* has its own name.

        Sent again, it has the *options* of the last time.

        Raises `OptionInvalid`, and what `arrival`, `FileBody.receive`, `MediaCheck` and `commit` raise.
        """
        options = self._checked(options)
        known_path = clean_path(path) if body.has_exact_size else None
        async with self.arrival(batch_id, body.least_file_bytes, known_path) as batch:
            part = PartFile(self._folder(batch_id), limit_bytes=self._settings.max_file_bytes)
            async with _open(part, body.length):
                check = MediaCheck(part.write)
                kept_path = await body.receive(path, check.write, check.path)
                await in_thread(WRITE_THREADS, check.finish)
                received = await in_thread(WRITE_THREADS, part.complete)
                return await self.commit(batch, kept_path, part, received, options)

    async def arrived(self, batch_id: str, identity: FileIdentity) -> int:
        """Return how many bytes of the file have arrived. Raises `UploadUnderWay`, and what `arrival` raises."""
        part = self._resumable(batch_id, identity)
        async with self.open_batches.locked(batch_id) as batch:
            self.open_batches.check_room(batch, identity.size, clean_path(identity.path))
        return await in_thread(WRITE_THREADS, part.arrived)

    async def receive_rest(
        self,
        batch_id: str,
        identity: FileIdentity,
        offset: int,
        body: UploadBody,
        options: JobOptions | None = None,
    ) -> Upload:
        """
        Receive all of a file from *offset* on, where what has arrived of it ends, and return its record.

        What arrives stays if the body ends early. Raises `UploadUnderWay`, `UploadOffsetWrong`, and what `receive`
        raises.
        """
        options = self._checked(options)
        part = self._resumable(batch_id, identity)
        path = clean_path(identity.path)
        if body.boundary is not None or body.length != identity.size - offset:
            msg = f"The body has {body.length} bytes; send all {identity.size - offset} from {offset} on, as they are."
            raise UploadRejected(msg)
        held_bytes = await in_thread(WRITE_THREADS, part.held_bytes)
        async with (
            self.arrival(batch_id, identity.size, path, held_bytes=held_bytes) as batch,
            _open(part, body.length),
        ):
            check = MediaCheck(part.write)
            write = part.write if offset else check.write  # the start of what has arrived was looked at
            try:
                await body.receive(path, write, check.path)
                if not offset:
                    await in_thread(WRITE_THREADS, check.finish)
                received = await in_thread(WRITE_THREADS, part.complete)
                return await self.commit(batch, path, part, received, options)
            except (NotMedia, PathTaken):
                part.give_up()
                raise

    def _checked(self, options: JobOptions | None) -> JobOptions:
        options = options or JobOptions()
        check_options(options, self._settings)
        return options

    async def partial_uploads(self, batch_id: str) -> list[int]:
        """Return of each upload that has not arrived as a whole, and can go on, how many bytes have."""
        parts = await in_thread(WRITE_THREADS, kept_parts, self._folder(batch_id))
        sizes = [await in_thread(WRITE_THREADS, arrived_bytes, path) for path in parts]
        return [size for size in sizes if size]

    def _resumable(self, batch_id: str, identity: FileIdentity) -> ResumableFile:
        job_id = job_id_for(batch_id, clean_path(identity.path))
        folder = self._folder(batch_id)
        return ResumableFile(folder, job_id, size=identity.size, fingerprint=identity.fingerprint)

    async def commit(
        self, batch: OpenBatch, path: str, part: PartFile, received: Received, options: JobOptions
    ) -> Upload:
        """
        Make a received file an upload of the batch, and return its record.

        The same content under the same path is the same upload, however often it is sent. Raises `PathTaken`.
        """
        batch_id = batch.batch.batch_id
        job_id = job_id_for(batch_id, path)
        own = options.differing_from(batch.batch.options)
        async with batch.lock:  # it can't be closed: this upload counts as arriving
            known = batch.uploads.get(job_id)
            if known is not None and (known.size, known.sha256) != (received.size, received.sha256):
                raise path_taken(path)
            final = self._folder(batch_id) / job_id
            await in_thread(WRITE_THREADS, part.move_to, final)
            if known is not None and known.options == own:
                return known
            upload = Upload(
                job_id=job_id,
                path=path,
                size=received.size,
                sha256=received.sha256,
                uploaded_at=datetime.now(UTC),
                options=own,
            )
            try:
                await self._records.write_upload(batch_id, upload)
            except StoreUnavailable:  # the record may be there, and then the file must be
                batch.stale = True
                raise
            except (NotFound, DiskFull):
                if known is None:
                    await in_thread(WRITE_THREADS, final.unlink, missing_ok=True)
                raise
            batch.uploads[job_id] = upload
            batch.held_bytes += upload.size - (known.size if known else 0)
        logger.info("upload of job %s received: %d bytes", job_id, upload.size)
        return upload

    async def delete(self, batch_id: str, job_id: str) -> None:
        """Remove an upload from a batch that has not been started."""
        async with self.open_batches.locked(batch_id) as batch:
            if job_id not in batch.uploads:
                msg = f"Batch {batch_id} holds no upload {display_name(job_id)}."
                raise NotFound(msg)
            await self._records.delete_upload(batch_id, job_id)
            batch.held_bytes -= batch.uploads.pop(job_id).size
            await in_thread(WRITE_THREADS, (self._folder(batch_id) / job_id).unlink, missing_ok=True)
        logger.info("upload of job %s removed", job_id)

    async def close(self, batch_id: str, expected: frozenset[str] | None = None) -> Manifest:
        """Freeze the contents of the batch; with *expected*, only if they are exactly that. Raises `WrongStage`."""
        async with self.open_batches.opened(
            batch_id
        ) as batch:  # a start that comes in time brings back what is being removed
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
                manifest = await self._records.create_manifest(manifest)
            finally:  # it is closed, or nobody knows: whoever asks next reads it anew
                self.open_batches.forget(batch_id)
            for part in await in_thread(WRITE_THREADS, kept_parts, self._folder(batch_id)):
                await in_thread(WRITE_THREADS, remove_unless_received, part)
            return manifest

    async def _check_disk(self, size: int) -> None:
        free = await in_thread(WRITE_THREADS, free_bytes, self._settings)
        if size > free:
            needed, room = told_apart(size, free)
            msg = f"The file has {needed}, and the server's disk has room for {room}. Free some space on it."
            raise DiskFull(msg)

    def _folder(self, batch_id: str) -> Path:
        return self._settings.uploads_folder / batch_id


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
