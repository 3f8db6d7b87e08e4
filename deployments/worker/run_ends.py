"""The ends of runs in a worker's processes, and who may be to blame."""

import signal
from collections.abc import Callable

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from tasks.orchestration.job_run import JobRun
from tasks.orchestration.prefect_runs import crashes_before
from tasks.orchestration.run_recovery import count_crashes


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
