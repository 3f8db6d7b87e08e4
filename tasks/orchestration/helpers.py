"""
The helping runs of one batch: create them on pools that have nothing to do, cancel those that are not needed any more.

Which pool helps with which job is decided in `tasks.orchestration.helping`. Nothing of it is kept anywhere: a batch run
that starts again finds its helping runs by their tag.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from uuid import UUID

import httpx
from prefect import Task
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from tasks.batches import RECORDING_FLOW, Batch, helpers_tag, helps_tag, inbox_tag
from tasks.orchestration.dispatcher import UNUSABLE_SECONDS
from tasks.orchestration.helping import Help, helps
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.open_jobs import OpenJobs
from tasks.orchestration.paging import PAGE
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.pools import forget_deployments
from tasks.orchestration.prefect_runs import job_run_of, read_runs, refresh
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.orchestration.router import router_lock
from tasks.orchestration.run_recovery import cancel, end_run
from tasks.orchestration.shared_looks import LastingPools, looks_with
from tasks.outages import is_transient

HELP_SECONDS = 2.0
"""Time that a pool must have had nothing to do before it helps, where jobs may wait for it: they come first."""

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_WITHOUT_OTHERS = 30.0
"""The same where there is one pool only, which nothing can help."""

MOST_FAILURES = 2
"""A pool that so often failed at a job helps with it no more."""

MOST_IN_VAIN = 2
"""
A job of which so many helping runs, on whatever pools, have crashed or found nothing to do gets no more.

It may be what they crash of, or have too little speech to be divided.
"""

MOST_TIMES = 50
"""Bound on all helping runs of a job on a pool, also on those that gave way."""

NOT_NEEDED = "Its help is not needed any more."

logger = logging.getLogger(__name__)


class Helpers:
    """The helping runs of one batch, for recordings of *long_seconds* at least."""

    def __init__(self, client: PrefectClient, batch: Batch, batch_flow_run_id: UUID, *, long_seconds: float) -> None:
        self._client = client
        self._looks = looks_with(client)
        self._batch = batch
        self._batch_flow_run_id = batch_flow_run_id
        self._long_seconds = long_seconds
        self._idle, self._offline = LastingPools(), LastingPools()
        self._adopted = False
        self._next_look = 0.0
        self._under_way: dict[UUID, JobRun] = {}
        self._times: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._in_vain: Counter[str] = Counter()

    async def look(self, jobs: OpenJobs) -> list[JobRun]:
        """Cancel the helping runs that are not needed any more, create those that help now, and return these."""
        if time.monotonic() < self._next_look or not self._is_needed(jobs):
            return []
        if not self._adopted:
            await self._adopt()
        pools = await self._looks.pools(self._client)
        self._next_look = time.monotonic() + (SECONDS_BETWEEN_LOOKS if len(pools) > 1 else SECONDS_WITHOUT_OTHERS)
        await self._note(pools, jobs)
        await self._end_unwanted(pools, jobs)
        if not self._decide(pools, 0.0):
            return []
        idle_seconds = HELP_SECONDS if await self._jobs_may_wait(jobs) else 0.0
        if not self._decide(pools, idle_seconds):
            return []
        async with router_lock(self._client):
            pools = await self._looks.pools_now(self._client)
            deployments = {pool.work_pool: UUID(pool.deployment_id) for pool in pools}
            decided = self._decide(pools, idle_seconds)
            created = [await self._create(each, deployments[each.work_pool]) for each in decided]
        return [run for run in created if run is not None]

    async def cancel_all(self, jobs: OpenJobs, reason: str) -> None:
        """Ask all helping runs of the batch to stop, also those that this batch run does not know."""
        if not self._adopted and not self._is_needed(jobs):
            return
        of_batch = FlowRunFilterTags(all_=[helpers_tag(self._batch.batch_id)])
        found = await read_runs(self._client, FlowRunFilter(tags=of_batch, state=in_states(NOT_ENDED)))
        await self._cancel(map(job_run_of, found), reason)

    async def _cancel(self, runs: Iterable[JobRun], reason: str) -> None:
        for run in runs:
            with suppress(ObjectNotFound):  # it was deleted in this moment
                await cancel(self._client, [run], reason)

    def _is_needed(self, jobs: OpenJobs) -> bool:
        """Return whether a job has helping runs, or may have: those of an earlier try may be of one that has ended."""
        runs = [*jobs.runs.values()]
        if not self._adopted:
            runs += [ended.run for ended in jobs.ended.values() if ended.run is not None]
        return bool(self._under_way) or any(run.audio_seconds >= self._long_seconds for run in runs)

    async def _adopt(self) -> None:
        """Count the helping runs of an earlier try of this batch run; those under way are found on their pools."""
        of_batch = FlowRunFilterTags(all_=[helpers_tag(self._batch.batch_id)])
        for run in map(job_run_of, await read_runs(self._client, FlowRunFilter(tags=of_batch))):
            self._times[run.helps, run.work_pool] += 1
            self._note_failure(run)
        self._adopted = True

    async def _note(self, pools: Sequence[Pool], jobs: OpenJobs) -> None:
        """Take note of what has become of the helping runs since the last look."""
        self._idle.note(pool for pool in pools if not pool.runs and not pool.helpers)
        self._offline.note(pool for pool in pools if not pool.online)
        now = {run.run_id: run for pool in pools for run in pool.helpers if _is_of(jobs, run)}
        gone = [run for run_id, run in self._under_way.items() if run_id not in now]
        for run in await refresh(self._client, gone):
            found_nothing = run.state is RunState.COMPLETED and not await self._gave_way(run, pools)
            self._in_vain[run.helps] += found_nothing
            self._note_failure(run)
            del self._under_way[run.run_id]  # last: an outage on the way must not count it twice
        self._under_way = now

    def _note_failure(self, run: JobRun) -> None:
        self._failures[run.helps, run.work_pool] += run.state in (RunState.FAILED, RunState.CRASHED)
        self._in_vain[run.helps] += run.state is RunState.CRASHED

    async def _gave_way(self, run: JobRun, pools: Iterable[Pool]) -> bool:
        """Return whether another run has come to the pool of the one that helped, be it that it has ended by now."""
        if any(pool.runs for pool in pools if pool.work_pool == run.work_pool):
            return True
        since = FlowRunFilter(end_time=FlowRunFilterEndTime(after_=run.started_at or run.created_at))
        ended = await self._client.read_flow_runs(
            flow_run_filter=since,
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[run.work_pool])),
            sort=FlowRunSort.END_TIME_DESC,
            limit=PAGE,
        )
        return not all(job_run_of(each).helps for each in ended)

    async def _end_unwanted(self, pools: Iterable[Pool], jobs: OpenJobs) -> None:
        lost = self._offline.at_least(UNUSABLE_SECONDS)
        for pool in pools:
            ours = [run for run in pool.helpers if _is_of(jobs, run)]
            if pool.work_pool in lost:
                for run in ours:
                    await self._end(run)
                continue
            await self._cancel([run for run in ours if not _is_wanted(run, pool, jobs)], NOT_NEEDED)

    async def _end(self, run: JobRun) -> None:
        """End a helping run on a pool without a worker: nothing else would."""
        message = f"Cancelled. The worker of {run.work_pool} is gone."
        with suppress(ObjectNotFound):  # it was deleted
            await end_run(self._client, run.run_id, Cancelled(message=message), force=True)

    async def _jobs_may_wait(self, jobs: OpenJobs) -> bool:
        """Return whether a job of this batch waits for a pool or is about to, or one of another batch may."""
        if jobs.waiting or jobs.converting:
            return True
        running = await self._looks.running_batches(self._client)
        return len(running.people) + len(running.inboxes) > 1

    def _decide(self, pools: Sequence[Pool], idle_seconds: float) -> tuple[Help, ...]:
        return helps(
            pools,
            self._batch.batch_id,
            long_seconds=self._long_seconds,
            idle=self._idle.at_least(idle_seconds),
            exhausted=set(self._exhausted(pools)),
        )

    def _exhausted(self, pools: Iterable[Pool]) -> Iterator[tuple[str, str]]:
        yield from (pair for pair, times in self._times.items() if times >= MOST_TIMES)
        yield from (pair for pair, times in self._failures.items() if times >= MOST_FAILURES)
        in_vain = [job_id for job_id, times in self._in_vain.items() if times >= MOST_IN_VAIN]
        yield from product(in_vain, [pool.work_pool for pool in pools])

    async def _create(self, decided: Help, deployment_id: UUID) -> JobRun | None:
        """
        Create a run that helps, with the parameters of the job's own; None if Prefect refuses it.

        A batch run that was killed between creating it and noticing it gets it back: it is the next by its number.
        """
        job_id, work_pool = decided.run.job_id, decided.work_pool
        key = f"{job_id} helped by {work_pool} {self._times[job_id, work_pool] + 1}"
        try:
            own = await self._client.read_flow_run(decided.run.run_id)
            link = await self._client.create_task_run(
                Task(lambda: None, name=RECORDING_FLOW),
                self._batch_flow_run_id,
                key,
                name=f"{RECORDING_FLOW} {own.name}, helped by {work_pool}",
            )
            run = await self._client.create_flow_run_from_deployment(
                deployment_id,
                parameters=own.parameters | {"helps": True},
                name=own.name,
                tags=self._tags(job_id),
                idempotency_key=key,
                parent_task_run_id=link.id,
            )
        except ObjectNotFound:  # the job's run or the pool's deployment was just deleted
            forget_deployments(self._client)
            return None
        except httpx.HTTPStatusError as error:
            if is_transient(error):
                raise
            logger.warning("%s does not help: Prefect refuses the run: %s", work_pool, error.response.text[:300])
            self._failures[job_id, work_pool] = MOST_FAILURES
            return None
        self._looks.forget_pools()  # this one holds a run more
        self._times[job_id, work_pool] += 1
        helper = job_run_of(run)
        self._under_way[helper.run_id] = helper
        return helper

    def _tags(self, job_id: str) -> list[str]:
        inbox = [inbox_tag(self._batch.inbox)] if self._batch.inbox else []
        return [helps_tag(job_id), helpers_tag(self._batch.batch_id), *inbox]


def _is_of(jobs: OpenJobs, run: JobRun) -> bool:
    """Return whether the run helps with a job of this batch."""
    states: tuple[Mapping[str, object], ...] = (jobs.running, jobs.ended, jobs.waiting, jobs.converting)
    return any(run.helps in each for each in states)


def _is_wanted(run: JobRun, pool: Pool, jobs: OpenJobs) -> bool:
    """Return whether the run may go on: its job does, and if it has not begun its pool still has nothing else to do."""
    running = jobs.running.get(run.helps)
    if running is None or running.run.state is RunState.CANCELLING:
        return run.state is RunState.CANCELLING  # it is stopping already
    return run.state is not RunState.SCHEDULED or (pool.usable and not pool.runs)
