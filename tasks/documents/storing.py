"""Store what counts once a record names it: the documents of an attempt or revision, and what they are made of."""

import contextlib
import hashlib
from collections.abc import Iterable, Mapping

from tasks.batches import Document, Job, batch_id_of
from tasks.documents.stored_transcript import StoredTranscript
from tasks.errors import StoreUnavailable
from tasks.names import DocumentFormat
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys


def store_documents(
    store: Store, job: Job, token: str, contents: Mapping[DocumentFormat, bytes]
) -> tuple[Document, ...]:
    """Store the documents, read each back, and return them. Raises `StoreUnavailable`."""
    keys = BatchKeys.of(batch_id_of(job.job_id))
    return tuple(
        Document(
            format=document_format,
            key=_store_checked(store, keys.document(job, document_format, token), content),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for document_format, content in contents.items()
    )


def store_transcript(store: Store, job: Job, token: str, stored: StoredTranscript) -> str:
    """Store what the documents of *token* are made of, read it back, and return its key. Raises `StoreUnavailable`."""
    key = BatchKeys.of(batch_id_of(job.job_id)).transcript(job.job_id, token)
    return _store_checked(store, key, stored.model_dump_json().encode())


def take_back(store: Store, transcript: str, documents: Iterable[Document]) -> None:
    """Delete what no record will name."""
    for key in (*(document.key for document in documents), transcript):
        with contextlib.suppress(StoreUnavailable):  # clean_up finds it
            store.delete(key)


def _store_checked(store: Store, key: str, content: bytes) -> str:
    store.write(key, content)
    if store.read(key) != content:
        msg = f"The store returned other bytes for {key} than were written to it. Check its disk or service."
        raise StoreUnavailable(msg)
    return key
