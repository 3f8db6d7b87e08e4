"""Out of memory with a real model: what a recording comes to, what is remembered of it, what stays behind."""

import pytest

from tasks.options import TranscriptionOptions
from tasks.transcription.backend import device_error
from tasks.transcription.model_manager import Engines, PlacedModel
from tasks.transcription.transcribe import transcribe
from tasks.transcription.whisper import WhisperBackend


class SmallDevice(WhisperBackend):
    """A model on a device that has room for one chunk at a time, and only in int8."""

    def forward(self, batch):
        if len(batch) > 1 or self.compute_type != "int8":
            raise device_error(RuntimeError("CUDA failed with error out of memory"))
        return super().forward(batch)


@pytest.fixture
def heard(device, models_folder, recording):
    """Transcribe the same recording of several chunks, on a device that plans with these numbers and batches."""
    audio_file = recording("garden-podcast", "lecture-subtitles", "library-tour")

    def run(compute_type, batch_size):
        # One thread, as on a GPU: of two each would take half of the chunks, and no batch were too large.
        changes = {"compute_type": compute_type, "batch_size": batch_size, "cpu_threads": 1}
        planned = device.model_copy(update=changes)
        engine = PlacedModel(planned, "tiny.en", models_folder)
        options = TranscriptionOptions(language="en")
        return transcribe(engine, audio_file, options, name="talk", on_progress=lambda _: None, cancelled=lambda: False)

    return run


def test_a_recording_says_with_what_numbers_and_batches_it_was_transcribed(heard, monkeypatch):
    monkeypatch.setattr("tasks.transcription.transcribe.ENGINES", engines := Engines())
    usual = heard("int8", 4)
    assert (usual.compute_type, usual.batch_size) == ("int8", 4)

    monkeypatch.setattr("tasks.transcription.model_manager.WhisperBackend", SmallDevice)
    cramped = heard("float32", 4)

    assert (cramped.compute_type, cramped.batch_size) == ("int8", 1)
    assert cramped.text == usual.text
    engines.unload_idle()


def test_what_was_learned_of_the_memory_holds_for_the_next_recording(heard, monkeypatch):
    monkeypatch.setattr("tasks.transcription.transcribe.ENGINES", engines := Engines())
    monkeypatch.setattr("tasks.transcription.model_manager.WhisperBackend", SmallDevice)
    assert heard("float32", 2).compute_type == "int8"
    monkeypatch.setattr(SmallDevice, "shrink", lambda _: pytest.fail("it was shrunk a second time"))
    second = heard("float32", 2)
    assert (second.compute_type, second.batch_size) == ("int8", 1)
    engines.unload_idle()
