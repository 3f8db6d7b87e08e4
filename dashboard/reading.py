"""What there is to read: the jobs that have documents, and where one is that has none yet."""

import asyncio
from dataclasses import dataclass

from dashboard.overview import Overview
from dashboard.records import Records
from dashboard.threads import STORE_THREADS, in_thread
from tasks.core.batches import Batch, Job, Manifest, Publication, Recording, batch_id_of
from tasks.core.errors import NotFound
from tasks.core.names import shown
from tasks.core.status import JobStatus
from tasks.read import read_publication, read_recording
from tasks.store import Store

NEWEST_BATCHES_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class ReadableJob:
    """A job whose documents are in the store; its recording may have been removed since."""

    batch: Batch
    job: Job
    publication: Publication
    recording: Recording | None


@dataclass(frozen=True, slots=True)
class UnreadableJob:
    """A job without documents: where it is, or why it has none."""

    batch: Batch
    status: JobStatus


@dataclass(frozen=True, slots=True)
class ReadableBatch:
    """A batch and those of its jobs that can be read, with the length of their audio in seconds, by path."""

    batch: Batch
    jobs: tuple[tuple[Job, float], ...]


class Reading:
    """
    Tells what can be read. Methods raise `StoreUnavailable`.

    What is in the store is read without asking Prefect, so that transcripts can be read while its server is away.
    """

    def __init__(self, store: Store, records: Records, overview: Overview) -> None:
        self._store = store
        self._records = records
        self._overview = overview

    async def job(self, job_id: str) -> ReadableJob | UnreadableJob:
        """Return the job to read, or how far it is. Raises `NotFound`, and `PrefectUnavailable` if it is not done."""
        batch_id = batch_id_of(job_id)
        batch = await self._records.batch(batch_id)
        publication = await in_thread(STORE_THREADS, read_publication, self._store, batch_id, job_id)
        manifest = await self._records.manifest(batch_id)
        job = _job_of(manifest, job_id)
        if publication is not None and job is not None:
            recording = await in_thread(STORE_THREADS, read_recording, self._store, batch_id, job_id)
            return ReadableJob(batch, job, publication, recording)
        jobs = (await self._overview.batch(batch_id)).jobs
        status = next((status for status in jobs if status.job_id == job_id), None)
        if status is None:
            msg = f"There is no job {shown(job_id)} in its batch. Open the transcript from the page Batches."
            raise NotFound(msg)
        return UnreadableJob(batch, status)

    async def newest(self, *, batches: int) -> tuple[ReadableBatch, ...]:
        """Return the newest *batches* of those that have jobs to read, among the latest there are."""
        batch_ids = (await self._records.batch_ids())[:NEWEST_BATCHES_LOOKED_AT]
        found = await asyncio.gather(*map(self._readable_batch, batch_ids))
        return tuple(batch for batch in found if batch is not None and batch.jobs)[:batches]

    async def _readable_batch(self, batch_id: str) -> ReadableBatch | None:
        try:
            batch = await self._records.batch(batch_id)
        except NotFound:  # being made or dismissed in this moment
            return None
        manifest = await self._records.manifest(batch_id)
        if manifest is None:
            return None
        publications = await self._records.publications(batch_id)
        jobs = ((job, publications[job.job_id].audio_seconds) for job in manifest.jobs if job.job_id in publications)
        return ReadableBatch(batch, tuple(jobs))


def _job_of(manifest: Manifest | None, job_id: str) -> Job | None:
    return next((job for job in manifest.jobs if job.job_id == job_id), None) if manifest else None
