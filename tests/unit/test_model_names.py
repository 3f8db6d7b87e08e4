"""Choosing the model of a job."""

import pytest
from faster_whisper import available_models
from faster_whisper.tokenizer import _LANGUAGE_CODES

from tasks.errors import ModelUnavailable, OptionInvalid
from tasks.options import JobOptions, TranscriptionOptions, WhisperTask
from tasks.settings import Settings
from tasks.transcription.models import LANGUAGES, WHISPER_MODELS, check_options, model_for


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


@pytest.fixture
def settings(tmp_path):
    own = tmp_path / "models" / "our-dialect"
    own.mkdir(parents=True)
    (own / "model.bin").touch()
    return Settings(_env_file=None, data=tmp_path, model="preset")


def test_the_names_are_those_that_the_library_knows():
    assert sorted(WHISPER_MODELS) == sorted(available_models())
    assert sorted(LANGUAGES) == sorted(_LANGUAGE_CODES)


@pytest.mark.parametrize("model", ["auto", "large-v3", "owner/name", "our-dialect", "preset"])
def test_a_model_may_be_a_known_one_one_of_the_hub_or_an_own_one(model, settings):
    check_options(TranscriptionOptions(model=model, language="yue"), settings)
    check_options(JobOptions(model=model), settings)


@pytest.mark.parametrize("model", ["larg-v3", "our-dialekt", "../models/our-dialect", "a/b/c", "models", "."])
def test_any_other_is_refused_with_what_is_possible(model, settings):
    with pytest.raises(OptionInvalid) as refusal:
        check_options(JobOptions(model=model), settings)
    told = str(refusal.value)
    assert told.startswith(f"There is no model {model}. Choose auto or one of tiny, ")
    assert told.endswith(f"into a folder of that name in {settings.models_folder}.")


def test_a_language_that_whisper_does_not_know_is_refused_with_those_it_knows(settings):
    with pytest.raises(OptionInvalid, match=r"^Whisper knows no language xx\. Choose auto, or one of af, am, "):
        check_options(TranscriptionOptions(language="xx"), settings)
