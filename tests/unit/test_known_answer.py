"""The texts that pass the known-answer test of a device."""

import pytest

from tasks.transcription.backend import ChunkText
from tasks.transcription.known_answer import SAID, fits


def heard(text, *, compression_ratio=1.0):
    return [ChunkText(text, (), (), -0.2, 0.0, compression_ratio)]


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        " Yes, the recording is running and we can start now.",
        "yes the recordings running and we can start now",  # a small model
        "Yes! The recording's running. And we can start. Now.",
    ],
)
def test_what_is_said_passes_whatever_the_model_makes_of_commas(text):
    assert fits(heard(text), model="base")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "!!!!!!!!!!!!!!!!!!!!!!",
        "you",
        "Thank you for watching.",  # of silence
        "the the the the the the the the the the the the the the",
        "Yes, the recording is running" + ", and we can start now" * 40,  # a runaway
        "Welcome back. In this lecture we look at how a computer turns sound into text.",
    ],
)
def test_silence_and_garbage_do_not(text):
    assert not fits(heard(text), model="base")


def test_no_speech_at_all_does_not():
    assert not fits([], model="base")


def test_a_model_trained_for_another_language_passes_with_any_text_but_no_runaway():
    assert fits(heard("Ja, die Aufnahme läuft."), model="someone/whisper-german")
    assert not fits(heard(""), model="someone/whisper-german")
    assert not fits(heard("ja ja ja ja", compression_ratio=12.0), model="someone/whisper-german")
