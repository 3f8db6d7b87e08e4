"""
Abandoned runs: job runs that hold a slot of a pool whose worker is gone for good, with no batch run watching them.

A running batch moves such runs to another pool. A job that was retried alone, after its batch had ended, has none:
its run would stay Running for ever.
"""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterTags,
)

from tasks.batches import BATCH_FLOW, batch_tag
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.pools import read_gpu_pools, read_workers
from tasks.orchestration.prefect_runs import job_run_of, read_runs
from tasks.orchestration.prefect_states import HOLDING_A_SLOT, NOT_ENDED, in_states
from tasks.orchestration.recovery import Loss
from tasks.orchestration.run_recovery import recover


async def read_abandoned(client: PrefectClient, *, away_for: timedelta) -> list[JobRun]:
    """Return the runs under way on pools whose workers were not heard of for so long, if their batch has ended."""
    offline = [pool.work_pool.name for pool in await read_gpu_pools(client) if not pool.online]
    if not offline:
        return []
    holding = FlowRunFilter(state=in_states(HOLDING_A_SLOT))
    runs = [run for run in map(job_run_of, await read_runs(client, holding, offline)) if run.job_id]
    gone = {name for name in {run.work_pool for run in runs} if await _is_gone(client, name, away_for=away_for)}
    return [run for run in runs if run.work_pool in gone and not await _is_watched(client, run)]


async def end_abandoned(client: PrefectClient, run: JobRun) -> None:
    """End a run whose worker is gone. Should the worker come back with it, its documents do not count any more."""
    await recover(client, run.run_id, Loss.WORKER_FOR_GOOD, f"The worker of {run.work_pool} is gone.")


async def _is_gone(client: PrefectClient, work_pool: str, *, away_for: timedelta) -> bool:
    beats = [worker.last_heartbeat_time for worker in await read_workers(client, work_pool)]
    return all(beat is None or beat + away_for < datetime.now(UTC) for beat in beats)


async def _is_watched(client: PrefectClient, run: JobRun) -> bool:
    """Return whether the run of its batch is under way, which moves stuck runs."""
    of_batch = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[batch_tag(run.batch_id)]),
        state=in_states(NOT_ENDED),
    )
    flow = FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW]))
    return bool(await client.read_flow_runs(flow_filter=flow, flow_run_filter=of_batch, limit=1))
