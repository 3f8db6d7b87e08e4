"""
Keep the documents of jobs a second time, under stable addresses that users and other programs can read.

The documents that a publication names stay the truth: what is kept here is made from them, after they count, and made
again wherever it is missing or older than they are. Nothing reads it but other programs.
"""

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Mapping
from itertools import chain

from tasks.batches import Batch, Document, Job, Manifest, Publication, batch_id_of
from tasks.errors import DiskFull, NotFound, RecordDamaged
from tasks.names import DocumentFormat
from tasks.result_template import ResultTemplate
from tasks.storage.base import Store, StoredObject
from tasks.storage.keys import BatchKeys, jobs_without_results, result_folders, result_key
from tasks.storage.records import parse_record, read_publication
from tasks.storage.revisions import newest_revision

logger = logging.getLogger(__name__)


def document_uri(store: Store, batch: Batch, job: Job, document: Document) -> str:
    """Return the address of a document for other programs: the stable one, if its batch has one."""
    return store.uri(result_key(batch, job, document.format) or document.key)


def keep_results(
    store: Store, job: Job, publication: Publication, contents: Mapping[DocumentFormat, bytes] | None = None
) -> None:
    """
    Keep the documents of the job under their stable addresses too: of its newest revision, if it has one.

    *contents* are the publication's, if at hand. Does nothing for a batch that is gone. That is checked again after
    the writes: a deletion hides the batch's record first and removes its results later, so one of the two notices. So
    is the revision: whoever saves the next one may have kept its documents before these.
    """
    batch = _read_batch(store, job)
    if batch is None or not batch.results:
        return
    revision = newest_revision(store, job.job_id)
    documents = revision.documents if revision else publication.documents
    written = []
    for document in documents:
        content = contents[document.format] if contents and not revision else _read_document(store, document)
        if content is not None:
            written.append(result_key(batch, job, document.format))
            store.write(written[-1], content)
    if _read_batch(store, job) is None:
        for key in written:
            store.delete(key)
    elif newest_revision(store, job.job_id) != revision:
        keep_results(store, job, publication)


def complete_results(store: Store, manifest: Manifest) -> None:
    """
    Complete the results of a batch, after a kill between a publication and its results.

    A full disk or a damaged record does not undo what the batch has come to: that is left to the clean-up, and said.
    """
    if not manifest.batch.results:
        return
    try:
        keys = BatchKeys.of(manifest.batch.batch_id)
        records = chain(store.objects(keys.publications), store.objects(keys.revisions))
        published = {found.key: found.modified for found in records}
        held = {found.key: found.modified for found in list_results(store, manifest.batch)}
        for job in jobs_without_results(manifest, published, held):
            complete_job_results(store, job)
    except (DiskFull, RecordDamaged) as error:
        logger.warning("Results of batch %s are missing until a clean-up: %s", manifest.batch.batch_id, error)


def complete_job_results(store: Store, job: Job) -> None:
    """Make the results of one job again from its documents, if it has any."""
    publication = read_publication(store, batch_id_of(job.job_id), job.job_id)
    if publication is not None:
        keep_results(store, job, publication)


def list_results(store: Store, batch: Batch) -> Iterator[StoredObject]:
    """Yield the objects under the stable addresses of a batch."""
    for folder in result_folders(batch):
        yield from store.objects(folder)


def delete_results(store: Store, batch: Batch) -> int:
    """Delete the objects under the stable addresses of a batch, and return their number."""
    return sum(store.delete_all(folder) for folder in result_folders(batch))


def find_result_folders(store: Store, template: str) -> Iterator[tuple[str, str]]:
    """Yield the existing result folders of this template, each preceded by the id of its batch."""
    if not template:
        return
    prefixes = [("", "")]
    for pattern in ResultTemplate.parse(template).folder_patterns:
        prefixes = [
            (found.groupdict().get("batch") or batch_id, f"{prefix}{name}/")
            for batch_id, prefix in prefixes
            for name in store.folders(prefix)
            if (found := pattern.fullmatch(name))
        ]
    yield from prefixes


def _read_batch(store: Store, job: Job) -> Batch | None:
    key = BatchKeys.of(batch_id_of(job.job_id)).batch
    with contextlib.suppress(NotFound):
        return parse_record(Batch, store.read(key), key)
    return None


def _read_document(store: Store, document: Document) -> bytes | None:
    """Return the document, or None if it is damaged: that is for a retry to mend, and is not a result."""
    with contextlib.suppress(NotFound):
        content = store.read(document.key)
        if hashlib.sha256(content).hexdigest() == document.sha256:
            return content
    return None
