"""Fetch a recording from the store to the machine that transcribes it."""

import asyncio
import hashlib
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.core.batches import Recording
from tasks.core.errors import NotFound, StoreUnavailable, UploadMissing
from tasks.retry import OUTAGE_SECONDS, ask_the_error
from tasks.store import Store


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
        msg = (
            "Its recording is no longer in the store. Retry the batch: it is converted again, or tells what is missing."
        )
        raise UploadMissing(msg) from error


def _fetch(store: Store, recording: Recording, target: Path) -> None:
    store.fetch(recording.key, target)
    with target.open("rb") as file:
        arrived = hashlib.file_digest(file, "sha256").hexdigest()
    if arrived != recording.sha256:
        msg = f"The store returned other bytes for {recording.key} than were written to it. Check its disk or service."
        raise StoreUnavailable(msg)
