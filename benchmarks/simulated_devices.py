"""
GPUs with their work pools, simulated, and the clock that drives them.

A device is a server whose slots share its speed equally: a run next to another takes twice as long as alone, and the
device is at work as long as it has one. That its real-time factor, measured per run under that load, tells when it is
free (pending audio times factor over slots) is Little's law. Starts take no time here: the 0.6 s that one takes on a
warm worker hide behind the other slot.

A policy sees what the batch flow could read from Prefect: the length of the audio, since when a run is running, and
how the runs before it went. How long a job really takes, how fast a device is and that it will die, it is not told.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import count, groupby
from operator import attrgetter
from typing import Protocol
from uuid import UUID

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import EndedRun, Outcome, Pool, PoolHealth, measured_rtf, pool_health

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of the calendar at which a simulation begins."""
NO_RUN = UUID(int=0)
"""Id of all runs: the policy does not look at it."""

SLOTS = 2
MODEL = "large-v3-turbo"
DEFAULT_REAL_TIME_FACTOR = 0.04
SPEED_SAMPLES = 20
"""Completed runs by which a pool's speed is measured, as in tasks/orchestration/pools.py."""

LATEST_RUNS = 50

TICK_SECONDS = 1.0
"""The batch flow looks once a second if anything has happened ..."""

PATIENCE_SECONDS = 30.0
"""... and after this long if nothing has."""

OFFLINE_AFTER_SECONDS = 90.0
"""Time until Prefect calls a silent worker offline, and its runs crashed."""

SICK_RUN_SECONDS = 5.0
"""Time until a run fails on a sick device."""


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


@dataclass(slots=True, eq=False)
class Run:
    """A run of a job on a device; it is queued as long as it has no slot."""

    job: Job
    remaining_seconds: float
    slot: int | None = None
    started_at: float = 0.0


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
    accident: Accident | None = None
    accident_at: float = math.inf
    dead: bool = False
    sick: bool = False
    online: bool = True
    running: list[Run] = field(default_factory=list)
    queued: deque[Run] = field(default_factory=deque)
    samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=SPEED_SAMPLES))
    ended: deque[EndedRun] = field(default_factory=lambda: deque(maxlen=LATEST_RUNS))
    real_time_factor: float = DEFAULT_REAL_TIME_FACTOR
    now: float = 0.0

    def advance(self, now: float) -> None:
        """Let the runs progress until *now*."""
        if self.running and not self.dead:
            progress = (now - self.now) * self.speed / len(self.running)
            for run in self.running:
                run.remaining_seconds -= progress
        self.now = now

    def fill_slots(self) -> None:
        """Start queued runs in free slots."""
        while self.queued and len(self.running) < SLOTS:
            run = self.queued.popleft()
            run.slot = min(set(range(SLOTS)) - {other.slot for other in self.running})
            run.started_at = self.now
            if self.sick:
                run.remaining_seconds = SICK_RUN_SECONDS * self.speed
            self.running.append(run)

    def next_end(self) -> float:
        """Return when a run ends if nothing else happens."""
        if not self.running or self.dead:
            return math.inf
        shortest = min(run.remaining_seconds for run in self.running)
        return self.now + max(shortest, 0.0) * len(self.running) / self.speed

    def take_ended(self) -> list[Run]:
        """Return the runs that have just ended, and give their slots to queued ones."""
        ended = [run for run in self.running if run.remaining_seconds <= ROUNDING_SECONDS]
        for run in ended:
            self.running.remove(run)
            self.ended.append(EndedRun(self.work_pool, self.now, Outcome.DEVICE if self.sick else Outcome.DONE))
            if not self.sick:
                self.samples.append((self.now - run.started_at, run.job.audio_seconds))
        self.real_time_factor = measured_rtf(self.samples, DEFAULT_REAL_TIME_FACTOR)
        self.fill_slots()
        return ended

    def as_pool(self, now: float) -> Pool:
        """Return the device's pool as the batch flow reads it at *now*."""
        health = pool_health(self.work_pool, self.ended, now=now) if self.sick else PoolHealth.HEALTHY
        return Pool(
            work_pool=self.work_pool,
            slots=SLOTS,
            real_time_factor=self.real_time_factor,
            runs=tuple(self._as_job_run(run, now) for run in (*self.running, *self.queued)),
            online=self.online,
            health=health,
            loaded_model=MODEL,
            seen_at=_time(now),
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
        )


def _time(seconds: float) -> datetime:
    """Return a time of the simulation's clock as one of a calendar."""
    return BEGIN + timedelta(seconds=seconds)


Waiting = dict[str, dict[str, Job]]
"""Jobs that no device has yet, by batch and job id."""


class Dispatcher(Protocol):
    """A policy to compare: it says which waiting jobs go to which device now, and which queued runs leave theirs."""

    def dispatch(
        self, now: float, devices: Sequence[Device], waiting: Waiting, active_batches: int
    ) -> Iterable[tuple[Job, Device]]:
        """Yield the runs to create; each is created before the next is asked for."""
        ...

    def withdraw(self, now: float, devices: Sequence[Device]) -> Iterable[tuple[Run, Device]]:
        """Return the queued runs that are to wait again."""
        ...


class Simulation:
    """All jobs of all batches on their way through the devices."""

    def __init__(self, jobs: Sequence[Job], devices: Sequence[Device], dispatcher: Dispatcher) -> None:
        self.spans: list[Span] = []
        self._devices = devices
        self._dispatcher = dispatcher
        self._waiting: Waiting = {}
        self._open_jobs: Counter[str] = Counter()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()
        self._next_end: dict[str, float] = {}
        self._next_look = math.inf
        self._jobs_ahead = len(jobs)
        for arrives_at, arrivals in groupby(jobs, key=attrgetter("arrives_at")):
            self._at(arrives_at, partial(self._arrive, list(arrivals)))
        for device in devices:
            if device.accident is not None:
                self._at(device.accident_at, partial(self._strike, device))

    def run(self, *, give_up_at: float) -> float:
        """Return the makespan, seconds until the last job is done; infinite if that is not by *give_up_at*."""
        now = 0.0
        while self._events and self._jobs_ahead and now <= give_up_at:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
        return math.inf if self._jobs_ahead else now

    def _at(self, time: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), happen))

    def _arrive(self, jobs: Iterable[Job], now: float) -> None:
        for job in jobs:
            self._waiting.setdefault(job.batch_id, {})[job.job_id] = job
            self._open_jobs[job.batch_id] += 1
        self._look_soon(now)

    def _look_soon(self, now: float, seconds: float = TICK_SECONDS) -> None:
        time = math.floor(now / seconds) * seconds + seconds
        if time < self._next_look:
            self._next_look = time
            self._at(time, self._look)

    def _look(self, now: float) -> None:
        if now != self._next_look:
            return
        self._next_look = math.inf
        for run, device in self._dispatcher.withdraw(now, self._devices):
            device.queued.remove(run)
            self._wait_again(run)
        active = sum(jobs > 0 for jobs in self._open_jobs.values())
        for job, device in self._dispatcher.dispatch(now, self._devices, self._waiting, active):
            del self._waiting[job.batch_id][job.job_id]
            device.advance(now)
            device.queued.append(Run(job, job.work_seconds))
            device.fill_slots()
            self._expect_end(device)
        if any(self._waiting.values()) or any(device.queued for device in self._devices):
            self._look_soon(now, PATIENCE_SECONDS)

    def _expect_end(self, device: Device) -> None:
        time = device.next_end()
        if time < math.inf:
            self._next_end[device.work_pool] = time
            self._at(time, partial(self._end, device))

    def _end(self, device: Device, now: float) -> None:
        if self._next_end.get(device.work_pool) != now or device.dead:
            return
        device.advance(now)
        sick = device.sick
        for run in device.take_ended():
            self._record(device, run, done=not sick)
            if sick:
                self._wait_again(run)
            else:
                self._open_jobs[run.job.batch_id] -= 1
                self._jobs_ahead -= 1
        self._expect_end(device)
        self._look_soon(now)

    def _strike(self, device: Device, now: float) -> None:
        device.advance(now)
        if device.accident is Accident.DIES:
            device.dead = True
            self._at(now + OFFLINE_AFTER_SECONDS, partial(self._lose, device))
            return
        device.sick = True
        for run in device.running:
            run.remaining_seconds = SICK_RUN_SECONDS * device.speed
        self._expect_end(device)

    def _lose(self, device: Device, now: float) -> None:
        device.online = False
        for run in device.running:
            self._record(device, run, done=False)
            self._wait_again(run)
        device.running.clear()
        self._look_soon(now)

    def _wait_again(self, run: Run) -> None:
        self._waiting[run.job.batch_id][run.job.job_id] = run.job

    def _record(self, device: Device, run: Run, *, done: bool) -> None:
        if run.slot is not None:
            self.spans.append(Span(device.work_pool, run.slot, run.job, run.started_at, device.now, done))
