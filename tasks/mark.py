"""
Mark jobs as cancelled in the store, for as long as they have no run in Prefect that could be asked to stop.

The mark is heeded by the batch run before it dispatches the job, and by the job's run when that was created in the same
moment.
"""

from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from pydantic import ValidationError

from tasks.core.batches import CancelMark
from tasks.core.errors import NotFound, Unreadable
from tasks.core.keys import BatchKeys
from tasks.read import told_from_outage
from tasks.store import Store


def mark_cancelled(store: Store, batch_id: str, mark: CancelMark) -> None:
    """Mark the job as cancelled."""
    store.write(BatchKeys.of(batch_id).cancel_mark(mark.job_id), mark.model_dump_json().encode())


def is_marked_cancelled(store: Store, batch_id: str, job_id: str) -> bool:
    """Return whether the job is marked."""
    return store.stat(BatchKeys.of(batch_id).cancel_mark(job_id)) is not None


def cancelled_jobs(store: Store, batch_id: str) -> frozenset[str]:
    """Return the ids of all jobs of the batch that are marked."""
    return frozenset(PurePosixPath(key).stem for key in store.list(BatchKeys.of(batch_id).cancel_marks))


def forget_cancels(store: Store, batch_id: str, *, before: datetime) -> None:
    """Remove the marks that were made before a moment: the batch was retried then, and everything is to run."""
    for key in store.list(BatchKeys.of(batch_id).cancel_marks):
        try:
            mark = CancelMark.model_validate_json(told_from_outage(store, key, partial(store.read, key)))
        except (NotFound, Unreadable, ValidationError):  # that job stays cancelled
            continue
        if mark.cancelled_at < before:
            store.delete(key)
