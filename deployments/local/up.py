"""
Start everything on this machine and keep it running until Ctrl-C: the command behind ``make up``.

Server (unless there is one already), work pools, deployments, workers and dashboard, with everything they write in the
data folder. A start after a ``kill -9`` is a start like any other: each worker picks up the runs that its predecessor
left.

Exit status: 0 after Ctrl-C, SIGTERM or SIGHUP, 1 if something could not be started or kept running.
"""

import asyncio
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

from pydantic import ValidationError

from deployments.local.console import Console, Level
from deployments.local.data_lock import DataFolder, DataFolderInUse, DataFolderUnusable
from deployments.local.devices import DeviceUnavailable, find_devices
from deployments.local.environment import shared_environment
from deployments.local.prefect_settings import AUTH_STRING
from deployments.local.stack import PROJECT, NotReady, Stack
from deployments.local.supervisor import GaveUp, end_with_parent
from tasks.cross_origin import is_loopback
from tasks.devices import Device
from tasks.errors import InboxInvalid
from tasks.ingest.inboxes import inboxes_of
from tasks.settings import Settings, faults_in, own_address

NAME = "batchscribe"
PORT_SECONDS = 5.0
"""Time that a port may stay taken: a killed predecessor frees it when the kernel has ended its processes."""


class NoSignIn(Exception):
    """Prefect's server would be open to everyone on the network."""


class PortTaken(Exception):
    """The port to listen on is taken, or cannot be used."""


def check_port(host: str, port: int, setting: str, *, seconds: float = PORT_SECONDS) -> None:
    """Raise `PortTaken` if nothing can listen at the address; one that is taken is waited for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                    msg = f"{host} is no address of this machine: {error.strerror}. Set BATCHSCRIBE_HOST=127.0.0.1."
                    raise PortTaken(msg) from error
                if time.monotonic() > deadline:
                    msg = f"Port {port} on {host} cannot be used: {error.strerror}. Set {setting} to another one."
                    raise PortTaken(msg) from error
            else:
                return
        time.sleep(0.2)


def check_sign_in(settings: Settings) -> None:
    """Raise `NoSignIn` if others could reach Prefect's server without an auth string."""
    if not is_loopback(settings.prefect_host) and AUTH_STRING not in shared_environment(settings):
        msg = (
            f"With BATCHSCRIBE_PREFECT_HOST={settings.prefect_host} anybody on the network could have Prefect run and "
            "delete everything. Set PREFECT_API_AUTH_STRING as well, or take the setting away."
        )
        raise NoSignIn(msg)


async def serve(settings: Settings, devices: Sequence[Device], console: Console, data: DataFolder) -> int:
    """Run the stack until a signal asks for its end or it fails; return the exit status."""
    began = time.monotonic()
    stack = Stack(settings, devices, console, on_start=data.remember)

    def announce(away: str) -> None:
        console.say(NAME, f"Ready after {time.monotonic() - began:.0f} s. Ctrl-C stops everything.")
        console.say(NAME, f"Batchscribe  {settings.local_address}")
        existing = settings.prefect_url and f"{settings.prefect_url} (an existing server)"
        console.say(NAME, f"Prefect      {existing or own_address(settings.prefect_host, settings.prefect_port)}")
        if away:
            console.say(NAME, f"{away} It is waited for.", Level.WARNING)

    asked = asyncio.Event()
    living = asyncio.create_task(stack.live(announce))

    def ask_to_stop() -> None:
        if asked.is_set():
            stack.kill()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask_to_stop)
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
    data.say_stopping()
    console.say(NAME, "Stopping. What is under way goes on with the next start.")
    try:
        status = await _ended(living, console)
    finally:
        await stack.stop()
    console.say(NAME, "Stopped.")
    return status


async def _ended(living: asyncio.Task[None], console: Console) -> int:
    """Cancel the stack's task, or say why it ended on its own; return the exit status that follows."""
    living.cancel()
    status = 0
    try:
        await living
    except* asyncio.CancelledError:
        pass
    except* (GaveUp, NotReady) as failures:
        for failure in failures.exceptions:
            console.say(NAME, str(failure), Level.ERROR)
        status = 1
    return status


def run(console: Console) -> int:
    """Take the data folder, check that the ports are free, and serve. Raises the errors that `main` reports."""
    settings = Settings()
    if settings.port == settings.prefect_port and not settings.prefect_url:
        msg = f"BATCHSCRIBE_PORT and BATCHSCRIBE_PREFECT_PORT are both {settings.port}. Set one to another port."
        raise PortTaken(msg)
    inboxes_of(settings)  # a fault in their file is told before anything is started
    check_sign_in(settings)
    with DataFolder(settings.data.absolute()) as data:
        if not settings.prefect_url:
            check_port(settings.prefect_host, settings.prefect_port, "BATCHSCRIBE_PREFECT_PORT")
        check_port(settings.host, settings.port, "BATCHSCRIBE_PORT")
        settings.prefect_home.mkdir(parents=True, exist_ok=True)  # or each process would try to make it
        devices = find_devices(settings)
        titles = ", ".join(f"{device.name} ({device.title})" for device in devices)
        console.say(NAME, f"Starting with {titles}. Data and logs: {settings.data.absolute()}")
        return asyncio.run(serve(settings, devices, console, data))


def main() -> None:
    """Start everything, with the settings of the environment and of the file .env in the project's folder."""
    os.chdir(PROJECT)
    if "MAKELEVEL" in os.environ:
        end_with_parent(signal.SIGTERM)  # make was killed: nobody is left to press Ctrl-C
    console = Console()
    try:
        sys.exit(run(console))
    except (DataFolderInUse, DataFolderUnusable, DeviceUnavailable, InboxInvalid, NoSignIn, PortTaken) as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(faults_in(error))
    except KeyboardInterrupt:
        sys.exit(130)  # before there was anything to stop


if __name__ == "__main__":
    main()
