"""
Abandoned runs: job runs that hold a slot of a pool whose worker is gone for good, with no batch run watching them.

A running batch moves such runs to another pool. A job that was retried alone, after its batch had ended, has none:
its run would stay Running for ever.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from tasks.batches import BATCH_FLOW
from tasks.orchestration.job_runs import ACTIVE, job_of, read_runs
from tasks.orchestration.pools import read_gpu_pools, read_workers
from tasks.orchestration.task_runs import settle_task_runs

HOLDING = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


async def read_abandoned(client: PrefectClient, *, away_for: timedelta) -> list[FlowRun]:
    """Return the runs under way on pools whose workers were not heard of for so long, if their batch has ended."""
    offline = [pool.work_pool.name for pool in await read_gpu_pools(client) if not pool.online]
    if not offline:
        return []
    holding = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=HOLDING)))
    runs = [run for run in await read_runs(client, holding, offline) if job_of(run)]
    gone = {
        name for name in {run.work_pool_name or "" for run in runs} if await _is_gone(client, name, away_for=away_for)
    }
    return [run for run in runs if run.work_pool_name in gone and not await _is_watched(client, run)]


async def end_abandoned(client: PrefectClient, run: FlowRun) -> None:
    """End a run whose worker is gone. Should the worker come back with it, its documents do not count any more."""
    reason = f"The worker of {run.work_pool_name} is gone."
    cancelling = run.state is not None and run.state.type == StateType.CANCELLING
    ended: State[Any] = (
        Cancelled(message=f"Cancelled. {reason}") if cancelling else Crashed(message=f"{reason} Retry the job.")
    )
    await client.set_flow_run_state(run.id, ended, force=True)
    await settle_task_runs(client, run.id, reason)


async def _is_gone(client: PrefectClient, work_pool: str, *, away_for: timedelta) -> bool:
    beats = [worker.last_heartbeat_time for worker in await read_workers(client, work_pool)]
    return all(beat is None or beat + away_for < datetime.now(UTC) for beat in beats)


async def _is_watched(client: PrefectClient, run: FlowRun) -> bool:
    """Return whether the run of its batch is under way, which moves stuck runs."""
    of_batch = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag for tag in run.tags if tag.startswith("batch:")]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE)),
    )
    flow = FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW]))
    return bool(await client.read_flow_runs(flow_filter=flow, flow_run_filter=of_batch, limit=1))
