"""The ends of runs in a worker's processes: who may be to blame, and telling Prefect whatever that takes."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from tasks.orchestration.job_run import JobRun
from tasks.orchestration.prefect_runs import crashes_before
from tasks.orchestration.run_recovery import count_crashes

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

Answer = TypeVar("Answer")

logger = logging.getLogger("batchscribe.warm_worker")


async def until_taken(tell: Callable[[], Awaitable[Answer]], *, stopped: Callable[[], bool]) -> Answer | None:
    """
    Call *tell* until Prefect's server has taken it, and return its result.

    An outage must not leave a run Running for ever. None if the run was deleted, or once *stopped* says so.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stopped():
        try:
            return await tell()
        except ObjectNotFound:
            return None
        except httpx.HTTPError as error:
            logger.warning("Prefect's server did not take a state (%s); trying again in %.0f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    return None


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
