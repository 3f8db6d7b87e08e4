"""Orphans: runs that are under way in a work pool according to Prefect, but that no process has."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from tasks.orchestration.prefect_runs import read_runs
from tasks.orchestration.prefect_states import HOLDING_A_SLOT, in_states
from tasks.orchestration.recovery import Loss
from tasks.orchestration.run_recovery import recover
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
