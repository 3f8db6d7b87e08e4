"""
Observe Prefect's runs, as a batch sees them.

The truth is read each time, never kept: a killed batch run or a second batch changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from tasks.batches import BATCH_FLOW, batch_tag, inbox_tag
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.planning import RunningBatches
from tasks.orchestration.recovery import Retry, RunState, is_next_attempt

ACTIVE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
CRASHES_TAG = "crashes:"


@dataclass(frozen=True, slots=True)
class Child:
    """The run of one job: Prefect's flow run as far as a batch needs it."""

    flow_run_id: UUID
    job_id: str
    state: RunState
    changed_at: datetime
    message: str
    work_pool: str
    attempt: int
    run_seconds: float


async def read_runs(client: PrefectClient, flow_run_filter: FlowRunFilter, pools: Sequence[str] = ()) -> list[FlowRun]:
    """Return all runs that pass the filter, oldest first; only those of the given work pools, if any are."""
    return await read_all(
        client.read_flow_runs,
        flow_run_filter=flow_run_filter,
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))) if pools else None,
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


@dataclass(frozen=True, slots=True)
class Children:
    """The newest run of each job by job id, and older ones that should have been stopped when they were moved."""

    newest: Mapping[str, Child]
    superseded: tuple[Child, ...]


async def read_children(client: PrefectClient, batch_id: str) -> Children:
    """Return the runs of the batch's jobs."""
    runs = await read_runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))
    newest: dict[str, Child] = {}
    superseded = []
    for run in sorted(runs, key=created):
        if job_id := job_of(run):
            if (older := newest.get(job_id)) and not older.state.ended:
                superseded.append(older)
            newest[job_id] = child_of(run)
    return Children(newest, tuple(superseded))


async def refresh(client: PrefectClient, children: Iterable[Child]) -> list[Child]:
    """Return the present state of the given children; one that was deleted in Prefect is missing."""
    ids = [child.flow_run_id for child in children]
    found: list[Child] = []
    for first in range(0, len(ids), PAGE):  # by ids: in pages of a changing order one could be missed
        runs = await read_runs(client, FlowRunFilter(id=FlowRunFilterId(any_=ids[first : first + PAGE])))
        found += map(child_of, runs)
    return found


async def is_attempt_under_way(client: PrefectClient, flow_run_id: UUID, attempt: int) -> bool:
    """
    Return whether the run is still at this attempt and running.

    True also where the server does not answer: the caller has work in hand that should not be lost for that.
    """
    try:
        run = await client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        return False
    except httpx.HTTPError:
        return True
    return run.state is not None and run.state.is_running() and run.run_count == attempt


def job_of(run: FlowRun) -> str:
    """Return the id of the job that *run* is of; empty if it is not a job's."""
    return next((tag.removeprefix("job:") for tag in run.tags if tag.startswith("job:")), "")


def batch_of(run: FlowRun) -> str:
    """Return the id of the batch that *run* belongs to; empty if it belongs to none."""
    prefix = batch_tag("")
    return next((tag.removeprefix(prefix) for tag in run.tags if tag.startswith(prefix)), "")


def is_of_inbox(run: FlowRun) -> bool:
    """Return whether the batch of *run* was ingested from an inbox."""
    return any(tag.startswith(inbox_tag("")) for tag in run.tags)


def child_of(run: FlowRun) -> Child:
    """Return *run* as a batch sees it."""
    state = run.state
    return Child(
        flow_run_id=run.id,
        job_id=job_of(run),
        state=run_state(state.type) if state else RunState.SCHEDULED,
        changed_at=state.timestamp if state else created(run),
        message=(state.message or "") if state else "",
        work_pool=run.work_pool_name or "",
        attempt=max(run.run_count, 1),
        run_seconds=run.total_run_time.total_seconds(),
    )


def run_state(state_type: StateType) -> RunState:
    """Return Prefect's state type as the batch's word; a paused run waits like a scheduled one."""
    return RunState.SCHEDULED if state_type == StateType.PAUSED else RunState(state_type.value.lower())


def created(run: FlowRun) -> datetime:
    """Return the time when the run was made, by which the runs of a job are ordered."""
    return run.created or datetime.min.replace(tzinfo=UTC)


def audio_seconds_of(run: FlowRun) -> float:
    """Return the seconds of audio that a child run transcribes, by its parameters."""
    recording = run.parameters.get("recording")
    return float(recording.get("audio_seconds", 0.0)) if isinstance(recording, Mapping) else 0.0


async def read_running_batches(client: PrefectClient) -> RunningBatches:
    """Return the batches whose own run is running: room is shared among them."""
    running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
    runs = await read_all(
        client.read_flow_runs,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW])),
        flow_run_filter=FlowRunFilter(state=running),
        sort=FlowRunSort.ID_DESC,
    )
    batches = [run for run in runs if batch_of(run)]
    return RunningBatches(
        people=tuple(batch_of(run) for run in batches if not is_of_inbox(run)),
        inboxes=tuple(batch_of(run) for run in batches if is_of_inbox(run)),
    )


def crashes_before(run: FlowRun) -> int:
    """Return the job's crashes on the pools it was moved away from; its newest run carries their number as a tag."""
    return sum(int(tag.removeprefix(CRASHES_TAG)) for tag in run.tags if tag.startswith(CRASHES_TAG))


def crashes_since_last_end(states: Iterable[State[Any]]) -> int:
    """Return the crashes of a run since it last came to another end: a retry by hand starts the count again."""
    crashes = 0
    for state in sorted(states, key=lambda state: state.timestamp):
        crashed = state.type == StateType.CRASHED
        crashes = 0 if state.is_final() and not crashed else crashes + crashed
    return crashes


async def read_retry(client: PrefectClient, flow_run_id: UUID) -> Retry | None:
    """Return the run's latest retry: how it had ended before it was started again; None if it never was."""
    ended_as: RunState | None = None
    retry: Retry | None = None
    states = await client.read_flow_run_states(flow_run_id)
    for state in sorted(states, key=lambda state: state.timestamp):
        if state.is_final():
            ended_as = run_state(state.type)
        elif ended_as is not None:
            if not (ended_as is RunState.CRASHED and is_next_attempt(state.message or "")):
                retry = Retry(ended_as, state.timestamp)
            ended_as = None
    return retry
