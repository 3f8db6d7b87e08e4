"""
Survey the GPU work pools with the runs they hold, as the dispatch policy sees them.

The truth is read each time, never kept: a new GPU or a dead one changes nothing. Only how fast the pools were of late
may be some seconds old (`tasks.speeds`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool

from tasks.attendance import is_attended
from tasks.core.batches import ALREADY_PUBLISHED, WhisperTask
from tasks.core.models import AUTO
from tasks.core.pools import (
    DEVICE_KIND_VARIABLE,
    PROBATION_MARK,
    QUARANTINE_MARK,
    ActiveRun,
    Pool,
    measured_rtf,
)
from tasks.core.settings import Settings
from tasks.observe import ACTIVE, PAGE, audio_seconds_of, job_of, read_runs
from tasks.speeds import read_completed

GPU_POOL_PREFIX = "gpu-"
GPU_POOL_TYPE = "warm"
DEFAULT_REAL_TIME_FACTOR = 0.5
"""Assumed of a pool that has not completed a run yet."""


async def read_pools(client: PrefectClient) -> tuple[Pool, ...]:
    """Return all GPU work pools with the runs they hold, as the dispatch policy sees them."""
    work_pools = [pool for pool in await client.read_work_pools(limit=PAGE) if _is_gpu_pool(pool)]
    if not work_pools:
        return ()
    names = [pool.name for pool in work_pools]
    active_filter = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE)))
    active, ended, attended = await asyncio.gather(
        read_runs(client, active_filter, names),
        read_completed(client, names),
        asyncio.gather(*(is_attended(client, pool) for pool in work_pools)),
    )
    now, default_model = datetime.now(UTC), Settings().model
    return tuple(
        _pool(
            pool,
            default_model,
            [run for run in active if run.work_pool_name == pool.name],
            [run for run in ended if run.work_pool_name == pool.name],
            now,
            online=online,
        )
        for pool, online in zip(work_pools, attended, strict=True)
    )


def _is_gpu_pool(pool: WorkPool) -> bool:
    """Return whether the pool is ours: somebody else may use Prefect's server, too, and the same names."""
    return pool.name.startswith(GPU_POOL_PREFIX) and pool.type == GPU_POOL_TYPE


def _pool(
    pool: WorkPool,
    default_model: str,
    active: Sequence[FlowRun],
    completed: Sequence[FlowRun],
    now: datetime,
    *,
    online: bool,
) -> Pool:
    samples = [
        (run.total_run_time.total_seconds(), audio_seconds_of(run))
        for run in completed
        if audio_seconds_of(run) > 0 and _tells_speed(run)
    ]
    description = pool.description or ""
    quarantined = description.startswith(QUARANTINE_MARK)
    seen = Pool(
        work_pool=pool.name,
        slots=pool.concurrency_limit or 1,
        real_time_factor=measured_rtf(samples, DEFAULT_REAL_TIME_FACTOR),
        runs=tuple(_active_run(run, now) for run in active),
        online=online,
        paused=pool.is_paused and not quarantined,
        quarantined=quarantined,
        probing=description.startswith(PROBATION_MARK),
        device_kind="cuda" if _device_kind(pool) == "cuda" else "cpu",
        default_model=default_model,
    )
    return replace(seen, loaded_model=seen.model_of(*_newest_wish(active, completed)))


def _tells_speed(run: FlowRun) -> bool:
    """Return whether how long *run* took says how fast its pool is: not if it was interrupted, or had nothing to do."""
    return run.run_count == 1 and not (run.state and run.state.message == ALREADY_PUBLISHED)


def _device_kind(pool: WorkPool) -> object:
    variables = pool.base_job_template.get("variables", {}).get("properties", {})
    return variables.get(DEVICE_KIND_VARIABLE, {}).get("default")


def _active_run(run: FlowRun, now: datetime) -> ActiveRun:
    running = run.state is not None and run.state.type in (StateType.RUNNING, StateType.CANCELLING)
    holds_slot = running or (run.state is not None and run.state.is_pending())
    model, task = _model_wish(run)
    elapsed = (now - run.state.timestamp).total_seconds() if running and run.state is not None else 0.0
    return ActiveRun(
        job_id=job_of(run),
        batch_id=next((tag.removeprefix("batch:") for tag in run.tags if tag.startswith("batch:")), ""),
        audio_seconds=audio_seconds_of(run),
        elapsed_seconds=max(elapsed, 0.0),
        running=holds_slot,
        cancelling=run.state is not None and run.state.is_cancelling(),
        model=model,
        task=task,
        flow_run_id=str(run.id),
        name=run.name,
        attempt=max(run.run_count, 1),
        message=(run.state.message or "") if run.state else "",
    )


def _model_wish(run: FlowRun) -> tuple[str, WhisperTask]:
    """Return the model that a run was asked for, which may be ``auto``, and its task, which then decides as well."""
    options = run.parameters.get("options")
    if not isinstance(options, Mapping):
        return AUTO, WhisperTask.TRANSCRIBE
    return str(options.get("model", AUTO)), WhisperTask(options.get("task", WhisperTask.TRANSCRIBE))


def _newest_wish(active: Sequence[FlowRun], completed: Sequence[FlowRun]) -> tuple[str, WhisperTask]:
    """Return what model the pool's newest run was asked for; before the first one the worker loads the usual one."""
    holding = [run for run in active if run.state is not None and run.state.is_running()]
    newest = holding[-1:] or completed[:1]
    return _model_wish(newest[0]) if newest else (AUTO, WhisperTask.TRANSCRIBE)
