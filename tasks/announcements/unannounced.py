"""
Announce the ends that a batch run could not announce itself: it was cancelled before it began, lost its process, or
Prefect's server did not take it.

The id of an end says whether it was announced: Prefect knows the event, or does not. So this keeps nothing itself, and
doing it again changes nothing.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
)
from prefect.client.schemas.sorting import FlowRunSort

from tasks.announcements.announce import announce
from tasks.announcements.batch_end import BatchEnd, batch_end, end_id
from tasks.batches import BATCH_FLOW, Job, Manifest, Stage
from tasks.documents.results import document_uri
from tasks.errors import NotFound, RecordDamaged
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.paging import read_all
from tasks.orchestration.prefect_runs import job_run_of, read_retry
from tasks.orchestration.prefect_states import ENDED, in_states
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import Ending
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.edits import read_standing_manifest
from tasks.storage.revisions import read_current

LOOK_BACK = timedelta(hours=6)
"""Older ends are left alone: anyone who waited for them has looked by now."""

SETTLES = timedelta(minutes=1)
"""A run that has just ended may just have announced it: Prefect shows an event some seconds later."""


async def announce_untold(client: PrefectClient, store: Store, settings: Settings, *, ended_before: datetime) -> int:
    """Announce the ends that were not announced yet, and return their number."""
    announced = 0
    for run in await _read_ended(client, ended_before):
        retry = await read_retry(client, run.run_id)
        if not await _is_told(client, end_id(str(run.run_id), retry)):
            try:
                end = await asyncio.to_thread(_end, store, settings, run)
            except (
                NotFound,
                RecordDamaged,
            ):  # dismissed, by somebody who knows how it ended; or there is nothing to tell
                continue
            await announce(client, settings, end)
            announced += 1
    return announced


async def _read_ended(client: PrefectClient, ended_before: datetime) -> list[JobRun]:
    ended = await read_all(
        client.read_flow_runs,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW])),
        flow_run_filter=FlowRunFilter(
            state=in_states(ENDED),
            end_time=FlowRunFilterEndTime(after_=ended_before - LOOK_BACK, before_=ended_before),
        ),
        sort=FlowRunSort.END_TIME_DESC,
    )
    return [job_run_of(run) for run in ended]


async def _is_told(client: PrefectClient, event_id: UUID) -> bool:
    sought = {"filter": {"id": {"id": [str(event_id)]}}, "limit": 1}
    answer = await client.request("POST", "/events/filter", json=sought)
    return bool(answer.json()["events"])


def _end(store: Store, settings: Settings, run: JobRun) -> BatchEnd:
    manifest = read_standing_manifest(store, run.batch_id)
    state = _state_of(run)
    return batch_end(
        manifest.batch,
        [_ending(store, manifest, job, state, run.message) for job in manifest.jobs],
        state=state,
        message=run.message,
        finished_at=run.ended_at or datetime.now(UTC),
        batch_url=settings.batch_url(manifest.batch.batch_id),
        flow_run_id=str(run.run_id),
        uri_of=partial(document_uri, store, manifest.batch),
    )


def _state_of(run: JobRun) -> BatchState:
    ended = {RunState.COMPLETED: BatchState.COMPLETED, RunState.CANCELLED: BatchState.CANCELLED}
    return ended.get(run.state, BatchState.FAILED)


def _ending(store: Store, manifest: Manifest, job: Job, state: BatchState, message: str) -> Ending:
    publication = read_current(store, manifest.batch.batch_id, job.job_id)
    if publication is not None:
        return Ending(job, Stage.DONE, documents=publication.documents)
    # A batch is completed also if single jobs of it were cancelled.
    return Ending(job, Stage.FAILED if state is BatchState.FAILED else Stage.CANCELLED, message)
