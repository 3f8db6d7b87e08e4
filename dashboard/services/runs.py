"""
Prefect's runs, artifacts and work pools as plain facts, and the few operations on a batch run.

Prefect is asked each time; `tasks.orchestration.stages` derives from its answers the stage of a job.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cachetools import LRUCache
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import TaskRunSort
from prefect.states import AwaitingRetry, Cancelling

from dashboard.services.batch_runs import read_news
from dashboard.services.prefect_errors import translated_errors
from tasks.batches import Batch, batch_tag, helpers_tag
from tasks.cleanup.cleaner import Cleaner, read_activity
from tasks.errors import WrongInstallation, WrongStage
from tasks.orchestration.installation import check_installation
from tasks.orchestration.job_run import JobRun, RunProgress, RunState
from tasks.orchestration.notices import BatchPool, RouterLimit
from tasks.orchestration.paging import read_all
from tasks.orchestration.planning import RunningBatches
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.pools import read_pools
from tasks.orchestration.prefect_runs import (
    conversion_of,
    job_run_of,
    only_attempt,
    read_history,
    read_running_batches,
    read_runs,
)
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.orchestration.recovery import RunHistory
from tasks.orchestration.run_progress import read_progress
from tasks.orchestration.shared_parts import read_batch_pool, read_router_limit
from tasks.orchestration.start_batch import create_batch_run
from tasks.settings import Settings
from tasks.storage.base import Store

SECONDS_TO_READ_A_BATCH = 60.0
"""A batch of 10,000 jobs is read in pages of 200, the first time all of it."""

BATCHES_REMEMBERED = 64
HISTORIES_REMEMBERED = 4096
HISTORIES_READ_AT_ONCE = 8
COMPLETED = [StateType.COMPLETED]


NOT_COMPLETED = [state_type for state_type in StateType if state_type is not StateType.COMPLETED]


@dataclass(frozen=True, slots=True)
class BatchRuns:
    """The runs of one batch: its own, those of its jobs (a job that was moved has several), and those that help."""

    own: JobRun | None
    of_jobs: tuple[JobRun, ...]
    helpers: tuple[JobRun, ...] = ()


class PrefectService:
    """Reads and steers the runs of batches. Every method raises `PrefectUnavailable` if the server does not answer."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._completed: LRUCache[str, dict[UUID, JobRun]] = LRUCache(BATCHES_REMEMBERED)
        self._histories: LRUCache[tuple[UUID, datetime], RunHistory] = LRUCache(HISTORIES_REMEMBERED)

    async def read_batch(self, batch_id: str) -> BatchRuns:
        """
        Return the runs of the batch, none if they were deleted in Prefect.

        A completed run is read once and remembered, since most runs of a large batch are. If it runs again, which only
        a user can cause, it is read like any other.
        """
        completed = self._completed.setdefault(batch_id, {})
        tags = FlowRunFilterTags(any_=[batch_tag(batch_id), helpers_tag(batch_id)])
        async with translated_errors(SECONDS_TO_READ_A_BATCH):
            # In this order: a run that completes in between is then read twice, and not missed.
            open_runs = await read_runs(
                self._client,
                FlowRunFilter(tags=tags, state=in_states(NOT_COMPLETED)),
            )
            news = await read_news(self._client, FlowRunFilter(tags=tags, state=in_states(COMPLETED)), completed)
        runs = {**completed, **_by_id(open_runs), **news}
        completed.update(news)
        now = datetime.now(UTC)
        helpers = tuple(run for run in runs.values() if run.helps)  # of which a crashed one is not started again
        others = [run.as_of(now) for run in runs.values() if not run.helps]
        own = [run for run in others if not run.job_id]
        newest = max(own, key=lambda run: run.created_at, default=None)
        return BatchRuns(own=newest, of_jobs=tuple(run for run in others if run.job_id), helpers=helpers)

    async def read_conversions(self, flow_run_id: UUID) -> tuple[JobRun, ...]:
        """
        Return the unfinished and failed task runs of the batch run that carry a job's tag: they convert its upload.

        Completed ones are not asked for: they have left a recording in the store, and there are as many as jobs.
        """
        unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=NOT_COMPLETED)))
        async with translated_errors():
            task_runs = await read_all(
                self._client.read_task_runs,
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
                task_run_filter=unfinished,
                sort=TaskRunSort.EXPECTED_START_TIME_ASC,
            )
        return tuple(run for run in map(conversion_of, task_runs) if run.job_id)

    async def read_progress(self, runs: Iterable[JobRun]) -> dict[UUID, RunProgress]:
        """Return the progress of the runs that are running, by run id; one that shows nothing is missing."""
        async with translated_errors():
            return await read_progress(self._client, runs)

    async def read_histories(self, runs: BatchRuns) -> dict[UUID, RunHistory]:
        """
        Return what the runs of a batch have been through, by run id.

        Prefect is asked of those that were begun more than once, and of a cancelled batch's own, as they change.
        """
        places = asyncio.Semaphore(HISTORIES_READ_AT_ONCE)

        async def read(run: JobRun) -> RunHistory:
            begun_once = run.attempts <= (run.state not in (RunState.SCHEDULED, RunState.PENDING))
            if begun_once and not (run is runs.own and run.state is RunState.CANCELLED):
                return RunHistory(attempts=only_attempt(run))
            known = (run.run_id, run.changed_at)
            async with places:
                if known not in self._histories:
                    self._histories[known] = await read_history(self._client, run)
            return self._histories[known]

        asked = [*runs.of_jobs, *([runs.own] if runs.own else [])]
        async with translated_errors(SECONDS_TO_READ_A_BATCH):
            found = await asyncio.gather(*map(read, asked))
        return {run.run_id: history for run, history in zip(asked, found, strict=True)}

    async def create(self, batch: Batch) -> str:
        """Return the id of the batch's run, which is created if there is none. One batch id is one run."""
        async with translated_errors():
            return await create_batch_run(self._client, batch)

    async def retry(self, flow_run_id: str) -> bool:
        """
        Run the run of a batch or of a job again under the same id, and return True; False if it has not ended.

        A batch adopts jobs that are done.
        """
        async with translated_errors():
            run = await self._client.read_flow_run(UUID(flow_run_id))
            ended = run.state is not None and run.state.is_final()
            if ended:
                state: State[Any] = AwaitingRetry(message="Retry from the dashboard")
                await self._client.set_flow_run_state(run.id, state, force=True)
        return ended

    async def has_failed(self, flow_run_id: str) -> bool:
        """Return whether the run failed or crashed, according to Prefect."""
        async with translated_errors():
            run = await self._client.read_flow_run(UUID(flow_run_id))
        return run.state is not None and (run.state.is_failed() or run.state.is_crashed())

    async def cancel(self, flow_run_id: str, batch_id: str) -> None:
        """
        Ask the batch run and all its jobs to stop. Raises `WrongStage` if all of them have ended.

        The batch run would pass it on, but may be busy, or have ended before a job that was retried alone; devices must
        be free at once.
        """
        async with translated_errors():
            state: State[Any] = Cancelling(message="Cancelled from the dashboard")
            answer = await self._client.set_flow_run_state(UUID(flow_run_id), state)
        had_ended = answer.status is not SetStateStatus.ACCEPT and not (answer.state and answer.state.is_cancelled())
        tags = FlowRunFilterTags(all_=[batch_tag(batch_id)])
        async with translated_errors(SECONDS_TO_READ_A_BATCH):
            active = await read_runs(self._client, FlowRunFilter(tags=tags, state=in_states(NOT_ENDED)))
            for run in active:
                if str(run.id) != flow_run_id and not (run.state and run.state.is_cancelling()):
                    await self._client.set_flow_run_state(run.id, state)
        if had_ended and not active:
            msg = "The run of the batch has ended, so there is nothing to cancel. Load the page again."
            raise WrongStage(msg)

    async def cancel_job(self, flow_run_id: str) -> None:
        """Ask the run of one job to stop; one that has not begun is gone at once, one that has ended stays."""
        async with translated_errors():
            state: State[Any] = Cancelling(message="Cancelled from the dashboard")
            await self._client.set_flow_run_state(UUID(flow_run_id), state)

    async def any_active(self, batch_id: str) -> bool:
        """Return whether any run of the batch is under way, its own or a job's."""
        async with translated_errors():
            return (await read_activity(self._client, batch_id)).active

    async def clean_up(self, batch_id: str, store: Store, settings: Settings) -> bool:
        """Remove everything the batch need not keep, and return True; False if any run of it is under way."""
        async with translated_errors(SECONDS_TO_READ_A_BATCH):
            if (await read_activity(self._client, batch_id)).active:
                return False
            await Cleaner(self._client, store, settings, dry_run=False).clean_batch(batch_id)
            return True

    async def check_installation(self, store: Store) -> str:
        """Return the problem if the store belongs to another installation; empty if it is ours."""
        async with translated_errors():
            try:
                await check_installation(self._client, store)
            except WrongInstallation as error:
                return str(error)
        return ""

    async def read_running_batches(self) -> RunningBatches:
        """Return the batches whose own run is running."""
        async with translated_errors():
            return await read_running_batches(self._client)

    async def read_gpu_pools(self) -> tuple[Pool, ...]:
        """Return the GPU work pools with the runs they hold, their progress, and the speed that it tells."""
        async with translated_errors():
            return await read_pools(self._client)

    async def read_batch_pool(self) -> BatchPool:
        """Return the work pool of the batch runs."""
        async with translated_errors():
            return await read_batch_pool(self._client)

    async def read_router_limit(self) -> RouterLimit | None:
        """Return the limit that is the dispatchers' lock, or None: the first batch that needs it makes it."""
        async with translated_errors():
            return await read_router_limit(self._client)


def _by_id(runs: Iterable[FlowRun]) -> dict[UUID, JobRun]:
    return {run.id: job_run_of(run) for run in runs}
