"""The run of one recording, as Prefect and the store see it."""

import asyncio
import hashlib
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import imageio_ffmpeg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import StateType

import tasks.transcription.transcribe
from tasks.batches import AudioStream, Job, Recording
from tasks.cancellation import CancelToken, DeviceLost, set_current_token
from tasks.devices import Device
from tasks.documents.publish import publish
from tasks.errors import StoreUnavailable
from tasks.names import DocumentFormat
from tasks.options import TranscriptionOptions
from tasks.settings import Settings
from tasks.storage.folder import FolderStore
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.storage.open_store import open_store
from tasks.storage.records import read_publication
from tasks.transcription.backend import device_error
from tasks.transcription.model_manager import Engines, PlacedModel
from tasks.transcription.whisper import WhisperBackend
from tests.support.transcripts import heard
from tests.support.waiting import wait_until

BATCH_ID = "20261124-101112-abcdef"


class SmallDevice(WhisperBackend):
    """A model on a device that has room for it only in int8."""

    def forward(self, batch):
        if self.compute_type != "int8":
            raise device_error(RuntimeError("CUDA failed with error out of memory"))
        return super().forward(batch)


class NotedEngines(Engines):
    """Engines that tell when the next job wants a model."""

    def on_next_use(self) -> None:
        """Is called then, if a test puts something else in its place."""

    def use(self, placed, *, cancelled):
        self.on_next_use()
        return super().use(placed, cancelled=cancelled)


@pytest.fixture
def installation(small_model, tmp_path, monkeypatch):
    """An installation whose one device is too small for what is planned on it."""
    (tmp_path / "models").symlink_to(small_model.parent)
    device = Device(name="gpu-0", kind="cpu", title="Small GPU", cpu_threads=2, compute_type="float32", batch_size=2)
    monkeypatch.setenv("BATCHSCRIBE_DATA", str(tmp_path))
    monkeypatch.setenv("BATCHSCRIBE_MODEL", "tiny.en")
    monkeypatch.setenv("BATCHSCRIBE_DEVICE", device.model_dump_json())
    monkeypatch.setattr("tasks.transcription.transcribe.ENGINES", engines := NotedEngines())
    monkeypatch.setattr("tasks.transcription.model_manager.WhisperBackend", SmallDevice)
    yield Settings()
    engines.unload_idle()


@pytest.fixture
def transcribed(installation, clips, prefect_server):
    """Return a function that runs the flow on a recording, and returns its state and its publication, if any."""
    del prefect_server
    store = open_store(installation)
    store.write(BatchKeys.of(BATCH_ID).manifest, b"{}")  # there is such a batch

    def run(options=TranscriptionOptions(), *, token=None, content=None, streams=()):  # noqa: B008 - it is frozen
        from flows.transcribe_recording import transcribe_recording

        content = content or clips["garden-podcast.mp3"].path.read_bytes()
        digest, size = hashlib.sha256(content).hexdigest(), len(content)
        store.write(key := "recordings/talk.mp3", content)
        job = Job(job_id=f"{BATCH_ID}-abcdefghij", path="talk.mp3", size=size, sha256=digest, document_stem="talk")
        facts = {"audio_seconds": 30.0, "audio_stream": len(streams) or 1, "audio_streams": streams}
        recording = Recording(job_id=job.job_id, key=key, size=size, sha256=digest, **facts)

        async def with_token():
            set_current_token(token or CancelToken())
            return await transcribe_recording(BATCH_ID, job, recording, options, return_state=True)

        state = asyncio.run(with_token())
        return state, read_publication(store, BATCH_ID, job.job_id)

    return run


def test_a_run_that_went_out_of_memory_says_so_in_its_log_and_its_document(installation, transcribed):
    state, publication = transcribed()

    assert state.is_completed(), state.message
    (key,) = [document.key for document in publication.documents if document.format is DocumentFormat.JSON]
    processing = json.loads(open_store(installation).read(key))["processing"]
    assert (processing["device"], processing["compute_type"], processing["batch_size"]) == ("Small GPU", "int8", 2)
    said = "Out of memory on Small GPU: it went on with int8 in batches of 2, not with float32 in batches of 2"
    run_id = state.state_details.flow_run_id
    wait_until(lambda: said in logs_of(run_id), f"'{said}' in its log, which Prefect sends every few seconds")


STREAMS = (AudioStream(number=1, title="Desktop"), AudioStream(number=2, title="Mic", language="eng"))


def test_the_document_says_which_of_several_audio_streams_was_transcribed(installation, transcribed):
    _, publication = transcribed(streams=STREAMS)

    (key,) = [document.key for document in publication.documents if document.format is DocumentFormat.JSON]
    processing = json.loads(open_store(installation).read(key))["processing"]
    assert (processing["audio_stream"], processing["audio_streams"][1]["title"]) == (2, "Mic")


def test_a_run_that_heard_no_speech_names_the_other_audio_streams(transcribed, tmp_path):
    silence = tmp_path / "silence.mp3"
    source = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2")
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, silence], check=True)
    state, _ = transcribed(content=silence.read_bytes(), streams=STREAMS)
    assert state.message == (
        "No speech detected in audio stream 2 of 2. The other is 1 (“Desktop”); the option audio_stream chooses one."
    )


@pytest.mark.usefixtures("prefect_server")
def test_a_run_waits_for_a_store_that_is_away(tmp_path, monkeypatch, caplog):
    from flows.transcribe_recording import transcribe_recording

    monkeypatch.setenv("BATCHSCRIBE_DATA", str(tmp_path))
    batch_id, root = "20261124-101112-abcdef", tmp_path / "store"
    job = Job(job_id=f"{batch_id}-abcdefghij", path="talk.mp3", size=1, sha256="0" * 64, document_stem="talk")
    recording = Recording(job_id=job.job_id, key="recordings/talk.mp3", size=1, sha256="0" * 64, audio_seconds=1.0)
    store = open_store(Settings())
    store.write(BatchKeys.of(batch_id).manifest, b"{}")
    attempt = {"token": attempt_token("another run", 1), "attempt": 1}
    publish(store, batch_id, job, **attempt, heard=heard(), contents={DocumentFormat.TXT: b"Hello."})
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
        state = asyncio.run(transcribe_recording(batch_id, job, recording, TranscriptionOptions(), return_state=True))
        plugged_in.result()
    assert "Retry 1/" in caplog.text
    assert (state.name, state.message) == ("Already published", "Its documents were already published.")


def test_a_run_that_is_cancelled_while_another_model_is_in_use_ends_at_once(installation, transcribed):
    token, other = CancelToken(), PlacedModel(installation.device, "base", installation.models_folder)
    with tasks.transcription.transcribe.ENGINES.use(other, cancelled=lambda: False):
        tasks.transcription.transcribe.ENGINES.on_next_use = token.cancel
        state, publication = transcribed(token=token)

    assert (state.type, publication) == (StateType.CANCELLED, None)


@pytest.mark.parametrize("step", ["fetch", "create"])
def test_a_run_that_is_cancelled_between_two_tries_to_reach_the_store_makes_no_further_one(
    monkeypatch, transcribed, step
):
    tries, token = [], CancelToken()

    def fail(*_):
        tries.append(step)
        token.cancel()
        msg = "The store does not answer."
        raise StoreUnavailable(msg)

    monkeypatch.setattr(FolderStore, step, fail)
    state, publication = transcribed(token=token)

    assert (state.type, publication, tries) == (StateType.CANCELLED, None, [step])


def test_a_run_that_is_cancelled_while_its_documents_become_valid_is_done(monkeypatch, transcribed):
    token, create = CancelToken(), FolderStore.create

    def create_and_cancel(*arguments):
        token.cancel()
        return create(*arguments)

    monkeypatch.setattr(FolderStore, "create", create_and_cancel)
    state, publication = transcribed(token=token)

    assert state.is_completed()
    assert publication is not None


def test_a_model_that_nobody_has_fails_the_job_that_names_it(transcribed):
    state, _ = transcribed(TranscriptionOptions(model="gigantic"))
    assert state.is_failed()
    assert "There is no Whisper model gigantic" in state.message


def test_a_machine_without_the_model_of_jobs_that_name_none_has_lost_its_device(monkeypatch, transcribed):
    monkeypatch.setenv("BATCHSCRIBE_MODEL", "gigantic")
    with pytest.raises(DeviceLost, match="There is no Whisper model gigantic"):
        transcribed()


def task_runs_of(state) -> dict[str, tuple[str, str]]:
    """Return the state and the message of each task run of the flow run that ended in *state*."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=of_run)
    return {run.name.rpartition("-")[0]: (run.state.name, run.state.message or "") for run in runs if run.state}


def ended(task_runs) -> bool:
    return bool(task_runs) and all(name not in ("Pending", "Running") for name, _ in task_runs.values())


def test_the_graph_of_a_job_shows_each_of_its_steps(transcribed):
    state, _ = transcribed()

    steps = wait_until(lambda: ended(runs := task_runs_of(state)) and len(runs) == 3 and runs, "its task runs", 60)
    assert {name: how for name, (how, _) in steps.items()} == dict.fromkeys(
        ("fetch recording", "transcribe", "publish documents"), "Completed"
    )


def test_a_step_that_ends_in_a_sentence_for_the_user_has_no_traceback(transcribed, tmp_path):
    silence = tmp_path / "silence.mp3"
    source = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2")
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, silence], check=True)
    state, _ = transcribed(content=silence.read_bytes())

    steps = wait_until(lambda: ended(runs := task_runs_of(state)) and len(runs) == 2 and runs, "its task runs", 60)
    assert steps["transcribe"] == ("Failed", "No speech detected")
    assert state.message == "No speech detected"
    wait_until(lambda: any("Failed" in line for line in logs_of(state.state_details.flow_run_id)), "its log", 60)
    assert not any("Traceback" in line for line in logs_of(state.state_details.flow_run_id))


def logs_of(flow_run_id) -> list[str]:
    with get_client(sync_client=True) as client:
        return [log.message for log in client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id])))]


def test_a_job_is_done_without_speakers_where_the_model_for_them_is_missing_and_says_so(transcribed, monkeypatch):
    monkeypatch.setattr("tasks.transcription.speaker_embeddings.SPEAKER_MODEL_FILE", "gone.onnx")
    state, publication = transcribed(TranscriptionOptions(speakers="auto"))
    assert state.is_completed(), state.message
    (note,) = publication.notes
    assert note.startswith("Speakers were not told apart: the model ")
