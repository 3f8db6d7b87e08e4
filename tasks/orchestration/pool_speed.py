"""
The speed of the pools, learnt from what runs now.

A completed run tells the speed of its pool when it is over, and the longer ago that was the less it says: the machine
was busier then, or another model was loaded. A run under way tells its progress every few seconds: what the device has
done since then is its speed now, whoever else uses it. A pool that has told nothing of late starts from its class, the
pools with a device of the same name: from what these do now, else from what all of them did once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from tasks.orchestration.job_run import JobRun, RunProgress
from tasks.orchestration.pool_model import Pool
from tasks.transcription.parts import AT_WORK_SHARE

DEFAULT_REAL_TIME_FACTOR = 0.25
"""Assumed of a pool whose class has not completed a run yet."""

DEFAULT_WEIGHT_SECONDS = 60.0
"""Audio that must have been transcribed before a pool's own real-time factor outweighs the default."""

HALF_LIFE_SECONDS = 300.0
"""Age at which a completed run counts half as much as one that has just been completed."""

REMEMBERED = timedelta(seconds=60)
"""Age from which on a run's progress tells nothing of its device's speed now, unless there is nothing newer."""

REMEMBERED_WITH_HELPERS = timedelta(minutes=5)
"""The same while others help with it: what they do is told in whole parts, when these are done."""

TELLING_SHARE = 0.03
"""Share of a recording that counts as much as all that was measured before; of a long one it is a minute of audio."""


class Sample(NamedTuple):
    """The time that a device took for so much audio; *weight* is what a second of it counts."""

    device_seconds: float
    audio_seconds: float
    weight: float = 1.0


def measured_rtf(samples: Iterable[Sample], default: float) -> float:
    """
    Return the real-time factor that *samples* tell: their median, each weighted by its audio.

    A short file says little, since what it costs is mostly fixed (fetching, loading, writing): by weight it counts for
    little next to real recordings, and for all where there are only short ones. *default* counts as a minute of audio,
    so that the first few seconds on a new pool cannot make it look slow, and then keep jobs away that would prove the
    contrary. Samples without a length are left out.
    """
    weighted = [(default, DEFAULT_WEIGHT_SECONDS)]
    for seconds, audio_seconds, weight in samples:
        if 0 < seconds < math.inf and 0 < audio_seconds < math.inf:
            weighted.append((seconds / audio_seconds, audio_seconds * weight))
    weighted.sort()
    half = sum(weight for _, weight in weighted) / 2
    for factor, weight in weighted:
        half -= weight
        if half <= 0:
            return factor
    return default


def is_measured(samples: Iterable[Sample]) -> bool:
    """Return whether the *samples* outweigh the default (see `measured_rtf`)."""
    return sum(sample.audio_seconds for sample in samples) > DEFAULT_WEIGHT_SECONDS


def with_speeds(pools: Iterable[Pool], default: float = DEFAULT_REAL_TIME_FACTOR) -> tuple[Pool, ...]:
    """Return the pools with the speed that their runs, and those of their class, tell by now."""
    evidence = [_Evidence.of(pool) for pool in pools]
    classes: dict[tuple[str, str], list[_Evidence]] = defaultdict(list)
    for each in evidence:
        classes[each.device_class].append(each)
    speeds = {name: _class_speed(alike, default) for name, alike in classes.items()}
    return tuple(_with_speed(each, *speeds[each.device_class]) for each in evidence)


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """Evidence of a pool's speed: of completed runs, however long ago and by their age, and of those of now."""

    pool: Pool
    samples: tuple[Sample, ...]
    recent: tuple[Sample, ...]
    now: tuple[Sample, ...]

    @classmethod
    def of(cls, pool: Pool) -> Self:
        samples, recent = [], []
        for run, seconds in zip(pool.completed, _device_seconds(pool), strict=True):
            age_seconds = max((pool.seen_at - _span(run)[1]).total_seconds(), 0.0)
            samples.append(Sample(seconds, run.audio_seconds))
            recent.append(Sample(seconds, run.audio_seconds, 0.5 ** (age_seconds / HALF_LIFE_SECONDS)))
        return cls(pool, tuple(samples), tuple(recent), tuple(_progress_sample(pool)))

    @property
    def device_class(self) -> tuple[str, str]:
        """Kind and name of the device; a device of which no name is known is a class of its own."""
        return self.pool.device_kind, self.pool.device or f"of {self.pool.work_pool}"


def _class_speed(alike: Sequence[_Evidence], default: float) -> tuple[float, bool]:
    """Return the real-time factor of a class of devices, and whether it was measured."""
    samples = [sample for each in alike for sample in each.samples]
    once = measured_rtf(samples, default)
    return measured_rtf((sample for each in alike for sample in (*each.recent, *each.now)), once), is_measured(samples)


def _with_speed(own: _Evidence, class_factor: float, measured: bool) -> Pool:  # noqa: FBT001 - as `_class_speed` has it
    """Return the pool with its speed: by its class, by what it has done of late, and by what it does now."""
    factor = measured_rtf(own.recent, class_factor)
    for heard in own.now:
        longest = max(run.audio_seconds for run in own.pool.runs if run.progress is not None)
        weight = min(DEFAULT_WEIGHT_SECONDS, TELLING_SHARE * longest)
        now_factor = heard.device_seconds / heard.audio_seconds
        factor = (weight * factor + heard.audio_seconds * now_factor) / (weight + heard.audio_seconds)
        measured = measured or heard.audio_seconds >= weight
    return replace(own.pool, real_time_factor=factor, speed_measured=measured)


def _device_seconds(pool: Pool) -> list[float]:
    """Return how long the device worked for each completed run."""
    spans = [_span(run) for run in pool.completed]
    spans += [(run.changed_at, pool.seen_at) for run in (*pool.runs, *pool.helpers) if run.state.executing]
    return shared_seconds(spans)[: len(pool.completed)]


def shared_seconds(spans: Sequence[tuple[datetime, datetime]]) -> list[float]:
    """
    Return how long a device worked for each run, if runs that were under way at the same time share it.

    *spans* are their begins and ends. A run that had the device for itself would otherwise tell of twice the speed of
    two that ran beside each other.
    """
    changes: dict[datetime, int] = defaultdict(int)
    for begin, end in spans:
        changes[begin] += 1
        changes[end] -= 1
    times = sorted(changes)
    sharing, seconds, until = 0, 0.0, {times[0]: 0.0} if times else {}
    for before, after in pairwise(times):
        sharing += changes[before]
        seconds += (after - before).total_seconds() / sharing if sharing > 0 else 0.0
        until[after] = seconds
    return [until[end] - until[begin] for begin, end in spans]


def _span(run: JobRun) -> tuple[datetime, datetime]:
    end = run.ended_at or run.changed_at
    return end - timedelta(seconds=max(run.run_seconds, 0.0)), end


@dataclass(frozen=True, slots=True)
class _Told:
    """A run under way and the progress that it has told."""

    run: JobRun
    progress: RunProgress

    @property
    def at(self) -> datetime:
        return self.progress.told_at

    @property
    def since(self) -> datetime:
        """Time from which on it counts: it has used the device since then."""
        return self.progress.since or self.run.changed_at

    @property
    def done_seconds(self) -> float:
        """Audio that its own pool has done of it since."""
        done = self.progress.share - max(self.progress.since_share, AT_WORK_SHARE) - self.progress.by_helpers
        return max(done, 0.0) * self.run.audio_seconds


def _progress_sample(pool: Pool) -> Iterator[Sample]:
    """Yield what the device has done since the oldest of the runs under way used it, if any has told its progress."""
    telling = [_Told(run, run.progress) for run in pool.runs if run.progress is not None]
    telling = [told for told in telling if told.done_seconds > 0 and told.at > told.since]
    if not telling:
        return
    begin, end = min(told.since for told in telling), max(told.at for told in telling)
    done = sum(told.done_seconds for told in telling)
    done += sum(run.audio_seconds * _part_within(run, begin, end) for run in pool.completed)
    heard_seconds = sum(told.done_seconds for told in telling)
    yield Sample((end - begin).total_seconds() * heard_seconds / done, heard_seconds)


def remembered(told: tuple[RunProgress, ...], latest: RunProgress) -> tuple[RunProgress, ...]:
    """Return what a run has told, oldest first, with its *latest* progress: as far as it says how fast it is now."""
    if told and latest.told_at <= told[-1].told_at:
        return told
    if told and (latest.share < told[-1].share or told[0].share <= 0):
        return (latest,)  # another attempt, or the model was not at work yet
    kept = [*told, latest]
    for_long = REMEMBERED_WITH_HELPERS if latest.helpers else REMEMBERED
    while len(kept) > 2 and latest.told_at - kept[1].told_at >= for_long:  # noqa: PLR2004 - two make a speed
        kept.pop(0)
    return tuple(kept)


def since_earlier(told: Sequence[RunProgress]) -> RunProgress:
    """Return the latest of what a run has *told*, with the first of it."""
    first, latest = told[0], told[-1]
    if first is latest:
        return replace(latest, by_helpers=_by_helpers(latest.share, latest.helpers))
    by_helpers = sum(_by_helpers(later.share - earlier.share, later.helpers) for earlier, later in pairwise(told))
    return replace(latest, since=first.told_at, since_share=first.share, by_helpers=by_helpers)


def _by_helpers(share: float, helpers: int) -> float:
    """Return the part of *share* that so many helping runs did, each as fast as the job's own."""
    return share * helpers / (1 + helpers)


def _part_within(run: JobRun, begin: datetime, end: datetime) -> float:
    """Return the part of the time of a completed run that lies between *begin* and *end*."""
    if run.ended_at is None or run.run_seconds <= 0:
        return 0.0
    began = run.ended_at - timedelta(seconds=run.run_seconds)
    within = (min(run.ended_at, end) - max(began, begin)).total_seconds()
    return max(within, 0.0) / run.run_seconds
