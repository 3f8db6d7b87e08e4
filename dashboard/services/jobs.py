"""
Operations on some jobs of a batch: cancel, retry, dismiss, and remove uploads before the start.

Each is one call for however many jobs, and tells for each job whether it was done. What cannot be done for one job
does not keep it from being done for the others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import Field

from dashboard.services.batches import BatchService, note_keep
from dashboard.services.queries import BatchQueries
from dashboard.services.record_cache import RecordCache
from dashboard.services.runs import PrefectService
from tasks.batches import CancelMark, Manifest, Stage, StoredModel
from tasks.errors import NotFound, PrefectUnavailable, StoreUnavailable, TranscriptionError, WrongStage
from tasks.names import display_name
from tasks.orchestration.job_run import RunState
from tasks.orchestration.status import BatchState, BatchStatus, JobStatus
from tasks.settings import Settings
from tasks.storage.edits import BatchEdits

AT_ONCE = 8

logger = logging.getLogger(__name__)


class JobResult(StoredModel):
    """The outcome of an action for one job."""

    job_id: str
    path: str = Field(description="empty for one that the batch does not have")
    done: bool
    reason: str = Field(default="", description="why it was not done, and what to do")


class ActionResult(StoredModel):
    """The outcome of an action for some jobs of a batch."""

    done: int = Field(description="jobs for which it was done")
    total: int
    jobs: tuple[JobResult, ...]


@dataclass(slots=True)
class _Outcome:
    """The jobs that an action is for, and the errors of those for which it cannot be done."""

    jobs: dict[str, JobStatus]
    errors: dict[str, TranscriptionError] = field(default_factory=dict)

    def refuse(self, job: JobStatus, why: str) -> None:
        self.errors[job.job_id] = WrongStage(f"{display_name(job.path)} {why}")

    @property
    def open(self) -> list[JobStatus]:
        """The jobs for which nothing speaks against it so far."""
        return [job for job_id, job in self.jobs.items() if job_id not in self.errors]

    async def each(self, jobs: Iterable[JobStatus], work: Callable[[JobStatus], Awaitable[None]]) -> None:
        """Do *work* for the jobs, some at once; an error is that job's own."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(job: JobStatus) -> None:
            async with places:
                try:
                    await work(job)
                except (NotFound, WrongStage, PrefectUnavailable, StoreUnavailable) as error:
                    self.errors[job.job_id] = error

        await asyncio.gather(*map(one, jobs))

    def told(self, job_ids: Sequence[str]) -> ActionResult:
        results = [
            JobResult(
                job_id=job_id,
                path=self.jobs[job_id].path if job_id in self.jobs else "",
                done=job_id not in self.errors,
                reason=str(self.errors.get(job_id, "")),
            )
            for job_id in job_ids
        ]
        return ActionResult(done=sum(each.done for each in results), total=len(results), jobs=tuple(results))


class JobService:
    """Operations on jobs. Methods raise `NotFound`, `WrongStage`, `StoreUnavailable` and `PrefectUnavailable`."""

    def __init__(
        self,
        records: RecordCache,
        runs: PrefectService,
        overview: BatchQueries,
        lifecycle: BatchService,
        settings: Settings,
    ) -> None:
        self._records = records
        self._runs = runs
        self._overview = overview
        self._lifecycle = lifecycle
        self._settings = settings

    async def cancel_job(self, batch_id: str, job_id: str, *, keep: bool = False) -> None:
        """Stop one job, as `cancel` does. Raises `WrongStage` if it has ended."""
        outcome = await self._cancel(batch_id, [job_id], keep=keep)
        if error := outcome.errors.get(job_id):
            raise error

    async def cancel(self, batch_id: str, job_ids: Sequence[str], *, keep: bool = False) -> ActionResult:
        """
        Stop jobs of a started batch, and remove uploads of another one; cancelling them again changes nothing.

        The other jobs go on. The uploads go as soon as the jobs have stopped, unless they are to be kept for a retry.
        """
        if await self._records.manifest(batch_id) is None:
            outcome = await self._outcome(batch_id, job_ids)

            async def remove(job: JobStatus) -> None:
                if not await self._lifecycle.remove_upload(batch_id, job.job_id):
                    await self.cancel_job(batch_id, job.job_id, keep=keep)

            await outcome.each(outcome.open, remove)
            return outcome.told(job_ids)
        return (await self._cancel(batch_id, job_ids, keep=keep)).told(job_ids)

    async def _cancel(self, batch_id: str, job_ids: Sequence[str], *, keep: bool) -> _Outcome:
        outcome = await self._outcome(batch_id, job_ids)
        wanted = [job for job in outcome.open if job.stage is not Stage.CANCELLED]
        for job in wanted:
            if job.stage.ended:
                outcome.refuse(job, f"is {job.stage}, so there is nothing to cancel.")

        async def mark(job: JobStatus) -> None:
            await note_keep(self._records, batch_id, keep=keep, job_id=job.job_id)
            # A retry of the batch reads the mark and leaves the job as it is.
            at = datetime.now(UTC)
            await self._records.mark_cancelled(batch_id, CancelMark(job_id=job.job_id, cancelled_at=at))

        await outcome.each([job for job in wanted if job.job_id not in outcome.errors], mark)
        marked = [job for job in wanted if job.job_id not in outcome.errors]
        if any(job.flow_run_id is None for job in marked):
            # Its run may be created in this very moment: it reads the mark as well, or is seen by the second look.
            self._overview.forget(batch_id)  # a look that began before the mark would not see that run
            now = await self._outcome(batch_id, [job.job_id for job in marked])
            marked = list(now.jobs.values())

        async def stop(job: JobStatus) -> None:
            if job.flow_run_id is not None:
                await self._runs.cancel_job(job.flow_run_id)

        await outcome.each(marked, stop)
        self._overview.forget(batch_id)
        logger.info("batch %s: %d jobs are cancelled", batch_id, len(marked))
        return outcome

    async def retry(self, batch_id: str, job_ids: Sequence[str]) -> ActionResult:
        """
        Run these jobs once more, and no others.

        Each is retried alone, as in Prefect's own UI. One that never had a run, or whose batch was cancelled, can only
        be retried by its batch, which is done if all that would run again with it is wanted.
        """
        self._overview.forget(batch_id)
        status, outcome = await self._status_and_outcome(batch_id, job_ids)
        if status.state in (BatchState.UPLOADING, BatchState.CANCELLING):
            stage = "has not been started" if status.state is BatchState.UPLOADING else "is being cancelled"
            msg = f"Batch {batch_id} {stage}, so no job of it can be retried now."
            raise WrongStage(msg)
        removed = await self._records.expired_jobs(batch_id)
        for job in outcome.open:
            if job.stage not in (Stage.FAILED, Stage.CANCELLED):
                outcome.refuse(job, f"is {job.stage}, so there is nothing to retry.")
            elif job.job_id in removed:
                outcome.refuse(job, "cannot be retried: its upload was removed. Upload it again.")
        wanted = outcome.open
        again = {job.job_id for job in status.jobs if job.runs_again and job.job_id not in removed}
        with_batch = status.state.ended and bool(again) and again <= {job.job_id for job in wanted}
        alone = [job for job in wanted if not with_batch or job.job_id not in again]

        own = (await self._runs.read_batch(batch_id)).own
        batch_cancelled = own is not None and own.state is RunState.CANCELLED

        async def retry_alone(job: JobStatus) -> None:
            if batch_cancelled or job.flow_run_id is None:  # Prefect stops what runs below a cancelled run
                why = "is of a cancelled batch" if batch_cancelled else "never reached a device"
                msg = f"{display_name(job.path)} {why}, so it runs again only with all that can: retry the batch."
                raise WrongStage(msg)
            if not await self._runs.retry(job.flow_run_id):
                msg = f"{display_name(job.path)} has not stopped yet. Try again in a moment."
                raise WrongStage(msg)

        await outcome.each(alone, retry_alone)
        if with_batch:
            await self._lifecycle.retry(batch_id)
        self._overview.forget(batch_id)
        logger.info("batch %s: %d jobs are retried", batch_id, len(outcome.open))
        return outcome.told(job_ids)

    async def dismiss(self, batch_id: str, job_ids: Sequence[str]) -> ActionResult:
        """
        Remove jobs that have ended, with their documents, recordings and uploads, for good; the others stay.

        They disappear for all users at once. Leftovers of an interruption go with the next clean-up.
        """
        manifest = await self._records.manifest(batch_id)
        if manifest is None:
            return await self.cancel(batch_id, job_ids)
        self._overview.forget(batch_id)
        outcome = await self._outcome(batch_id, job_ids)
        for job in outcome.open:
            if not job.stage.ended:
                outcome.refuse(job, f"is {job.stage}: cancel it first, then dismiss it.")
        await self._refuse_active(batch_id, outcome, "has not stopped yet. Dismiss it in a moment.")
        going = [job.job_id for job in outcome.open]
        if not going:
            return outcome.told(job_ids)
        by_this_call: set[str] = set()

        def dismissed(edits: BatchEdits) -> BatchEdits:
            by_this_call.clear()
            by_this_call.update({*going} - {*edits.dismissed})
            return _without(edits, manifest, going)

        await self._records.edits.change(batch_id, dismissed)
        await self._refuse_active(batch_id, outcome, "was started again in this moment, so it stays.")
        back = [job_id for job_id in going if job_id in outcome.errors and job_id in by_this_call]
        if back:
            await self._records.edits.change(batch_id, lambda edits: edits.with_jobs(back))
        gone = [job.job_id for job in outcome.open]
        self._overview.forget(batch_id)
        await self._records.delete_jobs(manifest, gone, self._settings)
        self._overview.forget(batch_id)
        logger.info("batch %s: %d jobs are dismissed", batch_id, len(gone))
        return outcome.told(job_ids)

    async def _refuse_active(self, batch_id: str, outcome: _Outcome, why: str) -> None:
        """Refuse the jobs of which a run is under way: a cancelled one may be stopping, or a failed one retried."""
        runs = await self._runs.read_batch(batch_id)
        active = {run.job_id for run in runs.of_jobs if not run.state.ended}
        active |= {run.helps for run in runs.helpers if run.state.holds_slot}  # it was to stop, and may not have yet
        for job in outcome.open:
            if job.job_id in active:
                outcome.refuse(job, why)

    async def _outcome(self, batch_id: str, job_ids: Sequence[str]) -> _Outcome:
        return (await self._status_and_outcome(batch_id, job_ids))[1]

    async def _status_and_outcome(self, batch_id: str, job_ids: Sequence[str]) -> tuple[BatchStatus, _Outcome]:
        """Return the batch as it is now, and those of the jobs that it has; the others are refused."""
        status = await self._overview.batch(batch_id, max_age=0)
        known: Mapping[str, JobStatus] = {job.job_id: job for job in status.jobs}
        outcome = _Outcome({job_id: known[job_id] for job_id in job_ids if job_id in known})
        for job_id in job_ids:
            if job_id not in known:
                outcome.errors[job_id] = NotFound(f"Batch {batch_id} has no job {display_name(job_id)}.")
        return status, outcome


def _without(edits: BatchEdits, manifest: Manifest, job_ids: Sequence[str]) -> BatchEdits:
    """Return the edits with the jobs dismissed. Raises `WrongStage` if the batch would have none left."""
    dismissed = edits.without_jobs(job_ids)
    if not dismissed.standing(manifest).jobs:
        msg = f"These are all jobs of batch {edits.batch_id}, and a batch has at least one. Dismiss the batch instead."
        raise WrongStage(msg)
    return dismissed
