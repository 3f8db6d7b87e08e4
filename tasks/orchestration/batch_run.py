"""
Collect the outcomes of a batch's jobs: adopt what an earlier try left, convert, restart, and note how each ended.

`OpenJobs` says in which state each job is. Nothing of it is kept anywhere: a batch run that starts again reads it once
more from Prefect and the store.
"""

import asyncio
import contextlib
import logging
from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.exceptions import ObjectNotFound

from tasks.batches import Batch, Job, Manifest, Recording, Stage, batch_id_of
from tasks.cancellation import current_token
from tasks.errors import StoreUnavailable, Unreadable
from tasks.media.formats import video_type
from tasks.names import display_name
from tasks.orchestration.conversions import Conversions
from tasks.orchestration.dispatcher import Dispatcher
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.open_jobs import Converting, Ended, JobState, OpenJobs, Running, Waiting
from tasks.orchestration.prefect_runs import read_job_runs, refresh
from tasks.orchestration.recovery import Retry, Step, step_for
from tasks.orchestration.run_recovery import cancel, fail, restart, restart_crashed
from tasks.orchestration.shared_looks import looks_with
from tasks.orchestration.summary import Ending, result_of, sentence, summary_markdown
from tasks.storage.base import Store
from tasks.storage.cancel_requests import cancelled_jobs, forget_keeps
from tasks.storage.records import distinguish_outage, published_and_intact, read_recording

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_QUIET_LOOKS = 2.0
QUIET_LOOKS = 10
"""After so many looks that found everything as it was, a batch looks less often."""


class Pace:
    """
    The pace of a batch's looks.

    Looks fall on full multiples of the interval on the process's clock, so that all batches of a process look at the
    same moments and can share what they read.
    """

    def __init__(self) -> None:
        self._seen: Hashable = None
        self._quiet_looks = 0

    def note(self, seen: Hashable) -> None:
        """Take note of what a look found: anything that is equal if nothing happened."""
        self._quiet_looks = self._quiet_looks + 1 if seen == self._seen else 0
        self._seen = seen

    def seconds_until_next(self, now: float) -> float:
        """Return the seconds to wait for the next look."""
        quiet = self._quiet_looks >= QUIET_LOOKS
        interval = SECONDS_BETWEEN_QUIET_LOOKS if quiet else SECONDS_BETWEEN_LOOKS
        return interval - now % interval


logger = logging.getLogger(__name__)


async def adopt(client: PrefectClient, store: Store, manifest: Manifest, retry: Retry | None) -> OpenJobs:
    """Return the batch's jobs as an earlier try of it left them; all to be converted if there was none."""
    runs = await read_job_runs(client, manifest.batch.batch_id)
    await cancel(client, runs.superseded, "Moved to another pool.")
    if retry is not None and retry.ended_as is RunState.CANCELLED:
        await asyncio.to_thread(forget_keeps, store, manifest.batch.batch_id, before=retry.at)
    marked = await asyncio.to_thread(cancelled_jobs, store, manifest.batch.batch_id)
    jobs = OpenJobs(manifest)
    for job in manifest.jobs:
        run = runs.newest.get(job.job_id)
        await _adopt(client, store, jobs, job, run, retry=retry, marked_cancelled=job.job_id in marked)
    return jobs


async def _adopt(
    client: PrefectClient,
    store: Store,
    jobs: OpenJobs,
    job: Job,
    run: JobRun | None,
    *,
    retry: Retry | None,
    marked_cancelled: bool,
) -> None:
    batch_id = jobs.manifest.batch.batch_id
    ending = await _ending(store, batch_id, job, run) if run is None or run.state.ended else None
    if ending is not None and ending.stage is Stage.FAILED and run is None and marked_cancelled:
        ending = replace(ending, stage=Stage.CANCELLED, error="Cancelled before it was dispatched.")
    step = step_for(
        run.state if run else None,
        run_changed_at=run.changed_at if run else None,
        published=ending is not None and ending.stage is Stage.DONE,
        retry=retry,
        marked_cancelled=marked_cancelled,
    )
    if step is Step.LEAVE and ending is not None:
        jobs.put(Ended(ending, run))
        return
    if step in (Step.WAIT, Step.RESTART_ONCE_STOPPED) and run is not None:
        jobs.put(Running(job, run, restarts_once_stopped=step is Step.RESTART_ONCE_STOPPED))
        return
    converting = Converting(job, restarts=run if step is Step.RESTART else None)
    try:
        recording = await recording_of(store, batch_id, job)
    except Unreadable as error:
        jobs.put(Ended(Ending(job, Stage.FAILED, str(error)), run))
        return
    if recording is None:
        jobs.put(converting)
    else:
        jobs.put(await _after_conversion(client, converting, recording))


async def recording_of(store: Store, batch_id: str, job: Job) -> Recording | None:
    """Return the job's recording, or None if it is not in the store. Raises `StoreUnavailable` and `Unreadable`."""
    look = partial(read_recording, store, batch_id, job.job_id)
    return await asyncio.to_thread(distinguish_outage, store, f"The recording of {display_name(job.name)}", look)


async def _after_conversion(client: PrefectClient, converting: Converting, recording: Recording) -> JobState:
    """Have a job whose recording is there transcribed, by the run it has or by one to be created: return its state."""
    if converting.restarts is None:
        return Waiting(converting.job, recording)
    await restart(client, converting.restarts, "The batch was retried.")
    return Running(converting.job, converting.restarts, recording)


async def take_converted(client: PrefectClient, jobs: OpenJobs, conversions: Conversions) -> None:
    """
    Move jobs on whose conversion has ended: to the waiting ones, or to the failed.

    One that an outage kept from beginning is begun again; its error is raised, for the outage to be waited out.
    """
    while conversions.ended:
        job, conversion = conversions.ended[0]
        try:
            conversion.wait()  # it has ended; only now does it give its state with the result
        except (httpx.HTTPError, ConcurrencySlotAcquisitionError):  # it never began: Prefect's server was away
            jobs.never_began.add(conversion.task_run_id)
            conversions.ended.popleft()
            conversions.start([job])
            raise
        jobs.put(await _state_after(client, jobs.converting[job.job_id], conversion.state))
        conversions.ended.popleft()  # last: an outage on the way must not lose it


async def _state_after(client: PrefectClient, converting: Converting, conversion: State[Any]) -> JobState:
    if conversion.is_completed():
        return await _after_conversion(client, converting, await conversion.aresult())
    stage = Stage.CANCELLED if conversion.is_cancelled() else Stage.FAILED
    error = sentence(conversion.message or "The conversion was stopped.")
    if stage is Stage.FAILED and converting.restarts is not None:
        await fail(client, converting.restarts, error)  # it would go on telling why it ended before
    return Ended(Ending(converting.job, stage, error))


async def stop_cancelled(store: Store, jobs: OpenJobs, conversions: Conversions) -> None:
    """End the jobs that a user cancelled and that have no run yet; one that has a run is asked to stop itself."""
    if not jobs.converting and not jobs.waiting:
        return
    for job_id in await asyncio.to_thread(cancelled_jobs, store, jobs.manifest.batch.batch_id):
        if job := conversions.cancel_conversion(job_id):
            jobs.put(_unconverted(job))
        elif waiting := jobs.waiting.get(job_id):
            jobs.put(Ended(Ending(waiting.job, Stage.CANCELLED, "Cancelled before it was dispatched.")))


def withdraw_conversions(jobs: OpenJobs, conversions: Conversions) -> None:
    """Begin no more conversions: the batch was cancelled."""
    for job in conversions.withdraw():
        jobs.put(_unconverted(job))


def _unconverted(job: Job) -> Ended:
    return Ended(Ending(job, Stage.CANCELLED, "Cancelled before it was converted."))


async def dispatch(client: PrefectClient, dispatcher: Dispatcher, jobs: OpenJobs) -> None:
    """Create runs for the waiting jobs that a pool has room for."""
    if not jobs.waiting:
        return
    running = await looks_with(client).running_batches(client)
    for run in await dispatcher.dispatch(jobs.waiting, running):
        waiting = jobs.waiting[run.job_id]
        jobs.put(Running(waiting.job, run, waiting.recording))


async def collect(
    client: PrefectClient, store: Store, jobs: OpenJobs, uploads_folder: Path, *, keep_videos: bool = False
) -> list[Ending]:
    """
    Look at all runs under way, in one read at most, and return the jobs that ended since the last look.

    Uploads of jobs that are done go; with *keep_videos* those with a picture to show are left to the clean-up.
    """
    if not jobs.running:
        return []
    looks, dispatches, batch_id = looks_with(client), bool(jobs.waiting), jobs.manifest.batch.batch_id
    read = await looks.runs(client, jobs.runs.values(), pools_are_looked_at=dispatches)
    found = {run.run_id: run for run in read}
    endings = []
    for running in list(jobs.running.values()):
        run = found.get(running.run.run_id)  # None if it was deleted in Prefect
        if run is not None and not run.has_ended(datetime.now(UTC)):
            jobs.put(replace(running, run=run))
        elif running.predecessor is not None and not current_token().cancelled:
            continue  # the predecessor is to be ended first: only this state knows of it
        elif run is not None and running.restarts_once_stopped and run.state is RunState.CANCELLED:
            await restart(client, run, "The batch was retried.")
            jobs.put(replace(running, restarts_once_stopped=False))
        elif ended := await _end_of(client, store, batch_id, running, run):
            jobs.put(ended)
            endings.append(ended.ending)
            if ended.ending.stage is Stage.DONE:
                upload = uploads_folder / batch_id / running.job.job_id
                await asyncio.to_thread(_remove_upload, store, running, upload, keep_videos=keep_videos)
    return endings


async def _end_of(
    client: PrefectClient, store: Store, batch_id: str, running: Running, run: JobRun | None
) -> Ended | None:
    """Return the end of a job whose run has ended or was deleted, or None if it goes on after a crash."""
    ending = await _ending(store, batch_id, running.job, run)
    if run is None or run.state is not RunState.CRASHED or ending.stage is Stage.DONE:
        return Ended(ending, run or running.run)
    if not current_token().cancelled:  # its worker, one of Prefect's own, leaves it so
        with contextlib.suppress(ObjectNotFound):  # it was deleted in this moment: the next look tells
            await restart_crashed(client, run)
    return None


async def reopen(client: PrefectClient, jobs: OpenJobs) -> bool:
    """Take up again the jobs whose run a user has restarted since it failed, and return whether there are any."""
    unfinished = {
        ended.run.run_id: ended for ended in jobs.ended.values() if ended.run and ended.ending.stage is not Stage.DONE
    }
    for run in await refresh(client, [ended.run for ended in unfinished.values() if ended.run]):
        ended = unfinished[run.run_id]
        # A run that is as it was is not looked at again: one whose documents are damaged says Completed for ever.
        if ended.run is not None and run.changed_at > ended.run.changed_at:
            jobs.put(Running(ended.job, run))
    return jobs.any_open


async def _ending(store: Store, batch_id: str, job: Job, run: JobRun | None) -> Ending:
    """Return the job's ending. It is done if its documents are in the store and intact, whatever its run says."""
    look = partial(published_and_intact, store, batch_id, job.job_id)
    try:
        publication = await asyncio.to_thread(distinguish_outage, store, f"What {display_name(job.name)} became", look)
    except Unreadable as error:
        return Ending(job, Stage.FAILED, f"{error} Mend that, then retry the batch.")
    stage = Stage.DONE if publication else _stage_without_documents(run)
    return Ending(
        job=job,
        stage=stage,
        error="" if publication else _error_without_documents(run),
        work_pool=run.work_pool if run else "",
        audio_seconds=publication.audio_seconds if publication else 0.0,
        run_seconds=run.run_seconds if run else 0.0,
        documents=publication.documents if publication else (),
    )


def _stage_without_documents(run: JobRun | None) -> Stage:
    return Stage.CANCELLED if run is not None and run.state is RunState.CANCELLED else Stage.FAILED


def _error_without_documents(run: JobRun | None) -> str:
    if run is None:
        return "Its run was deleted in Prefect. Retry the batch."
    if run.state is RunState.COMPLETED:
        return "Its documents are not in the store, or damaged. Retry the batch."
    return sentence(run.message)


def _remove_upload(store: Store, done: Running, upload: Path, *, keep_videos: bool) -> None:
    try:
        recording = done.recording or read_recording(store, batch_id_of(done.job.job_id), done.job.job_id)
        if not (keep_videos and video_type(done.job.path, recording)):
            upload.unlink(missing_ok=True)
    except (OSError, StoreUnavailable) as error:
        logger.warning("The upload %s stays until a clean-up can remove it: %s", upload, error)


def endings_of(jobs: OpenJobs) -> list[Ending]:
    """Return the ending of each job of a batch that ends now; one that has not ended by then is cancelled with it."""
    return [
        jobs.ended[job.job_id].ending
        if job.job_id in jobs.ended
        else Ending(job, Stage.CANCELLED, "Cancelled with its batch.")
        for job in jobs.manifest.jobs
    ]


async def publish_summary(client: PrefectClient, run_id: UUID, batch: Batch, endings: Sequence[Ending]) -> None:
    """Show the batch summary in Prefect's UI; a retried batch adds a version of it."""
    run = await client.read_flow_run(run_id)
    markdown = summary_markdown(batch, endings, wall_seconds=run.estimated_run_time.total_seconds())
    await acreate_markdown_artifact(
        key=f"batch-{batch.batch_id}", markdown=markdown, description=result_of(batch, endings)
    )
