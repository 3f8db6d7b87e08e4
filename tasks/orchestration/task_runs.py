"""Settle the task runs that a process that is gone left behind in Prefect."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from tasks.batches import RECORDING_FLOW, batch_tag
from tasks.orchestration.job_run import LONG_AGO
from tasks.orchestration.paging import read_all
from tasks.orchestration.prefect_runs import read_last_start

UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]
"""Scheduled is a task that waits for its next try."""


async def end_task_runs(client: PrefectClient, flow_run_id: UUID, reason: str) -> None:
    """
    End the task runs of a flow run whose process is gone: nothing else would, and they would stay Running for ever.

    Tasks of a next attempt have runs of their own. The links of a batch run to its jobs' runs follow these.
    """
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    await _end(client, await _under_way(client, of_run), reason)


async def end_earlier_attempts(client: PrefectClient, batch_id: str, attempts: Mapping[UUID, int]) -> None:
    """
    End the task runs that earlier attempts at a batch's runs left under way; *attempts* has the last one of each run.

    Prefect's server learns of a task run by events, in its own time: one may be recorded as Running after its process
    has died and all that was known of it then was settled. For the same reason the last attempt's are left alone: they
    may be completed, and not recorded yet.
    """
    begun_again = {run_id: attempt for run_id, attempt in attempts.items() if attempt > 1}
    if not begun_again:
        return
    of_batch = FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)]))
    earlier, starts = [], {}
    for task_run in await _under_way(client, of_batch):
        run_id = task_run.flow_run_id
        if run_id is None or run_id not in begun_again:
            continue
        if run_id not in starts:
            starts[run_id] = await read_last_start(client, run_id) or LONG_AGO
        if _is_earlier(task_run, begun_again[run_id], starts[run_id]):
            earlier.append(task_run)
    await _end(client, earlier, "its process ended.")


def _is_earlier(task_run: TaskRun, attempt: int, started_at: datetime) -> bool:
    """Return whether the task run is of an attempt before the one given; it is told which only once it has begun."""
    if task_run.flow_run_run_count:
        return task_run.flow_run_run_count < attempt
    return task_run.state is not None and task_run.state.timestamp < started_at


async def _under_way(client: PrefectClient, flow_runs: FlowRunFilter) -> list[TaskRun]:
    under_way = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNDER_WAY)))
    return await read_all(
        client.read_task_runs, flow_run_filter=flow_runs, task_run_filter=under_way, sort=TaskRunSort.ID_DESC
    )


async def _end(client: PrefectClient, task_runs: Iterable[TaskRun], reason: str) -> None:
    for task_run in task_runs:
        if not task_run.name.startswith(RECORDING_FLOW):
            await client.set_task_run_state(task_run.id, Crashed(message=f"Stopped: {reason}"), force=True)


async def end_never_begun(client: PrefectClient, task_run_ids: Iterable[UUID]) -> None:
    """End task runs that an outage kept from beginning, and in whose place others ran."""
    state: State[Any] = Crashed(message="Prefect's server was away when it was to begin; another took its place.")
    for task_run_id in task_run_ids:
        with contextlib.suppress(ObjectNotFound):  # the server has never heard of it
            await client.set_task_run_state(task_run_id, state, force=True)
