"""
Survey the GPU work pools with the runs they hold, as the dispatch policy sees them.

The truth is read each time, never kept: a new GPU or a dead one changes nothing. Only what changes slowly may be some
seconds old: the deployments of the pools, and how fast the pools were of late.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import (
    DeploymentStatus,
    FlowRun,
    StateType,
    Worker,
    WorkerStatus,
    WorkPool,
    WorkPoolStatus,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort

from tasks.batches import ALREADY_PUBLISHED, GPU_TAG, RECORDING_FLOW, SHARED
from tasks.options import WhisperTask
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.paging import read_all
from tasks.orchestration.pool_model import SLOTS_WITHOUT_LIMIT, WARM, Pool, PoolHealth
from tasks.orchestration.pool_speed import DEFAULT_REAL_TIME_FACTOR, with_speeds
from tasks.orchestration.pool_variables import device_and_machine, device_kind, health_of
from tasks.orchestration.prefect_runs import job_run_of, read_runs
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.orchestration.run_progress import read_progress_since
from tasks.settings import Settings
from tasks.transcription.models import AUTO

SECONDS_KEPT = 10.0
"""Deployments hardly ever change, and each of them costs the server as much as all that a pool runs."""


@dataclass(frozen=True, slots=True)
class GpuWorkPool:
    """A work pool that transcribes, and the deployment by which it gets runs."""

    work_pool: WorkPool
    deployment_id: UUID
    online: bool
    """True if it has a worker that answers."""


@dataclass(frozen=True, slots=True)
class _KnownDeployments:
    at: float
    by_pool: Mapping[str, DeploymentResponse]


_deployments: WeakKeyDictionary[PrefectClient, _KnownDeployments] = WeakKeyDictionary()


async def read_gpu_pools(client: PrefectClient) -> list[GpuWorkPool]:
    """Return all GPU work pools, by name. A new deployment is noticed after ten seconds at the most."""
    deployments = await _read_deployments(client)
    if not deployments:
        return []
    named = WorkPoolFilter(name=WorkPoolFilterName(any_=sorted(deployments)))
    work_pools = await read_all(client.read_work_pools, work_pool_filter=named)
    return [
        GpuWorkPool(pool, deployments[pool.name].id, online=_is_online(pool, deployments[pool.name]))
        for pool in work_pools
    ]


def forget_deployments(client: PrefectClient) -> None:
    """Read the deployments again at the next look, since one of them is gone."""
    _deployments.pop(client, None)


async def _read_deployments(client: PrefectClient) -> Mapping[str, DeploymentResponse]:
    """Return the deployment of each GPU work pool; of several on one pool the first by name."""
    known = _deployments.get(client)
    if known is not None and time.monotonic() - known.at < SECONDS_KEPT:
        return known.by_pool
    began = time.monotonic()
    deployments = await read_all(
        client.read_deployments,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[RECORDING_FLOW])),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[GPU_TAG])),
        sort=DeploymentSort.NAME_ASC,
    )
    by_pool = {each.work_pool_name: each for each in reversed(deployments) if each.work_pool_name}
    if by_pool:  # a server that is being set up has them in a moment
        _deployments[client] = _KnownDeployments(began, by_pool)
    return by_pool


def _is_online(pool: WorkPool, deployment: DeploymentResponse) -> bool:
    """
    Return whether the pool has a worker that answers.

    The status of a pool says so, unless the pool is paused: it then stays Paused, however dead its worker is. Workers
    ask for runs of a paused pool all the same, and the deployment counts as not ready a minute after the last time.
    """
    if pool.status is not WorkPoolStatus.PAUSED:
        return pool.status is not WorkPoolStatus.NOT_READY
    return deployment.status is not DeploymentStatus.NOT_READY


SAMPLES = 20
"""Completed runs that are read for each pool; each one costs the server a millisecond."""

MOST_SAMPLES = 200
"""Maximum number of runs that Prefect's server returns for one read."""


@dataclass(frozen=True, slots=True)
class _KnownRuns:
    pools: tuple[str, ...]
    at: float
    runs: list[FlowRun]


_completed: WeakKeyDictionary[PrefectClient, _KnownRuns] = WeakKeyDictionary()


async def read_completed(client: PrefectClient, pools: Sequence[str]) -> list[FlowRun]:
    """Return the runs that were completed last on *pools*, newest first, as of ten seconds ago at the most."""
    known = _completed.get(client)
    if known is not None and known.pools == tuple(pools) and time.monotonic() - known.at < SECONDS_KEPT:
        return known.runs
    completed = in_states([StateType.COMPLETED])
    began = time.monotonic()
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=completed),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))),
        sort=FlowRunSort.END_TIME_DESC,
        limit=min(MOST_SAMPLES, SAMPLES * len(pools)),
    )
    _completed[client] = _KnownRuns(tuple(pools), began, runs)
    return runs


async def last_heartbeat(client: PrefectClient, work_pool: str) -> datetime | None:
    """Return the latest sign of life of the workers that count as online; None if none does, or there is no pool."""
    online = (worker for worker in await read_workers(client, work_pool) if worker.status is WorkerStatus.ONLINE)
    return max((worker.last_heartbeat_time for worker in online if worker.last_heartbeat_time), default=None)


async def read_workers(client: PrefectClient, work_pool: str) -> list[Worker]:
    """Return the workers of the pool; none if there is no such pool."""
    try:
        return await client.read_workers_for_work_pool(work_pool)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:  # it was deleted, or is not made yet
            return []
        raise


async def read_pools(client: PrefectClient) -> tuple[Pool, ...]:
    """Return all GPU work pools with the runs they hold, their progress, and the speed that it tells."""
    gpu_pools = await read_gpu_pools(client)
    if not gpu_pools:
        return ()
    names = [gpu_pool.work_pool.name for gpu_pool in gpu_pools]
    active_filter = FlowRunFilter(state=in_states(NOT_ENDED))
    active, ended = await asyncio.gather(read_runs(client, active_filter, names), read_completed(client, names))
    active_by_pool, ended_by_pool = _by_pool(active), _by_pool(ended)
    on_pools = {run.run_id: run for run in _with_helpers(map(_active, active))}
    progress = await read_progress_since(client, on_pools.values())
    under_way = {run_id: replace(run, progress=progress.get(run_id)) for run_id, run in on_pools.items()}
    now, default_model = datetime.now(UTC), Settings().model
    return with_speeds(
        _pool(gpu_pool, default_model, active_by_pool[name], ended_by_pool[name], under_way, now=now)
        for name, gpu_pool in zip(names, gpu_pools, strict=True)
    )


def _by_pool(runs: Iterable[FlowRun]) -> Mapping[str | None, list[FlowRun]]:
    by_pool: dict[str | None, list[FlowRun]] = defaultdict(list)
    for run in runs:
        by_pool[run.work_pool_name].append(run)
    return by_pool


def _pool(
    gpu_pool: GpuWorkPool,
    default_model: str,
    active: Sequence[FlowRun],
    completed: Sequence[FlowRun],
    under_way: Mapping[UUID, JobRun],
    *,
    now: datetime,
) -> Pool:
    """Return a pool, as yet with the assumed speed."""
    pool = gpu_pool.work_pool
    told = [job_run_of(run) for run in completed if _tells_speed(run)]
    completed_runs = tuple(run for run in told if run.audio_seconds > 0)
    warm, health = pool.type == WARM, health_of(pool)
    device, machine = device_and_machine(pool)
    seen = Pool(
        work_pool=pool.name,
        slots=SLOTS_WITHOUT_LIMIT if pool.concurrency_limit is None else pool.concurrency_limit,
        real_time_factor=DEFAULT_REAL_TIME_FACTOR,
        runs=tuple(under_way[run.id] for run in active if not under_way[run.id].helps),
        online=gpu_pool.online,
        paused=pool.is_paused and health is not PoolHealth.QUARANTINED,
        health=health,
        device_kind=device_kind(pool),
        default_model=default_model,
        device=device,
        machine=machine,
        deployment_id=str(gpu_pool.deployment_id),
        warm=warm,
        limited=warm or pool.concurrency_limit is not None,
        seen_at=now,
        completed=completed_runs,
        helpers=tuple(under_way[run.id] for run in active if under_way[run.id].helps),
    )
    return replace(seen, loaded_model=seen.model_of(*_newest_wish(active, completed)))


def _tells_speed(run: FlowRun) -> bool:
    """Return whether the duration of *run* tells its pool's speed: only if it has done all of a job, and at one go."""
    done_elsewhere = run.state is not None and run.state.name in (ALREADY_PUBLISHED, SHARED)
    return run.run_count == 1 and not done_elsewhere and not job_run_of(run).helps


def _active(run: FlowRun) -> JobRun:
    """Return a run on a pool; other flows of the user may run there as well, which are of no job."""
    active = job_run_of(run)
    return active if active.job_id or active.helps else replace(active, job_id=str(run.id))


def _with_helpers(active: Iterable[JobRun]) -> Iterator[JobRun]:
    """Yield the runs with the number of helping runs that are at work for them."""
    runs = list(active)
    at_work = Counter(run.helps for run in runs if run.helps and run.state is RunState.RUNNING)
    for run in runs:
        yield replace(run, helpers=at_work[run.job_id]) if run.job_id in at_work else run


def _newest_wish(active: Sequence[FlowRun], completed: Sequence[FlowRun]) -> tuple[str, WhisperTask]:
    """Return the model that the pool's newest run was asked for; before the first one, the one loaded by default."""
    holding = [run for run in active if run.state is not None and run.state.is_running()]
    newest = [job_run_of(run) for run in holding[-1:] or completed[:1]]
    return (newest[0].model, newest[0].task) if newest else (AUTO, WhisperTask.TRANSCRIBE)
