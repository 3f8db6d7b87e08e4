"""A recording arrives as it was stored, or not at all."""

import hashlib

import pytest

from tasks.batches import Recording, job_id_for
from tasks.errors import StoreUnavailable, UploadMissing
from tasks.storage.expiries import note_expiries
from tasks.storage.keys import BatchKeys
from tasks.transcription.fetch import fetch_recording
from tasks.transcription.speech_plan import SpeechPlan

CONTENT = b"sound"
BATCH_ID = "20261122-120000-abcdef"
JOB_ID = job_id_for(BATCH_ID, "a.mp3")
PLAN = SpeechPlan(samples=1000, voices=((200, 300),), chunks=(((100, 400),),), language_windows=(0,))
WRITTEN = PLAN.model_dump_json().encode()
OF_LATER_VERSION = WRITTEN.replace(b'"version":1', b'"version":2')


def recording(content: bytes, plan: bytes = b"") -> Recording:
    digest = hashlib.sha256(content).hexdigest()
    speech = hashlib.sha256(plan).hexdigest() if plan else ""
    facts = {"size": len(content), "sha256": digest, "speech_sha256": speech}
    return Recording(job_id=JOB_ID, key="recordings/a.mp3", audio_seconds=1.0, **facts)


def test_a_recording_arrives_as_it_was_stored(store, tmp_path):
    store.write("recordings/a.mp3", CONTENT)
    fetch_recording(store, recording(CONTENT), tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == CONTENT


def test_other_bytes_are_an_error_that_is_tried_again(store, tmp_path):
    store.write("recordings/a.mp3", b"noise")
    with pytest.raises(StoreUnavailable, match="other bytes"):
        fetch_recording(store, recording(CONTENT), tmp_path / "a.mp3")


def test_a_recording_that_is_gone_is_asked_for_again(store, tmp_path):
    with pytest.raises(UploadMissing, match="Retry the batch"):
        fetch_recording(store, recording(CONTENT), tmp_path / "a.mp3")


def test_a_recording_that_went_with_a_cancel_is_told_as_such(store, tmp_path):
    note_expiries(store, BATCH_ID, [JOB_ID], cancelled=[JOB_ID])
    with pytest.raises(UploadMissing, match=r"^Its upload was removed when it was cancelled; upload it again\.$"):
        fetch_recording(store, recording(CONTENT), tmp_path / "a.mp3")


@pytest.mark.parametrize(
    ("promised", "stored", "plan"),
    [
        (WRITTEN, WRITTEN, PLAN),
        (b"", None, None),  # converted before there were plans
        (WRITTEN, None, None),
        (WRITTEN, WRITTEN.replace(b"400", b"500"), None),
        (OF_LATER_VERSION, OF_LATER_VERSION, None),
    ],
)
def test_the_speech_plan_comes_along_if_it_is_the_one_that_was_written_and_of_this_version(
    store, tmp_path, promised, stored, plan
):
    store.write("recordings/a.mp3", CONTENT)
    if stored:
        store.write(BatchKeys.of(BATCH_ID).speech_plan(JOB_ID), stored)

    assert fetch_recording(store, recording(CONTENT, promised), tmp_path / "a.mp3") == plan
