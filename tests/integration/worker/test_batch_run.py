"""The run of a batch, as Prefect and the store see it."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.documents.publish import publish
from tasks.names import DocumentFormat
from tasks.settings import Settings
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.storage.open_store import open_store
from tests.support.transcripts import heard

BATCH_ID = "20261124-101112-abcdef"


@pytest.fixture
def done_batch(tmp_path, monkeypatch, prefect_server):
    """A batch whose one job is done, and whose run has yet to notice it; returns a function that runs it."""
    del prefect_server
    monkeypatch.setenv("BATCHSCRIBE_DATA", str(tmp_path))
    now = datetime.now(UTC)
    batch = Batch(batch_id=BATCH_ID, name="talks", created_at=now)
    upload = Upload(job_id=job_id_for(BATCH_ID, "talk.mp3"), path="talk.mp3", size=1, sha256="0" * 64, uploaded_at=now)
    manifest = manifest_of(batch, [upload], started_at=now)
    store, keys = open_store(Settings()), BatchKeys.of(BATCH_ID)
    store.write(keys.batch, batch.model_dump_json().encode())
    store.write(keys.manifest, manifest.model_dump_json().encode())
    attempt = {"token": attempt_token("a run", 1), "attempt": 1}
    contents = {DocumentFormat.TXT: b"Hello."}
    publish(store, BATCH_ID, manifest.jobs[0], **attempt, heard=heard(), contents=contents)

    def run():
        from flows.transcribe_batch import transcribe_batch

        return asyncio.run(transcribe_batch(BATCH_ID, return_state=True))

    return run


def test_an_outage_at_its_very_end_leaves_nothing_undone(done_batch, monkeypatch):
    tries = []

    async def settle(_client, batch_id, _attempts):
        tries.append(batch_id)
        if len(tries) == 1:
            msg = "All connection attempts failed"
            raise httpx.ConnectError(msg)

    monkeypatch.setattr("tasks.outages.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("flows.transcribe_batch.end_earlier_attempts", settle)

    state = done_batch()

    assert state.is_completed(), state.message
    assert tries == [BATCH_ID, BATCH_ID]
