"""Expiry notes: the uploads of jobs are gone. Written before they go, since a retry would look for them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from tasks.batches import StoredModel
from tasks.errors import NotFound
from tasks.names import display_name
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys


class Expiry(StoredModel):
    """The note that a job's upload and recording are gone, or about to go. Written before they go."""

    job_id: str
    expired_at: datetime
    cancelled: bool = False
    """True if they went because the job was cancelled, and not because their time was over."""


def note_expiries(store: Store, batch_id: str, job_ids: Iterable[str], *, cancelled: Collection[str] = ()) -> list[str]:
    """
    Note that the uploads of these jobs go now, and return the jobs that had no such note before.

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


def expired(names: Sequence[str], expiry: Expiry) -> str:
    """Return the sentence for uploads that went before their jobs could be retried; *expiry* is that of the first."""
    uploads, verb, them = f"The upload of {display_name(names[0])}", "was", "it"
    if len(names) > 1:
        others = "1 other" if len(names) == 2 else f"{len(names) - 1} others"  # noqa: PLR2004 - two of them
        uploads, verb, them = f"The uploads of {display_name(names[0])} and {others}", "were", "them"
    if expiry.cancelled:
        when = "it was cancelled" if them == "it" else "they were cancelled"
        return f"{uploads} {verb} removed when {when}; upload {them} again."
    return f"{uploads} expired on {expiry.expired_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; upload {them} again."
