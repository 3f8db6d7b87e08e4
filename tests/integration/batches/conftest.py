"""Batches over HTTP as a person with `curl` makes them, and uploads good and bad."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest

ENDED = ("completed", "failed", "cancelled")


@dataclass
class RunningBatch:
    """One batch of a stack."""

    api: httpx.Client
    batch_id: str
    job_ids: dict[str, str] = field(default_factory=dict)

    def upload(self, path: str, content: bytes) -> None:
        answer = self.api.post("/upload", params={"batch_id": self.batch_id, "path": path}, content=content)
        assert answer.status_code == 201, answer.text
        self.job_ids[path] = answer.json()["job_id"]

    def start(self) -> None:
        answer = self.api.post(f"/batch/{self.batch_id}/start")
        assert answer.status_code == 202, answer.text

    def status(self) -> dict:
        answer = self.api.get(f"/batch/{self.batch_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, condition: Callable[[dict], bool], seconds: float = 180) -> dict:
        """Return the status as soon as *condition* holds of it; outages in between are waited out."""
        end = time.monotonic() + seconds
        status: dict = {}
        while time.monotonic() < end:
            try:
                status = self.status()
            except (httpx.TransportError, AssertionError):
                status = {}
            if status and condition(status):
                return status
            time.sleep(0.3)
        return pytest.fail(f"not within {seconds} s: {status}")

    def finished(self, seconds: float = 180) -> dict:
        return self.wait(lambda status: status["state"] in ENDED, seconds)

    def jobs(self) -> dict[str, dict]:
        return {job["path"]: job for job in self.status()["jobs"]}

    def document(self, path: str, document_format: str) -> bytes:
        answer = self.api.get(f"/jobs/{self.job_ids[path]}/documents/{document_format}")
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture(scope="session")
def new_batch() -> Callable[..., RunningBatch]:
    """Makes batches on a stack."""

    def make(stack, name: str = "talks", **options: object) -> RunningBatch:
        answer = stack.api.post("/batch", json={"name": name, "options": options})
        assert answer.status_code == 201, answer.text
        return RunningBatch(stack.api, answer.json()["batch_id"])

    return make


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
