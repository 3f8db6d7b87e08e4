"""
Recovery, decided: what a batch run does with what it finds, and what becomes of a run that lost its process.

For a batch run the first start, a rerun after a crash and a user's retry are one thing.

A retry is a batch run that had ended and was started again. A run that failed before that moment is tried again. One
that failed since then has failed in this very try, so a batch run that was killed and came back leaves it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.orchestration.job_run import Attempt, JobRun, RunState


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
    cancelled_at: datetime | None = None
    """Time at which it had been asked to stop, if it ended as Cancelled."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The history of a run: its latest retry, its cancellation if that was its end, and its attempts."""

    retry: Retry | None = None
    cancelled_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()


def cancelled_alone(
    run_changed_at: datetime | None, *, marked_cancelled: bool, batch_cancelled_at: datetime | None
) -> bool:
    """
    Return whether a cancelled job was cancelled alone, not with its batch: a retry of the batch leaves it cancelled.

    *marked_cancelled* says that a user named this job. In Prefect's UI that leaves no mark: there it had stopped, at
    *run_changed_at*, before the batch was asked to.
    """
    if marked_cancelled or batch_cancelled_at is None:
        return True
    return run_changed_at is not None and run_changed_at < batch_cancelled_at


def step_for(
    run: RunState | None,
    *,
    run_changed_at: datetime | None,
    published: bool,
    retry: Retry | None,
    marked_cancelled: bool = False,
) -> Step:
    """
    Return the next step for a job whose newest run is in state *run*, since *run_changed_at*.

    *published* says whether all its documents are in the store, *marked_cancelled* whether a user cancelled this job
    and no other.
    """
    if (published and (run is None or run.ended)) or (run is None and marked_cancelled):
        return Step.LEAVE
    if run is None:
        return Step.CONVERT
    retried_since = retry is not None and run_changed_at is not None and run_changed_at <= retry.at
    with_batch = retry is not None and not cancelled_alone(
        run_changed_at, marked_cancelled=marked_cancelled, batch_cancelled_at=retry.cancelled_at
    )
    if run is RunState.CRASHED and not retried_since:
        return Step.WAIT  # its worker may be about to start it again
    if not run.ended:
        # A batch can be retried before all of it has stopped.
        stopping = run is RunState.CANCELLING and retried_since and with_batch
        return Step.RESTART_ONCE_STOPPED if stopping else Step.WAIT
    if run is RunState.CANCELLED and not with_batch:
        return Step.LEAVE
    return Step.RESTART if retried_since else Step.LEAVE


MAX_CRASHES = 3
"""A run that has lost so many processes has failed."""

MAX_STARTS = 20
"""Bound on all starts of a run, also those that were not its fault: nothing loops for ever."""

AWAITING_RESTART = "AwaitingRestart"
"""Name of the Scheduled state of a run that starts again since it crashed; a user's retry has Prefect's own name."""

ABANDONED = "Abandoned"
"""Name of the Crashed state of a run that stays so: its worker is gone for good."""


class Loss(StrEnum):
    """The way in which a run lost its process."""

    PROCESS = "its process died, of it or of a run beside it"
    SHARED_PROCESS = "its process died with several runs, and only one that is alone may fail of that"
    NEIGHBOUR = "its process was ended because of another run"
    REFUSED = "its process does not execute it, and no other one would"
    WORKER = "its worker was stopped or lost, or an outage kept it from starting"
    LEFT_CRASHED = "its worker, one of Prefect's own, leaves it Crashed"
    SILENT = "it gives no sign of life"
    WORKER_FOR_GOOD = "its worker is gone for good, and no batch watches it"


OF_ITS_OWN = (Loss.PROCESS, Loss.SHARED_PROCESS, Loss.REFUSED, Loss.SILENT)
"""The losses by which a helping run has crashed; by the others it was only ended."""


class Remedy(StrEnum):
    """The action on a run that has no process."""

    LEAVE = "nothing: it has ended, or waits for its next start already"
    CANCEL = "it ends as Cancelled, as it was asked to, or since it only helped"
    CRASH = "it is Crashed, then waits for its next start, or has failed if that was one crash too many"
    REQUEUE = "it waits for its next start, without a mark against it"
    FAIL = "it ends as Failed"
    ABANDON = "it ends as Crashed"


def remedy_for(run: JobRun, loss: Loss, *, crashes: int) -> Remedy:
    """
    Return what becomes of *run*, which has a *loss*. *crashes* is the number of processes that its job has lost so far.

    A run that is Crashed may be so by an earlier try at this very remedy, which an outage broke off: it is carried on.
    A helping run is never tried again: where its pool has nothing to do, the batch run creates another.
    """
    if loss is Loss.LEFT_CRASHED:
        return Remedy.CRASH if run.state is RunState.CRASHED else Remedy.LEAVE
    broken_off = run.state is RunState.CRASHED and run.state_name != ABANDONED and not run.helps
    if broken_off and loss in (Loss.PROCESS, Loss.SHARED_PROCESS):
        return Remedy.CRASH
    if run.state.ended or run.state is RunState.SCHEDULED:
        return Remedy.LEAVE
    if run.helps or run.state is RunState.CANCELLING:
        return Remedy.ABANDON if run.state is not RunState.CANCELLING and loss in OF_ITS_OWN else Remedy.CANCEL
    last_straw = loss is Loss.SHARED_PROCESS and crashes >= MAX_CRASHES - 1
    if last_straw or loss in (Loss.NEIGHBOUR, Loss.WORKER):
        return Remedy.FAIL if run.attempts >= MAX_STARTS else Remedy.REQUEUE
    return {Loss.REFUSED: Remedy.FAIL, Loss.WORKER_FOR_GOOD: Remedy.ABANDON}.get(loss, Remedy.CRASH)
