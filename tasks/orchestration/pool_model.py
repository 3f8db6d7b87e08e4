"""
GPU work pools as they are now: the runs on them, running and waiting, their speed and their health.

A pool stands for one device. Its slots overlap on that device (one run prepares while another decodes), so the runs in
them share its speed; ``real_time_factor`` is the time that it takes for a second of audio, in however many runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from tasks.errors import ModelUnavailable
from tasks.options import WhisperTask
from tasks.orchestration.job_run import LONG_AGO, JobRun, RunState
from tasks.transcription.models import AUTO, model_for

OVERDUE_SHARE = 0.1
"""Part of a run that is taken to be still ahead when it should have ended: an overdue run is not free."""

WARM = "warm"
"""Type of the work pools whose worker keeps the model loaded, and pauses the pool itself if its device fails."""

SLOTS_WITHOUT_LIMIT = 1
"""Slots of a work pool without a concurrency limit: one device and nothing else is certain."""

FAILURES_TO_QUARANTINE = 3
QUARANTINE_SECONDS = 60.0
LONGEST_QUARANTINE_SECONDS = 3600.0


class PoolHealth(StrEnum):
    """The health of a pool's device: it gets jobs as usual, none, one to try it, or none since it is not there."""

    HEALTHY = "healthy"
    QUARANTINED = "quarantined"
    PROBE = "probe"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Pool:
    """
    A GPU work pool and the runs on it.

    Jobs may leave the choice of the model open (``auto``); ``model_of`` tells which one they get here.
    """

    work_pool: str
    slots: int
    real_time_factor: float
    runs: tuple[JobRun, ...]
    """
    Runs that were created here and have not ended, those of other flows too; ``job_id`` is never empty.

    Helping runs are none of them: they give way, so the pool counts as free of them.
    """
    online: bool = True
    paused: bool = False
    health: PoolHealth = PoolHealth.HEALTHY
    loaded_model: str | None = None
    device_kind: Literal["cuda", "cpu"] = "cpu"
    default_model: str = AUTO
    device: str = ""
    """Name of its device, as users know it."""
    machine: str = ""
    """Name of the machine that the device is in; empty where nothing tells it."""
    deployment_id: str = ""
    warm: bool = True
    """True if its worker is a warm one, which sees to all its runs; one of Prefect's own forgets them."""
    limited: bool = True
    """True if runs beyond its slots wait. Without a limit a worker of Prefect's own would start them at once."""
    seen_at: datetime = LONG_AGO
    """Time at which all this was so."""
    speed_measured: bool = True
    """False as long as the real-time factor is an assumption."""
    completed: tuple[JobRun, ...] = ()
    """The runs that were completed here last, as far as they tell its speed."""
    helpers: tuple[JobRun, ...] = ()
    """Runs here that help with a job that another run works on, and that have not ended."""

    def model_of(self, wanted: str, task: WhisperTask = WhisperTask.TRANSCRIBE) -> str:
        """Return the name of the model that a job gets here: ``auto`` is a different one on a GPU than on a CPU."""
        return _named(self.default_model if wanted == AUTO else wanted, self.device_kind, task)

    @property
    def condition(self) -> str:
        """The pool's condition in one word, the one that keeps jobs away first."""
        if not self.online:
            return "offline"
        if self.paused or self.slots <= 0:
            return "paused"
        return "quarantined" if self.health is PoolHealth.QUARANTINED else "online"

    @property
    def usable(self) -> bool:
        """True if the pool may get a job at all."""
        return self.condition == "online"

    @property
    def audio_per_second(self) -> float:
        """Seconds of audio that the device transcribes in a second, in however many runs."""
        return 1 / self.real_time_factor

    @property
    def pending_audio_seconds(self) -> float:
        """Audio that is still to be transcribed here."""
        return sum(map(self.remaining_audio_seconds, self.runs))

    @property
    def seconds_until_free(self) -> float:
        """Time until everything here is transcribed, however the device divides itself among its runs."""
        return self.pending_audio_seconds / self.audio_per_second

    def remaining_audio_seconds(self, run: JobRun) -> float:
        """
        Return the part of *run* that is not transcribed yet, at least a tenth. Runs that execute share the device.

        What helping runs on other pools will do of it does not count: each is taken to be as fast as this one.
        Where its progress is known, that is a tenth of what it had left when it last told. Without it an overdue run
        has a tenth left of all it should have done by now, so that a run which hangs makes its pool look worse with
        time, and nothing waits for it.
        """
        if not run.state.holds_slot:
            return run.audio_seconds
        speed = self.audio_per_second / max(sum(other.state.executing for other in self.runs), 1)
        if run.progress is not None:
            since = (self.seen_at - run.progress.told_at).total_seconds() * speed
            told = (1 - run.progress.share) * run.audio_seconds / (1 + run.helpers)
            return max(told - max(since, 0.0), OVERDUE_SHARE * told)
        done = run.executed_seconds(self.seen_at) * speed
        return max(run.audio_seconds - done, OVERDUE_SHARE * max(run.audio_seconds, done))

    def room(self, look_ahead: int = 1) -> int:
        """Return the number of runs the pool may still get: as many as it has slots, and *look_ahead* behind them."""
        if not self.usable:
            return 0
        places = 1 if self.health is PoolHealth.PROBE else self.slots + (look_ahead if self.limited else 0)
        return max(0, places - len(self.runs))


@lru_cache(maxsize=1024)  # a plan for thousands of jobs asks for the same few again and again
def _named(wanted: str, device_kind: Literal["cuda", "cpu"], task: WhisperTask) -> str:
    try:
        return model_for(wanted, device_kind=device_kind, task=task)
    except ModelUnavailable:  # its run will say so
        return wanted


def stuck(pools: Iterable[Pool]) -> tuple[JobRun, ...]:
    """
    Return the queued runs of offline, paused and quarantined pools, by pool: they are to be dispatched again.

    None, as long as no other pool could take them. Runs that hold a slot end where they are, unless no worker is there
    to end them: those of an offline pool are stuck as well. One that is being cancelled there needs no other pool.
    """
    ordered = sorted(pools, key=lambda pool: pool.work_pool)
    movable = any(pool.usable for pool in ordered)
    return tuple(
        run
        for pool in ordered
        if not pool.usable
        for run in pool.runs
        if (not run.state.holds_slot or not pool.online) and (movable or run.state is RunState.CANCELLING)
    )


def without_pool(queued: Mapping[str, str], pools: Sequence[Pool]) -> set[str]:
    """
    Return the jobs whose runs are queued where no pool is: deleting a pool in Prefect leaves its runs without one.

    *queued* names the work pool of each job's run. None, as long as no pool could take them.
    """
    if not any(pool.usable for pool in pools):
        return set()
    known = {pool.work_pool for pool in pools}
    return {job_id for job_id, work_pool in queued.items() if work_pool not in known}


class Outcome(StrEnum):
    """The outcome of a run, and whose fault it was; or that of a known-answer test which the device failed."""

    DONE = "done"
    MEDIA = "media"
    DEVICE = "device"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended on a pool, at a time in seconds on any clock."""

    work_pool: str
    ended_at: float
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Illness:
    """Failures in a row of a pool's device, the reason of the last, and the quarantine's end, on the runs' clock."""

    failures: int
    reason: str
    quarantine_ends_at: float


def pool_health(work_pool: str, ended: Iterable[EndedRun], *, now: float) -> PoolHealth:
    """
    Return whether *work_pool* is well, judged by the newest runs that ended on it.

    Three failures in a row that are not the media's fault put it into quarantine for a minute, a failed known-answer
    test does so at once; then it is probed with one job. If the probe fails the quarantine doubles, up to an hour; if
    it succeeds the pool is healthy. Failures of the media say nothing about the device, as most never reach it. *now*
    is a time on the clock of ``ended_at``.
    """
    ill = illness(work_pool, ended)
    if ill is None:
        return PoolHealth.HEALTHY
    return PoolHealth.QUARANTINED if now < ill.quarantine_ends_at else PoolHealth.PROBE


def illness(work_pool: str, ended: Iterable[EndedRun]) -> Illness | None:
    """Return the illness for which *work_pool* is in quarantine (see `pool_health`), or None if it is well."""
    telling = [run for run in ended if run.work_pool == work_pool and run.outcome is not Outcome.MEDIA]
    telling.sort(key=lambda run: run.ended_at)
    failures = 0
    while failures < len(telling) and telling[-1 - failures].outcome in (Outcome.DEVICE, Outcome.UNFIT):
        failures += 1
    unfit = any(run.outcome is Outcome.UNFIT for run in telling[len(telling) - failures :])
    if failures < FAILURES_TO_QUARANTINE and not unfit:
        return None
    doublings = min(max(failures - FAILURES_TO_QUARANTINE, 0), 16)
    quarantine_seconds = min(QUARANTINE_SECONDS * 2**doublings, LONGEST_QUARANTINE_SECONDS)
    newest = telling[-1]
    return Illness(failures, newest.reason, newest.ended_at + quarantine_seconds)
