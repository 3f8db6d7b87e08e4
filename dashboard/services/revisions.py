"""Revisions of transcripts: read, corrected, listed, and written as documents in any format."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from anyio import CapacityLimiter
from pydantic import Field

from dashboard.services.record_cache import RecordCache
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import Document, Gap, Job, Publication, StoredModel, batch_id_of
from tasks.documents.content import ContentParagraph, Correction
from tasks.documents.corrections import content_of
from tasks.documents.formats import render_stored
from tasks.documents.revise import read_revised, save_revision
from tasks.errors import NotFound, WrongStage
from tasks.names import DocumentFormat, display_name
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import read_publication
from tasks.storage.revisions import Revision, read_revisions
from tasks.transcription.transcript import RemovedText, Speaker

RENDER_THREADS = CapacityLimiter(2)
"""Apart from the store's: a recording of three hours takes seconds of computing."""


class RevisionEntry(StoredModel):
    """A revision, as it is listed."""

    number: int
    base: int
    saved_at: datetime
    saved_by: str
    note: str
    words_changed: int


class TranscriptContent(StoredModel):
    """A revision of a transcript, word by word. Times are seconds on the clock of the upload."""

    job_id: str
    path: str
    revision: int = Field(description="0: as the model heard it")
    latest: int = Field(description="number of the newest revision")
    language: str
    audio_seconds: float
    offset_seconds: float = Field(description="where the sound starts on the clock of the upload")
    speakers: tuple[Speaker, ...]
    paragraphs: tuple[ContentParagraph, ...]
    gaps: tuple[Gap, ...]
    removed: tuple[RemovedText, ...]
    saved_at: datetime | None
    saved_by: str
    note: str


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A document that was made for this request, since the job's batch was started without its format."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The checksum of the content."""
        return hashlib.sha256(self.content).hexdigest()


class RevisionService:
    """Reads and saves revisions. Methods raise `NotFound`, `RecordDamaged` and `StoreUnavailable`."""

    def __init__(self, store: Store, records: RecordCache) -> None:
        self._store = store
        self._records = records

    async def revisions(self, job_id: str) -> list[RevisionEntry]:
        """Return the revisions of a job that is done, newest first."""
        _, publication = await self._published(job_id)
        return await in_thread(STORE_THREADS, _entries, self._store, publication.job_id)

    async def transcript(self, job_id: str, number: int | None) -> bytes:
        """
        Return a revision of the transcript, the newest one without a *number*, as the JSON of `TranscriptContent`.

        Raises `WrongStage` for a job that kept none.
        """
        job, publication = await self._published(job_id)
        return await in_thread(RENDER_THREADS, _content, self._store, job, publication, number)

    async def save(self, job_id: str, correction: Correction) -> RevisionEntry:
        """Save a correction. Raises `RevisionConflict`, `CorrectionInvalid` and `WrongStage`."""
        job, publication = await self._published(job_id)
        revision = await in_thread(RENDER_THREADS, save_revision, self._store, job, publication, correction)
        await self._records.publications(batch_id_of(job_id))  # who follows the batch is told of the change
        return _entry(revision)

    async def document(
        self, job_id: str, document_format: DocumentFormat, number: int | None
    ) -> Document | RenderedDocument:
        """Return a document of a revision, of the newest one without a *number*; one that is not stored is written."""
        publication = await self._publication(job_id)
        revision = await in_thread(STORE_THREADS, _revision, self._store, job_id, number)
        documents = revision.documents if revision else publication.documents
        for document in documents:
            if document.format is document_format:
                return document
        return await self.render(job_id, document_format, number)

    async def render(self, job_id: str, document_format: DocumentFormat, number: int | None) -> RenderedDocument:
        """
        Write a document of a revision, of the newest one without a *number*, for one answer.

        Raises `NotFound`, too, if the job kept no transcript.
        """
        job, publication = await self._published(job_id)
        revision = await in_thread(STORE_THREADS, _revision, self._store, job_id, number)
        try:
            return await in_thread(RENDER_THREADS, _rendered, self._store, job, publication, revision, document_format)
        except WrongStage as error:
            msg = f"Job {job_id} has no {document_format} document: its batch was started without this format."
            raise NotFound(msg) from error

    async def _published(self, job_id: str) -> tuple[Job, Publication]:
        publication = await self._publication(job_id)
        manifest = await self._records.manifest(batch_id_of(job_id))
        job = next((job for job in manifest.jobs if job.job_id == job_id), None) if manifest else None
        if job is None:
            msg = f"There is no job {display_name(job_id)} in its batch."
            raise NotFound(msg)
        return job, publication

    async def _publication(self, job_id: str) -> Publication:
        await self._records.check_stands(job_id)
        publication = await in_thread(STORE_THREADS, read_publication, self._store, batch_id_of(job_id), job_id)
        if publication is None:
            msg = f"There are no documents of job {display_name(job_id)}: it is not done, or they were removed."
            raise NotFound(msg)
        return publication


def _entries(store: Store, job_id: str) -> list[RevisionEntry]:
    return [_entry(revision) for revision in read_revisions(store, job_id)]


def _entry(revision: Revision) -> RevisionEntry:
    return RevisionEntry.model_validate(revision.model_dump())


def _revision(store: Store, job_id: str, number: int | None) -> Revision | None:
    """Return the revision of this number, the newest one without; None for what the machine heard."""
    if number == 0:
        return None
    found = next((each for each in read_revisions(store, job_id) if number in (None, each.number)), None)
    if found is None and number is not None:
        msg = f"Job {display_name(job_id)} has no revision {number}. GET /api/jobs/{job_id}/revisions lists them."
        raise NotFound(msg)
    return found


def _content(store: Store, job: Job, publication: Publication, number: int | None) -> bytes:
    revision = _revision(store, job.job_id, number)
    newest = revision if number is None else _revision(store, job.job_id, None)
    stored = read_revised(store, publication, revision)
    content = content_of(stored)
    return (
        TranscriptContent(
            job_id=job.job_id,
            path=job.path,
            revision=revision.number if revision else 0,
            latest=newest.number if newest else 0,
            language=stored.transcript.language,
            audio_seconds=stored.transcript.audio_seconds,
            offset_seconds=stored.transcript.offset_seconds,
            speakers=content.speakers,
            paragraphs=content.paragraphs,
            gaps=stored.transcript.gaps,
            removed=stored.transcript.removed,
            saved_at=revision.saved_at if revision else None,
            saved_by=revision.saved_by if revision else "",
            note=revision.note if revision else "",
        )
        .model_dump_json()
        .encode()
    )


def _rendered(
    store: Store, job: Job, publication: Publication, revision: Revision | None, document_format: DocumentFormat
) -> RenderedDocument:
    stored = read_revised(store, publication, revision)
    content = render_stored(stored, job, [document_format])[document_format]
    token = revision.token if revision else publication.token
    key = BatchKeys.of(batch_id_of(job.job_id)).document(job, document_format, token)
    return RenderedDocument(PurePosixPath(key).name, content)
