"""
Mark jobs as cancelled in the store, for as long as they have no run in Prefect that could be asked to stop.

The mark is heeded by the batch run before it dispatches the job, and by the job's run when that was created in the same
moment. A second kind of mark says that what a cancelled job, or all of a cancelled batch, uploaded is kept for a retry.
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


def forget_cancels(store: Store, batch_id: str, *, before: datetime) -> None:
    """Remove the marks that were made before a moment: the batch was retried then, and everything is to run."""
    for key in store.list(BatchKeys.of(batch_id).keep_marks):
        try:
            kept = KeepMark.model_validate_json(distinguish_outage(store, key, partial(store.read, key)))
        except (NotFound, Unreadable, ValidationError):  # the upload stays as long as that of a failed job
            continue
        if kept.kept_at < before:
            store.delete(key)
    for key in store.list(BatchKeys.of(batch_id).cancel_marks):
        try:
            mark = CancelMark.model_validate_json(distinguish_outage(store, key, partial(store.read, key)))
        except (NotFound, Unreadable, ValidationError):  # that job stays cancelled
            continue
        if mark.cancelled_at < before:
            store.delete(key)
