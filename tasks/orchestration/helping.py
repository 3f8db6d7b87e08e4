"""
Help with long recordings: a pool that has nothing to do helps with a job that another pool works on.

The job's own run and those that help divide the recording among themselves, so nothing has to be known here of its
parts, and a wrong guess costs a little time. One that helps gives way to any other run after the part at hand.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.planning import MODEL_SWITCH_SECONDS, begin_seconds
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.rebalancing import takeovers

LEAST_GAIN_SECONDS = 2.0
"""A pool helps if the job ends so much sooner by that."""


@dataclass(frozen=True, slots=True)
class Help:
    """The decision that a pool helps with the job of a run on another."""

    run: JobRun
    work_pool: str


@dataclass(frozen=True, slots=True)
class LongRun:
    """A run that others may help with, on its pool, with the number of those that do."""

    run: JobRun
    pool: Pool
    helpers: int

    @property
    def audio_per_second(self) -> float:
        """Seconds of audio that its pool does of it in a second: runs that execute there share the device."""
        return self.pool.audio_per_second / max(sum(other.state.executing for other in self.pool.runs), 1)

    @property
    def seconds_left(self) -> float:
        """Time until it is done, from what it last told, if each of those that help is as fast as its pool."""
        share = self.run.progress.share if self.run.progress is not None else 0.0
        return (1 - share) * self.run.audio_seconds / self.audio_per_second / (1 + self.helpers)

    def gain_seconds(self, idle: Pool) -> float:
        """Return how much sooner it ends if *idle* helps as well."""
        faster = idle.audio_per_second / self.audio_per_second
        switches = idle.loaded_model not in (None, self.model_on(idle))
        left_then = self.seconds_left - begin_seconds(idle) - MODEL_SWITCH_SECONDS * switches
        return left_then * faster / (1 + self.helpers + faster)

    def model_on(self, pool: Pool) -> str:
        """Return the name of the model that the job gets on a pool."""
        return pool.model_of(self.run.model, self.run.task)

    def is_alike(self, pool: Pool) -> bool:
        """Return whether the pool hears the job as its own does: with the same model, on a device of the same kind."""
        return pool.device_kind == self.pool.device_kind and self.model_on(pool) == self.model_on(self.pool)


def helps(
    pools: Iterable[Pool],
    batch_id: str,
    *,
    long_seconds: float,
    idle: Collection[str],
    exhausted: Collection[tuple[str, str]] = (),
) -> tuple[Help, ...]:
    """
    Return which pools are to help with which runs of the batch now, the fastest pool first.

    Each takes the run with most time left, of those that have *long_seconds* of audio at least and have told that the
    model is at work. *idle* are the pools that have had nothing to do for a while, *exhausted* the jobs and pools that
    are not to be brought together again. What is queued somewhere comes first: it is taken over.
    """
    pools = sorted(pools, key=lambda pool: (pool.real_time_factor, pool.work_pool))
    taking_over = {takeover.work_pool for takeover in takeovers(pools)}
    helping = Counter(run.helps for pool in pools for run in pool.helpers)
    long_runs = [
        LongRun(run, pool, helping[run.job_id])
        for pool in pools
        for run in pool.runs
        if run.batch_id == batch_id and run.audio_seconds >= long_seconds and _is_divisible(run)
    ]
    found: list[Help] = []
    for pool in pools:
        if pool.work_pool not in idle or pool.work_pool in taking_over or not _may_help(pool):
            continue
        worth_it = [
            each
            for each in long_runs
            if (each.run.job_id, pool.work_pool) not in exhausted
            and each.is_alike(pool)
            and each.gain_seconds(pool) >= LEAST_GAIN_SECONDS
        ]
        if worth_it:
            chosen = max(worth_it, key=lambda each: (each.seconds_left, each.run.job_id))
            found.append(Help(chosen.run, pool.work_pool))
            long_runs = [replace(each, helpers=each.helpers + (each is chosen)) for each in long_runs]
    return tuple(found)


def _is_divisible(run: JobRun) -> bool:
    """Return whether the run is at work, and has said so: it has its first part, and others may have the next."""
    return run.state is RunState.RUNNING and run.progress is not None and run.progress.share > 0


def _may_help(pool: Pool) -> bool:
    """Return whether the pool is free, and its worker a warm one: one of Prefect's own would load the model first."""
    is_free = not pool.runs and not pool.helpers
    return is_free and pool.warm and pool.usable and pool.health is PoolHealth.HEALTHY
