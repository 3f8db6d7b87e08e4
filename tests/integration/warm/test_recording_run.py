"""The run of one recording, as Prefect and the store see it."""

import asyncio
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

from tasks.core.batches import Job, Options, Recording
from tasks.core.devices import Device
from tasks.core.keys import BatchKeys, attempt_token
from tasks.core.names import DocumentFormat
from tasks.core.settings import Settings
from tasks.core.transcripts import Transcript
from tasks.engine.device_errors import device_error
from tasks.engine.registry import Engines
from tasks.engine.whisper import WhisperBackend
from tasks.publish import publish
from tasks.read import read_publication
from tasks.store import open_store


class SmallDevice(WhisperBackend):
    """A model on a device that has room for it only in int8."""

    def forward(self, batch):
        if self.compute_type != "int8":
            raise device_error(RuntimeError("CUDA failed with error out of memory"))
        return super().forward(batch)


@pytest.fixture
def installation(small_model, tmp_path, monkeypatch):
    """An installation whose one device is too small for what is planned on it."""
    (tmp_path / "models").symlink_to(small_model.parent)
    device = Device(name="gpu-0", kind="cpu", title="Small GPU", cpu_threads=2, compute_type="float32", batch_size=2)
    monkeypatch.setenv("BATCHSCRIBE_DATA", str(tmp_path))
    monkeypatch.setenv("BATCHSCRIBE_MODEL", "tiny.en")
    monkeypatch.setenv("BATCHSCRIBE_DEVICE", device.model_dump_json())
    monkeypatch.setattr("tasks.transcribe.ENGINES", engines := Engines())
    monkeypatch.setattr("tasks.engine.registry.WhisperBackend", SmallDevice)
    yield Settings()
    engines.unload_idle()


@pytest.mark.usefixtures("prefect_server")
def test_a_run_that_went_out_of_memory_says_so_in_its_log_and_its_document(installation, clips):
    from flows.transcribe_recording import transcribe_recording

    store, batch_id, audio = open_store(installation), "20261124-101112-abcdef", clips["garden-podcast.mp3"].path
    content = audio.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    store.write("recordings/talk.mp3", content)
    store.write(BatchKeys.of(batch_id).manifest, b"{}")  # there is such a batch
    job = Job(job_id="0123456789abcdef", path="talk.mp3", size=len(content), sha256=digest, document_stem="talk")
    recording = Recording(
        job_id=job.job_id, key="recordings/talk.mp3", size=len(content), sha256=digest, audio_seconds=30.0
    )

    state = asyncio.run(transcribe_recording(batch_id, job, recording, Options(), return_state=True))

    assert state.is_completed(), state.message
    publication = read_publication(store, batch_id, job.job_id)
    (key,) = [document.key for document in publication.documents if document.format is DocumentFormat.JSON]
    processing = json.loads(store.read(key))["processing"]
    assert (processing["device"], processing["compute_type"], processing["batch_size"]) == ("Small GPU", "int8", 2)
    said = "Out of memory on Small GPU: it went on with int8 in batches of 2, not with float32 in batches of 2"
    deadline = time.monotonic() + 60  # Prefect sends logs every few seconds
    while said not in (logs := logs_of(state.state_details.flow_run_id)):
        assert time.monotonic() < deadline, logs
        time.sleep(0.2)


@pytest.mark.usefixtures("prefect_server")
def test_a_run_waits_for_a_store_that_is_away(tmp_path, monkeypatch, caplog):
    from flows.transcribe_recording import transcribe_recording

    monkeypatch.setenv("BATCHSCRIBE_DATA", str(tmp_path))
    batch_id, root = "20261124-101112-abcdef", tmp_path / "store"
    job = Job(job_id=f"{batch_id}-abcdefghij", path="talk.mp3", size=1, sha256="0" * 64, document_stem="talk")
    recording = Recording(job_id=job.job_id, key="recordings/talk.mp3", size=1, sha256="0" * 64, audio_seconds=1.0)
    store = open_store(Settings())
    store.write(BatchKeys.of(batch_id).manifest, b"{}")
    transcript = Transcript(segments=(), language="en", language_probability=1.0, model="tiny", audio_seconds=1.0)
    attempt = {"token": attempt_token("another run", 1), "attempt": 1}
    publish(store, batch_id, job, **attempt, transcript=transcript, contents={DocumentFormat.TXT: b"Hello."})
    root.rename(tmp_path / "unplugged")
    root.write_text("no folder")

    def plug_in_again():
        deadline = time.monotonic() + 60
        while "Retry 1/" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        root.unlink()
        (tmp_path / "unplugged").rename(root)

    with ThreadPoolExecutor() as hands:
        plugged_in = hands.submit(plug_in_again)
        state = asyncio.run(transcribe_recording(batch_id, job, recording, Options(), return_state=True))
        plugged_in.result()
    assert "Retry 1/" in caplog.text
    assert (state.name, state.message) == ("Completed", "Its documents were already published.")


def logs_of(flow_run_id) -> list[str]:
    with get_client(sync_client=True) as client:
        return [log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id])))]
