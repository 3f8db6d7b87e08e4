"""Pass a cancel on from Prefect to the process that has the run."""

import asyncio
import contextlib
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from deployments.warm_processes import WarmProcesses

WATCH_SECONDS = 1.0


async def pass_on_cancels(client: PrefectClient, processes: WarmProcesses, new_cancel: asyncio.Event) -> None:
    """
    Ask runs to stop that Prefect says are to, until cancelled.

    One filtered read a second for all runs, and only while there are some; *new_cancel* makes it look at once.
    """
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(new_cancel.wait(), WATCH_SECONDS)
        new_cancel.clear()
        holders = {
            flow_run_id: process
            for process in processes.all
            for flow_run_id in process.runs
            if flow_run_id not in process.cancelled_at
        }
        if not holders:
            continue
        for flow_run in await _cancelled_among(client, list(holders)):
            holders[flow_run.id].cancel(flow_run.id)


async def _cancelled_among(client: PrefectClient, flow_run_ids: list[UUID]) -> list[FlowRun]:
    asked_to_stop = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])
    try:
        return await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                id=FlowRunFilterId(any_=flow_run_ids), state=FlowRunFilterState(type=asked_to_stop)
            ),
            sort=FlowRunSort.ID_DESC,
            limit=200,
        )
    except httpx.HTTPError:
        return []  # an outage: the runs go on, the next look asks again
