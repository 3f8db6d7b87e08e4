"""A store in a folder and one in a real S3 server, for the same tests."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_store
from tests.support.s3_server import BUCKET, CREDENTIALS, S3Server, running_s3_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment, where the usual AWS chain finds them."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


_prefixes = (f"test-{number}" for number in itertools.count())


@pytest.fixture
def own_s3_server() -> Iterator[S3Server]:
    """A server that the test may kill."""
    with running_s3_server() as server:
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
        "from pathlib import Path\n"
        "from tasks.settings import Settings\n"
        "from tasks.storage.open_store import open_store\n"
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
