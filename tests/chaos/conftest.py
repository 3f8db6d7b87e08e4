"""The seeds of the chaos tests, and the stack that they break."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_store
from tests.chaos.seeds import DEFAULT_SEEDS, seeds_of
from tests.support.s3_server import BUCKET, CREDENTIALS, S3Server, running_s3_server

DISK_BYTES = 256 * 2**20


def pytest_addoption(parser):
    group = parser.getgroup("chaos")
    group.addoption("--seeds", default=DEFAULT_SEEDS, help="numbers of the chaos runs: 7, 3,5 or 1-100")
    group.addoption("--clips", type=int, default=5, help="uploads of each run")
    group.addoption("--every-step", action="store_true", help="interrupt all durable steps, not a choice of them")
    group.addoption("--events", type=int, default=4, help="blows of each run")


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        seeds = seeds_of(metafunc.config.getoption("seeds"))
        runs = [("s3" if seed % 2 == 0 else "folder", seed) for seed in seeds]
        metafunc.parametrize(("tough", "seed"), runs, indirect=["tough"])


@dataclass(frozen=True, slots=True)
class ToughStack:
    """A stack with two devices, and what its store is made of: a disk that can be filled, or a server that can die."""

    stack: object
    disk: Path | None = None
    s3_server: S3Server | None = None

    def store(self) -> Store:
        """Open the store that the stack uses."""
        names = {"store": "BATCHSCRIBE_STORE", "store_endpoint": "BATCHSCRIBE_STORE_ENDPOINT"}
        chosen = {name: self.stack.environment.get(variable, "") for name, variable in names.items()}
        return open_store(Settings(_env_file=None, data=self.stack.data, **chosen))


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory) -> Iterator[Path | None]:
    """A disk that can be filled, or None where mounting one is not allowed."""
    folder = tmp_path_factory.mktemp("disk")
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode != 0:
        yield None
        return
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def tough(_make_stack: Callable, request) -> Iterator[ToughStack]:
    """A stack whose store is an S3 service, or on the small disk if there is one."""
    with ExitStack() as ends:
        stack = _make_stack("cpu,cpu")
        ends.callback(stack.close)
        stack.environment["BATCHSCRIBE_DEMO_INBOX"] = "false"  # its scans would come in between
        stack.environment["BATCHSCRIBE_LEFTOVER_HOURS"] = "0"  # what a killed attempt left goes with the next clean-up
        if request.param == "s3":
            server = ends.enter_context(running_s3_server())
            patch = ends.enter_context(pytest.MonkeyPatch.context())
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)  # for the test's own look into the store
            stack.environment |= CREDENTIALS | {
                "BATCHSCRIBE_STORE": f"s3://{BUCKET}/chaos",
                "BATCHSCRIBE_STORE_ENDPOINT": server.endpoint,
            }
            made = ToughStack(stack, s3_server=server)
        else:
            disk = request.getfixturevalue("small_disk")
            if disk is not None:
                stack.environment["BATCHSCRIBE_STORE"] = str(disk / "store")
            made = ToughStack(stack, disk=disk)
        stack.start()
        yield made
