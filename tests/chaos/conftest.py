"""Which seeds the chaos tests take, and the stack they maltreat."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

DISK_BYTES = 256 * 2**20


def pytest_addoption(parser):
    group = parser.getgroup("chaos")
    group.addoption("--seeds", default="1", help="numbers of the chaos runs: 7, or 1-100")
    group.addoption("--clips", type=int, default=8, help="uploads of each run")
    group.addoption("--every-step", action="store_true", help="interrupt all durable steps, not a choice of them")
    group.addoption("--events", type=int, default=4, help="blows of each run")


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        first, _, last = metafunc.config.getoption("seeds").partition("-")
        metafunc.parametrize("seed", range(int(first), int(last or first) + 1))


@pytest.fixture(scope="session")
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
def tough(_make_stack, small_disk):
    """A stack with two devices whose store is on the small disk, if there is one."""
    stack = _make_stack("cpu,cpu")
    if small_disk is not None:
        stack.environment["BATCHSCRIBE_STORE"] = str(small_disk / "store")
    stack.environment["BATCHSCRIBE_LEFTOVER_HOURS"] = "0"  # what a killed attempt left is removed by the next clean-up
    try:
        stack.start()
        yield stack
    finally:
        stack.close()
