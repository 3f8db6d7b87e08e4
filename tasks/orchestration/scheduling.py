"""
The dispatch policy: which waiting job goes to which GPU work pool, and when, so that all is done soonest.

One plan serves three callers: the batch flow (`place`), queue positions and times on the pages (`forecast`) and the
simulator (benchmarks/dispatch.py), whose figures the choices here rest on. It is the longest-processing-time rule for
machines of unequal speed: the job with the most audio first, each to the pool on which it *ends* first. Between pools
of equal speed that is the one that is free soonest. Between unequal ones it differs: a long job does not start on a
slow GPU that is idle, if it would end earlier on a fast one that is still busy.

Jobs are bound late: a pool gets as many runs as it has slots plus *look_ahead*, the rest wait, and with each call the
plan is made again from what is true by then.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from uuid import UUID

from tasks.errors import WorkPoolUnavailable
from tasks.orchestration.job_run import LONG_AGO, JobRun, RunState
from tasks.orchestration.planning import (
    SHARED_PART,
    Placement,
    PoolLoad,
    Shares,
    WaitingJob,
    first_to_end,
    in_turn,
    longest,
    longest_first,
    seconds_until_level,
)
from tasks.orchestration.pool_model import Pool, PoolHealth

PLAN_JOBS_PER_POOL = 4
"""
Planning horizon of a call, in jobs for each pool. What comes later hardly ever changes what is placed now, and with
thousands of jobs a plan to the end would take too long for every second.
"""

CAUTION = 2.0
"""
Factor on the expected time of a job, as a safety margin, when it is put on a pool that is not its best. In the
simulation with unequal GPUs and estimates wrong by up to a factor 2 this brings what is over the bound down by half.
"""


NO_RUN = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    The expected start and end of a job, and its pool.

    ``queue_position`` counts from 1 and is None for a job that runs. Where no pool can take the job the times are
    infinite and ``work_pool`` is None. ``measured`` is False where they rest on an assumption about the pool's speed.
    """

    queue_position: int | None
    work_pool: str | None
    starts_in_seconds: float
    ends_in_seconds: float
    measured: bool = True


NEVER = Forecast(queue_position=0, work_pool=None, starts_in_seconds=math.inf, ends_in_seconds=math.inf)


def place(
    pools: Iterable[Pool],
    waiting: Iterable[WaitingJob],
    *,
    look_ahead: int = 1,
    active_batches: int = 1,
    people_first: bool = False,
) -> tuple[Placement, ...]:
    """
    Return the runs to create now, in this order; none if no pool has room or waiting for a faster one is better.

    *waiting* are the jobs of one batch. Longest first, each job goes to the pool on which it ends first; equal ones by
    name of the pool and id of the job, so that a rerun makes the same choice. If that pool has no room, the job goes
    to one that has if it would not outlast the work there is, else it waits. A pool on probation gets the shortest job.

    Several batches take turns in calling. While *active_batches* are more than one, a batch that holds its share of
    all places only fills slots that would be idle; the places behind them are for those with less. So do all jobs of
    inboxes with *people_first*, which is to be set while a user's batch runs.
    """
    usable = _usable(pools)
    if not any(pool.room(look_ahead) for pool in usable):
        return ()
    jobs = list(waiting)
    shortlist = longest(jobs, _plan_length(usable, look_ahead))
    shares = Shares.of(usable, look_ahead=look_ahead, active_batches=active_batches, people_first=people_first)
    return tuple(_place(usable, jobs, shortlist, shares, look_ahead=look_ahead))


def _plan_length(usable: Sequence[Pool], look_ahead: int) -> int:
    return sum(PLAN_JOBS_PER_POOL + pool.room(look_ahead) for pool in usable)


def _place(
    usable: Sequence[Pool],
    jobs: Iterable[WaitingJob],
    shortlist: Iterable[WaitingJob],
    shares: Shares,
    *,
    look_ahead: int,
) -> list[Placement]:
    """Return the placements for *shortlist*, those of *jobs* that come first, in their order."""
    loads = [PoolLoad.of(pool, look_ahead) for pool in usable if pool.health is not PoolHealth.PROBE]
    end_of_all = seconds_until_level(loads, sum(map(attrgetter("audio_seconds"), jobs)))
    placements = _place_in_order(loads, shortlist, shares, end_of_all)
    probing = [
        PoolLoad.of(pool, look_ahead) for pool in usable if pool.health is PoolHealth.PROBE and pool.room(look_ahead)
    ]
    if probing:
        placed = {placement.job_id for placement in placements}
        shortest_first = sorted((job for job in jobs if job.job_id not in placed), key=longest_first, reverse=True)
        placements += [load.place(job) for load, job in zip(probing, shortest_first, strict=False)]
    return placements


def _place_in_order(
    loads: Sequence[PoolLoad], shortlist: Iterable[WaitingJob], shares: Shares, end_of_all: float
) -> list[Placement]:
    placements: list[Placement] = []
    open_loads = list(loads)
    for job in shortlist:
        open_loads = [load for load in open_loads if load.room > 0 and shares.allow(load, job)]
        if not open_loads:
            break
        best = first_to_end(loads, job)
        due = [load for load in open_loads if load.is_due(job)]
        nearest = best if best in due else min(due, key=lambda load: load.seconds_until_end(job), default=None)
        if nearest is not None and (nearest is best or CAUTION * nearest.seconds_until_end(job) <= end_of_all):
            placements.append(nearest.place(job))
            shares.count(job)
        else:
            best.plan(job)
    return placements


def _usable(pools: Iterable[Pool]) -> list[Pool]:
    return [pool for pool in _by_name(pools) if pool.usable]


def _by_name(pools: Iterable[Pool]) -> list[Pool]:
    return sorted(pools, key=lambda pool: pool.work_pool)


def forecast(pools: Iterable[Pool], waiting: Iterable[WaitingJob], *, look_ahead: int = 1) -> dict[str, Forecast]:
    """
    Return a forecast for every job that runs, is queued on a pool or waits, by job id.

    It is what `place` would do now, carried on to the last job, each batch in its turn, users' before those of
    inboxes, which by then do not fill what a user's next job is to have. Runs that their pool will not
    start, or not finish because it is offline, count as waiting. It is as accurate as the real-time factors are.
    """
    ordered = _by_name(pools)
    lines = {pool.work_pool: [run for run in pool.runs if _stays(run, pool)] for pool in ordered}
    moving = [_waiting(run) for pool in ordered for run in pool.runs if not _stays(run, pool)]
    in_order = in_turn([*waiting, *moving])
    jobs = {job.job_id: job for job in in_order}
    usable = _usable(ordered)
    loads = {pool.work_pool: PoolLoad.of(pool, look_ahead) for pool in usable}
    shortlist = in_order[: _plan_length(usable, look_ahead)]
    people_first = not all(job.inbox for job in in_order) or any(not run.inbox for pool in ordered for run in pool.runs)
    shares = Shares.of(usable, look_ahead=look_ahead, active_batches=1, people_first=people_first)
    for placement in _place(usable, in_order, shortlist, shares, look_ahead=look_ahead):
        job = jobs.pop(placement.job_id)
        loads[placement.work_pool].place(job)
        lines[placement.work_pool].append(_queued(job))
    for job in jobs.values() if loads else ():
        load = first_to_end(loads.values(), job)
        load.plan(job)
        lines[load.work_pool].append(_queued(job))
    return _numbered(
        [
            *(expected for pool in ordered for expected in _expected(pool, lines[pool.work_pool])),
            *((job.job_id, NEVER) for job in jobs.values() if not loads),
        ]
    )


def _numbered(expected: Iterable[tuple[str, Forecast]]) -> dict[str, Forecast]:
    """Return the forecasts by job id, those of jobs that do not run yet numbered in the order of their starts."""
    position = 0
    numbered: dict[str, Forecast] = {}
    for job_id, job in sorted(expected, key=lambda pair: (pair[1].starts_in_seconds, pair[1].ends_in_seconds, pair[0])):
        position += job.queue_position is not None
        numbered[job_id] = job if job.queue_position is None else replace(job, queue_position=position)
    return numbered


def _expected(pool: Pool, line: Iterable[JobRun]) -> Iterator[tuple[str, Forecast]]:
    """
    Yield the start and end of each run of *line* if the device divides its speed equally among the runs in its slots.

    Runs are served in order. Time is counted in the audio that each running run gets: one that starts at *served* and
    needs *audio* more ends at their sum, whatever comes and goes next to it.
    """
    queue = deque(sorted(line, key=lambda run: not run.state.holds_slot))
    active: list[tuple[float, str, float, int | None]] = []
    clock = served = 0.0
    while queue or active:
        while queue and (len(active) < pool.slots or queue[0].state.holds_slot):
            left = sum(end - served for end, *_ in active)
            if queue[0].run_id == NO_RUN and left and queue[0].audio_seconds > SHARED_PART * left:
                break  # it is bound when that is done
            run = queue.popleft()
            needed = pool.remaining_audio_seconds(run)
            heapq.heappush(active, (served + needed, run.job_id, clock, None if run.state.executing else 0))
        sharing = len(active)
        end, job_id, started, position = heapq.heappop(active)
        clock += (end - served) * sharing / pool.audio_per_second
        served = end
        yield job_id, Forecast(position, pool.work_pool, started, clock, pool.speed_measured)


def _stays(run: JobRun, pool: Pool) -> bool:
    return pool.usable or (run.state.holds_slot and pool.online)


def _waiting(run: JobRun) -> WaitingJob:
    return WaitingJob(run.job_id, run.batch_id, run.audio_seconds, run.model, run.task, inbox=run.inbox)


def _queued(job: WaitingJob) -> JobRun:
    """Return the run that the job would have."""
    return JobRun(
        NO_RUN,
        RunState.SCHEDULED,
        LONG_AGO,
        job_id=job.job_id,
        batch_id=job.batch_id,
        audio_seconds=job.audio_seconds,
        model=job.model,
        task=job.task,
    )


def least_busy(pools: Iterable[Pool]) -> Pool:
    """
    Return the pool that will be free soonest, of those that may get jobs; equal ones by name.

    Raises `WorkPoolUnavailable` if there is none.
    """
    known = list(pools)
    choice = min(_usable(known), key=lambda pool: pool.seconds_until_free, default=None)
    if choice is not None:
        return choice
    if not any(pool.online for pool in known):
        msg = "No GPU work pool is online. Start one: make worker POOL=gpu-0"
        raise WorkPoolUnavailable(msg)
    conditions = ", ".join(f"{pool.work_pool} is {pool.condition}" for pool in _by_name(known))
    msg = f"No GPU work pool takes jobs: {conditions}. Resume the paused ones, or start another: make worker POOL=gpu-0"
    raise WorkPoolUnavailable(msg)
