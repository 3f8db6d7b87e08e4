"""A run in Prefect as one value: whatever decides about runs, or tells of them, decides by this."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tasks.options import WhisperTask
from tasks.transcription.models import AUTO

CRASH_SETTLES = timedelta(seconds=20)
"""A run that crashed is given this long to be started again by its worker before it counts as ended."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""The time of what Prefect gives no time for."""


class RunState(StrEnum):
    """Prefect's state types, as far as they differ for a batch."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if the run does nothing more on its own."""
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CRASHED, RunState.CANCELLED)

    @property
    def executing(self) -> bool:
        """True if a process works on the run, by Prefect's books."""
        return self in (RunState.RUNNING, RunState.CANCELLING)

    @property
    def holds_slot(self) -> bool:
        """True if the run takes one of its pool's slots."""
        return self is RunState.PENDING or self.executing


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run: when it began and ended, and the state that ended it; both are None while it lasts."""

    started_at: datetime
    ended_at: datetime | None = None
    ended_as: RunState | None = None
    work_pool: str = ""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """
    The share of a run's audio that was done, from 0 to 1, when the run last told.

    *since* and *since_share* are what it told earlier, when it had begun to use the model. None where no earlier word
    of it is known.
    """

    share: float
    told_at: datetime
    since: datetime | None = None
    since_share: float = 0.0
    helpers: int = 0
    """Number of helping runs that were at work for it when it told."""
    by_helpers: float = 0.0
    """Share that helping runs have done since, as far as their number tells."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """
    A run as it was when Prefect was asked: of a job, of a batch, or the task run that converts a job's upload.

    ``job_id`` is empty for a batch's own run, and both ids are for a run that is of no batch or that helps with a job.
    """

    run_id: UUID
    state: RunState
    changed_at: datetime
    """Time since which it is in this state."""
    job_id: str = ""
    batch_id: str = ""
    created_at: datetime = LONG_AGO
    name: str = ""
    state_name: str = ""
    """Prefect's name of the state, which is its type in words unless it was given one."""
    message: str = ""
    """Prefect's message of the state, for example why the run is tried again."""
    attempts: int = 0
    """Number of times it was begun, the present one included."""
    work_pool: str = ""
    audio_seconds: float = 0.0
    """Length of the recording that it transcribes; 0 if it has none."""
    run_seconds: float = 0.0
    """Time for which it has run, over all attempts."""
    model: str = AUTO
    task: WhisperTask = WhisperTask.TRANSCRIBE
    inbox: bool = False
    """True if its batch was ingested from an inbox."""
    helps: str = ""
    """The id of the job that it helps with: another run is the job's own. Empty for all other runs."""
    helpers: int = 0
    """Number of helping runs that are at work for its job, where the pools were read."""
    moves: int = 0
    """Number of times that an idle pool has taken its job over before it began."""
    started_at: datetime | None = None
    """Start of its latest attempt; None while it waits for one."""
    ended_at: datetime | None = None
    progress: RunProgress | None = None
    """Its progress, where that was read; None of a run that has told none."""
    waits_for: str = ""
    """The thing that a batch run has said it waits for; empty as long as it goes on."""

    def as_of(self, now: datetime) -> "JobRun":
        """Return the run as it counts at *now*: its worker is about to start one again that has just crashed."""
        just_crashed = self.state is RunState.CRASHED and now - self.changed_at <= CRASH_SETTLES
        return replace(self, state=RunState.SCHEDULED) if just_crashed else self

    def has_ended(self, now: datetime) -> bool:
        """Return whether it does nothing more on its own, and its worker has left it at that."""
        return self.as_of(now).state.ended

    def executed_seconds(self, now: datetime) -> float:
        """Return how long its present attempt has been executing at *now*; 0 for a run that is not."""
        return max((now - self.changed_at).total_seconds(), 0.0) if self.state.executing else 0.0
