"""
Discard what is no longer needed: things one by one, and batches as a whole.

A batch is gone for everybody from the moment its `Batch` is: that record goes first. Whatever comes after it can be
interrupted, and is finished by the next dismissal or clean-up, which finds what is left.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tasks.core.batches import JOB_ID, Manifest
from tasks.core.errors import NotFound
from tasks.core.keys import BatchKeys
from tasks.core.removals import Held, Place
from tasks.core.retention import Expiry
from tasks.core.settings import Settings
from tasks.results import delete_results
from tasks.store import Store


def discard(store: Store, settings: Settings, held: Held) -> None:
    """Remove the thing, if it is still there and no upload is being received into it."""
    match held.place:
        case Place.STORE:
            store.delete(held.name)
        case Place.UPLOADS:
            remove_unless_received(settings.uploads_folder / held.name)
        case Place.WORK:
            shutil.rmtree(settings.work_folder / held.name, ignore_errors=True)
        case Place.PREFECT:
            msg = f"{held.name} is Prefect's."
            raise ValueError(msg)


def hide_batch(store: Store, batch_id: str) -> bytes | None:
    """Have the batch be gone for everybody, and return the record with which `show_batch` brings it back."""
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


def discard_hidden_batch(store: Store, settings: Settings, batch_id: str) -> int:
    """
    Remove all that is left of a hidden batch and return how many things that were.

    Its uploads go before the last of its records: so what an interruption leaves is always known to be a batch's.
    """
    keys = BatchKeys.of(batch_id)
    discarded = _delete_results(store, keys)  # while the manifest still says where they are
    discarded += store.delete_all(keys.publications)  # its documents can't be had any more
    folder = settings.uploads_folder / batch_id
    for path in _entries(folder):
        remove_unless_received(path)  # whoever receives it finds out that the batch is gone
        discarded += 1
    with contextlib.suppress(OSError):  # it was not there, or somebody receives an upload there
        folder.rmdir()
    for path in _entries(settings.work_folder):
        job = JOB_ID.match(path.name)
        if job is not None and job["batch_id"] == batch_id:
            shutil.rmtree(path, ignore_errors=True)
            discarded += 1
    return discarded + store.delete_all(keys.folder)


def _delete_results(store: Store, keys: BatchKeys) -> int:
    with contextlib.suppress(NotFound):
        try:
            manifest = Manifest.model_validate_json(store.read(keys.manifest))
        except ValidationError:  # the clean-up finds them by the template
            return 0
        return delete_results(store, manifest.batch)
    return 0


def note_expiries(store: Store, batch_id: str, job_ids: Iterable[str], *, cancelled: Collection[str] = ()) -> list[str]:
    """
    Note that the uploads of these jobs go now, and return the jobs of which that had not been noted before.

    Those of the *cancelled* ones go because of that, the others have expired.
    """
    keys, now = BatchKeys.of(batch_id), datetime.now(UTC)

    def note_of(job_id: str) -> bytes:
        return Expiry(job_id=job_id, expired_at=now, cancelled=job_id in cancelled).model_dump_json().encode()

    return [job_id for job_id in job_ids if store.create(keys.expiry(job_id), note_of(job_id))]


def withdraw_expiries(store: Store, batch_id: str, job_ids: Iterable[str]) -> None:
    """Take back what was noted: the uploads stay."""
    for job_id in job_ids:
        store.delete(BatchKeys.of(batch_id).expiry(job_id))


def read_expiry(store: Store, batch_id: str, job_id: str) -> Expiry | None:
    """Return the note that the job's upload has expired, or None if it has not."""
    try:
        return Expiry.model_validate_json(store.read(BatchKeys.of(batch_id).expiry(job_id)))
    except (NotFound, ValidationError):
        return None


def remove_unless_received(path: Path, *, wanted: Callable[[], bool] = lambda: False) -> bool:
    """
    Remove the file and return True, unless it is *wanted* or somebody receives it: such a file is locked.

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


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
