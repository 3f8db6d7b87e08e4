"""
The speed of a pool, learnt from the runs that are under way on it.

A completed run tells the speed of its pool hours late, if it is a long one. One that is under way tells its progress
every few seconds: what the device has done since the oldest of them began is its speed now, whoever else uses it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from tasks.orchestration.job_run import JobRun, RunProgress
from tasks.orchestration.pool_model import DEFAULT_WEIGHT_SECONDS, Pool

TELLING_SHARE = 0.03
"""Share of a recording that counts as much as all that was measured before; of a long one it is a minute of audio."""


def with_progress(pool: Pool, progress: Mapping[UUID, RunProgress]) -> Pool:
    """Return *pool* with the progress of its runs, by run id, and with the speed that it tells."""
    runs = tuple(replace(run, progress=progress.get(run.run_id)) for run in pool.runs)
    telling = [_Told(run, run.progress) for run in runs if run.progress is not None]
    telling = [told for told in telling if told.done_seconds > 0 and told.at > told.run.changed_at]
    if not telling:
        return replace(pool, runs=runs)
    heard_seconds = sum(told.done_seconds for told in telling)
    weight = min(DEFAULT_WEIGHT_SECONDS, TELLING_SHARE * max(told.run.audio_seconds for told in telling))
    now_factor = max(pool.slots, 1) / _audio_per_second(telling, pool.completed)
    factor = (weight * pool.real_time_factor + heard_seconds * now_factor) / (weight + heard_seconds)
    measured = pool.speed_measured or heard_seconds >= weight
    return replace(pool, runs=runs, real_time_factor=factor, speed_measured=measured)


@dataclass(frozen=True, slots=True)
class _Told:
    """A run under way and the progress that it has told."""

    run: JobRun
    progress: RunProgress

    @property
    def at(self) -> datetime:
        return self.progress.told_at

    @property
    def done_seconds(self) -> float:
        """Audio that it has done."""
        return self.progress.share * self.run.audio_seconds


def _audio_per_second(telling: Sequence[_Told], completed: Iterable[JobRun]) -> float:
    """Return the audio that the device has done per second since the oldest of the runs under way began."""
    begin, end = min(told.run.changed_at for told in telling), max(told.at for told in telling)
    done = sum(told.done_seconds for told in telling)
    done += sum(run.audio_seconds * _part_within(run, begin, end) for run in completed)
    return done / (end - begin).total_seconds()


def _part_within(run: JobRun, begin: datetime, end: datetime) -> float:
    """Return the part of the time of a completed run that lies between *begin* and *end*."""
    if run.ended_at is None or run.run_seconds <= 0:
        return 0.0
    began = run.ended_at - timedelta(seconds=run.run_seconds)
    within = (min(run.ended_at, end) - max(began, begin)).total_seconds()
    return max(within, 0.0) / run.run_seconds
