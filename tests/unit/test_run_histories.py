"""Histories of runs: retries and crashes as their states tell of them, and the task runs that a lost process left."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, StateType, TaskRun

from tasks.orchestration.job_run import RunState
from tasks.orchestration.prefect_runs import crashes_since_last_end, read_retry
from tasks.orchestration.recovery import AWAITING_RESTART, Retry
from tasks.orchestration.task_runs import end_earlier_attempts, end_task_runs
from tests.support.batch_of_one import CRASHED, FAILED, NOON, RUN_ID, RUNNING, SCHEDULED, OneRun

PENDING = StateType.PENDING
BY_A_USER = (SCHEDULED, "AwaitingRetry")
BY_THE_WORKER = (SCHEDULED, AWAITING_RESTART)


def history(*states) -> list[State]:
    """States, each a minute after the one before; a pair is a state with its name."""
    pairs = [state if isinstance(state, tuple) else (state, None) for state in states]
    return [
        State(type=state_type, name=name, timestamp=NOON + timedelta(minutes=minute))
        for minute, (state_type, name) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("states", "retry"),
    [
        ((SCHEDULED, RUNNING), None),
        ((SCHEDULED, RUNNING, FAILED, BY_A_USER, RUNNING), Retry(RunState.FAILED, NOON + timedelta(minutes=3))),
        ((SCHEDULED, RUNNING, CRASHED, BY_A_USER, RUNNING), Retry(RunState.CRASHED, NOON + timedelta(minutes=3))),
        # Its worker starts it again: what failed in this try stays failed, ...
        ((SCHEDULED, RUNNING, CRASHED, BY_THE_WORKER, RUNNING), None),
        # ... and what failed in the try before is tried again as it was.
        (
            (SCHEDULED, RUNNING, FAILED, BY_A_USER, RUNNING, CRASHED, BY_THE_WORKER, RUNNING),
            Retry(RunState.FAILED, NOON + timedelta(minutes=3)),
        ),
    ],
)
def test_a_retry_is_what_a_person_did_after_an_end(states, retry):
    server = OneRun(None, *history(*states))
    assert asyncio.run(read_retry(server, RUN_ID)) == retry


@pytest.mark.parametrize(
    ("states", "crashes"),
    [
        ((RUNNING, CRASHED, BY_THE_WORKER, RUNNING, CRASHED), 2),
        ((RUNNING, CRASHED, FAILED, BY_A_USER, RUNNING, CRASHED), 1),
        ((RUNNING, CRASHED, BY_THE_WORKER, StateType.CANCELLED, BY_A_USER, RUNNING, CRASHED), 1),
        ((RUNNING, CRASHED, BY_THE_WORKER, StateType.COMPLETED, BY_A_USER, RUNNING, CRASHED), 1),
    ],
)
def test_crashes_before_another_end_do_not_count(states, crashes):
    assert crashes_since_last_end(history(*states)) == crashes


class ManyTaskRuns:
    """A Prefect server with task runs of one flow run, in pages."""

    def __init__(self, *states: StateType) -> None:
        self.task_runs = [TaskRun(id=uuid4(), task_key="t", dynamic_key="0", state=State(type=each)) for each in states]
        self.states = history(SCHEDULED, RUNNING)
        self.ended = set()

    async def read_flow_run_states(self, _flow_run_id):
        return self.states

    async def read_task_runs(self, *, task_run_filter, limit, offset, **_filters):
        under_way = [run for run in self.task_runs if run.state.type in task_run_filter.state.type.any_]
        return under_way[offset : offset + limit]

    async def set_task_run_state(self, task_run_id, _state, *, force):
        assert force
        self.ended.add(task_run_id)


def test_all_that_a_lost_process_had_begun_ends_also_what_waited_for_its_next_try():
    server = ManyTaskRuns(*[RUNNING] * 150, *[SCHEDULED] * 150, StateType.COMPLETED)
    asyncio.run(end_task_runs(server, RUN_ID, "its process ended"))
    assert server.ended == {run.id for run in server.task_runs[:300]}


def test_what_the_last_attempt_had_begun_may_be_completed_and_not_recorded_yet():
    server = ManyTaskRuns(RUNNING, RUNNING)
    for attempt, run in enumerate(server.task_runs, start=1):
        run.flow_run_id, run.flow_run_run_count = RUN_ID, attempt
    asyncio.run(end_earlier_attempts(server, "20260101-120000-abcdef", {RUN_ID: 2}))
    assert server.ended == {server.task_runs[0].id}


def test_what_was_about_to_begin_is_of_the_attempt_in_whose_time_that_was():
    server = ManyTaskRuns(PENDING, PENDING)
    server.states = history(
        SCHEDULED, RUNNING, CRASHED, BY_THE_WORKER, RUNNING, RUNNING
    )  # it was told as running again
    for minute, run in zip((2, 4.5), server.task_runs, strict=True):
        run.flow_run_id, run.state.timestamp = RUN_ID, NOON + timedelta(minutes=minute)
    asyncio.run(end_earlier_attempts(server, "20260101-120000-abcdef", {RUN_ID: 2}))
    assert server.ended == {server.task_runs[0].id}


def test_of_a_run_that_was_begun_once_nothing_is_of_an_earlier_attempt():
    server = ManyTaskRuns(PENDING, RUNNING)
    for run in server.task_runs:
        run.flow_run_id = RUN_ID
    asyncio.run(end_earlier_attempts(server, "20260101-120000-abcdef", {RUN_ID: 1}))
    assert server.ended == set()
