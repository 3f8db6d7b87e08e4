"""
Add a device of a further machine to an installation: what ``make worker POOL=gpu-3`` runs.

Makes the work pool and its deployment on the Prefect server of ``PREFECT_API_URL``, then keeps the pool's worker
running until Ctrl-C. ``BATCHSCRIBE_DEVICES`` must name one device, unless the machine has only one;
``BATCHSCRIBE_STORE`` must be the store of the installation, a bucket or a shared folder.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys

from deployments.console import Console
from deployments.devices import DeviceUnavailable, find_devices
from deployments.environment import device_worker_environment
from deployments.models import ModelIncomplete, assemble, is_complete, models_needed
from deployments.processes import Command, GaveUp, KeptProcess, end_with_parent
from deployments.stack import PROJECT, WORKER_STOP_SECONDS
from tasks.core.devices import Device
from tasks.core.settings import Settings

_POOL = re.compile(r"gpu-\d{1,4}")


class WrongPool(Exception):
    """What was asked for is no pool of a device."""


def device_for(pool: str, found: tuple[Device, ...]) -> Device:
    """Return the one device *found*, under the name of *pool*. Raises `WrongPool` or `DeviceUnavailable`."""
    if not _POOL.fullmatch(pool):
        msg = f"{pool} is no pool of a device. Name one as gpu- and a number, for example: make worker POOL=gpu-3"
        raise WrongPool(msg)
    if len(found) != 1:
        titles = ", ".join(device.title for device in found)
        msg = f"A worker has one device, and here are {len(found)}: {titles}. Name one: BATCHSCRIBE_DEVICES=cuda:0"
        raise DeviceUnavailable(msg)
    return found[0].model_copy(update={"name": pool})


def environment_of(settings: Settings, device: Device) -> dict[str, str]:
    """Return the worker's environment. Unlike `make up` it keeps the server that the shell names, and its key."""
    kept = {name: os.environ[name] for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING") if name in os.environ}
    return device_worker_environment(settings, device) | kept


async def keep_working(settings: Settings, device: Device, environment: dict[str, str]) -> None:
    """Keep the worker of *device* running until SIGTERM or SIGINT. Raises `GaveUp` if it ends again and again."""
    command = Command(device.name, (sys.executable, "-m", "deployments.serve_pool", device.name), environment)
    worker = KeptProcess(command, folder=PROJECT, logs=settings.logs_folder, console=Console(), on_start=lambda _: None)
    worker.has_settled = True  # its server answers and its model is there: what goes wrong from here on may pass
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    keeping, stopping = asyncio.create_task(worker.keep()), asyncio.create_task(asked.wait())
    await asyncio.wait({keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await worker.stop(WORKER_STOP_SECONDS)
    await keeping


def main() -> None:
    """Set up the pool named on the command line and work for it."""
    os.chdir(PROJECT)
    settings = Settings()
    try:
        device = device_for(sys.argv[1], find_devices(settings))
        for model in models_needed(settings, [device]):
            if not is_complete(model, settings.models_folder):
                assemble(model, settings.models_folder)
    except (DeviceUnavailable, ModelIncomplete, WrongPool) as error:
        sys.exit(str(error))
    settings.prefect_home.mkdir(parents=True, exist_ok=True)
    environment = environment_of(settings, device)
    set_up = subprocess.run([sys.executable, "-m", "deployments.work_pools"], env=environment, check=False)
    if set_up.returncode != 0:
        sys.exit(set_up.returncode)
    if "MAKELEVEL" in os.environ:
        end_with_parent(signal.SIGTERM)
    try:
        asyncio.run(keep_working(settings, device, environment))
    except GaveUp as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
