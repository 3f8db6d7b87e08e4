"""How a run that lost its process goes on: crashed and started again, handed back, or at its end."""

import signal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed

from tasks.observe import crashes_before, crashes_since_last_end

ACTIVE = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
MAX_CRASHES = 3
MAX_STARTS = 20
"""Bound on all starts of a run, also those that were not its fault: nothing loops for ever."""


async def crash(client: PrefectClient, flow_run: FlowRun, reason: str) -> None:
    """Record that the run lost its process, and start it again unless that happened too often."""
    if flow_run.state is not None and flow_run.state.is_cancelling():
        await client.set_flow_run_state(flow_run.id, Cancelled(message=f"Cancelled: {reason}"), force=True)
        return
    if flow_run.state is None or not flow_run.state.is_crashed():
        await client.set_flow_run_state(flow_run.id, Crashed(message=f"Stopped: {reason}"), force=True)
    crashes = crashes_before(flow_run) + crashes_since_last_end(await client.read_flow_run_states(flow_run.id))
    if crashes >= MAX_CRASHES:
        message = f"It stopped the process it ran in {crashes} times, the last time: {reason}"
        await client.set_flow_run_state(flow_run.id, Failed(message=message), force=True)
        return
    message = f"Attempt {crashes + 1} of {MAX_CRASHES}: {reason}"
    await client.set_flow_run_state(flow_run.id, AwaitingRetry(message=message), force=True)


async def hand_back(client: PrefectClient, flow_run_id: UUID, reason: str) -> None:
    """Put a run that is under way back into its pool's queue, without a mark against it."""
    current = await client.read_flow_run(flow_run_id)
    if current.state is None or current.state.type not in ACTIVE:
        return
    if current.state.is_cancelling():
        await client.set_flow_run_state(flow_run_id, Cancelled(message=f"Cancelled. {reason}"), force=True)
    elif current.run_count >= MAX_STARTS:
        message = f"Started {current.run_count} times without reaching its end."
        await client.set_flow_run_state(flow_run_id, Failed(message=message), force=True)
    else:
        await client.set_flow_run_state(flow_run_id, AwaitingRetry(message=reason), force=True)


def exit_in_words(exit_code: int) -> str:
    """Return how a process ended, for a person."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
