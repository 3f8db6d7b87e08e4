"""Read a batch's records from the store, and check that what they promise is there."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tasks.batches import Manifest, Publication, Recording
from tasks.errors import NotFound, RecordDamaged, StoreUnavailable, Unreadable
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

_StoredRecord = TypeVar("_StoredRecord", Publication, Recording)
_Record = TypeVar("_Record", bound=BaseModel)
_Answer = TypeVar("_Answer")


def distinguish_outage(store: Store, what: str, look: Callable[[], _Answer]) -> _Answer:
    """
    Return the result of *look*, which reads the store; *what* it reads is named if it cannot be read.

    Raises `StoreUnavailable` while the store is away, which passes, and `Unreadable` if the store answers and only
    this cannot be read, which does not: a caller that waited for it would wait for ever.
    """
    try:
        return look()
    except StoreUnavailable:
        store.check()
    try:
        return look()  # the first look may have met the end of an outage
    except StoreUnavailable as error:
        msg = f"{what} cannot be read, though the store answers otherwise. {error}"
        raise Unreadable(msg) from error


def parse_record(record: type[_Record], content: bytes, key: str) -> _Record:
    """Return the record in *content*, which the store holds under *key*. Raises `RecordDamaged`."""
    try:
        return record.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "its content"
        msg = (
            f"The record {key} in the store cannot be understood: {where}: {fault['msg']}. "
            "Put it back from a backup; if there is none, remove the batch's folder from the store."
        )
        raise RecordDamaged(msg) from error


def read_manifest(store: Store, batch_id: str) -> Manifest:
    """
    Return the manifest of the batch.

    Raises `NotFound` if it was never started or was dismissed, and `RecordDamaged`.
    """
    keys = BatchKeys.of(batch_id)
    if store.stat(keys.batch) is None:
        msg = f"Batch {batch_id} was dismissed, so there is nothing left to do. Upload its files as another batch."
        raise NotFound(msg)
    return parse_record(Manifest, store.read(keys.manifest), keys.manifest)


def read_publication(store: Store, batch_id: str, job_id: str) -> Publication | None:
    """Return the job's publication, or None if it has none."""
    return _read(store, BatchKeys.of(batch_id).publication(job_id), Publication)


def read_recording(store: Store, batch_id: str, job_id: str) -> Recording | None:
    """Return the job's recording, or None if it is not in the store."""
    recording = _read(store, BatchKeys.of(batch_id).recording_record(job_id), Recording)
    if recording is None:
        return None
    stored = store.stat(recording.key)
    return recording if stored is not None and stored.size == recording.size else None


def _read(store: Store, key: str, record: type[_StoredRecord]) -> _StoredRecord | None:
    try:
        return record.model_validate_json(store.read(key))
    except (NotFound, ValidationError):  # absent, or of another version: as good as absent
        return None


def published_and_intact(store: Store, batch_id: str, job_id: str) -> Publication | None:
    """Return the job's publication if every document of it is in the store with its size and checksum, else None."""
    publication = read_publication(store, batch_id, job_id)
    if publication is None:
        return None
    for document in publication.documents:
        try:
            content = store.read(document.key)
        except NotFound:
            return None
        if len(content) != document.size or hashlib.sha256(content).hexdigest() != document.sha256:
            return None
    return publication
