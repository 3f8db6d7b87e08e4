"""
Create the runs of a batch's jobs on the pools that are free soonest, move them from pools that are lost, restart and
cancel them. Which job goes where is decided in `tasks.orchestration.scheduling`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Pending

from tasks.batches import RECORDING_FLOW, Batch, batch_tag, inbox_tag, job_tag
from tasks.names import display_name
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.lost_runs import LostRuns
from tasks.orchestration.open_jobs import Waiting
from tasks.orchestration.planning import BEGIN_SECONDS, Placement, RunningBatches, WaitingJob
from tasks.orchestration.pool_model import Pool, stuck, without_pool
from tasks.orchestration.pools import forget_deployments
from tasks.orchestration.prefect_runs import (
    CRASHES_TAG,
    MOVES_TAG,
    crashes_before,
    crashes_since_last_end,
    job_run_of,
)
from tasks.orchestration.rebalancing import takeovers
from tasks.orchestration.router import ROUTER_PATIENCE_SECONDS, router_lock
from tasks.orchestration.run_recovery import end_run, restart_silent
from tasks.orchestration.scheduling import least_busy, place
from tasks.orchestration.shared_looks import LastingPools, looks_with

logger = logging.getLogger(__name__)

GIVE_WAY_SECONDS = 3.0
"""Time that a device must have been idle, or about to be, before a batch of an inbox takes it from a user's batch."""

SHARE_SECONDS = 600.0
"""Time that a slot beside a user's long recording must have been free before a batch of an inbox takes that."""

TAKEOVER_SECONDS = 3.0
"""Time that a pool must have had nothing to do before it takes runs over: each batch may have jobs that wait for it."""

MOVING = "Moving"
"""Name of the Pending state of a run that is being taken over: no worker begins it."""

UNUSABLE_SECONDS = 20.0
"""
Time that a pool must have been unusable before its runs are moved.

A worker that is started again is back within seconds, and after an outage of Prefect's server all of them look lost
until their next heartbeat.
"""


class Dispatcher:
    """The dispatcher of one batch: creates and moves the runs of its jobs."""

    def __init__(self, client: PrefectClient, batch: Batch, batch_flow_run_id: UUID) -> None:
        self._client = client
        self._looks = looks_with(client)
        self._batch = batch
        self._batch_flow_run_id = batch_flow_run_id
        self._lost_runs = LostRuns(client)
        self._idle, self._with_slot, self._unusable, self._without_runs = (LastingPools() for _ in range(4))

    async def dispatch(self, waiting: Mapping[str, Waiting], running: RunningBatches) -> list[JobRun]:
        """
        Create a run for each waiting job that a pool has room for now, and return them.

        Look-up and creation are one step among all batches (`ROUTER_LIMIT`). A batch run that was killed inside holds
        up the others for `ROUTER_PATIENCE_SECONDS` at most.
        """
        if not self._place(await self._pools(), waiting, running):
            return []
        async with self._first_in_process() as first:
            if not first or not self._place(await self._pools(), waiting, running):
                return []
            async with router_lock(self._client):
                pools = await self._pools(now=True)
                placements = self._place(pools, waiting, running)
                return [run async for run in self._create_all(placements, pools, waiting)]

    def _place(
        self, pools: Sequence[Pool], waiting: Mapping[str, Waiting], running: RunningBatches
    ) -> tuple[Placement, ...]:
        """Return the placements to make now. A batch of an inbox lets users' batches see a free slot first."""
        candidates = self._candidates(waiting)
        if not self._batch.inbox:
            return place(pools, candidates, active_batches=len(running.people))
        with_slot = [pool for pool in pools if len(pool.runs) < pool.slots]
        self._with_slot.note(with_slot)
        self._idle.note(pool for pool in with_slot if pool.seconds_until_free <= BEGIN_SECONDS)
        if running.people:
            idle = self._idle.at_least(GIVE_WAY_SECONDS) | self._with_slot.at_least(SHARE_SECONDS)
            pools = [pool for pool in pools if pool.work_pool in idle]
        return place(pools, candidates, active_batches=len(running.inboxes), people_first=bool(running.people))

    async def _create_all(
        self,
        placements: Iterable[Placement],
        pools: Iterable[Pool],
        ready: Mapping[str, Waiting],
        old: Mapping[str, JobRun] = MappingProxyType({}),
    ) -> AsyncIterator[JobRun]:
        """Create the runs of *placements*; a pool whose deployment was just deleted gets none."""
        deployments = {pool.work_pool: UUID(pool.deployment_id) for pool in pools}
        for placed in placements:
            try:
                yield await self._create(ready[placed.job_id], deployments[placed.work_pool], old.get(placed.job_id))
            except ObjectNotFound:
                forget_deployments(self._client)

    @contextlib.asynccontextmanager
    async def _first_in_process(self) -> AsyncIterator[bool]:
        """
        Let one batch of this process at a time fill the room that all of them have seen.

        The next one sees what is left of it, and needs the router's lock only for that. Yields False, for another look
        later, if the turn does not come in time.
        """
        dispatching = self._looks.dispatching
        try:
            await asyncio.wait_for(dispatching.acquire(), ROUTER_PATIENCE_SECONDS)
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            dispatching.release()

    async def find_stuck(self, runs: Iterable[JobRun]) -> list[JobRun]:
        """
        Return those of the batch's *runs* that are on pools that have taken none for a while, or that were deleted.

        None, as long as no other pool could take them, but for those that are being cancelled.
        """
        runs, pools = list(runs), await self._pools()
        self._unusable.note(pool for pool in pools if not pool.usable)
        await self._restart_lost(runs, pools)
        long_unusable = self._unusable.at_least(UNUSABLE_SECONDS)
        batch_id = self._batch.batch_id
        lost = [run for run in stuck(pools) if run.work_pool in long_unusable and run.batch_id == batch_id]
        queued = {run.job_id: run for run in runs if run.state is RunState.SCHEDULED}
        poolless = without_pool({job_id: run.work_pool for job_id, run in queued.items()}, pools)
        return lost + [queued[job_id] for job_id in sorted(poolless)]

    async def _restart_lost(self, runs: Iterable[JobRun], pools: Iterable[Pool]) -> None:
        """Have runs go on that no process executes any more, where their worker does not know of them."""
        elsewhere = {pool.work_pool for pool in pools if not pool.warm}
        for run in await self._lost_runs.find(run for run in runs if run.work_pool in elsewhere):
            logger.warning("Job %s gives no sign of life on %s; starting again", run.job_id, run.work_pool)
            with contextlib.suppress(ObjectNotFound):  # it was deleted in this moment
                await restart_silent(self._client, run)

    async def end_cancelled(self, lost: Iterable[JobRun]) -> None:
        """End runs that were asked to stop on a pool without a worker: nothing else would stop them."""
        for run in lost:
            message = f"Cancelled. The worker of {run.work_pool} is gone."
            await end_run(self._client, run.run_id, Cancelled(message=message))

    async def move(self, ready: Mapping[str, Waiting], old: Mapping[str, JobRun]) -> list[JobRun]:
        """
        Create successors of stuck runs on other pools, as far as these have room, and return them.

        The old runs are then to be ended (`end_predecessor`).
        """
        async with router_lock(self._client):
            pools = await self._pools(now=True)
            placements = place(pools, self._candidates(ready))
            return [run async for run in self._create_all(placements, pools, ready, old)]

    async def find_takeovers(self, queued: Sequence[JobRun]) -> list[JobRun]:
        """Return those of the batch's *queued* runs that pools should take over which have had nothing to do."""
        pools = await self._pools()
        self._without_runs.note(pool for pool in pools if not pool.runs)
        idle = self._without_runs.at_least(TAKEOVER_SECONDS)
        found = takeovers(pools) if idle else ()
        moving: set[UUID] = {each.run.run_id for each in found if each.work_pool in idle}
        return [run for run in queued if run.run_id in moving or run.state_name == MOVING]

    async def take_over(self, ready: Mapping[str, Waiting], runs: Mapping[str, JobRun]) -> list[JobRun]:
        """
        Create the successor of one of the queued runs on an idle pool, unless it has begun by now, and return it.

        The run is first set to Pending, which Prefect's server lets happen once: either a worker has it, or no worker
        begins it any more. Broken off after that, it is found as `MOVING`, and the next look goes on.
        """
        async with router_lock(self._client):
            pools = await self._pools(now=True)
            deployments = {pool.work_pool: UUID(pool.deployment_id) for pool in pools}
            found = {each.run.job_id: each.work_pool for each in takeovers(pools)}
            for job_id in ready:
                run, work_pool = runs[job_id], found.get(job_id)
                if run.state_name == MOVING and any(pool.usable for pool in pools):
                    work_pool = least_busy(pools).work_pool
                if work_pool is not None and (run.state_name == MOVING or await self._claim(run, work_pool)):
                    return [await self._create(ready[job_id], deployments[work_pool], run, moves=1)]
        return []

    async def _claim(self, run: JobRun, work_pool: str) -> bool:
        """
        Return whether no worker had begun the run, and none will.

        Only a Pending by its plain name is refused to a run that is Pending already; then it can have another.
        """
        pending: State[Any] = Pending()
        moving: State[Any] = Pending(name=MOVING, message=f"Moving to {work_pool}, which has nothing to do.")
        with contextlib.suppress(ObjectNotFound):  # it was deleted in this moment
            answer = await self._client.set_flow_run_state(run.run_id, pending)
            if answer.status is SetStateStatus.ACCEPT:
                await self._client.set_flow_run_state(run.run_id, moving)
                return True
        return False

    async def end_predecessor(self, predecessor: JobRun, successor: JobRun) -> None:
        """End a run in whose place another one was created."""
        if successor.moves > predecessor.moves:
            message = f"Moved to {successor.work_pool}, which had nothing to do."
        else:
            where = f"{predecessor.work_pool} takes no jobs" if predecessor.work_pool else "its work pool was deleted"
            message = f"Moved to {successor.work_pool}: {where}."
        with contextlib.suppress(ObjectNotFound):  # it was deleted
            await end_run(self._client, predecessor.run_id, Cancelled(message=message), force=True)

    async def _pools(self, *, now: bool = False) -> Sequence[Pool]:
        return await (self._looks.pools_now(self._client) if now else self._looks.pools(self._client))

    def _candidates(self, jobs: Mapping[str, Waiting]) -> Iterator[WaitingJob]:
        """Yield the jobs as the policy sees them. While no pool has room it looks at none, however many there are."""
        for job_id, ready in jobs.items():
            options = ready.job.options.applied_to(self._batch.options)
            yield WaitingJob(
                job_id,
                self._batch.batch_id,
                ready.recording.audio_seconds,
                options.model,
                options.task,
                inbox=bool(self._batch.inbox),
            )

    async def _create(
        self, ready: Waiting, deployment_id: UUID, predecessor: JobRun | None, *, moves: int = 0
    ) -> JobRun:
        """
        Create the run of a job on a pool, linked to the batch run.

        A job has one run, and each moved one has one successor, however often this is called and whatever pool is
        named: a batch run that was killed, or lost its connection, between creating a run and noticing it gets that
        run back, also one that has ended since.
        """
        job_id = ready.job.job_id
        key = job_id if predecessor is None else f"{job_id} after {predecessor.run_id}"
        name = display_name(ready.job.path)
        link = await self._client.create_task_run(
            Task(lambda: None, name=RECORDING_FLOW), self._batch_flow_run_id, key, name=f"{RECORDING_FLOW} {name}"
        )
        inbox = [inbox_tag(self._batch.inbox)] if self._batch.inbox else []
        run = await self._client.create_flow_run_from_deployment(
            deployment_id,
            parameters=self._parameters(ready),
            name=name,
            tags=[batch_tag(self._batch.batch_id), job_tag(job_id), *inbox, *await self._history(predecessor, moves)],
            idempotency_key=key,
            parent_task_run_id=link.id,
        )
        self._looks.forget_pools()  # this one holds a run more
        return job_run_of(run)

    async def _history(self, predecessor: JobRun | None, moves: int) -> list[str]:
        """Return the tags that keep a job which crashes every pool, or is taken over again, from going round them."""
        if predecessor is None:
            return []
        run = await self._client.read_flow_run(predecessor.run_id)
        states = await self._client.read_flow_run_states(predecessor.run_id)
        crashes = crashes_before(run) + crashes_since_last_end(states)
        counts = {CRASHES_TAG: crashes, MOVES_TAG: predecessor.moves + moves}
        return [f"{tag}{count}" for tag, count in counts.items() if count]

    def _parameters(self, ready: Waiting) -> dict[str, Any]:
        return {
            "batch_id": self._batch.batch_id,
            "job": ready.job.model_dump(mode="json"),
            "recording": ready.recording.model_dump(mode="json"),
            "options": ready.job.options.applied_to(self._batch.options).model_dump(mode="json"),
        }
