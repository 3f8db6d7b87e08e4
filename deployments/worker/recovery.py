"""
Recovery of a pool's runs that lost their process: after its end, and of orphans.

An orphan is under way in the work pool according to Prefect, but no process has it.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from tasks.orchestration.job_run import JobRun
from tasks.orchestration.prefect_runs import crashes_before, read_runs
from tasks.orchestration.prefect_states import HOLDING_A_SLOT, in_states
from tasks.orchestration.recovery import Loss
from tasks.orchestration.run_recovery import count_crashes, recover
from tasks.outages import attempt, warn

FORGOTTEN_SECONDS = 60.0
"""Time that a run may be Pending without a process; longer than any request for it is repeated."""
SECONDS_BETWEEN_SEARCHES = 30.0

logger = logging.getLogger("batchscribe.warm_worker")


async def requeue_all(client: PrefectClient, work_pool: str, reason: str) -> None:
    """
    Hand back the runs that are Running or Pending in the pool, and end those that are Cancelling.

    Only safe while no worker serves the pool: called by its worker before it takes its first run and after its last.
    """
    while under_way := await _read(client, work_pool, HOLDING_A_SLOT):
        for flow_run in under_way:
            logger.warning("%s: %s", flow_run.name, reason)
            with contextlib.suppress(ObjectNotFound):  # somebody deleted it meanwhile
                await recover(client, flow_run.id, Loss.WORKER, reason)


async def watch_for_forgotten(client: PrefectClient, work_pool: str, is_held: Callable[[UUID], bool]) -> None:
    """
    Hand back, until cancelled, runs that stay Pending although the worker does not hold them.

    That happens if Prefect's server took a run's state, but its answer was lost in an outage.
    """
    while True:
        search = partial(requeue_forgotten, client, work_pool, is_held, now=datetime.now(UTC))
        await attempt(search, tell=warn(logger, "The search for forgotten runs"))
        await asyncio.sleep(SECONDS_BETWEEN_SEARCHES)


async def requeue_forgotten(
    client: PrefectClient, work_pool: str, is_held: Callable[[UUID], bool], *, now: datetime
) -> None:
    """Hand back the pool's runs that have been Pending for a minute and that the worker does not hold."""
    for flow_run in await _read(client, work_pool, [StateType.PENDING]):
        pending_seconds = (now - flow_run.state.timestamp).total_seconds() if flow_run.state else 0.0
        if pending_seconds > FORGOTTEN_SECONDS and not is_held(flow_run.id):
            logger.warning("%s is Pending and nobody has it; handing it back", flow_run.name)
            with contextlib.suppress(ObjectNotFound):
                await recover(client, flow_run.id, Loss.WORKER, "An outage kept it from starting; starting again.")


async def _read(client: PrefectClient, work_pool: str, states: Sequence[StateType]) -> list[FlowRun]:
    return await read_runs(client, FlowRunFilter(state=in_states(states)), [work_pool])


def begun_again_since(before: FlowRun) -> Callable[[JobRun], bool]:
    """
    Return a test whether another attempt than the next one after *before* was begun.

    The run was then thought lost and started elsewhere, and the end of this attempt says nothing any more.
    """
    return lambda now: now.attempts > before.run_count + 1


async def is_suspect(client: PrefectClient, flow_run: FlowRun, *, crashes: int = 1) -> bool:
    """
    Return whether this run may be killing processes: so many died of it, or of a run next to it.

    Where the server does not answer, one that could have lost as many counts as suspect.
    """
    if flow_run.run_count < crashes and not crashes_before(flow_run):
        return False
    try:
        return await count_crashes(client, flow_run) >= crashes
    except httpx.HTTPError:
        return True


def exit_in_words(exit_code: int) -> str:
    """Return a readable description of how a process ended."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
