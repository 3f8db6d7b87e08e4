"""
Settings of a warm worker started by hand: ``prefect worker start --type warm --pool gpu-0``.

`make up` and `make worker` tell their workers in the environment how many processes and slots they have, which device,
what to warm up, and provide the model first. A worker that is told nothing derives all of it here, from the same
settings.
"""

import logging
import os

from prefect.settings import get_current_settings

from deployments.local.devices import DeviceUnavailable, find_devices
from deployments.local.environment import (
    CPU_POOL,
    WARM_CHILDREN_VARIABLE,
    cpu_worker_settings,
    device_worker_settings,
)
from deployments.local.models import WITHOUT_SPEAKERS, ModelIncomplete, missing_models, provide
from tasks.devices import Device
from tasks.settings import Settings

HEARTBEAT_SECONDS = 10
"""The same as for the workers of `make up`: `make worker` knows by it that a pool has a worker."""

logger = logging.getLogger("batchscribe.warm_worker")


def is_by_hand() -> bool:
    """Return whether this worker was started by hand, without settings in its environment."""
    return WARM_CHILDREN_VARIABLE not in os.environ


def find_out(pool: str) -> None:
    """
    Complete the environment of this process, and with it that of the worker's processes, for *pool*.

    The model is fetched if it is missing. Ends the process with a sentence if there is no device for the pool, or no
    model.
    """
    settings = Settings()
    # The worker may know its server from a profile, or from the command line: its processes have the environment.
    os.environ.update(get_current_settings().to_environment_variables(exclude_unset=True))
    if pool == CPU_POOL:
        os.environ.update(cpu_worker_settings(settings))
        return
    try:
        device = device_for(pool, find_devices(settings))
        fetch_missing(settings, device)
    except (DeviceUnavailable, ModelIncomplete) as error:
        raise SystemExit(str(error)) from error
    os.environ.update(device_worker_settings(settings, device))


def device_for(pool: str, found: tuple[Device, ...]) -> Device:
    """Return the device of this machine that works for *pool*. Raises `DeviceUnavailable`."""
    named = next((device for device in found if device.name == pool), None)
    if named is None and len(found) == 1:
        named = found[0].model_copy(update={"name": pool})
    if named is None:
        titles = ", ".join(f"{device.name} ({device.title})" for device in found)
        msg = f"{pool} is none of the devices here: {titles}. Name the one to use: BATCHSCRIBE_DEVICES=cuda:0"
        raise DeviceUnavailable(msg)
    return named


def fetch_missing(settings: Settings, device: Device) -> None:
    """Fetch the models of jobs that name none, if they are not on this machine. Raises `ModelIncomplete`."""
    for model in missing_models(settings, [device]):
        logger.warning("Downloading the model %s; this happens once.", model.name)
        try:
            provide(model, settings.models_folder, warn=logger.warning)
        except ModelIncomplete as error:
            if model.repository:
                raise
            logger.warning("%s %s", error, WITHOUT_SPEAKERS)
