"""
GPUs with their work pools, simulated.

A device is a server whose model is shared equally by the runs that use it: a run next to another takes twice as long as
alone, and the device is at work as long as one uses it. What a run needs besides (`Around`) takes its slot and not the
model: it is fetched and its speech is found before, its documents are published after.

A policy sees what the batch flow could read from Prefect: the length of the audio, since when a run is running, its
progress every two seconds, and how the runs before it went, also those of an hour ago (`remembered`), which may be
wrong by now. How long a job really takes, how fast a device is and that it will die, it is not told.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tasks.orchestration.job_run import JobRun, RunProgress, RunState
from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import EndedRun, Outcome, Pool, PoolHealth, pool_health

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of the calendar at which a simulation begins."""
NO_RUN = UUID(int=0)
"""Id of all runs: the policy does not look at it."""

SLOTS = 2
MODEL = "large-v3-turbo"
DEFAULT_REAL_TIME_FACTOR = 0.02
SPEED_SAMPLES = 20
"""Completed runs by which a pool's speed is measured, as in tasks/orchestration/pools.py."""

LATEST_RUNS = 50

SICK_RUN_SECONDS = 5.0
"""Time until a run fails on a sick device."""

SECONDS_BETWEEN_TOLD = 2.0
"""Time between two reports of a run's progress, as in tasks/orchestration/progress.py."""

TOLD_SECONDS = 112.0
"""Audio of the chunks that enter the model of a CPU together: progress is told when they are done."""

PREPARED_SHARE = 0.03
"""Progress that a run tells when its speech is found, as in tasks/transcription/transcribe.py."""

ROUNDING_SECONDS = 1e-6
"""Less than this is left of a run that has ended."""


class Accident(StrEnum):
    """An accident that happens to a device."""

    DIES = "dies"
    FALLS_SICK = "falls sick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(WaitingJob):
    """A job, with what the policy does not know: ``work_seconds`` is the length of audio that usually costs as much."""

    work_seconds: float
    arrives_at: float


@dataclass(frozen=True, slots=True)
class Around:
    """The time that a run takes besides the model: before it, for each second of audio before it, and after it."""

    begin_seconds: float = 0.0
    preparation_rtf: float = 0.0
    end_seconds: float = 0.0

    def before_model(self, job: Job) -> float:
        """Return the seconds from the start of the job's run until it uses the model."""
        return self.begin_seconds + self.preparation_rtf * job.audio_seconds


@dataclass(slots=True, eq=False)
class Run:
    """A run of a job on a device; it is queued as long as it has no slot. A time is infinite until it is known."""

    job: Job
    remaining_seconds: float
    slot: int | None = None
    started_at: float = math.inf
    prepared_at: float = math.inf
    ends_at: float = math.inf
    told: RunProgress | None = None

    def uses_model(self, now: float) -> bool:
        """Return whether the run is one of those that share the model."""
        return self.prepared_at <= now and self.remaining_seconds > ROUNDING_SECONDS

    def tell(self, now: float) -> None:
        """Tell the progress if there is any since it was told, at most every two seconds; it grows by whole batches."""
        last = self.told.told_at if self.told else _time(self.started_at)
        if (_time(now) - last).total_seconds() < SECONDS_BETWEEN_TOLD or now < self.prepared_at:
            return
        done_seconds = self.job.work_seconds - max(self.remaining_seconds, 0.0)
        if self.remaining_seconds > ROUNDING_SECONDS:
            done_seconds -= done_seconds % TOLD_SECONDS
        share = PREPARED_SHARE + (1 - PREPARED_SHARE) * done_seconds / self.job.work_seconds
        if self.told is None:
            self.told = RunProgress(share, _time(now))
        elif share > self.told.share:
            since, since_share = self.told.since or self.told.told_at, self.told.since_share or self.told.share
            self.told = RunProgress(share, _time(now), since, since_share)


@dataclass(frozen=True, slots=True)
class Span:
    """A run as it happened, for the picture."""

    work_pool: str
    slot: int
    job: Job
    started_at: float
    ended_at: float
    done: bool


@dataclass(slots=True, eq=False)
class Device:
    """A GPU with its work pool. ``speed`` is the audio it transcribes in a second; its accident is ahead or over."""

    work_pool: str
    speed: float
    around: Around = Around()
    title: str = ""
    """Name of the device; those of one name are taken for alike."""
    accident: Accident | None = None
    accident_at: float = math.inf
    dead: bool = False
    sick: bool = False
    online: bool = True
    running: list[Run] = field(default_factory=list)
    queued: deque[Run] = field(default_factory=deque)
    completed: deque[JobRun] = field(default_factory=lambda: deque(maxlen=SPEED_SAMPLES))
    ended: deque[EndedRun] = field(default_factory=lambda: deque(maxlen=LATEST_RUNS))
    now: float = 0.0
    busy_seconds: float = 0.0
    """Time for which a run has used the model."""

    def remember(self, real_time_factor: float, *, audio_seconds: float, age_seconds: float) -> None:
        """Let the device have completed a run before the simulation began, at a speed that may be wrong by now."""
        self.completed.append(self._completed("earlier", audio_seconds, -age_seconds, real_time_factor * audio_seconds))

    def advance(self, now: float) -> None:
        """Let the runs progress until *now*; nothing begins or ends in between."""
        if not self.dead:
            sharing = [run for run in self.running if run.uses_model(self.now)]
            for run in sharing:
                run.remaining_seconds -= (now - self.now) * self.speed / len(sharing)
                if run.remaining_seconds <= ROUNDING_SECONDS:
                    run.ends_at = now + (0.0 if self.sick else self.around.end_seconds)
            self.busy_seconds += (now - self.now) * bool(sharing)
        self.now = now

    def fill_slots(self) -> None:
        """Start queued runs in free slots."""
        while self.queued and len(self.running) < SLOTS:
            run = self.queued.popleft()
            run.slot = min(set(range(SLOTS)) - {other.slot for other in self.running})
            run.started_at = self.now
            run.prepared_at = self.now + self.around.before_model(run.job)
            if self.sick:
                self.let_fail(run)
            self.running.append(run)

    def let_fail(self, run: Run) -> None:
        """Let the run fail soon, as any does on a sick device."""
        run.remaining_seconds, run.prepared_at = SICK_RUN_SECONDS * self.speed, self.now

    def next_change(self) -> float:
        """Return when a run is prepared, heard or over, if nothing else happens."""
        if not self.running or self.dead:
            return math.inf
        sharing = [run for run in self.running if run.uses_model(self.now)]
        heard = [self.now + run.remaining_seconds * len(sharing) / self.speed for run in sharing]
        others = [run for run in self.running if run not in sharing]
        return min([*heard, *(run.prepared_at if run.prepared_at > self.now else run.ends_at for run in others)])

    def take_ended(self) -> list[Run]:
        """Return the runs that have just ended, and give their slots to queued ones."""
        ended = [run for run in self.running if run.ends_at <= self.now]
        for run in ended:
            self.running.remove(run)
            self.ended.append(EndedRun(self.work_pool, self.now, Outcome.DEVICE if self.sick else Outcome.DONE))
            if not self.sick:
                took = self.now - run.started_at
                self.completed.append(self._completed(run.job.job_id, run.job.audio_seconds, self.now, took))
        self.fill_slots()
        return ended

    def _completed(self, job_id: str, audio_seconds: float, ended_at: float, run_seconds: float) -> JobRun:
        at = _time(ended_at)
        return JobRun(
            NO_RUN,
            RunState.COMPLETED,
            at,
            job_id=job_id,
            audio_seconds=audio_seconds,
            run_seconds=run_seconds,
            ended_at=at,
        )

    def as_pool(self, now: float) -> Pool:
        """Return the device's pool as the batch flow reads it at *now*."""
        self.advance(now)
        for run in self.running:
            run.tell(now)
        health = pool_health(self.work_pool, self.ended, now=now) if self.sick else PoolHealth.HEALTHY
        return Pool(
            work_pool=self.work_pool,
            slots=SLOTS,
            real_time_factor=DEFAULT_REAL_TIME_FACTOR,
            runs=tuple(self._as_job_run(run, now) for run in (*self.running, *self.queued)),
            online=self.online,
            health=health,
            loaded_model=MODEL,
            device=self.title,
            seen_at=_time(now),
            completed=tuple(self.completed),
        )

    def _as_job_run(self, run: Run, now: float) -> JobRun:
        return JobRun(
            NO_RUN,
            RunState.SCHEDULED if run.slot is None else RunState.RUNNING,
            _time(now if run.slot is None else run.started_at),
            job_id=run.job.job_id,
            batch_id=run.job.batch_id,
            work_pool=self.work_pool,
            audio_seconds=run.job.audio_seconds,
            model=MODEL,
            progress=run.told,
        )


def _time(seconds: float) -> datetime:
    """Return a time of the simulation's clock as one of a calendar."""
    return BEGIN + timedelta(seconds=seconds)
