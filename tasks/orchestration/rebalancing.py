"""
Work stealing: a pool that has nothing to do takes over a queued run from one that is behind.

Jobs are bound as late as keeps the devices at work (`scheduling.place`), by what was known then. Where that was wrong,
since a device is slower than it looked, or hangs, or another one has come, a run may be queued on one pool while
another stands idle. One that has begun stays where it is: nothing that was done is done again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.planning import MODEL_SWITCH_SECONDS, begin_seconds
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.scheduling import forecast

LEAST_GAIN_SECONDS = 5.0
LEAST_GAIN_SHARE = 0.2
"""A run is taken over if it ends so much earlier, also as a share of the time left: less may be a wrong estimate."""

MOST_MOVES = 2
"""A run that was taken over so often stays, whatever the estimates say by then."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """The decision that a pool takes over a queued run of another."""

    run: JobRun
    work_pool: str


def takeovers(pools: Iterable[Pool]) -> tuple[Takeover, ...]:
    """
    Return the queued runs that are to move to idle pools now, and where to.

    The fastest idle pool comes first; it takes of the runs that would end much earlier there the one that ends last
    where it is: that one makes its batch long. No other run ends later by it.
    """
    ordered = sorted(pools, key=lambda pool: (pool.real_time_factor, pool.work_pool))
    found: list[Takeover] = []
    for idle in [pool for pool in ordered if _is_well(pool) and not pool.runs]:
        run = _last_to_end(ordered, idle)
        if run is not None:
            found.append(Takeover(run, idle.work_pool))
            ordered = [_after(pool, found[-1]) for pool in ordered]
    return tuple(found)


def _last_to_end(pools: Sequence[Pool], idle: Pool) -> JobRun | None:
    expected = forecast(pools, ())
    ends = {run: expected[run.job_id].ends_in_seconds for pool in pools for run in pool.runs if _is_movable(run, pool)}
    sooner = [run for run, seconds in ends.items() if _seconds_on(idle, run) <= _worth_moving(seconds)]
    return max(sooner, key=lambda run: (ends[run], run.audio_seconds, run.job_id), default=None)


def _is_movable(run: JobRun, pool: Pool) -> bool:
    """Return whether the run has never begun, on a pool that takes jobs: the others are `stuck` after a while."""
    queued = run.state is RunState.SCHEDULED and run.attempts == 0
    return queued and bool(run.batch_id) and run.moves < MOST_MOVES and _is_well(pool)


def _is_well(pool: Pool) -> bool:
    """Return whether the pool takes jobs, and not just one to try its device."""
    return pool.usable and pool.health is PoolHealth.HEALTHY


def _worth_moving(seconds: float) -> float:
    """Return by when a run must end elsewhere that ends in so many seconds where it is."""
    return seconds - max(LEAST_GAIN_SECONDS, LEAST_GAIN_SHARE * seconds)


def _seconds_on(idle: Pool, run: JobRun) -> float:
    switches = idle.loaded_model not in (None, idle.model_of(run.model, run.task))
    return begin_seconds(idle) + run.audio_seconds / idle.audio_per_second + MODEL_SWITCH_SECONDS * switches


def _after(pool: Pool, takeover: Takeover) -> Pool:
    """Return the pool as it is after the takeover."""
    runs = tuple(run for run in pool.runs if run != takeover.run)
    return replace(pool, runs=(*runs, takeover.run) if pool.work_pool == takeover.work_pool else runs)
