"""
Add a device of another machine to an installation: the command behind ``make worker POOL=gpu-3``.

Makes the work pool and its deployment on the Prefect server of ``BATCHSCRIBE_PREFECT_URL`` or ``PREFECT_API_URL``,
checks the store, then keeps the pool's worker running until Ctrl-C. A server or store that is away is waited for.
``BATCHSCRIBE_DEVICES`` must name one device, unless the machine has only one or one of the pool's name;
``BATCHSCRIBE_STORE`` must be the store of the installation, a bucket or a shared folder.
"""

import asyncio
import os
import signal
import sys

from pydantic import ValidationError

from deployments.local.console import Console
from deployments.local.devices import DeviceUnavailable, WrongPool, checked_name, find_devices
from deployments.local.environment import ServerUnclear, device_worker_environment, with_named_server
from deployments.local.models import ModelIncomplete
from deployments.local.stack import PROJECT, WORKER_STOP_SECONDS
from deployments.local.supervisor import Command, GaveUp, KeptProcess, end_with_parent
from deployments.worker.by_hand import device_for, fetch_missing
from tasks.devices import Device
from tasks.settings import Settings, faults_in


class Added:
    """The worker of a device, and the set-up of its pool before it."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self._settings = settings
        self._console = Console()
        self._environment = device_worker_environment(settings, device)
        self._set_up = self._process("set-up", "deployments.local.provision")
        self._worker = self._process(device.name, "deployments.worker", device.name)
        self._worker.has_settled = True  # its server answers, its model is there: what goes wrong from then on may pass

    def _process(self, name: str, *module: str) -> KeptProcess:
        command = Command(name, (sys.executable, "-m", *module), self._environment)
        logs = self._settings.logs_folder
        return KeptProcess(command, folder=PROJECT, logs=logs, console=self._console, on_start=lambda _: None)

    async def work(self) -> None:
        """Set up the pool and keep its worker running until SIGTERM or SIGINT. Raises `GaveUp` if one doesn't run."""
        asked = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        working, stopping = asyncio.create_task(self._work()), asyncio.create_task(asked.wait())
        telling = asyncio.create_task(self._tell_when_ready())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
        await self._set_up.stop()
        await self._worker.stop(WORKER_STOP_SECONDS)
        await working

    async def _work(self) -> None:
        await self._set_up.run_to_end()
        await self._worker.keep()

    async def _tell_when_ready(self) -> None:
        await self._worker.ready.wait()
        where, store = self._settings.prefect_api_url, self._settings.store_address
        name = self._worker.name
        self._console.say(name, f"{name} works for {where} (store {store}). Ctrl-C stops it.")


def main() -> None:
    """Set up the pool named on the command line and work for it."""
    os.chdir(PROJECT)
    try:
        settings = with_named_server(Settings())
        device = device_for(checked_name(sys.argv[1]), find_devices(settings))
        fetch_missing(settings, device)
    except (DeviceUnavailable, ModelIncomplete, ServerUnclear, WrongPool) as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(faults_in(error))
    settings.prefect_home.mkdir(parents=True, exist_ok=True)
    if "MAKELEVEL" in os.environ:
        end_with_parent(signal.SIGTERM)
    try:
        asyncio.run(Added(settings, device).work())
    except GaveUp as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
