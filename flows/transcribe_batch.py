"""
Transcribe a batch: convert its uploads, have each recording transcribed on the GPU pool that is free soonest, sum up.

There is no barrier between the phases: a job is dispatched as soon as its own recording is ready. A job that fails
never stops the others. The run ends Completed if all jobs succeeded, else Failed with the first reasons named.

It can be killed at any moment and started again, by its worker or by a user's Retry: it keeps nothing itself and
adopts what it finds in Prefect and in the store (`tasks.orchestration.batch_run.adopt`).

Requires: the batch's manifest in the store, its uploads on this host, ffmpeg.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID

import httpx
from prefect import flow, get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from tasks.announcements.announce import announce
from tasks.announcements.batch_end import BatchEnd, batch_end
from tasks.batches import Batch, Document, Job, Manifest, Stage, inbox_tag
from tasks.cancellation import RunCancelled, current_token, unless_cancelled
from tasks.cleanup.cancelled_uploads import CancelledUploads
from tasks.documents.results import complete_results, document_uri
from tasks.errors import StoreUnavailable, TranscriptionError
from tasks.orchestration.batch_run import (
    SECONDS_BETWEEN_LOOKS,
    Pace,
    adopt,
    collect,
    dispatch,
    endings_of,
    publish_summary,
    reopen,
    stop_cancelled,
    take_converted,
    withdraw_conversions,
)
from tasks.orchestration.conversions import Conversions, ConversionThreads, most_begun
from tasks.orchestration.dispatcher import Dispatcher
from tasks.orchestration.helpers import NOT_NEEDED, Helpers
from tasks.orchestration.moves import move_stuck, take_over
from tasks.orchestration.open_jobs import OpenJobs
from tasks.orchestration.prefect_runs import read_retry
from tasks.orchestration.run_recovery import cancel
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import Ending, verdict
from tasks.orchestration.task_runs import end_earlier_attempts, end_never_begun
from tasks.orchestration.waiting import forget_waiting, tell_waiting
from tasks.outages import attempt, refusal, retry_until_accepted, warn
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.edits import read_standing_manifest
from tasks.storage.open_store import open_store
from tasks.storage.part_file import keeps_videos
from tasks.storage.records import distinguish_outage

SECONDS_BETWEEN_SEARCHES = 5.0
SECONDS_AFTER_OUTAGE = 3.0
SECONDS_TO_STOP = 5.0
SECONDS_TO_TELL = 600.0
SECONDS_TO_TELL_CANCELLED = 10.0
"""Together with the time to stop, less than the worker gives a cancelled run before it ends its process."""

Result = TypeVar("Result")


@flow(
    name="transcribe-batch",
    task_runner=ConversionThreads(max_workers=most_begun(Settings())),  # type: ignore[arg-type]  # Prefect's stub fixes the future's type
)
async def transcribe_batch(batch_id: str) -> State[Any]:
    """Convert, dispatch and collect all jobs of a batch."""
    settings = Settings()
    async with get_client() as client:
        try:
            return await _transcribe(client, settings, batch_id)
        except RunCancelled:
            state: State[Any] = Cancelled(message="Cancelled before any job was begun.")
        except TranscriptionError as error:
            state = Failed(message=str(error))
        except httpx.HTTPStatusError as error:
            state = Failed(message=str(refusal(error)))
        finally:
            forget_waiting()
        await _told(
            partial(announce, client, settings, _end(settings, _batch_by_its_run(batch_id), (), state, uri_of=_unread))
        )
        return state


async def _transcribe(client: PrefectClient, settings: Settings, batch_id: str) -> State[Any]:
    run_id = UUID(flow_run.get_id() or "")
    store, jobs = await _adopt(client, settings, batch_id, run_id)
    converted = Conversions(jobs.manifest.batch, settings)
    converted.start(converting.job for converting in jobs.converting.values())
    dispatcher = Dispatcher(client, jobs.manifest.batch, run_id)
    helpers = Helpers(client, jobs.manifest.batch, run_id, long_seconds=60 * settings.parts_from_minutes)
    cancelled = CancelledUploads(client, store, settings, batch_id, run_id, flow_run.get_run_count())
    pace, next_search = Pace(), 0.0

    async def look() -> Literal[True]:
        nonlocal next_search
        await take_converted(client, jobs, converted)
        await stop_cancelled(store, jobs, converted)
        await collect(client, store, jobs, settings.uploads_folder, keep_videos=keeps_videos(settings))
        await cancelled.remove_of_ended(jobs)
        await dispatch(client, dispatcher, jobs)
        for run in await take_over(store, dispatcher, jobs):
            get_run_logger().info("Job %s was moved to %s, which had nothing to do", run.job_id, run.work_pool)
        for run in await helpers.look(jobs):
            get_run_logger().info("%s, which had nothing to do, helps with job %s", run.work_pool, run.helps)
        if time.monotonic() > next_search:
            next_search = time.monotonic() + SECONDS_BETWEEN_SEARCHES
            await _move_stuck(store, dispatcher, jobs)
        return True

    try:
        while jobs.any_open or await _accepted(partial(reopen, client, jobs), "The last look"):
            current_token().raise_if_cancelled()
            if await attempt(partial(_telling, look), tell=_warn("A look at the jobs")):
                pace.note(jobs.progress)
                await converted.wait(pace.seconds_until_next(time.monotonic()))
            else:  # the jobs under way go on without us, and the next look finds out what became of them
                await unless_cancelled(asyncio.sleep(SECONDS_AFTER_OUTAGE))
    except RunCancelled:
        # Once: there are seconds, and Prefect's server stops them as well.
        stop = partial(cancel, client, [*jobs.runs.values(), *jobs.predecessors], "The batch was cancelled.")
        await attempt(stop, tell=_warn("The cancel of the jobs"))
        stop_helping = partial(helpers.cancel_all, jobs, "The batch was cancelled.")
        await attempt(stop_helping, tell=_warn("The cancel of the helping runs"))
        ended = len(jobs.ended)
        await _wait_for_stops(client, store, jobs, converted)
        await attempt(partial(cancelled.remove_of_all, jobs), tell=_warn("The removal of uploads"))
        message = f"Cancelled; {ended} of {len(jobs.manifest.jobs)} jobs had ended."
        return await _summed_up(client, store, settings, jobs, Cancelled(message=message))
    finally:
        converted.withdraw()
    attempts = {ended.run.run_id: ended.run.attempts for ended in jobs.ended.values() if ended.run}
    attempts[run_id] = flow_run.get_run_count()
    await _told(
        partial(helpers.cancel_all, jobs, NOT_NEEDED),
        partial(end_never_begun, client, jobs.never_began),
        partial(end_earlier_attempts, client, batch_id, attempts),
        partial(asyncio.to_thread, complete_results, store, jobs.manifest),
    )
    return await _summed_up(client, store, settings, jobs, _final_state(jobs))


async def _adopt(client: PrefectClient, settings: Settings, batch_id: str, run_id: UUID) -> tuple[Store, OpenJobs]:
    """Adopt what is there; after an outage in the middle once more, which finds what was restarted already."""

    async def adopting() -> tuple[Store, OpenJobs]:
        current_token().raise_if_cancelled()
        store = await asyncio.to_thread(open_store, settings)
        manifest = await asyncio.to_thread(_read_manifest, store, batch_id)
        return store, await adopt(client, store, manifest, await read_retry(client, run_id))

    return await _accepted(adopting, "The start")


async def _accepted(work: Callable[[], Awaitable[Result]], what: str) -> Result:
    """Return the result of *work*, whatever outages come between."""
    return await retry_until_accepted(partial(_telling, work), tell=_warn(what))


def _read_manifest(store: Store, batch_id: str) -> Manifest:
    return distinguish_outage(
        store, f"The record of batch {batch_id}", partial(read_standing_manifest, store, batch_id)
    )


async def _wait_for_stops(client: PrefectClient, store: Store, jobs: OpenJobs, converted: Conversions) -> None:
    """Give running work a few seconds to stop: a batch that has ended holds no device and no ffmpeg."""
    jobs.restart_nothing()
    withdraw_conversions(jobs, converted)
    settings = Settings()

    async def look() -> None:
        await take_converted(client, jobs, converted)
        await collect(client, store, jobs, settings.uploads_folder, keep_videos=keeps_videos(settings))

    deadline = time.monotonic() + SECONDS_TO_STOP
    while (jobs.running or jobs.converting) and time.monotonic() < deadline:
        await attempt(look, tell=_warn("A look at the cancelled jobs"))
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS / 4)


async def _move_stuck(store: Store, dispatcher: Dispatcher, jobs: OpenJobs) -> None:
    for run in await move_stuck(store, dispatcher, jobs):
        get_run_logger().warning("Job %s was moved to %s: its pool takes no jobs", run.job_id, run.work_pool)


async def _telling(work: Callable[[], Awaitable[Result]]) -> Result:
    """Return the result of *work*; tell users of an outage of the store. One of Prefect's server cannot be told."""
    try:
        result = await work()
    except StoreUnavailable as error:
        await tell_waiting(str(error))
        raise
    await tell_waiting("")
    return result


def _warn(what: str) -> Callable[[Exception], None]:
    return warn(get_run_logger(), what)


def _final_state(jobs: OpenJobs) -> State[Any]:
    endings = endings_of(jobs)
    failed = any(ending.stage is Stage.FAILED for ending in endings)
    return Failed(message=verdict(endings)) if failed else Completed(message=verdict(endings))


async def _summed_up(
    client: PrefectClient, store: Store, settings: Settings, jobs: OpenJobs, state: State[Any]
) -> State[Any]:
    """Show the outcome of the batch, announce it, and return *state*."""
    batch, endings = jobs.manifest.batch, endings_of(jobs)
    get_run_logger().info("Batch %s: %s", batch.batch_id, state.message)
    end = _end(settings, batch, endings, state, uri_of=partial(document_uri, store, batch))
    summed_up = partial(publish_summary, client, UUID(flow_run.get_id() or ""), batch, endings)
    await _told(summed_up, partial(announce, client, settings, end))
    return state


def _unread(_job: Job, document: Document) -> str:
    """Return the address of a document whose store is not at hand."""
    return document.key


def _end(
    settings: Settings,
    batch: Batch,
    endings: Sequence[Ending],
    state: State[Any],
    *,
    uri_of: Callable[[Job, Document], str],
) -> BatchEnd:
    return batch_end(
        batch,
        endings,
        state=BatchState(state.type.value.lower()),
        message=state.message or "",
        finished_at=datetime.now(UTC),
        batch_url=settings.batch_url(batch.batch_id),
        flow_run_id=flow_run.get_id() or "",
        uri_of=uri_of,
    )


def _batch_by_its_run(batch_id: str) -> Batch:
    """Return the batch as far as its run alone tells, if its records were not read or cannot be."""
    inbox = next((tag.removeprefix(inbox_tag("")) for tag in flow_run.get_tags() if tag.startswith(inbox_tag(""))), "")
    name = flow_run.get_name() or batch_id
    return Batch(batch_id=batch_id, name=name, created_at=datetime.now(UTC), inbox=inbox)


async def _told(*messages: Callable[[], Awaitable[None]]) -> None:
    """
    Tell Prefect, and wait out its outages.

    Not for ever: a server that answers all else and fails at this must not keep the batch from ending, and the clean-up
    tells the rest. A cancelled batch has seconds, then its process is ended.
    """
    seconds = SECONDS_TO_TELL_CANCELLED if current_token().cancelled else SECONDS_TO_TELL
    try:
        async with asyncio.timeout(seconds):
            for message in messages:
                await _accepted(message, "What became of the batch")
    except (TimeoutError, RunCancelled):
        get_run_logger().warning("Prefect's server has not taken what became of the batch for %g s", seconds)
