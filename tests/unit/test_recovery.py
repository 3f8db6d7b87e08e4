from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.recovery import (
    ABANDONED,
    MAX_CRASHES,
    MAX_STARTS,
    Loss,
    Remedy,
    Retry,
    Step,
    remedy_for,
    step_for,
)
from tests.support.runs import run_id_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
RETRIED_AT_NOON = Retry(RunState.FAILED, NOON)
CANCELLED_THEN_RETRIED = Retry(RunState.CANCELLED, NOON, cancelled_at=NOON - timedelta(minutes=2))
LONG_BEFORE = NOON - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("child", "changed_at", "published", "retry", "step"),
    [
        # The first start finds nothing.
        (None, None, False, None, Step.CONVERT),
        # A batch run that was killed and came back finds its children as they are.
        (RunState.SCHEDULED, AFTER, False, None, Step.WAIT),
        (RunState.RUNNING, AFTER, False, None, Step.WAIT),
        (RunState.CANCELLING, AFTER, False, None, Step.WAIT),
        (RunState.COMPLETED, AFTER, True, None, Step.LEAVE),
        (RunState.FAILED, AFTER, False, None, Step.LEAVE),
        # Its worker may be about to start it again.
        (RunState.CRASHED, AFTER, False, None, Step.WAIT),
        (RunState.CRASHED, AFTER, False, RETRIED_AT_NOON, Step.WAIT),
        (RunState.CANCELLED, AFTER, False, None, Step.LEAVE),
        # A retry runs again what had failed before it, ...
        (RunState.FAILED, BEFORE, False, RETRIED_AT_NOON, Step.RESTART),
        (RunState.CRASHED, BEFORE, False, RETRIED_AT_NOON, Step.RESTART),
        # ... but not what has failed since: that belongs to this try, which may have been killed meanwhile.
        (RunState.FAILED, AFTER, False, RETRIED_AT_NOON, Step.LEAVE),
        # What somebody restarted by hand before the batch was retried runs on.
        (RunState.RUNNING, BEFORE, False, RETRIED_AT_NOON, Step.WAIT),
        # A job that a person cancelled stays cancelled, unless the whole batch was.
        (RunState.CANCELLED, BEFORE, False, RETRIED_AT_NOON, Step.LEAVE),
        (RunState.CANCELLED, BEFORE, False, CANCELLED_THEN_RETRIED, Step.RESTART),
        # ... and a job that is still stopping when the cancelled batch is retried runs again once it has stopped.
        (RunState.CANCELLING, BEFORE, False, CANCELLED_THEN_RETRIED, Step.RESTART_ONCE_STOPPED),
        (RunState.CANCELLING, AFTER, False, CANCELLED_THEN_RETRIED, Step.WAIT),
        (RunState.CANCELLING, BEFORE, False, RETRIED_AT_NOON, Step.WAIT),
        # Completed counts only with its documents; a retry makes lost ones anew.
        (RunState.COMPLETED, BEFORE, True, RETRIED_AT_NOON, Step.LEAVE),
        (RunState.COMPLETED, BEFORE, False, RETRIED_AT_NOON, Step.RESTART),
        # The run was deleted in Prefect, its documents were not.
        (None, None, True, None, Step.LEAVE),
        # Killed or cancelled right after everything was published: the documents are there.
        (RunState.FAILED, AFTER, True, None, Step.LEAVE),
        (RunState.FAILED, BEFORE, True, RETRIED_AT_NOON, Step.LEAVE),
        (RunState.CRASHED, AFTER, True, None, Step.LEAVE),
        (RunState.CANCELLED, BEFORE, True, CANCELLED_THEN_RETRIED, Step.LEAVE),
    ],
)
def test_a_batch_run_adopts_what_it_finds(child, changed_at, published, retry, step):
    assert step_for(child, run_changed_at=changed_at, published=published, retry=retry) is step


@pytest.mark.parametrize(
    ("child", "changed_at", "marked", "step"),
    [
        (RunState.CANCELLED, BEFORE, False, Step.RESTART),
        (RunState.CANCELLED, BEFORE, True, Step.LEAVE),  # by our page or the API, which leave a mark
        (RunState.CANCELLED, LONG_BEFORE, False, Step.LEAVE),  # in Prefect's UI, before the batch was
        (RunState.CANCELLING, BEFORE, True, Step.WAIT),  # it stops, and stays so
        (None, None, True, Step.LEAVE),  # before it had a run
        (None, None, False, Step.CONVERT),
        (RunState.FAILED, BEFORE, True, Step.RESTART),  # it failed before the cancel reached it
        (RunState.RUNNING, AFTER, True, Step.WAIT),  # it was retried alone
    ],
)
def test_a_job_that_was_cancelled_alone_stays_so_when_its_cancelled_batch_is_retried(child, changed_at, marked, step):
    found = step_for(
        child, run_changed_at=changed_at, published=False, retry=CANCELLED_THEN_RETRIED, marked_cancelled=marked
    )
    assert found is step


def lost(state=RunState.RUNNING, *, starts=1, name=""):
    return JobRun(run_id_of("lost"), state, NOON, attempts=starts, state_name=name)


OF_ITS_WORKER = [loss for loss in Loss if loss is not Loss.LEFT_CRASHED]


@pytest.mark.parametrize("loss", OF_ITS_WORKER)
@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED])
def test_a_run_that_has_ended_or_waits_is_left_alone_whatever_it_lost(loss, state):
    assert remedy_for(lost(state), loss, crashes=0) is Remedy.LEAVE


@pytest.mark.parametrize("loss", OF_ITS_WORKER)
def test_a_run_that_was_to_stop_is_cancelled_whatever_it_lost(loss):
    assert remedy_for(lost(RunState.CANCELLING, starts=MAX_STARTS), loss, crashes=MAX_CRASHES) is Remedy.CANCEL


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.RUNNING])
@pytest.mark.parametrize(
    ("loss", "remedy"),
    [
        (Loss.PROCESS, Remedy.CRASH),
        (Loss.SHARED_PROCESS, Remedy.CRASH),
        (Loss.SILENT, Remedy.CRASH),
        (Loss.NEIGHBOUR, Remedy.REQUEUE),
        (Loss.WORKER, Remedy.REQUEUE),
        (Loss.REFUSED, Remedy.FAIL),
        (Loss.WORKER_FOR_GOOD, Remedy.ABANDON),
        (Loss.LEFT_CRASHED, Remedy.LEAVE),  # it has gone on
    ],
)
def test_what_becomes_of_a_run_under_way_depends_on_what_it_lost(loss, state, remedy):
    assert remedy_for(lost(state), loss, crashes=0) is remedy


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.RUNNING])
@pytest.mark.parametrize(
    ("loss", "remedy"),
    [
        (Loss.PROCESS, Remedy.ABANDON),
        (Loss.SHARED_PROCESS, Remedy.ABANDON),
        (Loss.REFUSED, Remedy.ABANDON),
        (Loss.SILENT, Remedy.ABANDON),
        (Loss.NEIGHBOUR, Remedy.CANCEL),
        (Loss.WORKER, Remedy.CANCEL),
        (Loss.WORKER_FOR_GOOD, Remedy.CANCEL),
        (Loss.LEFT_CRASHED, Remedy.LEAVE),
    ],
)
def test_a_helping_run_is_never_tried_again(loss, state, remedy):
    assert remedy_for(replace(lost(state), helps="a job"), loss, crashes=0) is remedy


def test_a_helping_run_that_has_crashed_stays_so():
    helping = replace(lost(RunState.CRASHED, name="Crashed"), helps="a job")
    assert {remedy_for(helping, loss, crashes=0) for loss in OF_ITS_WORKER} == {Remedy.LEAVE}


def test_only_a_run_that_was_alone_in_its_process_may_fail_of_a_crash():
    assert remedy_for(lost(), Loss.SHARED_PROCESS, crashes=MAX_CRASHES - 1) is Remedy.REQUEUE
    assert remedy_for(lost(), Loss.PROCESS, crashes=MAX_CRASHES - 1) is Remedy.CRASH


@pytest.mark.parametrize("loss", [Loss.NEIGHBOUR, Loss.WORKER])
def test_nothing_is_started_for_ever(loss):
    assert remedy_for(lost(starts=MAX_STARTS - 1), loss, crashes=0) is Remedy.REQUEUE
    assert remedy_for(lost(starts=MAX_STARTS), loss, crashes=0) is Remedy.FAIL


@pytest.mark.parametrize(
    ("loss", "name", "remedy"),
    [
        (Loss.PROCESS, "Crashed", Remedy.CRASH),  # an outage broke off the first try
        (Loss.SHARED_PROCESS, "Crashed", Remedy.CRASH),
        (Loss.PROCESS, ABANDONED, Remedy.LEAVE),
        (Loss.WORKER, "Crashed", Remedy.LEAVE),
        (Loss.NEIGHBOUR, "Crashed", Remedy.LEAVE),
        (Loss.LEFT_CRASHED, "Crashed", Remedy.CRASH),
        (Loss.LEFT_CRASHED, ABANDONED, Remedy.CRASH),  # a batch run watches it again
    ],
)
def test_a_crashed_run_goes_on_if_its_worker_or_its_batch_sees_to_it(loss, name, remedy):
    assert remedy_for(lost(RunState.CRASHED, name=name), loss, crashes=1) is remedy
