"""
Mark jobs in the store that users cancelled alone, and not with their batch.

The mark is heeded by the batch run before it dispatches the job, by the job's run when that was created in the same
moment, and by a retry of the batch, which leaves the job cancelled. It goes when the job itself is retried. A second
kind of mark says that what a cancelled job, or all of a cancelled batch, uploaded is kept for a retry.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from pydantic import ValidationError

from tasks.batches import CancelMark, KeepMark
from tasks.errors import NotFound, Unreadable
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import distinguish_outage


def mark_cancelled(store: Store, batch_id: str, mark: CancelMark) -> None:
    """Mark the job as cancelled."""
    store.write(BatchKeys.of(batch_id).cancel_mark(mark.job_id), mark.model_dump_json().encode())


def is_marked_cancelled(store: Store, batch_id: str, job_id: str) -> bool:
    """Return whether the job is marked."""
    return store.stat(BatchKeys.of(batch_id).cancel_mark(job_id)) is not None


def forget_cancel(store: Store, batch_id: str, job_id: str, *, before: datetime) -> bool:
    """Remove the job's mark if it is older than *before*, when the job was retried, and return whether it was."""
    return _delete_mark(store, BatchKeys.of(batch_id).cancel_mark(job_id), CancelMark, before)


def cancelled_jobs(store: Store, batch_id: str) -> frozenset[str]:
    """Return the ids of all jobs of the batch that are marked."""
    return frozenset(PurePosixPath(key).stem for key in store.list(BatchKeys.of(batch_id).cancel_marks))


def mark_kept(store: Store, batch_id: str, mark: KeepMark, *, job_id: str = "") -> None:
    """Have the uploads of a job, or of the whole batch, stay when it is cancelled."""
    keys = BatchKeys.of(batch_id)
    key = keys.keep_mark(job_id) if job_id else keys.keep_mark()
    store.write(key, mark.model_dump_json().encode())


def not_kept(store: Store, batch_id: str, job_ids: Iterable[str]) -> set[str]:
    """Return those of the jobs whose uploads go when they are cancelled."""
    keys = BatchKeys.of(batch_id)
    marks = {*store.list(keys.keep_marks)}
    return set() if keys.keep_mark() in marks else {each for each in job_ids if keys.keep_mark(each) not in marks}


def forget_kept(store: Store, batch_id: str, *, job_id: str = "") -> None:
    """Remove the mark of an earlier cancel of the job, or of the whole batch."""
    keys = BatchKeys.of(batch_id)
    store.delete(keys.keep_mark(job_id) if job_id else keys.keep_mark())


def forget_keeps(store: Store, batch_id: str, *, before: datetime) -> None:
    """Remove the marks that keep uploads and are older than *before*, when the cancelled batch was retried."""
    for key in store.list(BatchKeys.of(batch_id).keep_marks):
        _delete_mark(store, key, KeepMark, before)


def _delete_mark(store: Store, key: str, kind: type[CancelMark | KeepMark], before: datetime) -> bool:
    try:
        mark = kind.model_validate_json(distinguish_outage(store, key, partial(store.read, key)))
    except (NotFound, Unreadable, ValidationError):  # the job stays cancelled, its upload as long as a failed job's
        return False
    if (mark.cancelled_at if isinstance(mark, CancelMark) else mark.kept_at) >= before:
        return False
    store.delete(key)
    return True
