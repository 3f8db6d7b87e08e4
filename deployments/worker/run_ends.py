"""Settle runs that lost their process: crashed and started again, handed back, or at their end."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Failed

from deployments.worker.messages import RunEnded
from tasks.cancellation import reason_told
from tasks.orchestration.crashes import MAX_CRASHES, count_crashes, crash, stopped
from tasks.orchestration.prefect_runs import crashes_before
from tasks.orchestration.prefect_states import HOLDING_A_SLOT
from tasks.orchestration.task_runs import end_task_runs

MAX_STARTS = 20
"""Bound on all starts of a run, also those that were not its fault: nothing loops for ever."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

logger = logging.getLogger("batchscribe.warm_worker")


async def until_taken(settle: Callable[[], Awaitable[bool]], *, stopped: Callable[[], bool]) -> bool:
    """
    Call *settle* until Prefect's server has taken it, and return its result.

    An outage must not leave a run Running for ever. False if the run was deleted, or once *stopped* says so.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stopped():
        try:
            return await settle()
        except ObjectNotFound:
            return False
        except httpx.HTTPError as error:
            logger.warning("Prefect's server did not take a state (%s); trying again in %.0f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    return False


async def recover_from_death(
    client: PrefectClient, flow_run: FlowRun, reason: str, *, innocent: bool, shared: bool = False
) -> bool:
    """
    Settle a run whose process is gone, *innocent* or not, and return whether that may be the device's fault.

    *flow_run* is the run as it was before this attempt at it. *shared* says that the process had other runs too, in a
    pool where that is not the last word: only a process of its own ends a run as Failed.
    """
    flow_run_id, current = flow_run.id, await client.read_flow_run(flow_run.id)
    if current.state is None or current.state.is_scheduled() or _has_begun_again(flow_run, current):
        return False
    await end_task_runs(client, flow_run_id, reason)
    if current.state.is_final() and not _is_crashed_by_us(current, reason):
        return False
    cancelling = current.state.is_cancelling()
    if shared and not current.state.is_crashed():
        innocent = innocent or await count_crashes(client, current) >= MAX_CRASHES - 1
    if innocent and not cancelling:
        await requeue(client, flow_run_id, "Its process was ended because of another run; starting again.")
        return False
    await crash(client, current, reason)
    return not cancelling


async def recover_unfinished(client: PrefectClient, flow_run: FlowRun, end: RunEnded) -> bool:
    """
    Settle a run that its process is done with, but that has no final state, and return whether it had none.

    *flow_run* is the run as it was before this attempt at it.
    """
    flow_run_id, current = flow_run.id, await client.read_flow_run(flow_run.id)
    if current.state is None or current.state.is_scheduled() or _has_begun_again(flow_run, current):
        return False
    crashed = current.state.is_crashed() and (end.device_lost or _is_crashed_by_us(current, end.detail))
    if current.state.is_final() and not crashed:
        return False
    if end.refused:
        await client.set_flow_run_state(flow_run_id, Failed(message=end.detail), force=True)
    else:
        await crash(client, current, end.detail)
    return True


def _has_begun_again(before: FlowRun, now: FlowRun) -> bool:
    """Return whether another attempt was begun elsewhere: this one was thought lost, and its end says nothing now."""
    return now.run_count > before.run_count + 1


def _is_crashed_by_us(flow_run: FlowRun, reason: str) -> bool:
    """Return whether an earlier try of `crash` came as far as this, before Prefect's server went away."""
    state = flow_run.state
    return state is not None and state.is_crashed() and state.message == stopped(reason)


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


async def requeue(client: PrefectClient, flow_run_id: UUID, reason: str) -> None:
    """Put a run that is under way back into its pool's queue, without a mark against it."""
    current = await client.read_flow_run(flow_run_id)
    if current.state is None or current.state.type not in HOLDING_A_SLOT:
        return
    await end_task_runs(client, flow_run_id, reason)
    if current.state.is_cancelling():
        message = reason_told(current.state.message or "", f"Cancelled. {reason}")
        await client.set_flow_run_state(flow_run_id, Cancelled(message=message), force=True)
    elif current.run_count >= MAX_STARTS:
        message = f"Started {current.run_count} times without reaching its end."
        await client.set_flow_run_state(flow_run_id, Failed(message=message), force=True)
    else:
        await client.set_flow_run_state(flow_run_id, AwaitingRetry(message=reason), force=True)


def exit_in_words(exit_code: int) -> str:
    """Return a readable description of how a process ended."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
