"""What an NVIDIA GPU says of itself through NVML, the library of its driver."""

import importlib
import importlib.util
import logging
from typing import Any, Protocol

from tasks.core.device_reports import DeviceLoad
from tasks.core.devices import Device

logger = logging.getLogger("batchscribe.warm_worker")


class Sensor(Protocol):
    """Reads the load of one device."""

    def read(self) -> DeviceLoad | None:
        """Return the load at this moment, or None if the device does not say."""


class NvmlSensor:
    """Reads a GPU through *nvml*, the module ``pynvml`` of nvidia-ml-py, which is initialised."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self._nvml = nvml
        # By its identity: CUDA numbers GPUs by speed and hides some, NVML numbers all of them by their place.
        self._handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid.removeprefix('GPU-')}")

    def read(self) -> DeviceLoad | None:
        """Return the load at this moment, or None if the driver does not say, as of a GPU that fell off the bus."""
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            percent = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu
        except self._nvml.NVMLError:
            return None
        return DeviceLoad(memory_used_bytes=memory.used, memory_total_bytes=memory.total, utilisation=percent / 100)


def open_sensor(device: Device | None, nvml: Any = None) -> Sensor | None:
    """
    Return the sensor of *device*; None where there is nothing to read: no GPU, no NVML, a driver that refuses.

    A sensor is a courtesy to people: without one everything works, and the log says once why there is none.
    """
    if device is None or device.kind != "cuda" or not device.uuid:
        return None
    nvml = nvml or _load_nvml()
    if nvml is None:
        logger.info("%s: memory and utilisation are not shown: nvidia-ml-py is not installed", device.name)
        return None
    try:
        nvml.nvmlInit()
        return NvmlSensor(nvml, device.uuid)
    except nvml.NVMLError as error:
        logger.warning("%s: memory and utilisation are not shown: %s", device.name, error)
        return None


def _load_nvml() -> Any:
    if importlib.util.find_spec("pynvml") is None:
        return None
    return importlib.import_module("pynvml")
