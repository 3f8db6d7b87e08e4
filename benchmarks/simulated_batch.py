"""Batches that need no conversion: their recordings are in the store, each says how long it holds a device."""

import hashlib
import random
from datetime import UTC, datetime
from pathlib import PurePosixPath

from tasks.batches import Batch, Job, Manifest, Recording, job_id_for
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys

AUDIO_PER_DEVICE_SECOND = 20.0
SPREAD = 0.5
"""Standard deviation of the logarithm of the lengths."""


def fill(store: Store, batch_id: str, *, jobs: int, device_seconds: float) -> None:
    """Put *jobs* recordings into the batch, of *device_seconds* in the median, and its manifest."""
    dice = random.Random(jobs)  # noqa: S311 - a benchmark wants the same dice again
    keys = BatchKeys.of(batch_id)
    batch = Batch.model_validate_json(store.read(keys.batch))
    manifest = []
    for number in range(jobs):
        job = _job(batch_id, f"talks/lecture {number:04}.mp3")
        seconds = round(device_seconds * dice.lognormvariate(0, SPREAD), 3)
        recording = _recording(keys, job, str(seconds).encode(), seconds * AUDIO_PER_DEVICE_SECOND)
        store.write(recording.key, str(seconds).encode())
        store.write(keys.recording_record(job.job_id), recording.model_dump_json().encode())
        manifest.append(job)
    frozen = Manifest(batch=batch, jobs=tuple(manifest), started_at=datetime.now(UTC))
    store.write(keys.manifest, frozen.model_dump_json().encode())


def _job(batch_id: str, path: str) -> Job:
    stem = str(PurePosixPath(path).with_suffix(""))
    return Job(job_id=job_id_for(batch_id, path), path=path, size=1, sha256="0" * 64, document_stem=stem)


def _recording(keys: BatchKeys, job: Job, content: bytes, audio_seconds: float) -> Recording:
    return Recording(
        job_id=job.job_id,
        key=keys.recording(job.job_id),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        audio_seconds=audio_seconds,
    )
