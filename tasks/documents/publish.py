"""
Publish a job's documents: each is stored, read back and checked; then one record makes all of them count.

After that they are kept under their stable addresses, too (`tasks.documents.results`).

Several attempts may get here, hours apart even: a worker that was frozen does not know that its run was moved. So each
writes under a token of its own, and the record is *created*: the store lets one of them win. No attempt overwrites or
deletes what another wrote; the loser takes back its own documents.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batches import Job, Publication
from tasks.cancellation import to_its_end
from tasks.documents.results import keep_results
from tasks.documents.stored_transcript import StoredTranscript
from tasks.documents.storing import store_documents, store_transcript, take_back
from tasks.errors import NotFound
from tasks.names import DocumentFormat, display_name
from tasks.outages import LONG_OUTAGE_SECONDS, ask_the_error
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import published_and_intact


@task(
    name="publish documents",
    retries=len(LONG_OUTAGE_SECONDS),
    retry_delay_seconds=LONG_OUTAGE_SECONDS,
    retry_condition_fn=ask_the_error,
    cache_policy=NO_CACHE,
)
async def publish_documents(
    store: Store,
    batch_id: str,
    job: Job,
    *,
    token: str,
    attempt: int,
    heard: StoredTranscript,
    contents: Mapping[DocumentFormat, bytes],
) -> Publication:
    """Return the record that makes documents of the job count: this attempt's, or those of one that was faster."""
    return await to_its_end(publish, store, batch_id, job, token=token, attempt=attempt, heard=heard, contents=contents)


def publish(
    store: Store,
    batch_id: str,
    job: Job,
    *,
    token: str,
    attempt: int,
    heard: StoredTranscript,
    contents: Mapping[DocumentFormat, bytes],
) -> Publication:
    """
    Publish the documents, whose *contents* are made of what was *heard*, without Prefect.

    Raises `NotFound` for a batch that was dismissed meanwhile.
    """
    keys = BatchKeys.of(batch_id)
    if store.stat(keys.manifest) is None:
        msg = f"The batch of {display_name(job.name)} was dismissed before its documents were stored."
        raise NotFound(msg)
    publication = Publication(
        job_id=job.job_id,
        attempt=attempt,
        token=token,
        transcript=store_transcript(store, job, token, heard),
        documents=store_documents(store, job, token, contents),
        language=heard.transcript.language,
        audio_seconds=heard.transcript.audio_seconds,
        gaps=heard.transcript.gaps,
        notes=heard.transcript.notes,
        published_at=datetime.now(UTC),
    )
    standing = _publish(store, batch_id, publication)
    keep_results(store, job, standing, contents if standing.token == token else None)
    return standing


def _publish(store: Store, batch_id: str, publication: Publication) -> Publication:
    """Create the record. One that is there already stands, unless its documents are damaged."""
    key, content = BatchKeys.of(batch_id).publication(publication.job_id), publication.model_dump_json().encode()
    if store.create(key, content):
        return publication
    standing = published_and_intact(store, batch_id, publication.job_id)
    if standing is None:
        store.write(key, content)
        return publication
    if standing.token != publication.token:  # it is ours if a try before this one lost only the answer
        take_back(store, publication.transcript, publication.documents)
    return standing
