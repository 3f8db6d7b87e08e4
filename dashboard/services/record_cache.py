"""Cache of the records of batches: those that never change are kept for the batches asked for most recently."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from cachetools import LRUCache

from dashboard.services.edit_cache import EditCache
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import BATCH_ID, Batch, CancelMark, KeepMark, Manifest, Publication, StartedRun, Upload, batch_id_of
from tasks.cleanup.deletion import delete_hidden_batch, delete_jobs, hide_batch, show_batch
from tasks.errors import NotFound
from tasks.orchestration.start_batch import create_manifest
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import cancelled_jobs, forget_kept, mark_cancelled, mark_kept
from tasks.storage.expiries import Expiry, read_expiry
from tasks.storage.keys import BATCHES, BatchKeys, newest_revisions
from tasks.storage.records import parse_record, read_publication, read_recording
from tasks.storage.revisions import Revision, newest_revision, with_revision

BATCHES_KEPT = 64
RECORD = ".json"

_Record = TypeVar("_Record", Manifest, StartedRun)


@dataclass(slots=True)
class _Kept:
    """Records of one batch that have been read and can no longer change."""

    manifest: Manifest | None = None
    started_run: StartedRun | None = None
    publications: dict[str, Publication] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    recording_seconds: dict[str, float] = field(default_factory=dict)


class RecordCache:
    """
    Reads the records of batches.

    Methods raise `NotFound` for a batch that is not there, `RecordDamaged` for a record that cannot be parsed, and
    `StoreUnavailable`. *on_change* is told each batch that has new publications, or that is hidden or shown again.
    """

    def __init__(self, store: Store, *, on_change: Callable[[str], None] = lambda _batch_id: None) -> None:
        self._store = store
        self._on_change = on_change
        self._kept: LRUCache[str, _Kept] = LRUCache(BATCHES_KEPT)
        self.edits = EditCache(store, on_change=on_change)

    def uri(self, key: str) -> str:
        """Return the address of a key of the store for other programs."""
        return self._store.uri(key)

    async def batch_ids(self) -> list[str]:
        """Return the ids of all batches, newest first."""
        names = await in_thread(STORE_THREADS, lambda: list(self._store.folders(BATCHES)))
        return sorted(filter(BATCH_ID.fullmatch, names), reverse=True)

    async def interrupted_starts(self) -> list[str]:
        """Return the batches that were closed, but have no record that Prefect has their run."""
        return await in_thread(STORE_THREADS, _find_interrupted_starts, self._store)

    async def batch(self, batch_id: str) -> Batch:
        """Return the batch. It is read each time, since it can be dismissed at any time."""
        key = BatchKeys.of(batch_id).batch
        try:
            content = await in_thread(STORE_THREADS, self._store.read, key)
        except NotFound as error:
            msg = f"There is no batch {batch_id}. It may have been dismissed."
            raise NotFound(msg) from error
        return parse_record(Batch, content, key)

    async def write_batch(self, batch: Batch) -> None:
        """Make the batch known."""
        key = BatchKeys.of(batch.batch_id).batch
        await in_thread(STORE_THREADS, self._store.write, key, batch.model_dump_json().encode())

    async def hide(self, batch_id: str) -> bytes | None:
        """Hide the batch from all users, and return the record for `show` to restore; None if it was gone."""
        self._kept.pop(batch_id, None)
        record = await in_thread(STORE_THREADS, hide_batch, self._store, batch_id)
        self._on_change(batch_id)
        return record

    async def show(self, batch_id: str, record: bytes) -> None:
        """Bring back a batch that was hidden a moment ago."""
        await in_thread(STORE_THREADS, show_batch, self._store, batch_id, record)
        self._on_change(batch_id)

    async def discard_hidden(self, batch_id: str, settings: Settings) -> bool:
        """Remove all that is left of a hidden batch, and return whether there was anything."""
        return await in_thread(STORE_THREADS, delete_hidden_batch, self._store, settings, batch_id) > 0

    async def expiries(self, batch_id: str) -> dict[str, Expiry]:
        """Return the expiries of the batch's uploads, by job id."""
        return await in_thread(STORE_THREADS, _read_expiries, self._store, batch_id)

    async def manifest(self, batch_id: str) -> Manifest | None:
        """Return the manifest of the batch without the jobs that were dismissed, or None before its start."""
        kept = self._of(batch_id)
        if kept.manifest is None:
            kept.manifest = await self._read(BatchKeys.of(batch_id).manifest, Manifest)
        return kept.manifest and (await self.edits.of(batch_id)).standing(kept.manifest)

    async def check_stands(self, job_id: str) -> None:
        """Raise `NotFound` if the job or its batch was dismissed: what is left of it does not count."""
        batch_id = batch_id_of(job_id)
        await self.batch(batch_id)
        if job_id in (await self.edits.of(batch_id)).dismissed:
            msg = f"Job {job_id} was dismissed."
            raise NotFound(msg)

    async def delete_jobs(self, manifest: Manifest, job_ids: Collection[str], settings: Settings) -> None:
        """Delete all that is left of dismissed jobs; *manifest* still names them."""
        kept, jobs = self._of(manifest.batch.batch_id), [job for job in manifest.jobs if job.job_id in job_ids]
        await in_thread(STORE_THREADS, delete_jobs, self._store, settings, manifest.batch, jobs)
        for known in (kept.publications, kept.revisions, kept.recording_seconds):
            for job_id in job_ids:
                known.pop(job_id, None)
        self._on_change(manifest.batch.batch_id)

    async def create_manifest(self, manifest: Manifest) -> Manifest:
        """Freeze the contents of the batch and return the manifest: an earlier one, if there is one."""
        return await in_thread(STORE_THREADS, create_manifest, self._store, manifest)

    async def started_run(self, batch_id: str) -> StartedRun | None:
        """Return the run that the start made, or None if there was no start or it was interrupted."""
        kept = self._of(batch_id)
        if kept.started_run is None:
            kept.started_run = await self._read(BatchKeys.of(batch_id).run, StartedRun)
        return kept.started_run

    async def write_started_run(self, batch_id: str, run: StartedRun) -> None:
        """Note that Prefect has the batch's run."""
        await in_thread(STORE_THREADS, self._store.write, BatchKeys.of(batch_id).run, run.model_dump_json().encode())

    async def uploads(self, batch_id: str) -> dict[str, Upload]:
        """Return the uploads that have arrived, by job id."""
        return await in_thread(STORE_THREADS, _read_uploads, self._store, BatchKeys.of(batch_id).uploads)

    async def write_upload(self, batch_id: str, upload: Upload) -> None:
        """
        Record the upload, so that it counts. Raises `NotFound` if the batch was dismissed, or cleaned up unstarted.

        That is checked after the write: removing a batch looks for new uploads after hiding it.
        """
        key = BatchKeys.of(batch_id).upload(upload.job_id)
        await in_thread(STORE_THREADS, self._store.write, key, upload.model_dump_json().encode())
        try:
            await self.batch(batch_id)
        except NotFound:
            await self.delete_upload(batch_id, upload.job_id)
            raise

    async def delete_upload(self, batch_id: str, job_id: str) -> None:
        """Delete the record of the upload, so that it no longer counts."""
        await in_thread(STORE_THREADS, self._store.delete, BatchKeys.of(batch_id).upload(job_id))

    async def mark_cancelled(self, batch_id: str, mark: CancelMark) -> None:
        """Mark the job as cancelled alone."""
        await in_thread(STORE_THREADS, mark_cancelled, self._store, batch_id, mark)

    async def mark_kept(self, batch_id: str, mark: KeepMark, *, job_id: str = "") -> None:
        """Mark the uploads of a job, or of the whole batch, to be kept when it is cancelled."""
        await in_thread(STORE_THREADS, partial(mark_kept, self._store, batch_id, mark, job_id=job_id))

    async def forget_kept(self, batch_id: str, *, job_id: str = "") -> None:
        """Remove the mark that keeps the uploads of a job, or of the whole batch, when it is cancelled."""
        await in_thread(STORE_THREADS, partial(forget_kept, self._store, batch_id, job_id=job_id))

    async def expired_jobs(self, batch_id: str) -> frozenset[str]:
        """Return the ids of the jobs whose uploads are gone, though they were not done."""
        prefix = BatchKeys.of(batch_id).expiries
        return await in_thread(STORE_THREADS, lambda: frozenset(map(_job_id, self._store.list(prefix))))

    async def cancelled_jobs(self, batch_id: str) -> frozenset[str]:
        """Return the ids of the jobs that were cancelled alone."""
        return await in_thread(STORE_THREADS, cancelled_jobs, self._store, batch_id)

    async def publications(self, batch_id: str, *, reread: bool = False) -> dict[str, Publication]:
        """
        Return the publications by job id, with the documents of their newest revisions.

        With *reread*, all of them are read: damaged ones may have been replaced.
        """
        kept = self._of(batch_id)
        if reread:
            kept.publications = {}
        known, revised = kept.publications, kept.revisions
        kept.publications = await in_thread(STORE_THREADS, _read_publications, self._store, batch_id, known)
        kept.revisions = await in_thread(STORE_THREADS, _read_newest_revisions, self._store, batch_id, revised)
        if kept.publications.keys() - known.keys() or kept.revisions != revised:
            self._on_change(batch_id)
        return {
            job_id: with_revision(publication, kept.revisions.get(job_id))
            for job_id, publication in kept.publications.items()
        }

    async def recording_seconds(self, batch_id: str) -> dict[str, float]:
        """Return the lengths of the existing recordings, by job id. Once all are known, the store is not read."""
        kept = self._of(batch_id)
        if kept.manifest is not None and len(kept.recording_seconds) == len(kept.manifest.jobs):
            return kept.recording_seconds
        kept.recording_seconds = await in_thread(
            STORE_THREADS, _read_lengths, self._store, batch_id, kept.recording_seconds
        )
        return kept.recording_seconds

    def _of(self, batch_id: str) -> _Kept:
        return self._kept.setdefault(batch_id, _Kept())

    async def _read(self, key: str, record: type[_Record]) -> _Record | None:
        try:
            content = await in_thread(STORE_THREADS, self._store.read, key)
        except NotFound:
            return None
        return parse_record(record, content, key)


def _find_interrupted_starts(store: Store) -> list[str]:
    interrupted = []
    for batch_id in store.folders(BATCHES):
        if BATCH_ID.fullmatch(batch_id):
            keys = BatchKeys.of(batch_id)
            if store.stat(keys.run) is None and store.stat(keys.manifest) is not None:
                interrupted.append(batch_id)
    return interrupted


def _read_uploads(store: Store, prefix: str) -> dict[str, Upload]:
    uploads: dict[str, Upload] = {}
    for key in store.list(prefix):
        try:
            upload = parse_record(Upload, store.read(key), key)
        except NotFound:  # deleted since it was listed
            continue
        uploads[upload.job_id] = upload
    return uploads


def _read_expiries(store: Store, batch_id: str) -> dict[str, Expiry]:
    job_ids = (_job_id(key) for key in store.list(BatchKeys.of(batch_id).expiries))
    return {job_id: expiry for job_id in job_ids if (expiry := read_expiry(store, batch_id, job_id))}


def _read_publications(store: Store, batch_id: str, known: dict[str, Publication]) -> dict[str, Publication]:
    job_ids = (_job_id(key) for key in store.list(BatchKeys.of(batch_id).publications))
    found = {job_id: known.get(job_id) or read_publication(store, batch_id, job_id) for job_id in job_ids}
    return {job_id: publication for job_id, publication in found.items() if publication is not None}


def _read_newest_revisions(store: Store, batch_id: str, known: dict[str, Revision]) -> dict[str, Revision]:
    found: dict[str, Revision] = {}
    for job_id, number in newest_revisions(store.list(BatchKeys.of(batch_id).revisions)).items():
        standing = known.get(job_id)
        if standing is None or standing.number != number:
            standing = newest_revision(store, job_id)
        if standing is not None:
            found[job_id] = standing
    return found


def _read_lengths(store: Store, batch_id: str, known: dict[str, float]) -> dict[str, float]:
    lengths: dict[str, float] = {}
    for key in store.list(BatchKeys.of(batch_id).recordings):
        if not key.endswith(RECORD):
            continue
        job_id = _job_id(key)
        if job_id in known:
            lengths[job_id] = known[job_id]
        elif recording := read_recording(store, batch_id, job_id):
            lengths[job_id] = recording.audio_seconds
    return lengths


def _job_id(key: str) -> str:
    """Return the job whose record is kept under *key*. There are thousands of keys, and a `PurePosixPath` is slow."""
    return key.rpartition("/")[2].removesuffix(RECORD)
