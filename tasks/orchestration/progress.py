"""Show the progress of a run, as a progress artifact in Prefect."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import httpx
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

SECONDS_BETWEEN_UPDATES = 2.0
LONGEST_SILENCE_SECONDS = 60.0
"""Interval at which unchanged progress is shown again: a run that shows none is taken for lost (`lost_runs`)."""


@contextlib.asynccontextmanager
async def progress_shown(description: str) -> AsyncIterator[Callable[[float], None]]:
    """
    Yield a function that takes the progress (0 to 1, from any thread), and show the latest one at most every 2 s.

    The artifact has no key: keyed ones would make a new row in a collection for each version. A run shorter than the
    interval makes none at all.
    """
    latest = 0.0

    def show(progress: float) -> None:
        nonlocal latest
        latest = max(latest, min(progress, 1.0))

    async def keep_shown() -> None:
        artifact_id, shown_progress, shown_at = None, -1.0, 0.0
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_UPDATES)
            if latest == shown_progress and time.monotonic() - shown_at < LONGEST_SILENCE_SECONDS:
                continue
            with contextlib.suppress(httpx.HTTPError):  # progress is a courtesy; an outage must not fail the job
                percent = round(latest * 100, 1)
                if artifact_id is None:
                    artifact_id = await acreate_progress_artifact(progress=percent, description=description)
                else:
                    await aupdate_progress_artifact(artifact_id=artifact_id, progress=percent)
                shown_progress, shown_at = latest, time.monotonic()

    updates = asyncio.create_task(keep_shown())
    try:
        yield show
    finally:
        updates.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await updates
