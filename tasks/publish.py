"""Publish a job's documents: each is stored, read back and checked; then one record makes all of them count."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from prefect import task

from tasks.core.batches import Document, Job, Publication
from tasks.core.errors import StoreUnavailable
from tasks.core.keys import BatchKeys
from tasks.core.names import DocumentFormat
from tasks.core.transcripts import Transcript
from tasks.retry import ask_the_error
from tasks.store import Store


@task(name="publish documents", retries=3, retry_delay_seconds=[2, 10, 30], retry_condition_fn=ask_the_error)
async def publish_documents(
    store: Store,
    batch_id: str,
    job: Job,
    attempt: int,
    *,
    transcript: Transcript,
    contents: Mapping[DocumentFormat, bytes],
) -> Publication:
    """Store the documents under the upload's path and return the record that makes them count."""
    return await asyncio.to_thread(_publish, store, batch_id, job, attempt, transcript=transcript, contents=contents)


def _publish(
    store: Store,
    batch_id: str,
    job: Job,
    attempt: int,
    *,
    transcript: Transcript,
    contents: Mapping[DocumentFormat, bytes],
) -> Publication:
    keys = BatchKeys.of(batch_id)
    documents = tuple(
        _store(store, keys.document(job, document_format), document_format, content)
        for document_format, content in contents.items()
    )
    publication = Publication(
        job_id=job.job_id,
        attempt=attempt,
        documents=documents,
        language=transcript.language,
        audio_seconds=transcript.audio_seconds,
        published_at=datetime.now(UTC),
    )
    store.write(keys.publication(job.job_id), publication.model_dump_json().encode())
    return publication


def _store(store: Store, key: str, document_format: DocumentFormat, content: bytes) -> Document:
    store.write(key, content)
    if store.read(key) != content:
        msg = f"The store returned other bytes for {key} than were written to it. Check its disk or service."
        raise StoreUnavailable(msg)
    return Document(format=document_format, key=key, size=len(content), sha256=hashlib.sha256(content).hexdigest())
