"""The outcome of a batch in words: the state message, and a Markdown page for users who have to act on it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.batches import Batch, Document, Job, Stage
from tasks.names import display_name, shown_name
from tasks.orchestration.status import BatchSummary, Cause, JobStatus

_PREFECT_PREFIX = re.compile(
    r"^(?:(?:Task|Flow) run encountered an exception|Execution was interrupted by an unexpected exception)"
    r":?\s*(?:[\w.]+:\s*)?"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The final state of a job."""

    job: Job
    stage: Stage
    error: str = ""
    work_pool: str = ""
    audio_seconds: float = 0.0
    run_seconds: float = 0.0
    documents: tuple[Document, ...] = ()


def sentence(message: str) -> str:
    """Return a state message as shown to users: without Prefect's words in front, on one line."""
    return " ".join(_PREFECT_PREFIX.sub("", message).split())


def verdict(endings: Sequence[Ending]) -> str:
    """Return the outcome of the batch in one sentence, with the first failures named."""
    failed = [ending for ending in endings if ending.stage is Stage.FAILED]
    cancelled = [ending for ending in endings if ending.stage is Stage.CANCELLED]
    done = len(endings) - len(failed) - len(cancelled)
    if not failed:
        rest = f", {len(cancelled)} cancelled" if cancelled else ""
        return f"{done} of {len(endings)} jobs done{rest}"
    named = "; ".join(_with_name(ending) for ending in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""  # noqa: PLR2004 - as many as are named
    return f"{len(failed)} of {len(endings)} jobs failed: {named}{more}"


def _with_name(ending: Ending) -> str:
    name = display_name(ending.job.name)
    return ending.error if ending.error.startswith(name) else f"{name}: {ending.error}"


def reason_of(error: str, path: str) -> str:
    """Return *error* as it stands behind the name of the file: without the name in front, beginning with a capital."""
    name = display_name(PurePosixPath(path).name)
    if not error.startswith(name):
        return error
    rest = error.removeprefix(name).lstrip(" :").removeprefix("is ")
    return rest[:1].upper() + rest[1:]


def result_of(batch: Batch, endings: Sequence[Ending]) -> str:
    """Return the name of the batch and its result on one line: ``Lectures: 6 done, 4 failed``."""
    counts = Counter(ending.stage for ending in endings)
    told = [f"{counts[stage]} {stage}" for stage in (Stage.DONE, Stage.FAILED, Stage.CANCELLED) if counts[stage]]
    return f"{display_name(batch.name)}: {', '.join(told)}"


def summary_markdown(batch: Batch, endings: Sequence[Ending], *, wall_seconds: float) -> str:
    """
    Return the batch summary: counts, failures grouped by cause with what to do, and what each GPU did.

    *wall_seconds* is the time for which the batch ran, over all its tries, without the pauses between them.
    """
    audio_seconds = sum(ending.audio_seconds for ending in endings if ending.stage is Stage.DONE)
    counts = {stage: sum(ending.stage is stage for ending in endings) for stage in Stage}
    lines = [
        f"# {_cell(shown_name(batch.name))}",
        "",
        f"**{counts[Stage.DONE]} done, {counts[Stage.FAILED]} failed, {counts[Stage.CANCELLED]} cancelled** "
        f"of {len(endings)} jobs: {duration(audio_seconds)} of audio in {duration(wall_seconds)}"
        + (f", real-time factor {wall_seconds / audio_seconds:.2f}." if audio_seconds else "."),
        *_failures(endings),
        *_pools(endings),
    ]
    return "\n".join(lines) + "\n"


def failures_by_cause(endings: Iterable[Ending]) -> list[tuple[str, list[Ending]]]:
    """Return the failed jobs by the reason they failed for, the most frequent first."""
    by_cause: dict[str, list[Ending]] = defaultdict(list)
    for ending in endings:
        if ending.stage is Stage.FAILED:
            by_cause[nameless(ending.error, ending.job.path)].append(ending)
    ordered = sorted(by_cause.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(alike[0].error if len(alike) == 1 else cause, alike) for cause, alike in ordered]


def _failures(endings: Iterable[Ending]) -> list[str]:
    by_cause = failures_by_cause(endings)
    if not by_cause:
        return []
    lines = ["", "## Failed", ""]
    for cause, alike in by_cause:
        if len(alike) == 1:
            lines.append(f"- **{_cell(shown_name(alike[0].job.path))}** - {_cell(reason_of(cause, alike[0].job.path))}")
            continue
        lines.append(f"- {len(alike)} jobs: {_cell(cause)}")
        lines += [f"    - {_cell(shown_name(ending.job.path))}" for ending in alike]
    return [*lines, "", "Mend what can be mended and press *Retry*: only these jobs run again."]


def _pools(endings: Iterable[Ending]) -> list[str]:
    by_pool: dict[str, list[Ending]] = defaultdict(list)
    for ending in endings:
        if ending.work_pool and ending.stage is Stage.DONE:
            by_pool[ending.work_pool].append(ending)
    if not by_pool:
        return []
    lines = [
        "",
        "## Work pools",
        "",
        "| pool | jobs | audio | time in runs | real-time factor |",
        "|---|---|---|---|---|",
    ]
    for pool, ended in sorted(by_pool.items()):
        audio, seconds = sum(e.audio_seconds for e in ended), sum(e.run_seconds for e in ended)
        factor = f"{seconds / audio:.2f}" if audio else ""
        lines.append(f"| {pool} | {len(ended)} | {duration(audio)} | {duration(seconds)} | {factor} |")
    return lines


def _cell(text: str) -> str:
    """Return *text* so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", display_name(text) if "\n" in text else text)


def duration(seconds: float) -> str:
    """Return a length of time for display: ``8 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def summary_of(jobs: Sequence[JobStatus], *, retried: bool = False) -> BatchSummary:
    """
    Return the number of jobs at each stage, the audio they hold and the time until the last of them is done.

    *retried* says that the batch is under way once more: then a retry has taken up whatever is not at its end.
    """
    counts = Counter(Stage.TRANSCRIBING if job.stage is Stage.STORING else job.stage for job in jobs)
    unfinished = [job.eta_seconds for job in jobs if not job.stage.ended]
    known = [seconds for seconds in unfinished if seconds is not None]
    return BatchSummary(
        total=len(jobs),
        **{stage.value: count for stage, count in counts.items()},
        audio_seconds=round(sum(job.audio_seconds or 0.0 for job in jobs), 3),
        eta_seconds=max(known) if known and len(known) == len(unfinished) else None,
        **shares_settled(jobs),
        retrying=len(unfinished) if retried else 0,
    )


def shares_settled(jobs: Sequence[JobStatus]) -> Mapping[str, float]:
    """
    Return the shares of the work that are settled, from 0 to 1, by the names of the summary's fields.

    Jobs count by the length of their audio, also those that have failed. One whose audio is not measured yet counts as
    the average of the others.
    """
    known = [job.audio_seconds for job in jobs if job.audio_seconds]
    average = sum(known) / len(known) if known else 1.0
    weights = [job.audio_seconds or average for job in jobs]
    settled: dict[str, float] = defaultdict(float)
    for job, weight in zip(jobs, weights, strict=True):
        part = weight * (1.0 if job.stage.ended else job.progress) / sum(weights)
        settled["progress"] += part
        if job.stage.ended:
            settled[f"progress_{job.stage}"] += part
    return {name: min(round(share, 4), 1.0) for name, share in settled.items()}


def causes_of(jobs: Sequence[JobStatus]) -> tuple[Cause, ...]:
    """Return the causes of failures, the most frequent first; messages that differ in the file's name only are one."""
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
    return error.replace(display_name(PurePosixPath(path).name), "…")
