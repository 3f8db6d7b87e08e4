"""The use of an installation over some days, computed from the runs that ended in them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

from pydantic import Field

from tasks.batches import ALREADY_PUBLISHED, SHARED, StoredModel
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.pool_speed import shared_seconds
from tasks.orchestration.stages import newest_by_job
from tasks.orchestration.summary import nameless, sentence

MAX_CAUSES = 20


class UsageOfDay(StoredModel):
    """A day of the viewer's time zone."""

    day: date
    done: int = 0
    failed: int = 0
    audio_seconds: Mapping[str, float] = Field(default={}, description="transcribed audio by work pool")


class UsageOfDevice(StoredModel):
    """The work of one device."""

    work_pool: str
    done: int
    failed: int
    audio_seconds: float = Field(description="transcribed audio")
    device_seconds: float = Field(description="time that took; runs that share the device divide it among them")
    real_time_factor: float | None = Field(description="device_seconds by audio_seconds; null without audio")


class UsageCause(StoredModel):
    """A reason why jobs failed, and their number."""

    reason: str = Field(description="one sentence or two, with … in place of the names of files")
    jobs: int


class Usage(StoredModel):
    """The use of the installation: only jobs that have ended count, each with its latest try."""

    since: datetime
    complete: bool = Field(description="false if there were more runs than are read: older ones are missing")
    done: int
    failed: int
    cancelled: int
    audio_seconds: float
    median_wait_seconds: float | None = Field(description="from the start of a batch to the begin of its jobs")
    longest_wait_seconds: float | None
    by_day: tuple[UsageOfDay, ...] = Field(description="all days, oldest first")
    devices: tuple[UsageOfDevice, ...] = Field(description="by name of their work pool")
    causes: tuple[UsageCause, ...] = Field(description=f"the most frequent first, at most {MAX_CAUSES}")


@dataclass(frozen=True, slots=True)
class UsageRuns:
    """The runs that ended since some day: of jobs on devices, failed conversions, and the batches of the jobs."""

    of_jobs: Sequence[JobRun]
    failed_conversions: Sequence[JobRun]
    of_batches: Sequence[JobRun]
    complete: bool


def first_moment(days: int, now: datetime, zone: tzinfo) -> datetime:
    """Return the midnight at which the last *days* days began, today included."""
    day = now.astimezone(zone).date() - timedelta(days=days - 1)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def usage_of(runs: UsageRuns, since: datetime, now: datetime, zone: tzinfo) -> Usage:
    """Return what *runs* tell of the time from *since* to *now*, by days of *zone*."""
    latest = newest_by_job(run for run in runs.of_jobs if run.job_id)
    unconverted = newest_by_job(run for run in runs.failed_conversions if run.job_id not in latest)
    done = [run for run in latest.values() if run.state is RunState.COMPLETED and run.state_name != ALREADY_PUBLISHED]
    failed = [run for run in (*latest.values(), *unconverted.values()) if _has_failed(run)]
    heard = list(_heard(runs.of_jobs, done))
    waits = _waits(latest.values(), runs.of_batches)
    return Usage(
        since=since,
        complete=runs.complete,
        done=len(done),
        failed=len(failed),
        cancelled=sum(run.state is RunState.CANCELLED for run in latest.values()),
        audio_seconds=_audio(done),
        median_wait_seconds=round(median(waits), 1) if waits else None,
        longest_wait_seconds=round(max(waits), 1) if waits else None,
        by_day=_by_day(
            done, failed, heard, first=since.astimezone(zone).date(), last=now.astimezone(zone).date(), zone=zone
        ),
        devices=_devices(runs.of_jobs, done, failed, heard),
        causes=_causes(failed),
    )


def _has_failed(run: JobRun) -> bool:
    return run.state in (RunState.FAILED, RunState.CRASHED)


def _ended_at(run: JobRun) -> datetime:
    return run.ended_at or run.changed_at


def _audio(runs: Iterable[JobRun]) -> float:
    return round(sum(run.audio_seconds for run in runs), 1)


@dataclass(frozen=True, slots=True)
class _Heard:
    """The audio that a run has transcribed of a job that is done: not all of it, if others helped."""

    run: JobRun
    audio_seconds: float
    ended_at: datetime
    """Time at which its job was done."""


def _heard(of_jobs: Iterable[JobRun], done: Iterable[JobRun]) -> Iterator[_Heard]:
    """Yield what each run has transcribed; those that shared a job have divided it by the time that they ran."""
    helping: dict[str, list[JobRun]] = defaultdict(list)
    for run in of_jobs:
        if run.helps and run.run_seconds > 0:
            helping[run.helps].append(run)
    for own in done:
        sharing = [own, *(run for run in helping[own.job_id] if own.state_name == SHARED)]
        seconds = sum(run.run_seconds for run in sharing)
        for run in sharing:
            part = run.run_seconds / seconds if len(sharing) > 1 and seconds > 0 else 1.0
            yield _Heard(run, part * own.audio_seconds, _ended_at(own))


def _waits(of_jobs: Iterable[JobRun], of_batches: Iterable[JobRun]) -> list[float]:
    """Return how long jobs waited from the start of their batch; those that were tried again are left out."""
    started = {run.batch_id: run.created_at for run in of_batches}
    return [
        max((run.started_at - started[run.batch_id]).total_seconds(), 0.0)
        for run in of_jobs
        if run.started_at and run.attempts == 1 and run.batch_id in started
    ]


def _by_day(
    done: Iterable[JobRun],
    failed: Iterable[JobRun],
    heard: Iterable[_Heard],
    *,
    first: date,
    last: date,
    zone: tzinfo,
) -> tuple[UsageOfDay, ...]:
    audio: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    succeeded: Counter[date] = Counter()
    for run in done:
        succeeded[_ended_at(run).astimezone(zone).date()] += 1
    for each in heard:
        audio[each.ended_at.astimezone(zone).date()][each.run.work_pool] += each.audio_seconds
    lost = Counter(_ended_at(run).astimezone(zone).date() for run in failed)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(
        UsageOfDay(
            day=day,
            done=succeeded[day],
            failed=lost[day],
            audio_seconds={pool: round(seconds, 1) for pool, seconds in sorted(audio[day].items())},
        )
        for day in days
    )


def _devices(
    of_jobs: Sequence[JobRun], done: Iterable[JobRun], failed: Iterable[JobRun], heard: Iterable[_Heard]
) -> tuple[UsageOfDevice, ...]:
    on_pool: dict[str, list[JobRun]] = defaultdict(list)
    for run in of_jobs:
        if run.work_pool and run.run_seconds > 0:
            on_pool[run.work_pool].append(run)
    succeeded, lost = Counter(run.work_pool for run in done), Counter(run.work_pool for run in failed)
    audio_by_run = {each.run.run_id: each.audio_seconds for each in heard}
    devices = []
    for pool, ran in sorted(on_pool.items()):
        seconds = zip(ran, shared_seconds([_span(run) for run in ran]), strict=True)
        counted = [(audio_by_run[run.run_id], took) for run, took in seconds if run.run_id in audio_by_run]
        audio, took = round(sum(audio for audio, _ in counted), 1), round(sum(took for _, took in counted), 1)
        devices.append(
            UsageOfDevice(
                work_pool=pool,
                done=succeeded[pool],
                failed=lost[pool],
                audio_seconds=audio,
                device_seconds=took,
                real_time_factor=round(took / audio, 4) if audio else None,
            )
        )
    return tuple(devices)


def _span(run: JobRun) -> tuple[datetime, datetime]:
    return _ended_at(run) - timedelta(seconds=run.run_seconds), _ended_at(run)


def _causes(failed: Iterable[JobRun]) -> tuple[UsageCause, ...]:
    reasons = Counter(nameless(sentence(run.message), run.name) for run in failed)
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return tuple(UsageCause(reason=reason, jobs=jobs) for reason, jobs in ordered[:MAX_CAUSES])
