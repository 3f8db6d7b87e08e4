"""Prefect servers that `make up` did not start, a real PostgreSQL, a real Redis."""

import base64
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.processes import free_ports
from tests.support.waiting import wait_until

AUTH_STRING = "admin:a-good-one"
SERVER_SECONDS = 180.0


class BarePrefect:
    """A server as ``prefect server start`` makes one, which asks for an auth string."""

    def __init__(self, home: Path) -> None:
        (self.port,) = free_ports(1)
        self.home = home
        self.url = f"http://127.0.0.1:{self.port}/api"
        token = base64.b64encode(AUTH_STRING.encode()).decode()
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Basic {token}"}, timeout=60)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def client_environment(self) -> dict[str, str]:
        """The settings of a client that talks to it without anything of Batchscribe's."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "BATCHSCRIBE_"))}
        return own | {
            "PREFECT_HOME": str(self.home / "client"),
            "PREFECT_API_URL": self.url,
            "PREFECT_API_AUTH_STRING": AUTH_STRING,
            "DO_NOT_TRACK": "1",
        }

    def start(self) -> None:
        environment = self.client_environment | {
            "PREFECT_HOME": str(self.home / "server"),
            "PREFECT_API_URL": "",
            "PREFECT_SERVER_API_AUTH_STRING": AUTH_STRING,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, cwd=self.home, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, "the bare Prefect server", SERVER_SECONDS)

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def pool(self, name: str) -> dict:
        return self.http.get(f"/work_pools/{name}").raise_for_status().json()

    def _answers(self) -> bool:
        try:
            return self.http.get("/health").is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def bare_prefect(tmp_path_factory) -> Iterator[BarePrefect]:
    """A server that is not started yet."""
    server = BarePrefect(tmp_path_factory.mktemp("bare"))
    try:
        yield server
    finally:
        server.kill()
        server.http.close()


class Postgres:
    """A PostgreSQL server with a database, on a port of its own. As root it runs as nobody: it refuses to as root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.url = f"postgresql+asyncpg://prefect:pa-ss-word@127.0.0.1:{self.port}/prefect"
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._binaries = found[-1] if found else Path(shutil.which("initdb") or "/usr/bin/initdb").parent
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        password = self.folder / "password"
        password.write_text("pa-ss-word")
        for path in (self.folder, password):
            os.chown(path, *self._owner())
        data = str(self.folder / "data")
        initdb = ["initdb", "-D", data, "-U", "prefect", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        self._run(*initdb, "--encoding=UTF8", "--locale=C")
        self.start()
        self._run("createdb", *self._connection(), "prefect")

    def start(self) -> None:
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "unix_socket_directories="]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._as_owner(),
            )
        ready = [str(self._binaries / "pg_isready"), "-q", *self._connection()]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL", SERVER_SECONDS)

    def kill(self) -> None:
        """End it as a power failure would, with all its processes."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # its immediate shutdown: no goodbye to clients, recovery after
            self._process.wait(120)

    def execute(self, statement: str) -> str:
        """Return what *statement* gives, as psql prints it without frame."""
        return self._run("psql", *self._connection(), "-d", "prefect", "-tAc", statement)

    def _connection(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "prefect"]

    def _run(self, program: str, *arguments: str) -> str:
        return subprocess.run(
            [str(self._binaries / program), *arguments],
            env=os.environ | {"PGPASSWORD": "pa-ss-word"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            **self._as_owner(),
        ).stdout.strip()

    def _owner(self) -> tuple[int, int]:
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid

    def _as_owner(self) -> dict:
        user, group = self._owner()
        return {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="postgres") as folder:  # pytest's own are closed to other users
        server = Postgres(Path(folder))
        try:
            server.make()
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[int]:
    """The port of a Redis server."""
    folder, (port,) = tmp_path_factory.mktemp("redis"), free_ports(1)
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)
