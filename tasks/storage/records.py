"""
Read a batch's records from the store, and check that what they promise is there.

A damaged record is treated in one of two ways. What was given to us cannot be made again: damage to a batch, a manifest
or an upload's record raises `RecordDamaged`. Publications and recordings are derived from it: the job makes them again,
so a damaged one counts as absent, and a warning names its key. So does a damaged revision: the one before it counts.
"""

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tasks.batches import Manifest, Publication, Recording
from tasks.errors import NotFound, RecordDamaged, StoreUnavailable, Unreadable
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

_Derived = TypeVar("_Derived", bound=BaseModel)
_Record = TypeVar("_Record", bound=BaseModel)
_Answer = TypeVar("_Answer")

logger = logging.getLogger(__name__)


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
        msg = (
            f"The record {key} in the store cannot be understood: {_fault(error)}. "
            "Put it back from a backup; if there is none, remove the batch's folder from the store."
        )
        raise RecordDamaged(msg) from error


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'its content'}: {fault['msg']}"


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
    """Return the job's publication, or None if it has none that can be understood."""
    return read_derived(store, BatchKeys.of(batch_id).publication(job_id), Publication)


def read_recording(store: Store, batch_id: str, job_id: str) -> Recording | None:
    """Return the job's recording, or None if it is not in the store, or its record cannot be understood."""
    recording = read_derived(store, BatchKeys.of(batch_id).recording_record(job_id), Recording)
    if recording is None:
        return None
    stored = store.stat(recording.key)
    return recording if stored is not None and stored.size == recording.size else None


def read_derived(store: Store, key: str, record: type[_Derived]) -> _Derived | None:
    """Return the record, or None, which is told once, if it is absent, damaged or of another version."""
    try:
        return record.model_validate_json(store.read(key))
    except NotFound:
        return None
    except ValidationError as error:
        _warn_once(key, _fault(error))
        return None


@lru_cache(maxsize=256)  # a page looks each second
def _warn_once(key: str, fault: str) -> None:
    logger.warning("The record %s cannot be understood (%s) and counts as absent", key, fault)


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
