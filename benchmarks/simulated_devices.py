"""
GPUs with their work pools, simulated.

A device is a server whose model is shared equally by the runs that use it: a run next to another takes twice as long as
alone, and the device is at work as long as one uses it. What a run needs besides (`Around`) takes its slot and not the
model: it is fetched and its speech is found before, its documents are published after.

A long recording has parts. Its own run, and the runs that help with it, take one after the other, from the front; when
none is left they do those of the others that are not done, the last one first, until another has done it. A run that
helps ends at the end of a part when its device has another run (tasks/transcription/shared_parts.py).

A policy sees what the batch flow could read from Prefect: the length of the audio, since when a run is running, its
progress every two seconds, and how the runs before it went, also those of an hour ago (`remembered`), which may be
wrong by now. How long a job really takes, how fast a device is and that it will die, it is not told.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tasks.orchestration.job_run import JobRun, RunProgress, RunState
from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import EndedRun, Outcome, Pool, PoolHealth, pool_health
from tasks.orchestration.pool_speed import remembered, since_earlier
from tasks.transcription.parts import AT_WORK_SHARE, MOST_CHUNKS, parts_of
from tasks.transcription.vad import CHUNK_SECONDS

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

PARTS_FROM_SECONDS = 600.0
"""Length from which on a recording has parts, as in tasks/settings.py."""

PART_SECONDS = MOST_CHUNKS * CHUNK_SECONDS
"""Length of the longest part."""

SECONDS_BETWEEN_LOOKS = 2.0
"""Time after which a run notices that another has done its part, as in tasks/transcription/shared_parts.py."""

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
class Part:
    """A part of a long recording; ``work_seconds`` as of `Job`."""

    work_seconds: float
    done: bool = False


NOT_BEGUN = Part(0.0, done=True)
"""Stands for the part before the first, of a run that is being prepared."""


class Parts:
    """The parts of the long recording of *job*, and what has become of them. They outlive the runs that do them."""

    def __init__(self, job: Job) -> None:
        parts = parts_of(math.ceil(job.audio_seconds / CHUNK_SECONDS))
        lengths = [len(part) * CHUNK_SECONDS for part in parts]
        lengths[-1] -= sum(lengths) - job.audio_seconds
        self.count = len(parts)
        self.helpers = 0
        """Number of runs that help with it now."""
        self.done_seconds = 0.0
        """Work of those that are done."""
        self._untaken = deque(Part(length * job.work_seconds / job.audio_seconds) for length in lengths)
        self._taken: list[Part] = []

    def take(self) -> Part | None:
        """Return the part to do next; None if all are done."""
        if self._untaken:
            self._taken.append(self._untaken.popleft())
        return self._taken[-1] if self._taken else None

    def deliver(self, part: Part) -> None:
        """Count a part as done, by whoever was first."""
        if not part.done:
            part.done = True
            self.done_seconds += part.work_seconds
            self._taken.remove(part)


@dataclass(slots=True, eq=False)
class Run:
    """
    A run of a job on a device; it is queued as long as it has no slot. A time is infinite until it is known.

    With *parts* it does one after the other, and ``remaining_seconds`` is what is left of the one at hand.
    """

    job: Job
    remaining_seconds: float
    parts: Parts | None = None
    helps: bool = False
    slot: int | None = None
    started_at: float = math.inf
    prepared_at: float = math.inf
    ends_at: float = math.inf
    part: Part | None = None
    delivered: int = 0
    """Number of parts that it was the first to do."""
    progress: RunProgress | None = None
    _told: tuple[RunProgress, ...] = ()

    @property
    def alone(self) -> bool:
        """True if it has done all of its job."""
        return not self.helps and (self.parts is None or self.delivered == self.parts.count)

    @property
    def done_seconds(self) -> float:
        """Work that it has done so far, that of other runs included as far as it is done; it grows by whole batches."""
        work_seconds = self.job.work_seconds if self.part is None else self.part.work_seconds
        own_seconds = work_seconds - max(self.remaining_seconds, 0.0)
        if self.remaining_seconds > ROUNDING_SECONDS:
            own_seconds -= own_seconds % TOLD_SECONDS
        if self.parts is None:
            return own_seconds
        return self.parts.done_seconds + (own_seconds if self.part is not None and not self.part.done else 0.0)

    def uses_model(self, now: float) -> bool:
        """Return whether the run is one of those that share the model."""
        return self.prepared_at <= now and self.remaining_seconds > ROUNDING_SECONDS

    def take_part(self) -> None:
        """Begin the next part, if any is left to do."""
        self.part = self.parts.take() if self.parts is not None else None
        self.remaining_seconds = self.part.work_seconds if self.part is not None else 0.0

    def tell(self, now: float) -> None:
        """Tell the progress if there is any since it was told, at most every two seconds."""
        last = self.progress.told_at if self.progress else _time(self.started_at)
        if (_time(now) - last).total_seconds() < SECONDS_BETWEEN_TOLD or now < self.prepared_at or self.helps:
            return
        share = max(self.done_seconds / self.job.work_seconds, AT_WORK_SHARE)
        if self.progress is None or share > self.progress.share:
            latest = RunProgress(share, _time(now), helpers=self.parts.helpers if self.parts is not None else 0)
            self._told = remembered(self._told, latest)
            self.progress = since_earlier(self._told)


@dataclass(frozen=True, slots=True)
class Span:
    """A run as it happened, for the picture."""

    work_pool: str
    slot: int
    job: Job
    started_at: float
    ended_at: float
    done: bool
    helps: bool = False


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

    @property
    def idle(self) -> bool:
        """True if it has nothing to do, and takes jobs as far as is known."""
        return self.online and not self.running and not self.queued

    def remember(self, real_time_factor: float, *, audio_seconds: float, age_seconds: float) -> None:
        """Let the device have completed a run before the simulation began, at a speed that may be wrong by now."""
        self.completed.append(self._completed("earlier", audio_seconds, -age_seconds, real_time_factor * audio_seconds))

    def advance(self, now: float) -> None:
        """Let the runs progress until *now*; nothing begins or ends in between."""
        if not self.dead:
            sharing = [run for run in self.running if run.uses_model(self.now)]
            for run in sharing:
                run.remaining_seconds -= (now - self.now) * self.speed / len(sharing)
                if run.remaining_seconds <= ROUNDING_SECONDS and run.part is None:
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
            if run.parts is not None:
                run.part, run.remaining_seconds = NOT_BEGUN, 0.0
                run.parts.helpers += run.helps
            if self.sick:
                self.let_fail(run)
            self.running.append(run)

    def let_fail(self, run: Run) -> None:
        """Let the run fail soon, as any does on a sick device."""
        run.remaining_seconds, run.prepared_at, run.part = SICK_RUN_SECONDS * self.speed, self.now, None

    def next_change(self) -> float:
        """Return when a run is prepared, heard or over, if nothing else happens."""
        if not self.running or self.dead:
            return math.inf
        sharing = [run for run in self.running if run.uses_model(self.now)]
        heard = [self.now + run.remaining_seconds * len(sharing) / self.speed for run in sharing]
        others = [run for run in self.running if run not in sharing]
        return min([*heard, *(self._next_step(run) for run in others)])

    def _next_step(self, run: Run) -> float:
        """Return when a run that does not use the model does, or goes on to the next part, or ends."""
        if run.prepared_at > self.now:
            return run.prepared_at
        return self.now if run.part is not None else run.ends_at

    def finish_parts(self) -> list[Part]:
        """Return the parts that have just been done here first; their runs go on with the next."""
        done = []
        for run in self.running:
            if run.parts is None or run.part is None or run.uses_model(self.now) or run.prepared_at > self.now:
                continue
            if not run.part.done:
                run.parts.deliver(run.part)
                run.delivered += 1
                done.append(run.part)
            self._go_on(run)
        return done

    def _go_on(self, run: Run) -> None:
        """Let a run take the next part; one that helps gives way to any other run."""
        if run.helps and (self.queued or not all(other.helps for other in self.running)):
            run.part, run.remaining_seconds = None, 0.0
        else:
            run.take_part()
        if run.part is None:
            run.ends_at = self.now + (0.0 if run.helps else self.around.end_seconds)

    def drop(self, parts: Sequence[Part]) -> bool:
        """Let runs that do one of *parts*, which others have done, notice it in a moment; return whether any does."""
        overtaken = [run for run in self.running if run.part in parts]
        for run in overtaken:
            looks = math.floor((self.now - run.started_at) / SECONDS_BETWEEN_LOOKS) + 1
            run.remaining_seconds, run.prepared_at = 0.0, run.started_at + looks * SECONDS_BETWEEN_LOOKS
        return bool(overtaken)

    def take_ended(self) -> list[Run]:
        """Return the runs that have just ended, and give their slots to queued ones."""
        ended = [run for run in self.running if run.ends_at <= self.now]
        for run in ended:
            self.remove(run)
            self.ended.append(EndedRun(self.work_pool, self.now, Outcome.DEVICE if self.sick else Outcome.DONE))
            if not self.sick and run.alone:
                took = self.now - run.started_at
                self.completed.append(self._completed(run.job.job_id, run.job.audio_seconds, self.now, took))
        self.fill_slots()
        return ended

    def remove(self, run: Run) -> None:
        """Take a run off the device."""
        self.running.remove(run)
        if run.parts is not None:
            run.parts.helpers -= run.helps

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
        runs = [*self.running, *self.queued]
        health = pool_health(self.work_pool, self.ended, now=now) if self.sick else PoolHealth.HEALTHY
        return Pool(
            work_pool=self.work_pool,
            slots=SLOTS,
            real_time_factor=DEFAULT_REAL_TIME_FACTOR,
            runs=tuple(self._as_job_run(run, now) for run in runs if not run.helps),
            online=self.online,
            health=health,
            loaded_model=MODEL,
            device=self.title,
            seen_at=_time(now),
            completed=tuple(self.completed),
            helpers=tuple(self._as_job_run(run, now) for run in runs if run.helps),
        )

    def _as_job_run(self, run: Run, now: float) -> JobRun:
        return JobRun(
            NO_RUN,
            RunState.SCHEDULED if run.slot is None else RunState.RUNNING,
            _time(now if run.slot is None else run.started_at),
            job_id="" if run.helps else run.job.job_id,
            batch_id="" if run.helps else run.job.batch_id,
            work_pool=self.work_pool,
            audio_seconds=run.job.audio_seconds,
            model=MODEL,
            helps=run.job.job_id if run.helps else "",
            helpers=run.parts.helpers if run.parts is not None and not run.helps else 0,
            progress=run.progress,
        )


def _time(seconds: float) -> datetime:
    """Return a time of the simulation's clock as one of a calendar."""
    return BEGIN + timedelta(seconds=seconds)
