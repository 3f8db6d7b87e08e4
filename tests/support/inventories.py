"""A batch of one job as a clean-up finds it, and what it plans to remove."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.cleanup.inventory import Activity, BatchInventory, Location, StoredItem
from tasks.cleanup.retention import RemovalPlan, RetentionRules, plan
from tasks.settings import Settings
from tasks.storage.keys import BatchKeys

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
BATCH = "20261120-120000-abcdef"
KEYS = BatchKeys.of(BATCH)
JOB = job_id_for(BATCH, "talks/lecture.mp3")
UPLOAD = f"{BATCH}/{JOB}"
RULES = RetentionRules.of(Settings(_env_file=None))
DOCUMENT = f"{KEYS.documents}talks/lecture_refined.srt"


def ago(**time: float) -> datetime:
    """The moment so long before now."""
    return NOW - timedelta(**time)


def item(location: Location, name: str, modified: datetime) -> StoredItem:
    """A thing of 1000 bytes."""
    return StoredItem(location, name, 1000, modified)


def batch_of(
    *,
    keys: dict[str, datetime],
    uploads: dict[str, datetime],
    started: bool = True,
    named: frozenset[str] | None = frozenset({DOCUMENT}),
    **more: Any,
) -> BatchInventory:
    """A batch of one job; its records are as old as the batch."""
    records = [KEYS.batch, KEYS.upload(JOB), *([KEYS.manifest, KEYS.run] if started else [])]
    objects = dict.fromkeys(records, ago(days=4)) | keys
    upload = Upload(job_id=JOB, path="talks/lecture.mp3", size=1000, sha256="0", uploaded_at=ago(days=4))
    batch = Batch(batch_id=BATCH, name="talks", created_at=ago(days=4))
    return BatchInventory(
        batch_id=BATCH,
        objects={key: item("store", key, modified) for key, modified in objects.items()},
        manifest=manifest_of(batch, [upload], started_at=ago(days=4)) if started else None,
        named=named,
        uploads=tuple(item("uploads", name, modified) for name, modified in uploads.items()),
        **more,
    )


RECORDING = dict.fromkeys((KEYS.recording_record(JOB), KEYS.speech_plan(JOB), KEYS.recording(JOB)), ago(days=4))


def ended(**time: float) -> Activity:
    """The end of all runs of the batch, so long ago."""
    return Activity(active=False, ended_at=ago(**time))


def planned(inventory: BatchInventory, activity: Activity, rules: RetentionRules = RULES, **more: Any) -> RemovalPlan:
    """The removals that are planned now."""
    return plan(replace(inventory, activity=activity, **more), rules, now=NOW)


def names(*known: Any, **more: Any) -> set[str]:
    """The names of all that is planned to be removed now."""
    return {going.name for going in planned(*known, **more).removals}
