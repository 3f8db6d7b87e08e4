"""
Read Prefect's runs: the one place where its objects become a `JobRun`.

The truth is read each time, never kept: a killed batch run or a second batch changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any
from uuid import UUID

import httpx
from cachetools import LRUCache
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from tasks.batches import BATCH_FLOW, batch_tag, helps_tag, inbox_tag, job_tag
from tasks.options import WhisperTask
from tasks.orchestration.job_run import LONG_AGO, Attempt, JobRun, RunState
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.planning import RunningBatches
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.orchestration.recovery import AWAITING_RESTART, Retry, RunHistory
from tasks.orchestration.waiting import waits_for
from tasks.transcription.models import AUTO

CRASHES_TAG = "crashes:"
MOVES_TAG = "moves:"

UNDER_WAY = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING)
_pools_of_helpers: LRUCache[UUID, str] = LRUCache(64)
"""The work pool of each helping run that asked of late: it never changes."""


async def read_runs(client: PrefectClient, flow_run_filter: FlowRunFilter, pools: Sequence[str] = ()) -> list[FlowRun]:
    """Return all runs that pass the filter, oldest first; only those of the given work pools, if any are."""
    return await read_all(
        client.read_flow_runs,
        flow_run_filter=flow_run_filter,
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))) if pools else None,
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


@dataclass(frozen=True, slots=True)
class BatchJobRuns:
    """The newest run of each job by job id, and older ones that should have been stopped when they were moved."""

    newest: Mapping[str, JobRun]
    superseded: tuple[JobRun, ...]


async def read_job_runs(client: PrefectClient, batch_id: str) -> BatchJobRuns:
    """Return the runs of the batch's jobs."""
    found = await read_runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch_id)])))
    newest: dict[str, JobRun] = {}
    superseded = []
    for run in sorted(map(job_run_of, found), key=attrgetter("created_at")):
        if run.job_id:
            if (older := newest.get(run.job_id)) and not older.state.ended:
                superseded.append(older)
            newest[run.job_id] = run
    return BatchJobRuns(newest, tuple(superseded))


async def refresh(client: PrefectClient, known: Iterable[JobRun]) -> list[JobRun]:
    """Return the present state of the given runs; one that was deleted in Prefect is missing."""
    ids = [run.run_id for run in known]
    found: list[JobRun] = []
    for first in range(0, len(ids), PAGE):  # by ids: in pages of a changing order one could be missed
        runs = await read_runs(client, FlowRunFilter(id=FlowRunFilterId(any_=ids[first : first + PAGE])))
        found += map(job_run_of, runs)
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


async def still_helps(client: PrefectClient, flow_run_id: UUID, job_id: str) -> bool:
    """
    Return whether a helping run is to go on with the job.

    Not if another run than a helping one is on its pool, be it queued, or if no run of the job is under way any more.
    True where the server does not answer, as in `is_attempt_under_way`. Two requests, and once one more.
    """
    try:
        if flow_run_id not in _pools_of_helpers:
            _pools_of_helpers[flow_run_id] = (await client.read_flow_run(flow_run_id)).work_pool_name or ""
        own = FlowRunFilter(tags=FlowRunFilterTags(all_=[job_tag(job_id)]), state=in_states(UNDER_WAY))
        if not await client.read_flow_runs(flow_run_filter=own, limit=1):
            return False
        on_pool = await read_runs(client, FlowRunFilter(state=in_states(NOT_ENDED)), [_pools_of_helpers[flow_run_id]])
    except ObjectNotFound:
        return False
    except httpx.HTTPError:
        return True
    return all(job_run_of(run).helps for run in on_pool)


def job_run_of(run: FlowRun) -> JobRun:
    """Return a flow run as everything here sees it."""
    model, task = _model_wish(run)
    return JobRun(
        run_id=run.id,
        state=run_state(run.state),
        changed_at=run.state.timestamp if run.state else run.created or LONG_AGO,
        job_id=_tagged(run, job_tag("")),
        batch_id=_tagged(run, batch_tag("")),
        created_at=run.created or LONG_AGO,
        name=run.name,
        state_name=(run.state.name or "") if run.state else "",
        message=(run.state.message or "") if run.state else "",
        attempts=run.run_count,
        work_pool=run.work_pool_name or "",
        audio_seconds=_audio_seconds(run),
        run_seconds=run.total_run_time.total_seconds(),
        model=model,
        task=task,
        inbox=any(tag.startswith(inbox_tag("")) for tag in run.tags),
        helps=_tagged(run, helps_tag("")),
        moves=int(_tagged(run, MOVES_TAG) or 0),
        started_at=_started_at(run),
        ended_at=run.end_time,
        waits_for=waits_for(run),
    )


def conversion_of(run: TaskRun) -> JobRun:
    """Return a task run of a batch run, which converts the upload of a job; of no job if it carries no job's tag."""
    return JobRun(
        run_id=run.id,
        state=run_state(run.state),
        changed_at=run.state.timestamp if run.state else LONG_AGO,
        job_id=_tagged(run, job_tag("")),
        created_at=run.created or LONG_AGO,
        name=run.name.removeprefix("convert "),
        state_name=(run.state.name or "") if run.state else "",
        message=(run.state.message or "") if run.state else "",
        attempts=run.run_count,
    )


def run_state(state: State[Any] | None) -> RunState:
    """Return Prefect's state as one of a batch's words; a paused run waits like a scheduled one."""
    if state is None or state.type == StateType.PAUSED:
        return RunState.SCHEDULED
    return RunState(state.type.value.lower())


def _tagged(run: FlowRun | TaskRun, prefix: str) -> str:
    """Return what follows *prefix* in the run's tags; empty if none begins with it."""
    return next((tag.removeprefix(prefix) for tag in run.tags if tag.startswith(prefix)), "")


def _audio_seconds(run: FlowRun) -> float:
    recording = run.parameters.get("recording")
    return float(recording.get("audio_seconds", 0.0)) if isinstance(recording, Mapping) else 0.0


def _model_wish(run: FlowRun) -> tuple[str, WhisperTask]:
    """Return the model that a run was asked for, which may be ``auto``, and its task, which then decides as well."""
    options = run.parameters.get("options")
    if not isinstance(options, Mapping):
        return AUTO, WhisperTask.TRANSCRIBE
    known = {task.value: task for task in WhisperTask}
    return str(options.get("model", AUTO)), known.get(str(options.get("task")), WhisperTask.TRANSCRIBE)


def _started_at(run: FlowRun) -> datetime | None:
    """
    Return when the run's latest attempt began, None while it waits for one.

    Prefect keeps the start of the first attempt only, or when the run was cancelled before it. Of a run that has ended,
    the time it ran is counted back from its end: exact for its last attempt as far as those before failed at once.
    """
    if (
        run.state is None
        or run.start_time is None
        or not run.run_count
        or run.state.is_scheduled()
        or run.state.is_pending()
    ):
        return None
    if run.state.is_running():
        return run.state.timestamp
    if run.end_time is not None:
        return max(run.start_time, run.end_time - run.total_run_time)
    return run.start_time


async def read_running_batches(client: PrefectClient) -> RunningBatches:
    """Return the batches whose own run is running: room is shared among them."""
    running = in_states([StateType.RUNNING])
    runs = await read_all(
        client.read_flow_runs,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW])),
        flow_run_filter=FlowRunFilter(state=running),
        sort=FlowRunSort.ID_DESC,
    )
    batches = [run for run in map(job_run_of, runs) if run.batch_id]
    return RunningBatches(
        people=tuple(run.batch_id for run in batches if not run.inbox),
        inboxes=tuple(run.batch_id for run in batches if run.inbox),
    )


def crashes_before(run: FlowRun) -> int:
    """Return the job's crashes on the pools it was moved away from; its newest run carries their number as a tag."""
    return sum(int(tag.removeprefix(CRASHES_TAG)) for tag in run.tags if tag.startswith(CRASHES_TAG))


def crashes_since_last_end(states: Iterable[State[Any]]) -> int:
    """Return the crashes of a run since it last came to another end: a retry by hand starts the count again."""
    crashes = 0
    for state in _in_order(states):
        crashed = state.type == StateType.CRASHED
        crashes = 0 if state.is_final() and not crashed else crashes + crashed
    return crashes


async def read_history(client: PrefectClient, run: JobRun) -> RunHistory:
    """Return the history of the run."""
    states = _in_order(await client.read_flow_run_states(run.run_id))
    return RunHistory(_retry_in(states), _cancelled_at(states), tuple(_attempts_in(states, run.work_pool)))


def only_attempt(run: JobRun) -> tuple[Attempt, ...]:
    """Return the attempt of a run that was begun once at the most."""
    if run.started_at is None:
        return ()
    return (Attempt(run.started_at, run.ended_at, run.state if run.state.ended else None, run.work_pool),)


def _attempts_in(states: Iterable[State[Any]], work_pool: str) -> Iterator[Attempt]:
    started_at: datetime | None = None
    for state in states:
        found = run_state(state)
        if started_at is None and found is RunState.RUNNING:
            started_at = state.timestamp
        elif started_at is not None and not found.executing:
            yield Attempt(started_at, state.timestamp, found, work_pool)
            started_at = None
    if started_at is not None:
        yield Attempt(started_at, work_pool=work_pool)


async def read_last_start(client: PrefectClient, flow_run_id: UUID) -> datetime | None:
    """Return when the run's latest attempt began; None if it never was begun."""
    attempts = _attempts_in(_in_order(await client.read_flow_run_states(flow_run_id)), work_pool="")
    return max((attempt.started_at for attempt in attempts), default=None)


async def read_retry(client: PrefectClient, flow_run_id: UUID) -> Retry | None:
    """Return the run's latest retry: how it had ended before it was started again; None if it never was."""
    return _retry_in(_in_order(await client.read_flow_run_states(flow_run_id)))


def _retry_in(states: Sequence[State[Any]]) -> Retry | None:
    ended_as: RunState | None = None
    retry: Retry | None = None
    for number, state in enumerate(states):
        if state.is_final():
            ended_as = run_state(state)
        elif ended_as is not None:
            if state.name != AWAITING_RESTART:
                retry = Retry(ended_as, state.timestamp, _cancelled_at(states[:number]))
            ended_as = None
    return retry


def _cancelled_at(states: Sequence[State[Any]]) -> datetime | None:
    """Return when a run that has ended as Cancelled was asked to stop; None if it ended otherwise, or not yet."""
    stopping = list(takewhile(lambda state: state.is_cancelling() or state.is_cancelled(), reversed(states)))
    return stopping[-1].timestamp if stopping and stopping[0].is_cancelled() else None


def _in_order(states: Iterable[State[Any]]) -> list[State[Any]]:
    return sorted(states, key=attrgetter("timestamp"))
