"""Choosing the model of a job."""

import pytest

from tasks.errors import ModelUnavailable
from tasks.options import WhisperTask
from tasks.transcription.models import model_for


@pytest.mark.parametrize(
    ("device_kind", "task", "model"),
    [
        ("cuda", "transcribe", "large-v3-turbo"),
        ("cuda", "translate", "large-v3"),  # turbo was trained without translation
        ("cpu", "transcribe", "base"),
        ("cpu", "translate", "base"),
    ],
)
def test_auto_is_what_suits_the_device(device_kind, task, model):
    assert model_for("auto", device_kind=device_kind, task=WhisperTask(task)) == model


@pytest.mark.parametrize("wanted", ["small", "large-v3", "tiny.en", "someone/faster-whisper-small"])
def test_a_named_model_is_taken(wanted):
    assert model_for(wanted, device_kind="cpu") == wanted


@pytest.mark.parametrize("wanted", ["../secrets", "a/../b", "/etc", "a/b/c", ".hidden", "a//b", ""])
def test_what_could_be_a_path_elsewhere_is_no_name(wanted):
    with pytest.raises(ModelUnavailable, match="not the name of a Whisper model"):
        model_for(wanted, device_kind="cpu")
