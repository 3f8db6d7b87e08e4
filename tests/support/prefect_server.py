"""A Prefect server of the project's own, on SQLite, that tests may kill and start again."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
from filelock import FileLock
from prefect.logging.handlers import APILogWorker

from tests.support.processes import free_ports
from tests.support.waiting import wait_until

READY_SECONDS = 180
CACHE = Path(__file__).parents[2] / ".pytest_cache"


def give_database(home: Path) -> None:
    """Give a server that starts for the first time its database, as it would make it itself in many seconds."""
    made = CACHE / f"prefect-{version('prefect')}.db"
    CACHE.mkdir(exist_ok=True)
    with FileLock(made.with_suffix(".lock")):
        if not made.exists():
            _make_database(made)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, home / "prefect.db")


def _make_database(target: Path) -> None:
    home = target.with_suffix(".home")
    shutil.rmtree(home, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(upgrade, env=environment | {"PREFECT_HOME": str(home)}, check=True, capture_output=True)
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        database.execute("VACUUM INTO ?", [str(part)])
    part.rename(target)
    shutil.rmtree(home)


class PrefectServer:
    """A server with a folder and a port of its own, which it keeps through its restarts."""

    def __init__(self, home: Path, **environment: str) -> None:
        (self.port,) = free_ports(1)
        self.home = home
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")} | {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # A test that needs a block registers it. The types of all others cost a second of computing.
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
            "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deployments.local.prefect_server", str(self.port)],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.answers, f"Prefect's server ({self.home / 'server.log'})", READY_SECONDS)

    def answers(self) -> bool:
        """Return whether it answers."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running_prefect_server(home: Path, **environment: str) -> Iterator[PrefectServer]:
    """Run a server with its database in the folder *home*, and with further variables in its environment."""
    give_database(home)
    server = PrefectServer(home, **environment)
    try:
        server.start()
        yield server
    finally:
        # What this process has logged goes to it first: it would be sent again and again for a minute after its end.
        APILogWorker.drain_all(timeout=10)
        server.kill()
