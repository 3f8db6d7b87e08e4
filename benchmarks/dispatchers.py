"""The dispatch policy and the rules it is compared with, as the simulation calls them."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from simulated_devices import DEFAULT_REAL_TIME_FACTOR, SLOTS, Device, Job, Run
from simulation import Waiting

from tasks.orchestration.planning import longest_first
from tasks.orchestration.pool_model import Pool, stuck
from tasks.orchestration.pool_speed import with_speeds
from tasks.orchestration.rebalancing import takeovers
from tasks.orchestration.scheduling import place

MOST_SAMPLES = 200
"""Completed runs that are read for all pools, as in tasks/orchestration/pools.py."""


class LeastBusy:
    """The policy of tasks/orchestration/scheduling.py, called by each batch in turn, as the batch flow calls it."""

    def __init__(self, default_rtf: float = DEFAULT_REAL_TIME_FACTOR) -> None:
        self._default_rtf = default_rtf
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
