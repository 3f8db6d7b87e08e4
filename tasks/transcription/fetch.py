"""Fetch a recording from the store to the machine that transcribes it."""

import asyncio
import hashlib
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batches import Recording, batch_id_of
from tasks.errors import NotFound, StoreUnavailable, UploadMissing
from tasks.outages import OUTAGE_SECONDS, ask_the_error
from tasks.storage.base import Store
from tasks.storage.expiries import read_expiry


@task(
    name="fetch recording",
    retries=len(OUTAGE_SECONDS),
    retry_delay_seconds=OUTAGE_SECONDS,
    retry_condition_fn=ask_the_error,
    cache_policy=NO_CACHE,
)
async def fetch_recording(store: Store, recording: Recording, target: Path) -> None:
    """
    Copy the recording to *target*.

    Raises `UploadMissing` if it is no longer in the store, and `StoreUnavailable` also if other bytes arrive.
    """
    try:
        await asyncio.to_thread(_fetch, store, recording, target)
    except NotFound as error:
        raise UploadMissing(await asyncio.to_thread(_why_missing, store, recording.job_id)) from error


def _why_missing(store: Store, job_id: str) -> str:
    expiry = read_expiry(store, batch_id_of(job_id), job_id)
    if expiry is not None and expiry.cancelled:
        return "Its upload was removed when it was cancelled; upload it again."
    return "Its recording is no longer in the store. Retry the batch: it is converted again, or tells what is missing."


def _fetch(store: Store, recording: Recording, target: Path) -> None:
    store.fetch(recording.key, target)
    with target.open("rb") as file:
        arrived = hashlib.file_digest(file, "sha256").hexdigest()
    if arrived != recording.sha256:
        msg = f"The store returned other bytes for {recording.key} than were written to it. Check its disk or service."
        raise StoreUnavailable(msg)
