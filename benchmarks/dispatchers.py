"""The dispatch policy and the rules it is compared with, as the simulation calls them."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from simulated_devices import DEFAULT_REAL_TIME_FACTOR, PARTS_FROM_SECONDS, SLOTS, Device, Job, Run
from simulation import Waiting

from tasks.orchestration.helpers import HELP_SECONDS, SECONDS_BETWEEN_LOOKS
from tasks.orchestration.helping import helps
from tasks.orchestration.planning import longest_first
from tasks.orchestration.pool_model import Pool, stuck
from tasks.orchestration.pool_speed import with_speeds
from tasks.orchestration.rebalancing import takeovers
from tasks.orchestration.scheduling import place

MOST_SAMPLES = 200
"""Completed runs that are read for all pools, as in tasks/orchestration/pools.py."""


class LeastBusy:
    """
    The policy of tasks/orchestration/scheduling.py, called by each batch in turn, as the batch flow calls it.

    With *helping*, devices that have nothing to do help as tasks/orchestration/helping.py decides.
    """

    def __init__(self, default_rtf: float = DEFAULT_REAL_TIME_FACTOR, *, helping: bool = True) -> None:
        self._default_rtf = default_rtf
        self._helping = helping
        self._idle_since: dict[str, float] = {}
        self._next_help = 0.0
        self._turn = itertools.count()
        self._ordered: set[str] = set()

    def dispatch(
        self, now: float, devices: Sequence[Device], waiting: Waiting, active_batches: int
    ) -> Iterator[tuple[Job, Device]]:
        """Yield the placements of `place` for each batch; the batches take turns in being first."""
        by_pool = {device.work_pool: device for device in devices}
        pools = {pool.work_pool: pool for pool in self._pools(devices, now)}
        batches = [batch_id for batch_id, jobs in waiting.items() if jobs]
        first = next(self._turn) % max(len(batches), 1)
        for batch_id in batches[first:] + batches[:first]:
            if batch_id not in self._ordered:  # as a batch run keeps its jobs; place() is quicker then
                self._ordered.add(batch_id)
                waiting[batch_id] = {job.job_id: job for job in sorted(waiting[batch_id].values(), key=longest_first)}
            jobs = waiting[batch_id]
            placements = place(pools.values(), jobs.values(), active_batches=active_batches)
            for placement in placements:
                device = by_pool[placement.work_pool]
                yield jobs[placement.job_id], device
                pools[device.work_pool] = replace(pools[device.work_pool], runs=device.as_pool(now).runs)

    def withdraw(self, now: float, devices: Sequence[Device]) -> Iterable[tuple[Run, Device]]:
        """Return the runs that `stuck` and `takeovers` find, with their devices."""
        if not any(device.queued for device in devices):
            return []
        pools = self._pools(devices, now)
        moving = {run.job_id for run in stuck(pools)} | {each.run.job_id for each in takeovers(pools)}
        return [(run, device) for device in devices for run in device.queued if run.job.job_id in moving]

    def help(self, now: float, devices: Sequence[Device], *, jobs_may_wait: bool) -> Iterator[tuple[Run, Device]]:
        """Yield what `helps` finds for each batch, with the devices; the batches take turns in being first."""
        if not self._helping or now < self._next_help:
            return
        free = [device.work_pool for device in devices if device.idle]
        self._idle_since = {work_pool: self._idle_since.get(work_pool, now) for work_pool in free}
        own = {
            run.job.job_id: run
            for device in devices
            for run in device.running
            if run.parts is not None and not run.helps
        }
        if not free or not own:
            return
        self._next_help = now + SECONDS_BETWEEN_LOOKS
        least_seconds = HELP_SECONDS if jobs_may_wait else 0.0
        idle = {work_pool for work_pool, since in self._idle_since.items() if now - since >= least_seconds}
        by_pool = {device.work_pool: device for device in devices}
        batches = sorted({run.job.batch_id for run in own.values()})
        first = next(self._turn) % len(batches)
        for batch_id in batches[first:] + batches[:first] if idle else ():
            for each in helps(self._pools(devices, now), batch_id, long_seconds=PARTS_FROM_SECONDS, idle=idle):
                yield own[each.run.job_id], by_pool[each.work_pool]

    def _pools(self, devices: Sequence[Device], now: float) -> tuple[Pool, ...]:
        """Return the pools as `pools.read_pools` would."""
        samples = max(MOST_SAMPLES // len(devices), 1)
        pools = (device.as_pool(now) for device in devices)
        return with_speeds((replace(pool, completed=pool.completed[-samples:]) for pool in pools), self._default_rtf)


Rule = Callable[[Sequence[Device]], Device]
"""A rule of thumb that picks the device of the next job."""


class OnArrival:
    """Gives each job to a device as soon as it arrives, in the order of arrival, and again if the device is lost."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def dispatch(
        self, now: float, devices: Sequence[Device], waiting: Waiting, active_batches: int
    ) -> Iterator[tuple[Job, Device]]:
        """Yield every waiting job with the device of the rule."""
        del now, active_batches
        online = [device for device in devices if device.online]
        for jobs in waiting.values():
            for job in list(jobs.values()):
                yield job, self._rule(online)

    def withdraw(self, now: float, devices: Sequence[Device]) -> Iterable[tuple[Run, Device]]:
        """Return the runs that wait for a device that is offline."""
        del now
        return [(run, device) for device in devices if not device.online for run in device.queued]

    def help(self, now: float, devices: Sequence[Device], *, jobs_may_wait: bool) -> Iterable[tuple[Run, Device]]:
        """Return nothing: each job is one device's."""
        del now, devices, jobs_may_wait
        return []


class FirstCome(OnArrival):
    """Late binding like the policy's, but jobs in order of arrival and devices by the number of their runs."""

    def __init__(self) -> None:
        super().__init__(shortest_queue)

    def dispatch(
        self, now: float, devices: Sequence[Device], waiting: Waiting, active_batches: int
    ) -> Iterator[tuple[Job, Device]]:
        """Yield waiting jobs as long as a device has room."""
        for job, device in super().dispatch(now, devices, waiting, active_batches):
            if _count(device) >= SLOTS + 1:
                return
            yield job, device


def shortest_queue(devices: Sequence[Device]) -> Device:
    """Return the device with the fewest runs."""
    return min(devices, key=_count)


def round_robin() -> Rule:
    """Return a rule that takes one device after the other."""
    turn = itertools.count()
    return lambda devices: devices[next(turn) % len(devices)]


def at_random(seed: int) -> Rule:
    """Return a rule that throws dice."""
    dice = random.Random(seed)  # noqa: S311 - a simulation wants the same dice again
    return dice.choice


def _count(device: Device) -> int:
    return len(device.running) + len(device.queued)
