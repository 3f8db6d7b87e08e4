"""
Read a batch's records from the store, and check that what they promise is there.

A damaged record is treated in one of two ways. What was given to us cannot be made again: damage to a batch, a manifest
or an upload's record raises `RecordDamaged`. Publications and recordings are derived from it: the job makes them again,
so a damaged one counts as absent, and a warning names its key. So does a damaged revision: the one before it counts.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tasks.batches import Manifest, Publication, Recording, Revision, batch_id_of
from tasks.errors import NotFound, RecordDamaged, StoreUnavailable, Unreadable
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

_Derived = TypeVar("_Derived", Publication, Recording, Revision)
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
    return _read_derived(store, BatchKeys.of(batch_id).publication(job_id), Publication)


def newest_revision(store: Store, job_id: str) -> Revision | None:
    """Return the newest revision of the job, or None if its transcript was never corrected."""
    return next(read_revisions(store, job_id), None)


def read_revision(store: Store, key: str) -> Revision | None:
    """Return the revision under *key*, or None if it is gone or cannot be understood."""
    return _read_derived(store, key, Revision)


def read_revisions(store: Store, job_id: str) -> Iterator[Revision]:
    """Yield the revisions of the job, newest first. One that cannot be understood is left out, and named in the log."""
    keys = [*store.list(BatchKeys.of(batch_id_of(job_id)).revisions_of(job_id))]
    for key in reversed(keys):
        if (revision := read_revision(store, key)) is not None:
            yield revision


def read_current(store: Store, batch_id: str, job_id: str) -> Publication | None:
    """Return the job's publication with the documents of its newest revision, or None if it has none."""
    publication = read_publication(store, batch_id, job_id)
    return publication and with_revision(publication, newest_revision(store, job_id))


def with_revision(publication: Publication, revision: Revision | None) -> Publication:
    """Return the publication with the documents of the revision, if there is one."""
    if revision is None:
        return publication
    return publication.model_copy(update={"documents": revision.documents, "transcript": revision.transcript})


def read_recording(store: Store, batch_id: str, job_id: str) -> Recording | None:
    """Return the job's recording, or None if it is not in the store, or its record cannot be understood."""
    recording = _read_derived(store, BatchKeys.of(batch_id).recording_record(job_id), Recording)
    if recording is None:
        return None
    stored = store.stat(recording.key)
    return recording if stored is not None and stored.size == recording.size else None


def _read_derived(store: Store, key: str, record: type[_Derived]) -> _Derived | None:
    """Return the derived record, or None if it is absent, damaged or of another version: its job makes it again."""
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
