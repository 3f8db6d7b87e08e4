from datetime import UTC, datetime, timedelta

import pytest

from tasks.orchestration.job_run import RunState
from tasks.orchestration.recovery import Retry, Step, is_next_attempt, next_attempt, step_for

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
RETRIED_AT_NOON = Retry(RunState.FAILED, NOON)
CANCELLED_THEN_RETRIED = Retry(RunState.CANCELLED, NOON)


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
    ("message", "by_a_worker"),
    [
        (next_attempt(2, 3, "killed by SIGKILL"), True),
        ("Retry from the UI", False),
        ("Retry from the dashboard", False),
        ("", False),
    ],
)
def test_a_worker_that_starts_a_crashed_run_again_is_told_from_a_person(message, by_a_worker):
    assert is_next_attempt(message) is by_a_worker
