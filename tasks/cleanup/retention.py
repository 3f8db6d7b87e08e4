"""
Retention rules: how long uploads, recordings and documents are kept, and what of a batch may go now.

Nothing goes that a running or retryable job needs: a batch that anything of runs is left alone as a whole, a job that
failed keeps its upload and recording for a retry, and so does one that was cancelled if that was asked for; without
that they go at once. A job that is done gives up its upload only once its documents were read back. What no record
accounts for goes when it is too old to be work in progress.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath
from typing import Self

from tasks.batches import Job, Manifest
from tasks.cleanup.inventory import LONG_AGO, Activity, BatchInventory, StoredItem
from tasks.names import display_name, file_size
from tasks.settings import Settings

MAX_LISTED = 500
"""Items that a report names one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The retention period of each kind of data."""

    retention: timedelta
    """Uploads and recordings of jobs that failed, or were cancelled to be kept, from the end of their batch."""
    recording_retention: timedelta
    """Recordings of jobs that are done, from the publication of their documents."""
    unstarted: timedelta
    """Batches that are never started, from their last upload."""
    batch_retention: timedelta | None
    """Batches with all that is theirs, from their end; None until they are dismissed."""
    leftover: timedelta
    """Minimum age of a thing that nothing accounts for before it counts as left behind."""
    video_retention: timedelta = timedelta(0)
    """Uploads of jobs that are done and have a picture to show, from the publication of their documents."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the rules of an installation."""
        days = settings.batch_retention_days
        return cls(
            retention=timedelta(hours=settings.retention_hours),
            recording_retention=timedelta(days=settings.recording_retention_days),
            unstarted=timedelta(hours=settings.unstarted_hours),
            batch_retention=timedelta(days=days) if days else None,
            leftover=timedelta(hours=settings.leftover_hours),
            video_retention=timedelta(hours=settings.video_retention_hours),
        )


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """The removals of one batch, or of items that belong to no batch."""

    removals: Mapping[StoredItem, str] = field(default_factory=dict)
    """The items that go, in this order, each with the reason."""
    expiring: tuple[str, ...] = ()
    """Jobs that cannot be retried without what goes: this is noted before it does."""
    relying: frozenset[str] = frozenset()
    """Jobs whose documents must be in the store and intact."""
    whole: bool = False
    """True if the batch goes with all that belongs to it."""
    kept: tuple[str, ...] = ()
    """Sentences on what stays though its time is over."""


def plan(inventory: BatchInventory, rules: RetentionRules, *, now: datetime) -> RemovalPlan:
    """Return the plan of what may be removed of the batch."""
    if inventory.activity.active or inventory.receiving:
        return RemovalPlan()
    if inventory.dismissed:
        return _left_of_dismissed(inventory, rules, now)
    if inventory.manifest is None:
        return _not_started(inventory, rules, now)
    if inventory.activity.ended_at is None and inventory.keys.run not in inventory.objects:
        return RemovalPlan()  # its start was interrupted, and the dashboard finishes it
    if rules.batch_retention is not None and inventory.ended_at + rules.batch_retention <= now:
        return _whole(inventory, f"Batches are kept for {span(rules.batch_retention)} after their end.")
    return _ended(inventory, inventory.manifest, rules, now=now)


def may_hold_anything(inventory: BatchInventory, rules: RetentionRules, *, now: datetime) -> bool:
    """Return whether anything could go if the batch had ended long ago. If not, Prefect need not be asked."""
    long_over = replace(inventory, activity=Activity(ended_at=LONG_AGO))
    return bool(plan(long_over, rules, now=now).removals)


def _left_of_dismissed(inventory: BatchInventory, rules: RetentionRules, now: datetime) -> RemovalPlan:
    if inventory.objects or inventory.results:
        return RemovalPlan(removals=_old(inventory.everything, rules.leftover, now, "Its batch was dismissed."))
    # Nothing in the store knows these. A store that was set wrongly looks the same: there is time to notice it.
    patience = max(rules.leftover, rules.retention, rules.unstarted)
    return RemovalPlan(removals=_old(inventory.everything, patience, now, "The store holds no such batch."))


def _not_started(inventory: BatchInventory, rules: RetentionRules, now: datetime) -> RemovalPlan:
    if inventory.last_change + rules.unstarted <= now:
        return _whole(inventory, f"Its batch was not started within {span(rules.unstarted)} of its last upload.")
    unrecorded = [item for item in inventory.uploads if not (inventory.recorded(item) or inventory.can_go_on(item))]
    return RemovalPlan(removals=_old(unrecorded, rules.leftover, now, "An upload that did not arrive completely."))


def _whole(inventory: BatchInventory, why: str) -> RemovalPlan:
    return RemovalPlan(removals=dict.fromkeys(inventory.everything, why), whole=True)


def _ended(inventory: BatchInventory, manifest: Manifest, rules: RetentionRules, *, now: datetime) -> RemovalPlan:
    removals: dict[StoredItem, str] = {}
    expiring: list[str] = []
    relying: set[str] = set()
    for job in manifest.jobs:
        published_at = inventory.published_at(job.job_id)
        if job.job_id in inventory.dismissed_jobs:
            going = dict.fromkeys(inventory.everything_of(job.job_id), "Its job was dismissed.")
        elif published_at is None:
            going = _of_not_done(inventory, job, rules, now=now)
            expiring += [job.job_id] if going else []
        elif job.job_id in inventory.damaged:  # what is there is all that its documents can be made of once more
            continue
        else:
            going = _of_done(inventory, job, rules, now=now, published_at=published_at)
            relying |= {job.job_id} if going else set()
        removals |= going
    unaccounted = _unaccounted(inventory, manifest, rules, now)
    return RemovalPlan(removals={**unaccounted, **removals}, expiring=tuple(expiring), relying=frozenset(relying))


def _of_done(
    inventory: BatchInventory, job: Job, rules: RetentionRules, *, now: datetime, published_at: datetime
) -> dict[StoredItem, str]:
    if job.job_id in inventory.videos and published_at + rules.video_retention > now:
        return {}  # nor its recording: that says that it is a video, and is played where the picture cannot be
    going = dict.fromkeys(inventory.upload(job.job_id), "Its documents are stored and verified.")
    if published_at + rules.recording_retention <= now:
        why = f"Recordings are kept for {span(rules.recording_retention)} after their documents are published."
        going |= dict.fromkeys(inventory.recording(job.job_id), why)
    return going


def _of_not_done(inventory: BatchInventory, job: Job, rules: RetentionRules, *, now: datetime) -> dict[StoredItem, str]:
    why = f"Its job did not succeed; for a retry it was kept for {span(rules.retention)}."
    if job.job_id in inventory.gone_early:
        why = "Its job was cancelled."
    elif inventory.ended_at + rules.retention > now:
        return {}
    return dict.fromkeys((*inventory.upload(job.job_id), *inventory.recording(job.job_id)), why)


def _unaccounted(
    inventory: BatchInventory, manifest: Manifest, rules: RetentionRules, now: datetime
) -> dict[StoredItem, str]:
    """Return what no record of the batch accounts for: left by killed runs, late writers or uploads after the start."""
    jobs = {job.job_id for job in manifest.jobs}
    uploads = [item for item in inventory.uploads if PurePosixPath(item.name).name not in jobs]
    return {
        **_old(uploads, rules.leftover, now, "An upload that did not arrive completely."),
        **_old(inventory.unrecorded_recordings(jobs), rules.leftover, now, "Left by a conversion that was killed."),
        **_old(inventory.unneeded_parts(), rules.leftover, now, "Its job needs it no more."),
        **_old(inventory.unnamed_documents(), rules.leftover, now, "No publication names it: it was written too late."),
        **_old(inventory.unpublished_results(), rules.leftover, now, "No job that is done has a document there."),
        **_old(inventory.work, rules.leftover, now, "Left by a run that was killed."),
    }


def _old(items: Iterable[StoredItem], age: timedelta, now: datetime, why: str) -> dict[StoredItem, str]:
    return {item: why for item in items if item.modified + age <= now}


def span(time: timedelta) -> str:
    """Return a length of time for a sentence: ``24 hours``, ``7 days``."""
    hours = time / timedelta(hours=1)
    if hours >= 48:  # noqa: PLR2004 - two days; 24 hours say more than a day
        return f"{hours / 24:g} days"
    return "1 hour" if hours == 1 else f"{hours:.3g} hours"


def outcome(removals: Mapping[StoredItem, str], *, dry_run: bool) -> str:
    """Return one sentence on what was removed, or would be."""
    if not removals:
        return "Nothing to clean up."
    things = "1 thing" if len(removals) == 1 else f"{len(removals)} things"
    verb = "would be removed (dry run)" if dry_run else "removed"
    return f"{things} {verb}, {file_size(sum(item.size for item in removals))}."


def report(cleaned: RemovalPlan, *, dry_run: bool) -> str:
    """Return the report in Markdown: how much for which reason, then each item; and what had to stay."""
    removals, kept = cleaned.removals, cleaned.kept
    lines = ["# Clean-up", "", f"**{outcome(removals, dry_run=dry_run)}**"]
    if removals:
        rows = [_row(item, why) for item, why in islice(removals.items(), MAX_LISTED)]
        lines += ["", "| why | things | size |", "|---|---|---|", *_reasons(removals)]
        lines += ["", "| what | where | size | why |", "|---|---|---|---|", *rows]
    if len(removals) > MAX_LISTED:
        lines += ["", f"And {len(removals) - MAX_LISTED} more."]
    if kept:
        lines += ["", "## Left alone", "", *(f"- {_cell(sentence)}" for sentence in kept)]
    return "\n".join(lines) + "\n"


def _reasons(removals: Mapping[StoredItem, str]) -> list[str]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for item, why in removals.items():
        sizes[why].append(item.size)
    ordered = sorted(sizes.items(), key=lambda reason: (-sum(reason[1]), reason[0]))
    return [f"| {_cell(why)} | {len(each)} | {file_size(sum(each))} |" for why, each in ordered]


def _row(item: StoredItem, why: str) -> str:
    return f"| {_cell(display_name(item.name))} | {item.location} | {file_size(item.size)} | {_cell(why)} |"


def _cell(text: str) -> str:
    """Return *text* so that a table in Markdown shows it as it is."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>|#~" else letter for letter in text)
