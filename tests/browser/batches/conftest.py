"""Batches that the tests look at: some made for one of them, and one that has ended, for those that change nothing."""

import io
import wave

import pytest

from tests.support.batch_page import CORRUPT


def silence(seconds=2):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000 * seconds))
    return sound.getvalue()


@pytest.fixture(scope="session")
def make_batch(stack, new_batch):
    def make(name, files, *, start=True):
        batch = new_batch(stack, name=name)
        for path, content in files.items():
            batch.upload(path, content)
        if start:
            batch.start()
        return batch

    return make


@pytest.fixture(scope="session")
def speech(clips):
    return clips["short-answer.mp3"].path.read_bytes()


@pytest.fixture(scope="session")
def ended(make_batch, speech):
    """A batch that has ended: one job is done, two failed for different reasons."""
    files = {"week 1/answer.mp3": speech, "corrupt_file.mp3": CORRUPT, "too_short.wav": silence()}
    batch = make_batch("Lectures of spring", files)
    batch.finished()
    return batch
