"""A recording arrives as it was stored, or not at all."""

import asyncio
import hashlib

import pytest

from tasks.batches import Recording, job_id_for
from tasks.errors import StoreUnavailable, UploadMissing
from tasks.storage.expiries import note_expiries
from tasks.transcription.fetch import fetch_recording

CONTENT = b"sound"
BATCH_ID = "20261122-120000-abcdef"
JOB_ID = job_id_for(BATCH_ID, "a.mp3")


def recording(content: bytes) -> Recording:
    digest = hashlib.sha256(content).hexdigest()
    return Recording(job_id=JOB_ID, key="recordings/a.mp3", size=len(content), sha256=digest, audio_seconds=1.0)


def test_a_recording_arrives_as_it_was_stored(store, tmp_path):
    store.write("recordings/a.mp3", CONTENT)
    asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))
    assert (tmp_path / "a.mp3").read_bytes() == CONTENT


def test_other_bytes_are_an_error_that_is_tried_again(store, tmp_path):
    store.write("recordings/a.mp3", b"noise")
    with pytest.raises(StoreUnavailable, match="other bytes"):
        asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))


def test_a_recording_that_is_gone_is_asked_for_again(store, tmp_path):
    with pytest.raises(UploadMissing, match="Retry the batch"):
        asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))


def test_a_recording_that_went_with_a_cancel_is_told_as_such(store, tmp_path):
    note_expiries(store, BATCH_ID, [JOB_ID], cancelled=[JOB_ID])
    with pytest.raises(UploadMissing, match=r"^Its upload was removed when it was cancelled; upload it again\.$"):
        asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))
