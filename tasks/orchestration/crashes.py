"""
Crash handling: a run whose process died is tried again under the same id, three times at most.

The warm worker sees to its own runs at once. Prefect's own workers leave theirs Crashed: the batch run sees to them,
and to those of a warm worker that died in the middle.
"""

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed

from tasks.cancellation import reason_told
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.prefect_runs import crashes_before, crashes_since_last_end, job_run_of
from tasks.orchestration.recovery import next_attempt
from tasks.orchestration.summary import sentence
from tasks.orchestration.task_runs import end_task_runs

MAX_CRASHES = 3


async def count_crashes(client: PrefectClient, flow_run: FlowRun) -> int:
    """Return the number of times the job of this run lost its process, here and on pools it was moved away from."""
    return crashes_before(flow_run) + crashes_since_last_end(await client.read_flow_run_states(flow_run.id))


async def crash(client: PrefectClient, flow_run: FlowRun, reason: str) -> None:
    """Record that the run lost its process, and start it again unless that happened too often."""
    if flow_run.state is not None and flow_run.state.is_cancelling():
        message = reason_told(flow_run.state.message or "", f"Cancelled: {reason}")
        await client.set_flow_run_state(flow_run.id, Cancelled(message=message), force=True)
        return
    if flow_run.state is None or not flow_run.state.is_crashed():
        await client.set_flow_run_state(flow_run.id, Crashed(message=stopped(reason)), force=True)
    crashes = await count_crashes(client, flow_run)
    if crashes >= MAX_CRASHES:
        message = f"It stopped the process it ran in {crashes} times, the last time: {reason}"
        await client.set_flow_run_state(flow_run.id, Failed(message=message), force=True)
        return
    message = next_attempt(crashes + 1, MAX_CRASHES, reason)
    await client.set_flow_run_state(flow_run.id, AwaitingRetry(message=message), force=True)


def stopped(reason: str) -> str:
    """Return the message of a run that lost its process."""
    return f"Stopped: {reason}"


async def restart_crashed(client: PrefectClient, run: JobRun) -> None:
    """Start the job's run again if it is still Crashed, unless that happened too often: then it has failed."""
    flow_run = await client.read_flow_run(run.run_id)
    if flow_run.state is None or not flow_run.state.is_crashed():
        return
    reason = sentence(flow_run.state.message or "its process ended.").removeprefix(stopped(""))
    await end_task_runs(client, flow_run.id, reason)
    await crash(client, flow_run, reason)


async def restart_lost(client: PrefectClient, run: JobRun) -> None:
    """Start a run again that no process executes any more, unless it has just gone on."""
    flow_run = await client.read_flow_run(run.run_id)
    now = job_run_of(flow_run)
    if (now.state, now.attempts, now.changed_at) != (run.state, run.attempts, run.changed_at):
        return
    reason = "its process gave no sign of life any more."
    await end_task_runs(client, flow_run.id, reason)
    await crash(client, flow_run, reason)
