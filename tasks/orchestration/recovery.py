"""
Recovery of a batch run from what it finds: the first start, a rerun after a crash and a user's retry are one thing.

A retry is a batch run that had ended and was started again. A run that failed before that moment is tried again. One
that failed since then has failed in this very try, so a batch run that was killed and came back leaves it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.orchestration.job_run import RunState


class Step(StrEnum):
    """The next step of a batch run for a job."""

    CONVERT = "convert"
    WAIT = "wait"
    RESTART = "restart"
    RESTART_ONCE_STOPPED = "restart once stopped"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry of a batch run: how it had ended, and when it was started again."""

    ended_as: RunState
    at: datetime


def next_attempt(number: int, limit: int, reason: str) -> str:
    """Return the message of a worker that starts a crashed run again; a user's retry has another one."""
    return f"Attempt {number} of {limit}: {reason}"


def is_next_attempt(message: str) -> bool:
    """Return whether a worker, and not a user, started the crashed run again."""
    return re.match(r"Attempt \d+ of \d+: ", message) is not None


def step_for(run: RunState | None, *, run_changed_at: datetime | None, published: bool, retry: Retry | None) -> Step:
    """
    Return the next step for a job whose newest run is in state *run*, since *run_changed_at*.

    *published* says whether all its documents are in the store.
    """
    if published and (run is None or run.ended):
        return Step.LEAVE
    if run is None:
        return Step.CONVERT
    retried_since = retry is not None and run_changed_at is not None and run_changed_at <= retry.at
    batch_was_cancelled = retry is not None and retry.ended_as is RunState.CANCELLED
    if run is RunState.CRASHED and not retried_since:
        return Step.WAIT  # its worker may be about to start it again
    if not run.ended:
        # A batch can be retried before all of it has stopped.
        stopping = run is RunState.CANCELLING and retried_since and batch_was_cancelled
        return Step.RESTART_ONCE_STOPPED if stopping else Step.WAIT
    if run is RunState.CANCELLED and not batch_was_cancelled:
        return Step.LEAVE  # somebody wanted this one job to stop
    return Step.RESTART if retried_since else Step.LEAVE
