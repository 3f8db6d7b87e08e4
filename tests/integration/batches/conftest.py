"""Uploads that cannot become documents, a stack to kill parts of, and a store without one."""

import os
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from tasks.storage.base import Store
from tasks.storage.folder import open_folder


@pytest.fixture(scope="session")
def bad_uploads(tmp_path_factory) -> dict[str, tuple[bytes, str]]:
    """Uploads that cannot become documents, each with a part of the sentence that says why."""
    folder = tmp_path_factory.mktemp("bad")
    ffmpeg = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()

    def made(name: str, *arguments: str) -> bytes:
        target = folder / name
        subprocess.run([ffmpeg, "-nostdin", "-loglevel", "error", "-y", *arguments, str(target)], check=True)
        return Path(target).read_bytes()

    tone_and_picture = ("-f", "lavfi", "-i", "sine=d=3", "-f", "lavfi", "-i", "testsrc=d=3:s=64x64", "-shortest")
    whole = made("whole.mp4", *tone_and_picture)
    return {
        "bad/empty.mp3": (b"", "empty.mp3 is empty"),
        "bad/random.mp3": (os.urandom(20_000), "random.mp3"),
        "bad/notes.mp3": (b"These are my notes, not a recording.\n" * 40, "notes.mp3"),
        "bad/no sound.mp4": (made("mute.mp4", "-f", "lavfi", "-i", "testsrc=d=2:s=64x64"), "has no audio stream"),
        "bad/silence.wav": (
            made("silence.wav", "-f", "lavfi", "-i", "anullsrc=r=16000", "-t", "10"),
            "No speech detected",
        ),
        "bad/cut off.mp4": (whole[: len(whole) // 2], "cut off.mp4"),
    }


@pytest.fixture(scope="session")
def fragile(_make_stack):
    """A stack with simulated devices to kill parts of; what a test killed or stopped is back at its end."""
    stack = _make_stack("cpu,cpu")
    stack.simulate_devices()
    stack.environment["BATCHSCRIBE_PARTS_FROM_MINUTES"] = "1"
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store in a folder."""
    return open_folder(tmp_path / "store")
