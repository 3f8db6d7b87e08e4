"""Fetch a recording from the store to the machine that transcribes it."""

import asyncio
from pathlib import Path

from prefect import task

from tasks.core.batches import Recording
from tasks.core.errors import NotFound, UploadMissing
from tasks.retry import OUTAGE_SECONDS, ask_the_error
from tasks.store import Store


@task(
    name="fetch recording",
    retries=len(OUTAGE_SECONDS),
    retry_delay_seconds=OUTAGE_SECONDS,
    retry_condition_fn=ask_the_error,
)
async def fetch_recording(store: Store, recording: Recording, target: Path) -> None:
    """Copy the recording to *target*. Raises `UploadMissing` if it is no longer in the store."""
    try:
        await asyncio.to_thread(store.fetch, recording.key, target)
    except NotFound as error:
        msg = (
            "Its recording is no longer in the store. Retry the batch: it is converted again, or tells what is missing."
        )
        raise UploadMissing(msg) from error
