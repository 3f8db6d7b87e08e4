"""
Remove the uploads and recordings of jobs that were cancelled, as soon as they have stopped, unless they are to be kept.

The batch run does it for its jobs and, cancelled itself, for all that it has not finished; the clean-up finishes what a
killed process leaves (`tasks.cleanup.cleaner`). In both, a note comes first and a second look at Prefect after it: a
retry before the note is seen by that look, and the upload stays; one after it finds the note, and says that the upload
is gone.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterTags,
)

from tasks.batches import Stage, batch_tag
from tasks.cleanup.deletion import remove_unless_received
from tasks.errors import TranscriptionError
from tasks.orchestration.job_run import RunState
from tasks.orchestration.open_jobs import OpenJobs
from tasks.orchestration.prefect_runs import job_run_of, read_runs
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import not_kept
from tasks.storage.expiries import note_expiries, withdraw_expiries
from tasks.storage.keys import BatchKeys

JOBS_AT_ONCE = 100
"""Jobs handled in one go, so that much is removed if the process of a cancelled batch run is killed midway."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class CancelledUploads:
    """The removal of the uploads of one running batch's cancelled jobs; *attempt* is that of the batch's run."""

    client: PrefectClient
    store: Store
    settings: Settings
    batch_id: str
    run_id: UUID
    attempt: int
    _settled: set[str] = field(default_factory=set)

    async def remove_of_ended(self, jobs: OpenJobs) -> None:
        """Remove the uploads of the jobs that have ended cancelled since the last call."""
        cancelled = {job_id for job_id, ended in jobs.ended.items() if ended.ending.stage is Stage.CANCELLED}
        self._settled &= cancelled  # one that was retried since may be cancelled again
        await self._remove(cancelled - self._settled)
        self._settled |= cancelled

    async def remove_of_all(self, jobs: OpenJobs) -> None:
        """Remove the uploads of all jobs that were cancelled with their batch, but for those still under way."""
        under_way = jobs.running.keys() | jobs.converting.keys()
        not_cancelled = {job_id for job_id, ended in jobs.ended.items() if ended.ending.stage is not Stage.CANCELLED}
        await self._remove({job.job_id for job in jobs.manifest.jobs} - under_way - not_cancelled - self._settled)

    async def _remove(self, job_ids: Collection[str]) -> None:
        """Remove the uploads of these jobs. What the store or the disk refuses is logged and left to the clean-up."""
        if not job_ids:
            return
        try:
            going = await asyncio.to_thread(self._to_be_removed, job_ids)
            for first in range(0, len(going), JOBS_AT_ONCE):
                await self._remove_some({*going[first : first + JOBS_AT_ONCE]})
        except (TranscriptionError, OSError) as error:  # but an outage of Prefect is for the batch run to wait out
            logger.warning("Uploads of cancelled jobs of batch %s stay until a clean-up: %s", self.batch_id, error)

    async def _remove_some(self, going: set[str]) -> None:
        await asyncio.to_thread(note_expiries, self.store, self.batch_id, going, cancelled=going)
        taken_up = await self._taken_up(going)
        await asyncio.to_thread(self._withdraw, taken_up)
        await asyncio.to_thread(self._expire, going - taken_up)

    def _to_be_removed(self, job_ids: Collection[str]) -> list[str]:
        keys = BatchKeys.of(self.batch_id)
        going = not_kept(self.store, self.batch_id, job_ids)
        published = {*self.store.list(keys.publications)} if going else set()
        return sorted(job_id for job_id in going if keys.publication(job_id) not in published)

    async def _taken_up(self, job_ids: set[str]) -> set[str]:
        """Return those of the jobs that were started again; all of them if the batch was."""
        own = job_run_of(await self.client.read_flow_run(self.run_id))
        if own.state in (RunState.SCHEDULED, RunState.PENDING) or own.attempts != self.attempt:
            return job_ids
        active = in_states(NOT_ENDED)
        tags = FlowRunFilterTags(all_=[batch_tag(self.batch_id)])
        runs = await read_runs(self.client, FlowRunFilter(tags=tags, state=active))
        return {run.job_id for run in map(job_run_of, runs)} & job_ids

    def _withdraw(self, job_ids: Iterable[str]) -> None:
        """Take the notes back, also those of an earlier try, of jobs whose upload or recording is still there."""
        keys = BatchKeys.of(self.batch_id)
        folder = self.settings.uploads_folder / self.batch_id
        there = [
            job_id
            for job_id in job_ids
            if (folder / job_id).exists() or self.store.stat(keys.recording_record(job_id)) is not None
        ]
        withdraw_expiries(self.store, self.batch_id, there)

    def _expire(self, job_ids: Iterable[str]) -> None:
        keys = BatchKeys.of(self.batch_id)
        for job_id in job_ids:
            remove_unless_received(self.settings.uploads_folder / self.batch_id / job_id)
            self.store.delete(keys.recording_record(job_id))  # first: without it there is no recording
            self.store.delete(keys.speech_plan(job_id))
            self.store.delete(keys.recording(job_id))
            self.store.delete_all(keys.parts_of(job_id))


async def read_cancelled_jobs(
    client: PrefectClient, batch_id: str, job_ids: Iterable[str], marked: Collection[str]
) -> frozenset[str]:
    """
    Return those of the jobs that Prefect, or the mark of one that never had a run, calls cancelled.

    One without a run was cancelled with its batch. Only for jobs without documents.
    """
    runs = await read_runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))
    in_order = sorted(map(job_run_of, runs), key=attrgetter("created_at"))
    states = {run.job_id: run.state for run in in_order}  # the newest counts
    with_batch = states.get("") is RunState.CANCELLED  # the batch's own run is of no job
    return frozenset(
        job_id
        for job_id in job_ids
        if (states[job_id] is RunState.CANCELLED if job_id in states else with_batch or job_id in marked)
    )
