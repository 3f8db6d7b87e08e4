"""The parts of a dispatch plan: waiting jobs, the pools as they fill up, and the choice between them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter, itemgetter
from typing import Self

from tasks.options import WhisperTask
from tasks.orchestration.pool_model import Pool

BEGIN_SECONDS = 5.0
"""Time that a run takes until its process has the recording, on a busy machine."""

COLD_BEGIN_SECONDS = 60.0
"""The same where each run has a process of its own, or a container: that has to start, and to load the model."""

PREPARATION_RTF = 0.02
"""Time for each second of a recording until it is decoded, on a busy machine."""

ASSUMPTION = 4.0
"""A device whose speed is only assumed may be faster by this factor: its next job is bound that much earlier."""

SHARED_PART = 0.5
"""A job shares a busy device if it needs less time there than this part of what the others still need."""

MODEL_SWITCH_SECONDS = 5.0
"""Cost to a pool of changing the model it holds; one that holds the wanted model is preferred by as much."""


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job whose recording is ready and that no pool has yet; *inbox* if its batch was ingested from an inbox."""

    job_id: str
    batch_id: str
    audio_seconds: float
    model: str
    task: WhisperTask = WhisperTask.TRANSCRIBE
    inbox: bool = False


@dataclass(frozen=True, slots=True)
class RunningBatches:
    """Ids of the batches that run: users' own, and those that were ingested from inboxes, which give way to them."""

    people: tuple[str, ...] = ()
    inboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """The decision to create a job's run on a pool."""

    job_id: str
    work_pool: str


@dataclass(slots=True, eq=False)
class PoolLoad:
    """A pool while jobs are planned onto it."""

    pool: Pool
    audio_per_second: float
    pending_audio_seconds: float
    """Audio of its runs, and of all jobs that are planned onto it."""
    bound_audio_seconds: float
    """Audio of its runs, and of the jobs that were given a place."""
    room: int
    idle_slots: int
    model: str | None

    @classmethod
    def of(cls, pool: Pool, look_ahead: int) -> Self:
        """Return the load of *pool* as it is."""
        pending_audio_seconds = pool.pending_audio_seconds
        return cls(
            pool=pool,
            audio_per_second=pool.audio_per_second,
            pending_audio_seconds=pending_audio_seconds,
            bound_audio_seconds=pending_audio_seconds,
            room=pool.room(look_ahead),
            idle_slots=pool.slots - len(pool.runs),
            model=pool.model_of(pool.runs[-1].model, pool.runs[-1].task) if pool.runs else pool.loaded_model,
        )

    @property
    def work_pool(self) -> str:
        """Name of the pool."""
        return self.pool.work_pool

    def seconds_until_end(self, job: WaitingJob) -> float:
        """Return the time until everything here and *job* would be done."""
        seconds = (self.pending_audio_seconds + job.audio_seconds) / self.audio_per_second
        return seconds if self._model_of(job) == self.model else seconds + MODEL_SWITCH_SECONDS

    def is_due(self, job: WaitingJob) -> bool:
        """
        Return whether it is time to give *job* a place here: it is bound as late as keeps the device at work.

        What has begun stays where it is, so a job begins to be prepared just before the device is free. One that is
        short next to what the device still has to do passes that, in a slot beside it.
        """
        seconds_left = self.bound_audio_seconds / self.audio_per_second
        if not self.pool.speed_measured:
            seconds_left /= ASSUMPTION
        if seconds_left <= begin_seconds(self.pool) + PREPARATION_RTF * job.audio_seconds:
            return True
        return self.idle_slots > 0 and job.audio_seconds / self.audio_per_second <= SHARED_PART * seconds_left

    def plan(self, job: WaitingJob) -> None:
        """Count *job* as coming here at some time."""
        self.pending_audio_seconds += job.audio_seconds
        self.model = self._model_of(job)

    def place(self, job: WaitingJob) -> Placement:
        """Give *job* a place here now."""
        self.plan(job)
        self.bound_audio_seconds += job.audio_seconds
        self.room -= 1
        self.idle_slots -= 1
        return Placement(job_id=job.job_id, work_pool=self.work_pool)

    def _model_of(self, job: WaitingJob) -> str:
        return self.pool.model_of(job.model, job.task)


def begin_seconds(pool: Pool) -> float:
    """Return how long a run of *pool* takes until its process has the recording."""
    return BEGIN_SECONDS if pool.warm else COLD_BEGIN_SECONDS


def first_to_end(loads: Iterable[PoolLoad], job: WaitingJob) -> PoolLoad:
    """Return the load on which *job* ends first: the choice of the policy. The first of equal ones, so sort by name."""
    return min(loads, key=lambda load: load.seconds_until_end(job))


def longest_first(job: WaitingJob) -> tuple[float, str]:
    """Return the key to sort jobs by."""
    return (-job.audio_seconds, job.job_id)


def longest(jobs: Iterable[WaitingJob], count: int) -> list[WaitingJob]:
    """
    Return the *count* longest jobs, longest first, and those as long as the last of them.

    Of thousands of jobs a few are wanted, each second: comparing plain numbers first takes a fifth of the time.
    """
    by_length = sorted(jobs, key=attrgetter("audio_seconds"), reverse=True)
    if count < len(by_length):
        shortest = by_length[count].audio_seconds
        by_length = list(takewhile(lambda job: job.audio_seconds >= shortest, by_length))
    return sorted(by_length, key=longest_first)


def in_turn(jobs: Iterable[WaitingJob]) -> list[WaitingJob]:
    """
    Return the jobs longest first, the longest of every batch before the second longest of any.

    Jobs of users' batches come before all jobs of inboxes.
    """
    turns: Counter[str] = Counter()
    numbered = []
    for job in sorted(jobs, key=longest_first):
        numbered.append(((job.inbox, turns[job.batch_id]), job))
        turns[job.batch_id] += 1
    return [job for _, job in sorted(numbered, key=itemgetter(0))]


def seconds_until_level(loads: Iterable[PoolLoad], audio_seconds: float) -> float:
    """
    Return the time until everything would be done if *audio_seconds* could be poured over the pools like water.

    No plan ends earlier. Pools that are busy for longer than that get nothing and do not count.
    """
    level, speed, audio = 0.0, 0.0, audio_seconds
    for load in sorted(loads, key=lambda load: load.pending_audio_seconds / load.audio_per_second):
        if speed and load.pending_audio_seconds / load.audio_per_second >= level:
            break
        speed += load.audio_per_second
        audio += load.pending_audio_seconds
        level = audio / speed
    return level


@dataclass(slots=True)
class Shares:
    """The places that each batch holds, and the number that is its due; jobs of inboxes may have to give way."""

    due: int
    held: Counter[str]
    people_first: bool

    @classmethod
    def of(cls, pools: Sequence[Pool], *, look_ahead: int, active_batches: int, people_first: bool) -> Self:
        """Return the shares of *active_batches* in all places of *pools*."""
        places = sum(pool.slots + look_ahead for pool in pools)
        held = Counter(run.batch_id for pool in pools for run in pool.runs)
        due = places if active_batches <= 1 else math.ceil(places / active_batches)
        return cls(due=due, held=held, people_first=people_first)

    def allow(self, load: PoolLoad, job: WaitingJob) -> bool:
        """Return whether *job* may go to *load*: its batch is below its due, or a slot there would be idle."""
        if load.idle_slots > 0:
            return True
        return self.held[job.batch_id] < self.due and not (job.inbox and self.people_first)

    def count(self, job: WaitingJob) -> None:
        """Count one more place as held by the batch of *job*."""
        self.held[job.batch_id] += 1
