"""
Recovery of runs that lost their process, carried out: whoever notices a loss, the rule is `remedy_for`.

The warm worker sees to its own runs at once. Prefect's own workers leave theirs Crashed: the batch run sees to them,
and to those of a warm worker that died in the middle. The clean-up sees to those over which no batch run watches.
"""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Crashed, Failed, Scheduled

from tasks.cancellation import reason_told
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.prefect_runs import crashes_before, crashes_since_last_end, job_run_of, refresh
from tasks.orchestration.recovery import ABANDONED, AWAITING_RESTART, MAX_CRASHES, Loss, Remedy, remedy_for
from tasks.orchestration.summary import sentence
from tasks.orchestration.task_runs import end_task_runs

STOPPED = "Stopped: "
"""Beginning of the message of a run that lost its process."""

BYSTANDER = "Its process was ended because of another run; starting again."

BY_CRASHES = (Loss.PROCESS, Loss.SHARED_PROCESS, Loss.LEFT_CRASHED, Loss.SILENT)
"""The losses of which so many make a run fail."""


async def count_crashes(client: PrefectClient, flow_run: FlowRun) -> int:
    """Return the number of times the job of this run lost its process, here and on pools it was moved away from."""
    return crashes_before(flow_run) + crashes_since_last_end(await client.read_flow_run_states(flow_run.id))


async def recover(
    client: PrefectClient,
    run_id: UUID,
    loss: Loss,
    reason: str,
    *,
    unless: Callable[[JobRun], bool] = lambda _run: False,
) -> Remedy:
    """
    Give a run that lost its process the state that is due, *unless* its present state says otherwise.

    *reason* is a sentence for people, or the part of one after a colon. Broken off by an outage and done again, it ends
    as if there had been none.
    """
    flow_run = await client.read_flow_run(run_id)
    run = job_run_of(flow_run)
    if unless(run):
        return Remedy.LEAVE
    crashes = await count_crashes(client, flow_run) if loss in BY_CRASHES else 0
    remedy = remedy_for(run, loss, crashes=crashes)
    if remedy is Remedy.LEAVE:
        return remedy
    await end_task_runs(client, run_id, reason)
    if remedy is Remedy.CRASH and run.state is not RunState.CRASHED:
        await client.set_flow_run_state(run_id, Crashed(message=f"{STOPPED}{reason}"), force=True)
        crashes += 1
    await client.set_flow_run_state(run_id, _state_after(remedy, run, loss, reason, crashes=crashes), force=True)
    return remedy


def _state_after(remedy: Remedy, run: JobRun, loss: Loss, reason: str, *, crashes: int) -> State[Any]:
    match remedy:
        case Remedy.CANCEL:
            mark = "." if reason[:1].isupper() else ":"
            return Cancelled(message=reason_told(run.message, f"Cancelled{mark} {reason}"))
        case Remedy.ABANDON:
            return Crashed(name=ABANDONED, message=f"{STOPPED}{reason}" if run.helps else f"{reason} Retry the job.")
        case Remedy.FAIL:
            refused = loss is Loss.REFUSED
            return Failed(message=reason if refused else f"Started {run.attempts} times without reaching its end.")
        case Remedy.CRASH if crashes >= MAX_CRASHES:
            return Failed(message=f"It stopped the process it ran in {crashes} times, the last time: {reason}")
        case Remedy.CRASH:
            return Scheduled(name=AWAITING_RESTART, message=f"Attempt {crashes + 1} of {MAX_CRASHES}: {reason}")
        case _:
            bystander = loss in (Loss.NEIGHBOUR, Loss.SHARED_PROCESS)
            return AwaitingRetry(message=BYSTANDER if bystander else reason)


async def restart_crashed(client: PrefectClient, run: JobRun) -> None:
    """Start the job's run again if it is still Crashed, unless that happened too often: then it has failed."""
    reason = sentence(run.message or "its process ended.").removeprefix(STOPPED)
    await recover(client, run.run_id, Loss.LEFT_CRASHED, reason)


async def restart_silent(client: PrefectClient, run: JobRun) -> None:
    """Start a run again that no process executes any more, unless it has just gone on."""
    reason = "its process gave no sign of life any more."
    known = (run.state, run.attempts, run.changed_at)
    await recover(
        client,
        run.run_id,
        Loss.SILENT,
        reason,
        unless=lambda now: (now.state, now.attempts, now.changed_at) != known,
    )


async def end_run(client: PrefectClient, run_id: UUID, state: State[Any], *, force: bool = False) -> None:
    """End a run that no process has, with all that it had begun. Not forced, an end that it has come to stands."""
    await client.set_flow_run_state(run_id, state, force=force)
    await end_task_runs(client, run_id, state.message or "it was ended.")


async def restart(client: PrefectClient, run: JobRun, reason: str) -> None:
    """Have the run begin again under the same id, unless it does already: its known state may be minutes old."""
    for current in await refresh(client, [run]):
        if current.state.ended:
            await client.set_flow_run_state(run.run_id, AwaitingRetry(message=reason), force=True)


async def fail(client: PrefectClient, run: JobRun, reason: str) -> None:
    """Have the run end as failed for a new reason, without running again."""
    await client.set_flow_run_state(run.run_id, Failed(message=reason), force=True)


async def cancel(client: PrefectClient, runs: Iterable[JobRun], reason: str) -> None:
    """Ask those that have not ended to stop; one that has not begun is cancelled at once by the server."""
    for run in await refresh(client, runs):
        if not run.state.ended:
            await client.set_flow_run_state(run.run_id, Cancelling(message=reason))
