"""
Retention rules: how long uploads, recordings and documents are kept, and what of a batch may go now.

Nothing goes that a running or retryable job needs: a batch that anything of runs is left alone as a whole, a job that
failed keeps its upload and recording for a retry, and so does one that was cancelled if that was asked for; without
that they go at once. A job that is done gives up its upload only once its documents were read back. What no record
accounts for goes when it is too old to be work in progress.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Self

from tasks.batches import Job, Manifest
from tasks.cleanup.removals import Removal, StoredItem
from tasks.cleanup.stored_items import LONG_AGO, BatchInventory
from tasks.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
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
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """Run activity of a batch: whether a run is under way, and when the last ended; None if Prefect knows of none."""

    active: bool
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The things to remove, in this order."""

    removals: tuple[Removal, ...] = ()
    expiring: tuple[str, ...] = ()
    """Jobs that cannot be retried without what goes: this is noted before it does."""
    relying: frozenset[str] = frozenset()
    """Jobs whose documents must be in the store and intact."""
    whole: bool = False
    """True if the batch goes with all that belongs to it."""


def plan(
    stock: BatchInventory,
    activity: Activity,
    rules: Rules,
    *,
    now: datetime,
    damaged: frozenset[str] = frozenset(),
    cancelled: frozenset[str] = frozenset(),
) -> Plan:
    """
    Return the plan of what may be removed of the batch.

    *damaged* are jobs whose documents turned out not to be as published, *cancelled* those that were cancelled.
    """
    if activity.active or stock.receiving:
        return Plan()
    if stock.dismissed:
        return _left_of_dismissed(stock, rules, now)
    if stock.manifest is None:
        return _not_started(stock, rules, now)
    if activity.ended_at is None and stock.keys.run not in stock.objects:
        return Plan()  # its start was interrupted, and the dashboard finishes it
    ended_at = activity.ended_at or stock.last_change
    if rules.batch_retention is not None and ended_at + rules.batch_retention <= now:
        return _whole(stock, f"Batches are kept for {span(rules.batch_retention)} after their end.")
    end = _End(ended_at, damaged, frozenset(job_id for job_id in cancelled if not stock.is_kept(job_id)))
    return _ended(stock, stock.manifest, rules, end, now=now)


def may_hold_anything(stock: BatchInventory, rules: Rules, *, now: datetime) -> bool:
    """Return whether anything could go if the batch had ended long ago. If not, Prefect need not be asked."""
    return bool(plan(stock, Activity(active=False, ended_at=LONG_AGO), rules, now=now).removals)


def _left_of_dismissed(stock: BatchInventory, rules: Rules, now: datetime) -> Plan:
    if stock.objects or stock.results:
        return Plan(removals=_old(stock.everything, rules.leftover, now, "Its batch was dismissed."))
    # Nothing in the store knows these. A store that was set wrongly looks the same: there is time to notice it.
    patience = max(rules.leftover, rules.retention, rules.unstarted)
    return Plan(removals=_old(stock.everything, patience, now, "The store holds no such batch."))


def _not_started(stock: BatchInventory, rules: Rules, now: datetime) -> Plan:
    if stock.last_change + rules.unstarted <= now:
        return _whole(stock, f"Its batch was not started within {span(rules.unstarted)} of its last upload.")
    unrecorded = [held for held in stock.uploads if not stock.recorded(held)]
    return Plan(removals=_old(unrecorded, rules.leftover, now, "An upload that did not arrive completely."))


def _whole(stock: BatchInventory, why: str) -> Plan:
    return Plan(removals=tuple(Removal(held, why) for held in stock.everything), whole=True)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a batch: its time, and the jobs that are damaged or were cancelled without being kept."""

    at: datetime
    damaged: frozenset[str]
    cancelled: frozenset[str]


def _ended(stock: BatchInventory, manifest: Manifest, rules: Rules, end: _End, *, now: datetime) -> Plan:
    removals: dict[StoredItem, Removal] = {}
    expiring: list[str] = []
    relying: set[str] = set()
    for job in manifest.jobs:
        published_at = stock.published_at(job.job_id)
        if published_at is None:
            going = _of_not_done(stock, job, rules, end, now=now)
            expiring += [job.job_id] if going else []
        elif job.job_id in end.damaged:  # what is there is all that its documents can be made of once more
            continue
        else:
            going = _of_done(stock, job, rules, now=now, published_at=published_at)
            relying |= {job.job_id} if going else set()
        removals |= {removal.held: removal for removal in going}
    unaccounted = {removal.held: removal for removal in _unaccounted(stock, manifest, rules, now)}
    return Plan(removals=tuple((unaccounted | removals).values()), expiring=tuple(expiring), relying=frozenset(relying))


def _of_done(stock: BatchInventory, job: Job, rules: Rules, *, now: datetime, published_at: datetime) -> list[Removal]:
    going = [Removal(held, "Its documents are stored and verified.") for held in stock.upload(job.job_id)]
    if published_at + rules.recording_retention <= now:
        why = f"Recordings are kept for {span(rules.recording_retention)} after their documents are published."
        going += [Removal(held, why) for held in stock.recording(job.job_id)]
    return going


def _of_not_done(stock: BatchInventory, job: Job, rules: Rules, end: _End, *, now: datetime) -> list[Removal]:
    why = f"Its job did not succeed; for a retry it was kept for {span(rules.retention)}."
    if job.job_id in end.cancelled:
        why = "Its job was cancelled."
    elif end.at + rules.retention > now:
        return []
    return [Removal(held, why) for held in (*stock.upload(job.job_id), *stock.recording(job.job_id))]


def _unaccounted(stock: BatchInventory, manifest: Manifest, rules: Rules, now: datetime) -> tuple[Removal, ...]:
    """Return what no record of the batch accounts for: left by killed runs, late writers or uploads after the start."""
    jobs = {job.job_id for job in manifest.jobs}
    uploads = [held for held in stock.uploads if PurePosixPath(held.name).name not in jobs]
    return (
        *_old(uploads, rules.leftover, now, "An upload that did not arrive completely."),
        *_old(stock.unrecorded_recordings(jobs), rules.leftover, now, "Left by a conversion that was killed."),
        *_old(stock.unnamed_documents(), rules.leftover, now, "No publication names it: it was written too late."),
        *_old(stock.unpublished_results(), rules.leftover, now, "No job that is done has a document of this address."),
        *_old(stock.work, rules.leftover, now, "Left by a run that was killed."),
    )


def _old(things: Iterable[StoredItem], age: timedelta, now: datetime, why: str) -> tuple[Removal, ...]:
    return tuple(Removal(held, why) for held in things if held.modified + age <= now)


def span(time: timedelta) -> str:
    """Return a length of time for a sentence: ``24 hours``, ``7 days``."""
    hours = time / timedelta(hours=1)
    if hours >= 48:  # noqa: PLR2004 - two days; 24 hours say more than a day
        return f"{hours / 24:g} days"
    return "1 hour" if hours == 1 else f"{hours:.3g} hours"
