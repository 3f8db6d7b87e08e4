"""The whole installation as a user starts it, on free ports and in a data folder of its own, and batches of it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.processes import free_ports, processes_with, programs_with
from tests.support.waiting import looks, wait_until

PROJECT = Path(__file__).parents[2]
HELD = str(Path(__file__).parent / "held")
SIMULATED = os.pathsep.join((str(Path(__file__).parent / "simulated"), HELD))
MODEL = "tiny.en"
READY_SECONDS = 180.0
STOP_SECONDS = 120.0
SECONDS_BETWEEN_LOOKS = 0.5
ENDED = ("completed", "failed", "cancelled")


class RunningStack:
    """``deployments.local.up`` as a process, and clients of its two servers."""

    def __init__(self, data: Path, devices: str) -> None:
        self.data = data
        self.port, self.prefect_port = free_ports(2)
        self.address = f"http://127.0.0.1:{self.port}"
        self.prefect_address = f"http://127.0.0.1:{self.prefect_port}"
        self.api = httpx.Client(base_url=f"{self.address}/api", timeout=60)
        self.prefect = httpx.Client(base_url=f"{self.prefect_address}/api", timeout=60)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BATCHSCRIBE_")},
            "BATCHSCRIBE_DATA": str(data),
            "BATCHSCRIBE_PORT": str(self.port),
            "BATCHSCRIBE_PREFECT_PORT": str(self.prefect_port),
            "BATCHSCRIBE_MODEL": MODEL,
            "BATCHSCRIBE_DEVICES": devices,
            "BATCHSCRIBE_LINK_NETWORKS": "127.0.0.1",
            # As if the user had a Prefect of their own, whose settings must not leak in:
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "PREFECT_HOME": str(data / "prefect-of-the-user"),
            "PREFECT_PROFILE": "production",
        }
        self._output = data.parent / f"{data.name}-output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """The terminal output since the last start."""
        return self._output.read_text(encoding="utf-8")

    def launch(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start it, without waiting for anything."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deployments.local.up"],
                cwd=PROJECT,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        process = self.launch()
        wait_until(lambda: "Ready after" in self.output or process.poll() is not None, "the stack", READY_SECONDS)
        assert process.poll() is None, self.output

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it as a machine that loses its power would: nothing gets a chance to tidy up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def processes(self) -> dict[int, str]:
        """Return the processes that work with the data folder, whoever started them, with their command lines."""
        return processes_with(f"BATCHSCRIBE_DATA={self.data}")

    def pids(self, command: str) -> list[int]:
        """Return the ids of the processes with *command* in their command lines."""
        return programs_with(f"BATCHSCRIBE_DATA={self.data}", command)

    def simulate_devices(self) -> None:
        """Have its devices compute nothing, from the next start on: one sentence is heard in each recording."""
        self.environment["PYTHONPATH"] = SIMULATED

    def let_devices_be_held(self) -> None:
        """Have recordings be held by tests also on its devices that compute, from the next start on."""
        self.environment["PYTHONPATH"] = HELD

    @contextlib.contextmanager
    def recordings_held(self, name: str = "") -> Iterator[None]:
        """Have devices listen, until the end of the block, to the recordings whose names contain *name*."""
        hold = self.data / "held-recordings"
        hold.write_text(name)
        try:
            yield
        finally:
            hold.unlink()

    @contextlib.contextmanager
    def as_prefect_server(self) -> Iterator[None]:
        """Have this process speak to its Prefect server until the end of the block."""
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: f"{self.prefect_address}/api"}):
            yield

    def answers(self) -> bool:
        """Return whether both servers answer."""
        try:
            return self.prefect.get("/health").is_success and self.api.get("/health").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self._process is not None:
            self.stop()
            wait_until(lambda: not self.processes(), "the end of all processes", 60)
        self.api.close()
        self.prefect.close()


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
        status: dict = {}
        for _ in looks(seconds, longest_pause=SECONDS_BETWEEN_LOOKS):
            try:
                status = self.status()
            except (httpx.TransportError, AssertionError):
                status = {}
            if status and condition(status):
                return status
        return pytest.fail(f"not within {seconds} s: {status}")

    def finished(self, seconds: float = 180) -> dict:
        return self.wait(lambda status: status["state"] in ENDED, seconds)

    def jobs(self) -> dict[str, dict]:
        return {job["path"]: job for job in self.status()["jobs"]}

    def document(self, path: str, document_format: str) -> bytes:
        answer = self.api.get(f"/jobs/{self.job_ids[path]}/documents/{document_format}")
        assert answer.status_code == 200, answer.text
        return answer.content
