"""
Deletion of what is no longer needed: items one by one, batches as a whole, and what a killed dashboard left of uploads.

A batch is gone for every reader as soon as its `Batch` is: that record goes first. The steps after it can be
interrupted, and are finished by the next dismissal or clean-up, which finds what is left.
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.batches import JOB_ID, Batch, Job, Manifest
from tasks.cleanup.inventory import StoredItem, entries
from tasks.documents.results import delete_results
from tasks.errors import NotFound, RecordDamaged
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys, result_keys
from tasks.storage.part_file import PART_ENDING
from tasks.storage.records import parse_record, read_publication
from tasks.storage.resumable_file import is_resumable
from tasks.storage.revisions import read_revisions

logger = logging.getLogger(__name__)


def remove_item(store: Store, settings: Settings, item: StoredItem) -> None:
    """Remove the item, if it is still there and no upload is being received into it."""
    match item.location:
        case "store":
            store.delete(item.name)
        case "uploads":
            remove_unless_received(settings.uploads_folder / item.name)
        case "work":
            shutil.rmtree(settings.work_folder / item.name, ignore_errors=True)
        case "prefect":
            msg = f"{item.name} is Prefect's."
            raise ValueError(msg)


def hide_batch(store: Store, batch_id: str) -> bytes | None:
    """Hide the batch from every reader, and return the record with which `show_batch` brings it back."""
    key = BatchKeys.of(batch_id).batch
    try:
        record = store.read(key)
    except NotFound:
        return None
    store.delete(key)
    return record


def show_batch(store: Store, batch_id: str, record: bytes) -> None:
    """Bring back a batch that was hidden a moment ago."""
    store.write(BatchKeys.of(batch_id).batch, record)


def delete_hidden_batch(store: Store, settings: Settings, batch_id: str) -> int:
    """
    Delete all that is left of a hidden batch and return the number of items deleted.

    Its uploads go before the last of its records: so what an interruption leaves is always known to be a batch's.
    """
    keys = BatchKeys.of(batch_id)
    deleted = _delete_results(store, keys)  # while the manifest still says where they are
    deleted += store.delete_all(keys.publications)  # its documents can't be had any more
    folder = settings.uploads_folder / batch_id
    for path in entries(folder):
        remove_unless_received(path)  # whoever receives it finds out that the batch is gone
        deleted += 1
    with contextlib.suppress(OSError):  # it was not there, or somebody receives an upload there
        folder.rmdir()
    for path in entries(settings.work_folder):
        job = JOB_ID.match(path.name)
        if job is not None and job["batch_id"] == batch_id:
            shutil.rmtree(path, ignore_errors=True)
            deleted += 1
    return deleted + store.delete_all(keys.edits) + store.delete_all(keys.folder)


def delete_jobs(store: Store, settings: Settings, batch: Batch, jobs: Iterable[Job]) -> None:
    """
    Delete all that is left of dismissed jobs. Nothing of them may be under way.

    The publication goes first, since without it no reader finds the documents. What an interruption leaves goes with
    the next clean-up.
    """
    keys = BatchKeys.of(batch.batch_id)
    for job in jobs:
        records = (read_publication(store, batch.batch_id, job.job_id), *read_revisions(store, job.job_id))
        store.delete(keys.publication(job.job_id))
        store.delete_all(keys.revisions_of(job.job_id))
        documents = (document.key for record in records if record for document in record.documents)
        for key in (
            *documents,
            *result_keys(batch, job),
            keys.recording_record(job.job_id),
            keys.speech_plan(job.job_id),
            keys.recording(job.job_id),
        ):
            store.delete(key)
        store.delete_all(keys.transcripts_of(job.job_id))
        store.delete_all(keys.parts_of(job.job_id))
        remove_unless_received(settings.uploads_folder / batch.batch_id / job.job_id)


def _delete_results(store: Store, keys: BatchKeys) -> int:
    with contextlib.suppress(NotFound):
        try:
            manifest = parse_record(Manifest, store.read(keys.manifest), keys.manifest)
        except RecordDamaged:  # the clean-up finds them by the template
            return 0
        return delete_results(store, manifest.batch)
    return 0


def remove_unless_received(path: Path, *, wanted: Callable[[], bool] = lambda: False) -> bool:
    """
    Remove the file and return True, unless it is *wanted* or being received: such a file is locked.

    An upload that takes its place while this looks at it stays.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if wanted() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            return False
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def sweep_uploads(store: Store, uploads_folder: Path) -> None:
    """
    Delete half-received files, and files that no record in the store accounts for.

    Uploads that can go on stay until their batch is started, or the clean-up finds that it was left alone. Files of
    started batches stay: they belong to the batch run. Those of batches that the store does not know are left
    to `clean_up`, which waits for days: with the wrong store that is all of them. A file that a process is receiving is
    locked until its record is written, so it stays as well. Raises `StoreUnavailable`, after removing the half-received
    files.
    """
    for path in sorted(uploads_folder.glob(f"*/*{PART_ENDING}")):
        if not is_resumable(path.name):
            _sweep(path)
    for path in sorted(uploads_folder.glob("*/*")):
        job = JOB_ID.fullmatch(path.name)
        if job is not None and job["batch_id"] == path.parent.name:
            _sweep_unless_recorded(store, path)


def _sweep_unless_recorded(store: Store, path: Path) -> None:
    keys = BatchKeys.of(path.parent.name)
    known = store.stat(keys.batch) is not None  # if not, the store may be the wrong one: `clean_up` waits and sees
    if known and store.stat(keys.manifest) is None:
        _sweep(path, wanted=lambda: store.stat(keys.upload(path.name)) is not None)


def _sweep(path: Path, *, wanted: Callable[[], bool] = lambda: False) -> None:
    if remove_unless_received(path, wanted=wanted):
        logger.info("unfinished upload %s removed", path.name)
