"""How far the jobs of a batch are, taken together, and why some of them failed."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from tasks.core.batches import Stage
from tasks.core.names import shown
from tasks.core.status import BatchSummary, Cause, JobStatus


def summary_of(jobs: Sequence[JobStatus]) -> BatchSummary:
    """Return how many jobs are at which stage, how much audio they hold and when the last of them will be done."""
    counts = Counter(Stage.TRANSCRIBING if job.stage is Stage.STORING else job.stage for job in jobs)
    unfinished = [job.eta_seconds for job in jobs if not job.stage.ended]
    known = [seconds for seconds in unfinished if seconds is not None]
    return BatchSummary(
        total=len(jobs),
        **{stage.value: count for stage, count in counts.items()},
        audio_seconds=round(sum(job.audio_seconds or 0.0 for job in jobs), 3),
        eta_seconds=max(known) if known and len(known) == len(unfinished) else None,
        progress=share_settled(jobs),
    )


def share_settled(jobs: Sequence[JobStatus]) -> float:
    """
    Return how much of the work needs nobody any more, from 0 to 1: what is transcribed, and all of what has ended.

    Jobs count by the length of their audio. One whose audio is not measured yet counts as the average of the others.
    """
    known = [job.audio_seconds for job in jobs if job.audio_seconds]
    average = sum(known) / len(known) if known else 1.0
    weights = [job.audio_seconds or average for job in jobs]
    settled = sum(
        weight * (1.0 if job.stage.ended else job.progress) for job, weight in zip(jobs, weights, strict=True)
    )
    return round(settled / sum(weights), 4) if weights else 0.0


def causes_of(jobs: Sequence[JobStatus]) -> tuple[Cause, ...]:
    """Return why jobs failed, the most frequent cause first; messages that differ in the file's name only are one."""
    alike: dict[str, list[JobStatus]] = defaultdict(list)
    for job in jobs:
        if job.stage is Stage.FAILED:
            alike[nameless(job.error or "", job.path)].append(job)
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        Cause(
            reason=reason if len(failed) > 1 else failed[0].error or "",
            job_ids=tuple(job.job_id for job in failed),
        )
        for reason, failed in ordered
    )


def nameless(error: str, path: str) -> str:
    """Return *error* with … in place of the name of the file that it is about."""
    return error.replace(shown(PurePosixPath(path).name), "…")
