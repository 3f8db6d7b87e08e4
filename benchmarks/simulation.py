"""The clock that drives simulated devices: jobs arrive, runs begin and end, policies look once a second."""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count, groupby
from operator import attrgetter
from typing import Protocol

from simulated_devices import PARTS_FROM_SECONDS, Accident, Device, Job, Parts, Run, Span

TICK_SECONDS = 1.0
"""The batch flow looks once a second if anything has happened, and at once when a recording is converted ..."""

PATIENCE_SECONDS = 2.0
"""... and after this long if nothing has."""

OFFLINE_AFTER_SECONDS = 90.0
"""Time until Prefect calls a silent worker offline, and its runs crashed."""

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

    def help(self, now: float, devices: Sequence[Device], *, jobs_may_wait: bool) -> Iterable[tuple[Run, Device]]:
        """Yield runs under way with devices that are to help with them now, each created before the next."""
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
        self._next_change: dict[str, float] = {}
        self._next_look = math.inf
        self._jobs_ahead = len(jobs)
        self._parts = {job.job_id: Parts(job) for job in jobs if job.audio_seconds >= PARTS_FROM_SECONDS}
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
        self._look_at(now)

    def _look_soon(self, now: float, seconds: float = TICK_SECONDS) -> None:
        self._look_at(math.floor(now / seconds) * seconds + seconds)

    def _look_at(self, time: float) -> None:
        if time < self._next_look:
            self._next_look = time
            self._at(time, self._look)

    def _look(self, now: float) -> None:
        if now != self._next_look:
            return
        self._next_look = math.inf
        quiet = True
        for run, device in self._dispatcher.withdraw(now, self._devices):
            device.queued.remove(run)
            self._wait_again(run)
            quiet = False
        active = sum(jobs > 0 for jobs in self._open_jobs.values())
        for job, device in self._dispatcher.dispatch(now, self._devices, self._waiting, active):
            del self._waiting[job.batch_id][job.job_id]
            self._create(Run(job, job.work_seconds, self._parts.get(job.job_id)), device, now)
            quiet = False
        if quiet:
            jobs_may_wait = active > 1 or any(self._waiting.values())
            for run, device in self._dispatcher.help(now, self._devices, jobs_may_wait=jobs_may_wait):
                self._create(Run(run.job, run.job.work_seconds, run.parts, helps=True), device, now)
        waits = any(self._waiting.values()) or any(device.queued for device in self._devices)
        if waits or not quiet or self._any_idle_while_parts_are_left():
            self._look_soon(now, PATIENCE_SECONDS)

    def _create(self, run: Run, device: Device, now: float) -> None:
        device.advance(now)
        device.queued.append(run)
        device.fill_slots()
        self._expect_change(device)

    def _any_idle_while_parts_are_left(self) -> bool:
        """Return whether a device might help: the batch flow looks all the time, of which nothing else would come."""
        if not any(device.idle for device in self._devices):
            return False
        return any(run.parts is not None for device in self._devices for run in device.running)

    def _expect_change(self, device: Device) -> None:
        time = device.next_change()
        if time < math.inf:
            self._next_change[device.work_pool] = time
            self._at(time, partial(self._change, device))

    def _change(self, device: Device, now: float) -> None:
        if self._next_change.get(device.work_pool) != now or device.dead:
            return
        device.advance(now)
        sick = device.sick
        done = device.finish_parts()
        for other in self._devices if done else ():
            other.advance(now)
            if other.drop(done):
                self._expect_change(other)
        ended = device.take_ended()
        for run in ended:
            self._record(device, run, done=not sick)
            if run.helps:
                continue
            if sick:
                self._wait_again(run)
            else:
                self._open_jobs[run.job.batch_id] -= 1
                self._jobs_ahead -= 1
        self._expect_change(device)
        if ended:
            self._look_soon(now)

    def _strike(self, device: Device, now: float) -> None:
        device.advance(now)
        if device.accident is Accident.DIES:
            device.dead = True
            self._at(now + OFFLINE_AFTER_SECONDS, partial(self._lose, device))
            return
        device.sick = True
        for run in device.running:
            device.let_fail(run)
        self._expect_change(device)

    def _lose(self, device: Device, now: float) -> None:
        device.online = False
        for run in list(device.running):
            self._record(device, run, done=False)
            device.remove(run)
            if not run.helps:
                self._wait_again(run)
        self._look_soon(now)

    def _wait_again(self, run: Run) -> None:
        self._waiting[run.job.batch_id][run.job.job_id] = run.job

    def _record(self, device: Device, run: Run, *, done: bool) -> None:
        if run.slot is not None:
            self.spans.append(Span(device.work_pool, run.slot, run.job, run.started_at, device.now, done, run.helps))
