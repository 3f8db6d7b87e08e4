"""Look up the state of a job in the store, before anything is done for it."""

import asyncio
from enum import StrEnum
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batches import Job
from tasks.documents.results import complete_job_results
from tasks.names import display_name
from tasks.outages import OUTAGE_SECONDS, ask_the_error
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import is_marked_cancelled
from tasks.storage.open_store import open_store
from tasks.storage.records import distinguish_outage, published_and_intact


class Found(StrEnum):
    """The store's answer about a job that is about to be transcribed."""

    TO_BE_DONE = "to be done"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


@task(
    name="look up job",
    retries=len(OUTAGE_SECONDS),
    retry_delay_seconds=OUTAGE_SECONDS,
    retry_condition_fn=ask_the_error,
    cache_policy=NO_CACHE,
)
async def look_up_job(settings: Settings, batch_id: str, job: Job) -> tuple[Store, Found]:
    """Return the store, and its answer about the job. Raises `StoreUnavailable` and `Unreadable`."""
    return await asyncio.to_thread(_look_up, settings, batch_id, job)


def _look_up(settings: Settings, batch_id: str, job: Job) -> tuple[Store, Found]:
    store = open_store(settings)
    published = partial(published_and_intact, store, batch_id, job.job_id)
    if distinguish_outage(store, f"What {display_name(job.name)} became", published):
        complete_job_results(store, job)  # an earlier attempt may have been killed before it got there
        return store, Found.PUBLISHED
    return store, Found.CANCELLED if is_marked_cancelled(store, batch_id, job.job_id) else Found.TO_BE_DONE
