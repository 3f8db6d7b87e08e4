"""
Collect the outcomes of a batch's jobs: adopt what an earlier try left, convert, restart, and note how each ended.

`OpenJobs` says where each job is. Nothing of it is kept anywhere: a batch run that starts again reads it once more from
Prefect and the store.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import PrefectClient
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.exceptions import ObjectNotFound

from tasks.batches import Job, Manifest, Recording, Stage
from tasks.cancellation import current_token
from tasks.errors import Unreadable
from tasks.names import display_name
from tasks.orchestration.conversions import Conversions
from tasks.orchestration.crashes import restart_crashed
from tasks.orchestration.dispatcher import Dispatcher, ReadyJob, cancel, fail, restart
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.prefect_runs import read_job_runs, refresh
from tasks.orchestration.recovery import Retry, Step, step_for
from tasks.orchestration.shared_looks import looks_with
from tasks.orchestration.summary import Ending, sentence
from tasks.storage.base import Store
from tasks.storage.cancel_requests import cancelled_jobs, forget_cancels
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


@dataclass(slots=True)
class OpenJobs:
    """The jobs of one batch: ended, or on their way there."""

    manifest: Manifest
    converting: dict[str, Job] = field(default_factory=dict)
    waiting: dict[str, ReadyJob] = field(default_factory=dict)
    ready: dict[str, ReadyJob] = field(default_factory=dict)
    runs: dict[str, JobRun] = field(default_factory=dict)
    restartable: dict[str, JobRun] = field(default_factory=dict)
    stopping: set[str] = field(default_factory=set)
    """Jobs to be run again as soon as the run that is being cancelled has stopped."""
    moved: deque[tuple[JobRun, JobRun]] = field(default_factory=deque)
    """Runs that are still to be given up, each with its successor."""
    never_began: set[UUID] = field(default_factory=set)
    """Task runs of conversions that an outage kept from beginning; others took their place."""
    ended: dict[str, JobRun] = field(default_factory=dict)
    """The runs of jobs that have ended, as they were then."""
    endings: dict[str, Ending] = field(default_factory=dict)

    @property
    def any_open(self) -> bool:
        """True if a job has not ended yet."""
        return len(self.endings) < len(self.manifest.jobs)

    @property
    def progress(self) -> Hashable:
        """A value that stays equal as long as nothing happens to any job."""
        runs = tuple((run.run_id, run.state, run.attempts) for run in self.runs.values())
        return len(self.converting), len(self.waiting), len(self.endings), runs


async def adopt(client: PrefectClient, store: Store, manifest: Manifest, retry: Retry | None) -> OpenJobs:
    """Return the batch's jobs as an earlier try of it left them; all to be converted if there was none."""
    runs = await read_job_runs(client, manifest.batch.batch_id)
    await cancel(client, runs.superseded, "Moved to another pool.")
    if retry is not None and retry.ended_as is RunState.CANCELLED:
        await asyncio.to_thread(forget_cancels, store, manifest.batch.batch_id, before=retry.at)
    jobs = OpenJobs(manifest)
    for job in manifest.jobs:
        await _adopt(client, store, jobs, job, runs.newest.get(job.job_id), retry=retry)
    return jobs


async def _adopt(
    client: PrefectClient, store: Store, jobs: OpenJobs, job: Job, run: JobRun | None, *, retry: Retry | None
) -> None:
    batch_id = jobs.manifest.batch.batch_id
    ending = await _ending(store, batch_id, job, run) if run is None or run.state.ended else None
    step = step_for(
        run.state if run else None,
        run_changed_at=run.changed_at if run else None,
        published=ending is not None and ending.stage is Stage.DONE,
        retry=retry,
    )
    if step is Step.LEAVE and ending is not None:
        _note_ending(jobs, ending, run)
        return
    if step in (Step.WAIT, Step.RESTART_ONCE_STOPPED) and run is not None:
        jobs.runs[job.job_id] = run
        if step is Step.RESTART_ONCE_STOPPED:
            jobs.stopping.add(job.job_id)
        return
    if step is Step.RESTART and run is not None:
        jobs.restartable[job.job_id] = run
    try:
        recording = await _recording(store, batch_id, job)
    except Unreadable as error:
        jobs.restartable.pop(job.job_id, None)
        _note_ending(jobs, Ending(job, Stage.FAILED, str(error)), run)
        return
    if recording is None:
        jobs.converting[job.job_id] = job
    else:
        await _ready(client, jobs, job, recording)


async def _recording(store: Store, batch_id: str, job: Job) -> Recording | None:
    """Return the job's recording, or None if it is not in the store. Raises `StoreUnavailable` and `Unreadable`."""
    look = partial(read_recording, store, batch_id, job.job_id)
    return await asyncio.to_thread(distinguish_outage, store, f"The recording of {display_name(job.name)}", look)


def _note_ending(jobs: OpenJobs, ending: Ending, run: JobRun | None) -> None:
    jobs.endings[ending.job.job_id] = ending
    if run is not None:
        jobs.ended[ending.job.job_id] = run


async def _ready(client: PrefectClient, jobs: OpenJobs, job: Job, recording: Recording) -> None:
    """Have a job whose recording is there transcribed: by the run it has, or by one to be created."""
    run = jobs.restartable.get(job.job_id)
    if run is None:
        jobs.waiting[job.job_id] = ReadyJob(job, recording)
        return
    await restart(client, run, "The batch was retried.")
    jobs.runs[job.job_id] = jobs.restartable.pop(job.job_id)


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
        state = conversion.state
        if state.is_completed():
            await _ready(client, jobs, job, await state.aresult())
        else:
            stage = Stage.CANCELLED if state.is_cancelled() else Stage.FAILED
            error = sentence(state.message or "The conversion was stopped.")
            if stage is Stage.FAILED and job.job_id in jobs.restartable:
                await fail(client, jobs.restartable[job.job_id], error)  # it would go on telling why it ended before
            jobs.restartable.pop(job.job_id, None)
            jobs.endings[job.job_id] = Ending(job, stage, error)
        del jobs.converting[job.job_id]
        conversions.ended.popleft()  # last: an outage on the way must not lose it


async def stop_cancelled(store: Store, jobs: OpenJobs, conversions: Conversions) -> None:
    """End the jobs that a user cancelled and that have no run yet; one that has a run is asked to stop itself."""
    if not jobs.converting and not jobs.waiting:
        return
    for job_id in await asyncio.to_thread(cancelled_jobs, store, jobs.manifest.batch.batch_id):
        if job := conversions.cancel_conversion(job_id):
            _end_unconverted(jobs, job)
        if ready := jobs.waiting.pop(job_id, None):
            jobs.endings[job_id] = Ending(ready.job, Stage.CANCELLED, "Cancelled before it was dispatched.")


def withdraw_conversions(jobs: OpenJobs, conversions: Conversions) -> None:
    """Begin no more conversions: the batch was cancelled."""
    for job in conversions.withdraw():
        _end_unconverted(jobs, job)


def _end_unconverted(jobs: OpenJobs, job: Job) -> None:
    del jobs.converting[job.job_id]
    jobs.restartable.pop(job.job_id, None)
    jobs.endings[job.job_id] = Ending(job, Stage.CANCELLED, "Cancelled before it was converted.")


async def dispatch(client: PrefectClient, dispatcher: Dispatcher, jobs: OpenJobs) -> None:
    """Create runs for the waiting jobs that a pool has room for."""
    if not jobs.waiting:
        return
    running = await looks_with(client).running_batches(client)
    for run in await dispatcher.dispatch(jobs.waiting, running):
        jobs.runs[run.job_id] = run
        jobs.ready[run.job_id] = jobs.waiting.pop(run.job_id)


async def move_stuck(store: Store, dispatcher: Dispatcher, jobs: OpenJobs) -> list[JobRun]:
    """Move runs from pools that take no jobs to ones that do, and return their successors; end the cancelled ones."""
    await _give_up_moved(dispatcher, jobs)  # where an outage came between the two steps of a move
    found = await dispatcher.find_stuck(jobs.runs.values())
    await dispatcher.end_cancelled(run for run in found if run.state is RunState.CANCELLING)
    movable = {run.run_id for run in found if run.state is not RunState.CANCELLING}
    stuck = {job_id: run for job_id, run in jobs.runs.items() if run.run_id in movable}
    if not stuck:
        return []
    for job in jobs.manifest.jobs:
        if job.job_id in stuck and job.job_id not in jobs.ready:  # its run was adopted
            with contextlib.suppress(Unreadable):  # its run will say so
                if recording := await _recording(store, jobs.manifest.batch.batch_id, job):
                    jobs.ready[job.job_id] = ReadyJob(job, recording)
    moved = await dispatcher.move({job_id: jobs.ready[job_id] for job_id in stuck if job_id in jobs.ready}, stuck)
    jobs.runs.update({run.job_id: run for run in moved})
    jobs.moved += [(stuck[run.job_id], run) for run in moved]
    await _give_up_moved(dispatcher, jobs)
    return moved


async def _give_up_moved(dispatcher: Dispatcher, jobs: OpenJobs) -> None:
    while jobs.moved:
        await dispatcher.give_up(*jobs.moved[0])
        jobs.moved.popleft()  # last: an outage on the way must not lose it


async def collect(client: PrefectClient, store: Store, jobs: OpenJobs, uploads_folder: Path) -> list[Ending]:
    """Look at all runs under way in one read, and return the jobs that ended since the last look."""
    if not jobs.runs:
        return []
    found = await looks_with(client).runs(client, jobs.runs.values())
    current = {run.run_id: run for run in found}
    by_id = {job.job_id: job for job in jobs.manifest.jobs}
    ended = []
    for job_id, known in list(jobs.runs.items()):
        run = current.get(known.run_id)
        if run is not None and not run.has_ended(datetime.now(UTC)):
            jobs.runs[job_id] = run
            continue
        if run is not None and job_id in jobs.stopping:
            jobs.stopping.discard(job_id)
            if run.state is RunState.CANCELLED:
                await restart(client, run, "The batch was retried.")
                continue
        ending = await _ending(store, jobs.manifest.batch.batch_id, by_id[job_id], run)
        if run is not None and run.state is RunState.CRASHED and ending.stage is not Stage.DONE:
            if not current_token().cancelled:  # its worker, one of Prefect's own, leaves it so
                with contextlib.suppress(ObjectNotFound):  # it was deleted in this moment: the next look tells
                    await restart_crashed(client, run)
            continue
        _note_ending(jobs, ending, run or known)
        del jobs.runs[job_id]
        ended.append(ending)
        if ending.stage is Stage.DONE:
            await asyncio.to_thread(_remove_upload, uploads_folder, jobs.manifest.batch.batch_id, job_id)
    return ended


async def reopen(client: PrefectClient, jobs: OpenJobs) -> bool:
    """Take up again the jobs whose run a user has restarted since it failed, and return whether there are any."""
    failed = [run for job_id, run in jobs.ended.items() if jobs.endings[job_id].stage is not Stage.DONE]
    for run in await refresh(client, failed):
        # A run that is as it was is not looked at again: one whose documents are damaged says Completed for ever.
        if run.changed_at > jobs.ended[run.job_id].changed_at:
            jobs.runs[run.job_id] = run
            del jobs.endings[run.job_id], jobs.ended[run.job_id]
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


def _remove_upload(uploads_folder: Path, batch_id: str, job_id: str) -> None:
    upload = uploads_folder / batch_id / job_id
    try:
        upload.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The upload %s stays until a clean-up can remove it: %s", upload, error)


def endings_of(jobs: OpenJobs) -> list[Ending]:
    """Return the ending of each job of a batch that ends now; one that has not ended by then is cancelled with it."""
    return [
        jobs.endings.get(job.job_id) or Ending(job, Stage.CANCELLED, "Cancelled with its batch.")
        for job in jobs.manifest.jobs
    ]


async def publish_summary(batch_id: str, markdown: str) -> None:
    """Show the batch summary in Prefect's UI; a retried batch adds a version of it."""
    await acreate_markdown_artifact(key=f"batch-{batch_id}", markdown=markdown, description="Batch summary")
