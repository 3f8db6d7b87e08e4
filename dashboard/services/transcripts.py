"""Transcripts to read: the jobs that have documents, and the status of one that has none yet."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from cachetools import LRUCache

from dashboard.services.queries import BatchQueries
from dashboard.services.record_cache import RecordCache
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import Batch, Job, Manifest, Publication, Recording, batch_id_of
from tasks.errors import NotFound, RecordDamaged
from tasks.media.formats import video_type
from tasks.media.mp4 import find_frames, mp4_header
from tasks.names import DocumentFormat, display_name
from tasks.orchestration.status import JobStatus
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.edits import BatchEdits
from tasks.storage.records import read_recording
from tasks.storage.revisions import read_current

NEWEST_BATCHES_LOOKED_AT = 20
CHUNK_BYTES = 2**18
MP4_HEADERS_KEPT = 8
"""One of a three-hour recording has 1.2 MB."""


@dataclass(frozen=True, slots=True)
class ReadableJob:
    """A job whose documents are in the store; its recording may have been removed since."""

    batch: Batch
    job: Job
    publication: Publication
    recording: Recording | None
    edits: BatchEdits
    video: "Video | None" = None
    """The upload, while it is kept and if it has a picture that browsers may show."""

    @property
    def title(self) -> str:
        """The title that users gave the recording; empty if none."""
        return self.edits.titles.get(self.job.job_id, "")

    @property
    def formats(self) -> tuple[DocumentFormat, ...]:
        """The formats to download it in: those of its batch, then those that are written when they are asked for."""
        stored = tuple(document.format for document in self.publication.documents)
        can_be_written = self.publication.transcript or DocumentFormat.JSON in stored
        return (*stored, *(each for each in DocumentFormat if can_be_written and each not in stored))


@dataclass(frozen=True, slots=True)
class Video:
    """An upload to be watched: its file on this host, *size* in bytes, *modified* in nanoseconds."""

    path: Path
    size: int
    modified: int
    media_type: str

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Return the bytes from *start* up to *stop* in chunks. Raises `NotFound` at once."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise _no_video(self.path.name) from error
        return _chunks(file, start, stop)


@dataclass(frozen=True, slots=True)
class UnreadableJob:
    """A job without documents, with the stage it is in or the reason why it has none."""

    batch: Batch
    status: JobStatus
    edits: BatchEdits


@dataclass(frozen=True, slots=True)
class ReadableBatch:
    """A batch and those of its jobs that can be read, with the length of their audio in seconds, by path."""

    batch: Batch
    jobs: tuple[tuple[Job, float], ...]
    edits: BatchEdits


@dataclass(frozen=True, slots=True)
class Mp4:
    """A recording as MP4: the header, and where in the MP3 the frames begin that follow it."""

    recording: Recording
    header: bytes
    first_frame: int

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + self.recording.size - self.first_frame

    def read_range(self, store: Store, start: int, stop: int) -> Iterator[bytes]:
        """Return the bytes from *start* up to *stop* in chunks. Raises `NotFound` at once."""
        border = len(self.header)
        if stop <= border:
            return iter((self.header[start:stop],))
        shift = self.first_frame - border
        frames = store.read_range(self.recording.key, max(start, border) + shift, stop + shift)
        return chain((self.header[start:],), frames) if start < border else frames


class TranscriptService:
    """
    Finds transcripts to read. Methods raise `StoreUnavailable`.

    The store is read without asking Prefect, so that transcripts can be read while its server is away.
    """

    def __init__(self, store: Store, records: RecordCache, overview: BatchQueries, settings: Settings) -> None:
        self._store = store
        self._records = records
        self._overview = overview
        self._settings = settings
        self._mp4s: LRUCache[str, asyncio.Future[Mp4]] = LRUCache(MP4_HEADERS_KEPT)

    async def job(self, job_id: str) -> ReadableJob | UnreadableJob:
        """Return the job to read, or its status. Raises `NotFound`, and `PrefectUnavailable` if it is not done."""
        batch_id = batch_id_of(job_id)
        batch = await self._records.batch(batch_id)
        publication = await in_thread(STORE_THREADS, read_current, self._store, batch_id, job_id)
        manifest, edits = await self._records.manifest(batch_id), await self._records.edits.of(batch_id)
        job = _job_of(manifest, job_id)
        if publication is not None and job is not None:
            recording = await in_thread(STORE_THREADS, read_recording, self._store, batch_id, job_id)
            return ReadableJob(batch, job, publication, recording, edits, await self._video_of(job, recording))
        jobs = (await self._overview.batch(batch_id)).jobs
        status = next((status for status in jobs if status.job_id == job_id), None)
        if status is None:
            msg = f"There is no job {display_name(job_id)} in its batch. Open the transcript from the page Batches."
            raise NotFound(msg)
        return UnreadableJob(batch, status, edits)

    async def video(self, job_id: str) -> Video:
        """Return the upload of a started job to be watched. Raises `NotFound` if it is gone, or no video."""
        batch_id = batch_id_of(job_id)
        await self._records.batch(batch_id)
        job = _job_of(await self._records.manifest(batch_id), job_id)
        recording = await in_thread(STORE_THREADS, read_recording, self._store, batch_id, job_id)
        video = await self._video_of(job, recording) if job else None
        if video is None:
            raise _no_video(job_id)
        return video

    async def _video_of(self, job: Job, recording: Recording | None) -> Video | None:
        path = self._settings.uploads_folder / batch_id_of(job.job_id) / job.job_id
        if not (media_type := video_type(job.path, recording)):
            return None
        try:
            status = await in_thread(STORE_THREADS, path.stat)
        except OSError:
            return None
        return Video(path, status.st_size, status.st_mtime_ns, media_type)

    async def newest(self, *, batches: int) -> tuple[ReadableBatch, ...]:
        """
        Return the newest *batches* of those that have jobs to read, among the latest ones.

        One whose records are damaged is left out: the list of batches names it.
        """
        batch_ids = (await self._records.batch_ids())[:NEWEST_BATCHES_LOOKED_AT]
        found = await asyncio.gather(*map(self._readable_batch, batch_ids))
        return tuple(batch for batch in found if batch is not None and batch.jobs)[:batches]

    async def mp4(self, recording: Recording) -> Mp4:
        """Return the recording as MP4. It is read once for that. Raises `NotFound` and `NotSeekable`."""
        mp4 = self._mp4s.get(recording.sha256)
        if mp4 is None or (mp4.done() and mp4.exception() is not None):
            mp4 = asyncio.ensure_future(in_thread(STORE_THREADS, _read_mp4, self._store, recording))
            self._mp4s[recording.sha256] = mp4
        return await asyncio.shield(mp4)

    async def _readable_batch(self, batch_id: str) -> ReadableBatch | None:
        try:
            batch = await self._records.batch(batch_id)
            manifest = await self._records.manifest(batch_id)
        except (NotFound, RecordDamaged):  # NotFound: being made or dismissed in this moment
            return None
        if manifest is None:
            return None
        publications = await self._records.publications(batch_id)
        jobs = ((job, publications[job.job_id].audio_seconds) for job in manifest.jobs if job.job_id in publications)
        return ReadableBatch(batch, tuple(jobs), await self._records.edits.of(batch_id))


def _job_of(manifest: Manifest | None, job_id: str) -> Job | None:
    return next((job for job in manifest.jobs if job.job_id == job_id), None) if manifest else None


def _no_video(job_id: str) -> NotFound:
    return NotFound(f"There is no video of job {display_name(job_id)}: it was removed, or the upload is none.")


def _chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while chunk := file.read(min(CHUNK_BYTES, stop - file.tell())):
            yield chunk


def _read_mp4(store: Store, recording: Recording) -> Mp4:
    frames = find_frames(store.read_range(recording.key))
    return Mp4(recording, mp4_header(frames), frames.first)
