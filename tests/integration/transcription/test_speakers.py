"""Speakers told apart by the real model. The second voice is the clips' own at another pitch: to it, another person."""

from pathlib import Path

import numpy as np
import pytest
from faster_whisper import decode_audio

from tasks.options import TranscriptionOptions
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.transcribe import transcribe

PITCH = 1.15
DIALOGUE = ("library-tour", "garden-podcast", "lecture-welcome", "study-advice")


@pytest.fixture(scope="module")
def dialogue(clip, write_wav, tmp_path_factory) -> Path:
    """A file of four clips, the second and the fourth in another voice."""
    parts = []
    for number, stem in enumerate(DIALOGUE):
        sound = decode_audio(str(clip(stem)))
        places = np.arange(0, len(sound) - 1, PITCH if number % 2 else 1.0)
        parts.append(np.interp(places, np.arange(len(sound)), sound).astype(np.float32))
    file = tmp_path_factory.mktemp("dialogue") / "dialogue.wav"
    write_wav(file, np.concatenate(parts))
    return file


@pytest.fixture
def transcribed(device, models_folder, dialogue):
    def run(speakers, *, models: Path = models_folder, **more):
        options = TranscriptionOptions(language="en", speakers=speakers)
        arguments = {"on_progress": lambda _: None, "cancelled": lambda: False, "name": "dialogue.wav"} | more
        return transcribe(PlacedModel(device, "tiny.en", models), dialogue, options, **arguments)

    return run


def turns(transcript) -> list[tuple[str, str]]:
    """Return the turns as speaker and first word."""
    words = transcript.words
    return [
        (word.speaker, word.text.strip(" ,."))
        for number, word in enumerate(words)
        if number == 0 or words[number - 1].speaker != word.speaker
    ]


@pytest.mark.parametrize("choice", ["auto", 2])
def test_two_voices_are_told_apart(transcribed, choice):
    transcript = transcribed(choice, initial_offset_seconds=1.5)
    assert turns(transcript) == [("S1", "The"), ("S2", "Every"), ("S1", "Welcome"), ("S2", "Read")]
    assert [speaker.id for speaker in transcript.speakers] == ["S1", "S2"]


def test_where_each_channel_has_a_voice_the_channels_tell(transcribed):
    transcript = transcribed("auto", channel_turns=(0.0, 0.0, 21.0))
    assert turns(transcript) == [("S1", "The"), ("S2", "Welcome")]


def test_speakers_are_not_told_apart_unless_asked_for(transcribed):
    transcript = transcribed("off")
    assert (turns(transcript), transcript.speakers, transcript.notes) == ([("", "The")], (), ())


def test_without_the_model_the_words_are_there_and_a_note_says_what_lacks(transcribed, tmp_path, small_model):
    (tmp_path / "tiny.en").symlink_to(small_model)
    transcript = transcribed("auto", models=tmp_path)
    assert (turns(transcript), transcript.speakers) == ([("", "The")], ())
    (note,) = transcript.notes
    assert note.startswith("Speakers were not told apart: the model ")
    assert "is missing" in note
