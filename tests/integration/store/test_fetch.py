"""A recording arrives as it was stored, or not at all."""

import asyncio
import hashlib

import pytest

from tasks.core.batches import Recording
from tasks.core.errors import StoreUnavailable, UploadMissing
from tasks.fetch import fetch_recording

CONTENT = b"sound"


def recording(content: bytes) -> Recording:
    digest = hashlib.sha256(content).hexdigest()
    return Recording(job_id="job", key="recordings/a.mp3", size=len(content), sha256=digest, audio_seconds=1.0)


def test_a_recording_arrives_as_it_was_stored(store, tmp_path):
    store.write("recordings/a.mp3", CONTENT)
    asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))
    assert (tmp_path / "a.mp3").read_bytes() == CONTENT


def test_other_bytes_are_an_error_that_is_tried_again(store, tmp_path):
    store.write("recordings/a.mp3", b"noise")
    with pytest.raises(StoreUnavailable, match="other bytes"):
        asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))


def test_a_recording_that_is_gone_is_asked_for_again(store, tmp_path):
    with pytest.raises(UploadMissing):
        asyncio.run(fetch_recording.fn(store, recording(CONTENT), tmp_path / "a.mp3"))
