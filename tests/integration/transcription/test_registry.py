"""Loading and unloading of models on a device."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tasks.devices import Device
from tasks.errors import ModelUnavailable
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.known_answer import WrongAnswer
from tasks.transcription.model_files import locate_model
from tasks.transcription.model_manager import Engines, PlacedModel
from tasks.transcription.transcribe import load_engine
from tasks.transcription.whisper import WhisperBackend

SPOILED_BYTES = 20_000_000
EMBEDDINGS = b"decoder/embeddings/weight"
DEADLINE_SECONDS = 60


@pytest.fixture
def engines():
    engines = Engines()
    yield engines
    engines.unload_idle()


class SlowLoading:
    """Models whose loading takes as long as the test says."""

    def __init__(self) -> None:
        self.loads = 0
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any) -> WhisperBackend:
        self.loads += 1
        self.begun.set()
        assert self.goes_on.wait(DEADLINE_SECONDS)
        return WhisperBackend(*arguments)


@pytest.fixture
def slow_loading(monkeypatch) -> SlowLoading:
    monkeypatch.setattr("tasks.transcription.model_manager.WhisperBackend", loading := SlowLoading())
    return loading


@pytest.fixture
def tiny(device, models_folder) -> PlacedModel:
    return PlacedModel(device, "tiny.en", models_folder)


@pytest.fixture
def base(device, models_folder) -> PlacedModel:
    return PlacedModel(device, "base", models_folder)


def test_jobs_of_one_model_share_one_engine(engines, tiny):
    with engines.use(tiny) as first, engines.use(tiny) as second:
        assert first is second


def test_a_model_stays_loaded_between_jobs(engines, tiny):
    with engines.use(tiny) as first:
        pass
    with engines.use(tiny) as second:
        assert first is second


def test_two_devices_have_an_engine_each(engines, tiny):
    other = PlacedModel(Device(name="cpu:1", kind="cpu"), tiny.model, tiny.models_folder)

    with engines.use(tiny) as first, engines.use(other) as second:
        assert first.engine is not second.engine


def test_another_model_waits_until_the_jobs_of_the_first_end(engines, tiny, base):
    with ThreadPoolExecutor(1) as threads:
        with engines.use(tiny):
            asked = threading.Event()
            switched = threads.submit(_model_in_use, engines, base, asked)
            assert asked.wait(DEADLINE_SECONDS)
            assert not switched.done()

        assert switched.result(DEADLINE_SECONDS) == "base"


def test_a_job_of_another_model_is_not_kept_out_by_later_jobs_of_the_first(engines, tiny, base):
    order: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        with engines.use(tiny):
            waiting = [_wait_in_line(threads, engines, placed, order) for placed in (base, tiny)]
        for job in waiting:
            job.result(DEADLINE_SECONDS)

    assert order == ["base", "tiny.en"]


def test_a_job_can_be_cancelled_while_it_waits_for_its_model(engines, tiny, base):
    with engines.use(tiny), pytest.raises(TranscriptionCancelled), engines.use(base, cancelled=lambda: True):
        pass
    assert _model_in_use(engines, base) == "base"


def test_a_job_can_be_cancelled_while_its_model_is_loaded_and_the_next_job_finds_it(engines, tiny, slow_loading):
    with pytest.raises(TranscriptionCancelled), engines.use(tiny, cancelled=slow_loading.begun.is_set):
        pass
    with ThreadPoolExecutor(1) as threads:
        next_job = threads.submit(_model_in_use, engines, tiny)
        slow_loading.goes_on.set()
        assert next_job.result(DEADLINE_SECONDS) == "tiny.en"
    assert slow_loading.loads == 1


def test_a_job_of_another_model_waits_for_a_load_that_was_left_behind(engines, tiny, base, slow_loading):
    with pytest.raises(TranscriptionCancelled), engines.use(tiny, cancelled=slow_loading.begun.is_set):
        pass
    with ThreadPoolExecutor(1) as threads:
        next_job = threads.submit(_model_in_use, engines, base)
        slow_loading.goes_on.set()
        assert next_job.result(DEADLINE_SECONDS) == "base"
    assert slow_loading.loads == 2


def test_a_healthy_model_passes_the_known_answer_test_whenever_it_is_asked(monkeypatch, engines, tiny):
    monkeypatch.setattr("tasks.transcription.transcribe.ENGINES", engines)
    load_engine(tiny)
    load_engine(tiny)
    engines.unload_idle()


def test_a_spoiled_model_fails_the_known_answer_test_without_any_error_of_its_own(
    monkeypatch, engines, device, small_model, tmp_path
):
    monkeypatch.setattr("tasks.transcription.transcribe.ENGINES", engines)
    spoiled = tmp_path / "tiny.en"
    shutil.copytree(small_model, spoiled)
    weights = bytearray((spoiled / "model.bin").read_bytes())
    begin = weights.index(EMBEDDINGS) + 200  # behind its head
    weights[begin : begin + SPOILED_BYTES] = bytes(reversed(weights[begin : begin + SPOILED_BYTES]))
    (spoiled / "model.bin").write_bytes(weights)
    with pytest.raises(WrongAnswer, match=r"no known-answer test.* tiny\.en made"):
        load_engine(PlacedModel(device, "tiny.en", tmp_path))


def test_idle_models_are_unloaded_and_used_ones_are_not(engines, tiny):
    with engines.use(tiny) as first:
        engines.unload_idle()
        assert first.engine.failure is None
    engines.unload_idle()

    with engines.use(tiny) as second:
        assert second is not first


def test_a_model_that_nobody_knows_is_named_with_the_choices(models_folder):
    with pytest.raises(ModelUnavailable, match=r"no Whisper model gigantic\. Choose one of tiny\.en"):
        locate_model("gigantic", models_folder)


def test_a_failed_load_leaves_the_device_usable(engines, tiny):
    unknown = PlacedModel(tiny.device, "gigantic", tiny.models_folder)
    with pytest.raises(ModelUnavailable), engines.use(unknown):
        pass

    assert _model_in_use(engines, tiny) == "tiny.en"


def test_without_the_internet_a_missing_model_is_told_with_what_to_do(tmp_path):
    script = (
        "from pathlib import Path\n"
        "from tasks.errors import ModelUnavailable\n"
        "from tasks.transcription.model_files import locate_model\n"
        "try:\n"
        f"    locate_model('small', Path({str(tmp_path)!r}))\n"
        "except ModelUnavailable as error:\n"
        "    print(error)\n"
    )
    # Offline by the Hub client's own switch, which it reads once per process.
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert "The model small is not on this machine and cannot be downloaded" in said
    assert f"put the model's files into {tmp_path / 'small'}" in said


def _model_in_use(engines: Engines, placed: PlacedModel, asked: threading.Event | None = None) -> str:
    """Use the model, and return its name. *asked* is set once the job is in line."""

    def cancelled() -> bool:
        if asked:
            asked.set()
        return False

    with engines.use(placed, cancelled=cancelled) as loaded:
        return loaded.placed.model


def _wait_in_line(threads: ThreadPoolExecutor, engines: Engines, placed: PlacedModel, order: list[str]) -> Future[None]:
    """Start a job and return when it is in line."""
    asked = threading.Event()
    job = threads.submit(lambda: order.append(_model_in_use(engines, placed, asked)))
    assert asked.wait(DEADLINE_SECONDS)
    return job
