"""Loading a model: what it does about a device that is too small, and whose fault it is if nothing helps."""

import os
import shutil
import subprocess
import sys

import pytest

from tasks.devices import Device
from tasks.errors import DeviceFailed, ModelUnavailable
from tasks.transcription.backend import OutOfMemory, device_error
from tasks.transcription.model_files import load_model, smaller_numbers
from tasks.transcription.whisper import WhisperBackend
from tests.support.hub import running_hub

OVERFLOW = RuntimeError("CUDA failed with error out of memory")


@pytest.fixture
def roomy_only_for(monkeypatch):
    """Have models find room on the device in these number formats only."""

    def run(*compute_types: str) -> None:
        def load(*arguments, compute_type):
            if compute_type not in compute_types:
                raise device_error(OVERFLOW)
            return load_model(*arguments, compute_type=compute_type)

        monkeypatch.setattr("tasks.transcription.whisper.load_model", load)

    return run


def test_a_model_that_does_not_fit_is_loaded_with_smaller_numbers(roomy_only_for, device, models_folder):
    roomy_only_for("int8")
    planned = device.model_copy(update={"compute_type": "float32"})
    assert WhisperBackend(planned, "tiny.en", models_folder).compute_type == "int8"


def test_a_model_that_does_not_fit_at_all_is_the_devices_failure(roomy_only_for, device, models_folder):
    roomy_only_for()
    with pytest.raises(OutOfMemory, match="Choose a smaller model"):
        WhisperBackend(device, "tiny.en", models_folder)


def test_a_number_format_that_the_device_lacks_is_its_failure_and_not_the_models(device, models_folder):
    with pytest.raises(DeviceFailed, match="float16"):
        load_model(device, "tiny.en", models_folder, compute_type="float16")  # no CPU calculates in it


@pytest.mark.parametrize(("compute_type", "smaller"), [("float32", "int8"), ("int8", None), ("float16", None)])
def test_numbers_get_only_as_small_as_the_device_can(device, compute_type, smaller):
    assert smaller_numbers(device, compute_type) == smaller  # no CPU has int8_float16 either


def test_a_gpu_that_does_not_answer_has_failed(models_folder):
    missing = Device(name="gpu-0", kind="cuda", index=99, compute_type="float16")
    with pytest.raises(DeviceFailed):
        load_model(missing, "tiny.en", models_folder, compute_type="float16")
    with pytest.raises(DeviceFailed):
        smaller_numbers(missing, "float16")


def test_damaged_files_are_the_models_fault(device, models_folder, tmp_path):
    shutil.copytree(models_folder / "tiny.en", tmp_path / "tiny.en")
    model = tmp_path / "tiny.en" / "model.bin"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(ModelUnavailable, match="Remove it to fetch it anew"):
        load_model(device, "tiny.en", tmp_path, compute_type="int8")


LOCATE = """
import sys
from pathlib import Path
from tasks.errors import ModelUnavailable
from tasks.transcription.model_files import locate_model
try:
    print((locate_model("example/whisper", Path(sys.argv[1])) / "model.bin").stat().st_size)
except ModelUnavailable as error:
    print(error)
"""


def test_a_download_that_breaks_off_for_good_is_a_missing_model(small_model, tmp_path):
    with running_hub(small_model, "example/whisper") as hub:
        hub.breaks_off = 1000

        def locate():
            own = {"HF_ENDPOINT": hub.address, "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
            command = [sys.executable, "-c", LOCATE, str(tmp_path)]
            done = subprocess.run(
                command, env=os.environ | own, capture_output=True, text=True, timeout=120, check=True
            )
            return done.stdout

        assert locate().startswith("The model example/whisper is not on this machine and cannot be downloaded (")
        hub.breaks_off = 0
        assert int(locate()) == (small_model / "model.bin").stat().st_size
