"""
Survey the GPU work pools with the runs they hold, as the dispatch policy sees them.

The truth is read each time, never kept: a new GPU or a dead one changes nothing. Only how fast the pools were of late
may be some seconds old (`tasks.speeds`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool

from tasks.core.batches import ALREADY_PUBLISHED, WhisperTask
from tasks.core.models import AUTO
from tasks.core.pools import (
    DEVICE_KIND_VARIABLE,
    PROBATION_MARK,
    QUARANTINE_MARK,
    SLOTS_WITHOUT_LIMIT,
    WARM,
    ActiveRun,
    Pool,
    measured_rtf,
)
from tasks.core.settings import Settings
from tasks.gpu_pools import GpuWorkPool, read_gpu_pools
from tasks.observe import ACTIVE, audio_seconds_of, batch_of, is_of_inbox, job_of, read_runs
from tasks.speeds import read_completed

DEFAULT_REAL_TIME_FACTOR = 0.5
"""Assumed of a pool that has not completed a run yet."""


async def read_pools(client: PrefectClient) -> tuple[Pool, ...]:
    """Return all GPU work pools with the runs they hold, as the dispatch policy sees them."""
    gpu_pools = await read_gpu_pools(client)
    if not gpu_pools:
        return ()
    names = [gpu_pool.work_pool.name for gpu_pool in gpu_pools]
    active_filter = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE)))
    active, ended = await asyncio.gather(read_runs(client, active_filter, names), read_completed(client, names))
    active_by_pool, ended_by_pool = _by_pool(active), _by_pool(ended)
    now, default_model = datetime.now(UTC), Settings().model
    return tuple(
        _pool(gpu_pool, default_model, active_by_pool[name], ended_by_pool[name], now)
        for name, gpu_pool in zip(names, gpu_pools, strict=True)
    )


def _by_pool(runs: Iterable[FlowRun]) -> Mapping[str | None, list[FlowRun]]:
    by_pool: dict[str | None, list[FlowRun]] = defaultdict(list)
    for run in runs:
        by_pool[run.work_pool_name].append(run)
    return by_pool


def _pool(
    gpu_pool: GpuWorkPool, default_model: str, active: Sequence[FlowRun], completed: Sequence[FlowRun], now: datetime
) -> Pool:
    pool = gpu_pool.work_pool
    samples = [
        (run.total_run_time.total_seconds(), audio_seconds_of(run))
        for run in completed
        if audio_seconds_of(run) > 0 and _tells_speed(run)
    ]
    description = pool.description or ""
    warm = pool.type == WARM
    mark = description if warm else ""  # no other worker sets one
    quarantined = mark.startswith(QUARANTINE_MARK)
    seen = Pool(
        work_pool=pool.name,
        slots=SLOTS_WITHOUT_LIMIT if pool.concurrency_limit is None else pool.concurrency_limit,
        real_time_factor=measured_rtf(samples, DEFAULT_REAL_TIME_FACTOR),
        runs=tuple(_active_run(run, now) for run in active),
        online=gpu_pool.online,
        paused=pool.is_paused and not quarantined,
        quarantined=quarantined,
        probing=mark.startswith(PROBATION_MARK),
        device_kind=_device_kind(pool),
        default_model=default_model,
        description=description,
        deployment_id=str(gpu_pool.deployment_id),
        warm=warm,
        limited=warm or pool.concurrency_limit is not None,
    )
    return replace(seen, loaded_model=seen.model_of(*_newest_wish(active, completed)))


def _tells_speed(run: FlowRun) -> bool:
    """Return whether how long *run* took says how fast its pool is: not if it was interrupted, or had nothing to do."""
    return run.run_count == 1 and not (run.state and run.state.message == ALREADY_PUBLISHED)


def _device_kind(pool: WorkPool) -> Literal["cuda", "cpu"]:
    """Return what the pool's template says of its device; where it says nothing, what its type lets one expect."""
    variables = pool.base_job_template.get("variables", {}).get("properties", {})
    said = variables.get(DEVICE_KIND_VARIABLE, {}).get("default") or ("cpu" if pool.type == WARM else "cuda")
    return "cuda" if said == "cuda" else "cpu"


def _active_run(run: FlowRun, now: datetime) -> ActiveRun:
    running = run.state is not None and run.state.type in (StateType.RUNNING, StateType.CANCELLING)
    holds_slot = running or (run.state is not None and run.state.is_pending())
    model, task = _model_wish(run)
    elapsed = (now - run.state.timestamp).total_seconds() if running and run.state is not None else 0.0
    return ActiveRun(
        job_id=job_of(run) or str(run.id),  # somebody's own flow may run on the pool as well
        batch_id=batch_of(run),
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
        inbox=is_of_inbox(run),
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
