"""Fetch the recording of a job, unless the store says that there is nothing to be done for it."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batches import Job, Recording, batch_id_of
from tasks.documents.results import complete_job_results
from tasks.names import display_name
from tasks.outages import OUTAGE_SECONDS, ask_the_error
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import is_marked_cancelled
from tasks.storage.open_store import open_store
from tasks.storage.records import distinguish_outage, published_and_intact
from tasks.transcription.fetch import fetch_recording
from tasks.transcription.speech_plan import SpeechPlan


class Found(StrEnum):
    """The store's answer about a job that is about to be transcribed."""

    TO_BE_DONE = "to be done"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Fetched:
    """The store, its answer about a job, and the speech plan of its recording, if that was fetched and has one."""

    store: Store
    found: Found
    plan: SpeechPlan | None = None


@task(
    name="fetch recording",
    retries=len(OUTAGE_SECONDS),
    retry_delay_seconds=OUTAGE_SECONDS,
    retry_condition_fn=ask_the_error,
    cache_policy=NO_CACHE,
)
async def fetch_job(settings: Settings, job: Job, recording: Recording, target: Path) -> Fetched:
    """
    Look up the job, and if it is to be done, copy its recording to *target*, whose folder is made for it.

    Raises `StoreUnavailable`, `Unreadable`, or `UploadMissing` if its recording is no longer there.
    """
    return await asyncio.to_thread(_fetch_job, settings, job, recording, target)


def _fetch_job(settings: Settings, job: Job, recording: Recording, target: Path) -> Fetched:
    store, batch_id = open_store(settings), batch_id_of(job.job_id)
    published = partial(published_and_intact, store, batch_id, job.job_id)
    if distinguish_outage(store, f"What {display_name(job.name)} became", published):
        complete_job_results(store, job)  # an earlier attempt may have been killed before it got there
        return Fetched(store, Found.PUBLISHED)
    if is_marked_cancelled(store, batch_id, job.job_id):
        return Fetched(store, Found.CANCELLED)
    target.parent.mkdir(parents=True, exist_ok=True)
    return Fetched(store, Found.TO_BE_DONE, fetch_recording(store, recording, target))
