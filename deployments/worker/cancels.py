"""Pass cancels on from Prefect to the process that has the run; a run without a process is ended."""

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from deployments.worker.process_pool import WarmProcesses
from deployments.worker.wake import WakeUps
from tasks.cancellation import reason_told
from tasks.orchestration.prefect_runs import read_runs
from tasks.orchestration.prefect_states import in_states
from tasks.orchestration.run_recovery import end_run
from tasks.outages import attempt

logger = logging.getLogger("batchscribe.warm_worker")


async def forward_cancels(
    client: PrefectClient,
    work_pool: str,
    processes: WarmProcesses,
    wake_ups: WakeUps,
    is_held: Callable[[UUID], bool],
) -> None:
    """
    Ask the runs cancelled in Prefect to stop, and end those that the worker does not hold, until cancelled.

    Two filtered reads for all runs, whenever there is an occasion; every second while a cancel is under way.
    """
    settled: bool | None = False
    while True:
        await wake_ups.wait_for_cancel(soon=not settled)
        settled = await attempt(partial(_forward, client, work_pool, processes, is_held), tell=_debug)


async def _forward(
    client: PrefectClient, work_pool: str, processes: WarmProcesses, is_held: Callable[[UUID], bool]
) -> bool:
    """Return whether there is nothing to look after for now."""
    await _ask_to_stop(client, processes)
    return await _end_unheld(client, work_pool, is_held)


def _debug(error: Exception) -> None:
    """Note an outage, in which runs go on. A warning a second would be too many."""
    logger.debug("The search for cancels: %s", error)


async def _ask_to_stop(client: PrefectClient, processes: WarmProcesses) -> None:
    holders = {
        flow_run_id: process
        for process in processes.all
        for flow_run_id in process.runs
        if flow_run_id not in process.cancelled_at
    }
    if not holders:
        return
    stopping = in_states([StateType.CANCELLING, StateType.CANCELLED])
    cancelled = await read_runs(client, FlowRunFilter(id=FlowRunFilterId(any_=list(holders)), state=stopping))
    for flow_run in cancelled:
        holders[flow_run.id].cancel(flow_run.id)


async def _end_unheld(client: PrefectClient, work_pool: str, is_held: Callable[[UUID], bool]) -> bool:
    """
    End the pool's runs that are Cancelling and that the worker does not hold; return whether there were none at all.

    A run that waits for its next attempt keeps the process id of its last one, so the server believes that there is
    a process to be ended, and waits for it. One that is on its way into a process is left to it: the server lets a
    run that has ended as Cancelled begin, but not one that is Cancelling.
    """
    cancelling = await read_runs(client, FlowRunFilter(state=in_states([StateType.CANCELLING])), [work_pool])
    for flow_run in cancelling:
        if is_held(flow_run.id):
            continue
        with contextlib.suppress(ObjectNotFound):  # somebody deleted it
            asked_with = (flow_run.state.message or "") if flow_run.state else ""
            message = reason_told(asked_with, "Cancelled while no process had it.")
            # Not forced: if it has ended by now, that stands.
            await end_run(client, flow_run.id, Cancelled(message=message))
    return not cancelling
