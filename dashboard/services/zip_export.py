"""
All documents of a batch as one ZIP, made while it is sent.

Its members have the names that users gave, in their folder tree. `manifest.json` comes last and always has this name:
it lists every job, with the reason of those that failed, and the name of each document in the ZIP. A document
that is damaged in the store is written once more; if that cannot be, it is left out, and named there.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from zipfile import ZIP_DEFLATED

from pydantic import Field
from zipstream.ng import ZipStream

from dashboard.services.zip_names import MANIFEST_NAME, member_stems
from tasks.batches import Document, Gap, Job, Manifest, Publication, Stage, StoredModel
from tasks.documents.formats import render_stored
from tasks.documents.results import document_uri
from tasks.documents.stored_transcript import read_stored_transcript
from tasks.errors import NotFound, RecordDamaged
from tasks.names import DocumentFormat, document_name
from tasks.options import JobOptions, TranscriptionOptions
from tasks.storage.base import Store
from tasks.storage.keys import is_revision_token

IN_MEMORY_BYTES = 2**20

logger = logging.getLogger(__name__)


class JobOutcome(StoredModel):
    """The outcome of a job."""

    job: Job
    stage: Stage
    error: str | None = None
    publication: Publication | None = None


class DocumentEntry(StoredModel):
    """One document in the ZIP."""

    format: DocumentFormat
    name: str
    size: int
    sha256: str
    uri: str


class JobEntry(StoredModel):
    """One job of the batch, with the documents it has."""

    job_id: str
    path: str
    options: JobOptions = Field(description="what it has differently from its batch")
    stage: Stage
    error: str | None
    language: str | None
    gaps: tuple[Gap, ...] = Field(description="stretches that its documents have no words for")
    audio_seconds: float | None
    documents: tuple[DocumentEntry, ...]


class ResultsManifest(StoredModel):
    """The content of `manifest.json`."""

    batch_id: str
    name: str
    created_at: datetime
    started_at: datetime
    options: TranscriptionOptions
    jobs: tuple[JobEntry, ...]


def zip_results(store: Store, manifest: Manifest, outcomes: Sequence[JobOutcome]) -> Iterator[bytes]:
    """
    Yield the ZIP of the batch piece by piece, so that its size does not matter.

    If the store stops answering, the ZIP is broken off before its end, so that none that opens lacks a document: the
    caller must let the connection break too. Raises `StoreUnavailable`.
    """
    stems = member_stems([outcome.job for outcome in outcomes])
    archive = ZipStream(compress_type=ZIP_DEFLATED)
    entries = []
    for outcome in outcomes:
        stem, added, damaged = stems[outcome.job.job_id], [], []
        for document in outcome.publication.documents if outcome.publication else ():
            found = _content(store, document) or _written_again(store, outcome, document)
            if found is None:
                damaged.append(document)
                continue
            whole, content = found
            archive.add(content, document_name(stem, whole.format, outcome.job.names), size=whole.size)
            yield from archive.all_files()
            added.append(whole)
        uri_of = partial(document_uri, store, manifest.batch, outcome.job)
        entries.append(_job_entry(outcome, stem, added, damaged, uri_of=uri_of))
    archive.add(_results_manifest(manifest, entries).model_dump_json(indent=2), MANIFEST_NAME)
    yield from archive.all_files()
    yield from archive.footer()


def _results_manifest(manifest: Manifest, entries: Sequence[JobEntry]) -> ResultsManifest:
    return ResultsManifest(
        batch_id=manifest.batch.batch_id,
        name=manifest.batch.name,
        created_at=manifest.batch.created_at,
        started_at=manifest.started_at,
        options=manifest.batch.options,
        jobs=tuple(entries),
    )


def _job_entry(
    outcome: JobOutcome,
    stem: str,
    added: Sequence[Document],
    damaged: Sequence[Document],
    *,
    uri_of: Callable[[Document], str],
) -> JobEntry:
    publication = outcome.publication
    error = outcome.error
    if damaged and publication:
        formats = ", ".join(document.format for document in damaged)
        is_correction = is_revision_token(publication.token)
        remedy = "Take the store from a backup" if is_correction else "Retry the batch"
        error = f"Damaged in the store, and not in this ZIP: {formats}. {remedy}, then download it again."
    return JobEntry(
        job_id=outcome.job.job_id,
        path=outcome.job.path,
        options=outcome.job.options,
        stage=outcome.stage,
        error=error,
        language=publication.language if publication else None,
        gaps=publication.gaps if publication else (),
        audio_seconds=publication.audio_seconds if publication else None,
        documents=tuple(
            DocumentEntry(
                format=document.format,
                name=document_name(stem, document.format, outcome.job.names),
                size=document.size,
                sha256=document.sha256,
                uri=uri_of(document),
            )
            for document in added
        ),
    )


def _written_again(store: Store, outcome: JobOutcome, document: Document) -> tuple[Document, Iterator[bytes]] | None:
    """Return the document and its content, made of the stored transcript; None if that is damaged or missing, too."""
    if outcome.publication is None or not outcome.publication.transcript:
        return None
    try:
        stored = read_stored_transcript(store, outcome.publication.transcript)
    except (NotFound, RecordDamaged):
        return None
    content = render_stored(stored, outcome.job, [document.format])[document.format]
    logger.warning("%s is damaged in the store: it was written once more for a ZIP", document.key)
    written = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return document.model_copy(update=written), iter((content,))


def _content(store: Store, document: Document) -> tuple[Document, Iterator[bytes]] | None:
    """Return it with its content, or None if it is not the one that was published; a large one is read twice."""
    kept: list[bytes] = []
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in store.read_range(document.key):
            digest.update(chunk)
            size += len(chunk)
            if size > document.size:
                return None
            if document.size <= IN_MEMORY_BYTES:
                kept.append(chunk)
    except NotFound:
        return None
    if (size, digest.hexdigest()) != (document.size, document.sha256):
        return None
    return document, iter(kept) if document.size <= IN_MEMORY_BYTES else store.read_range(document.key)
