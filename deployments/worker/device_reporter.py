"""
Publish the state of a device that only its own machine can see: its load, and why it is in quarantine.

It goes into a Prefect variable for each pool, since the dashboard may be on another machine, and all of them reach
Prefect. A worker that has nothing to report, as on a CPU, writes none.
"""

import asyncio
import importlib
import importlib.util
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate

from tasks.devices import Device, DeviceLoad, DeviceReport, Quarantine, report_name
from tasks.outages import attempt


class Sensor(Protocol):
    """Reads the load of one device."""

    def read(self) -> DeviceLoad | None:
        """Return the current load, or None if the device does not report it."""


class NvmlSensor:
    """Reads a GPU through *nvml*, the module ``pynvml`` of nvidia-ml-py, which is initialised."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self._nvml = nvml
        # By its identity: CUDA numbers GPUs by speed and hides some, NVML numbers all of them by their place.
        self._handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid.removeprefix('GPU-')}")

    def read(self) -> DeviceLoad | None:
        """Return the current load, or None if the driver does not report it, as for a GPU that fell off the bus."""
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            percent = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu
        except self._nvml.NVMLError:
            return None
        return DeviceLoad(memory_used_bytes=memory.used, memory_total_bytes=memory.total, utilisation=percent / 100)


def open_sensor(device: Device | None, nvml: Any = None) -> Sensor | None:
    """
    Return the sensor of *device*; None where there is nothing to read: no GPU, no NVML, a driver that refuses.

    A sensor is optional: without one everything works, and the log says once why there is none.
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


SAMPLE_SECONDS = 1.0
"""NVML tells the utilisation of the last second or less, so one sample in ten seconds would be random."""

SAMPLES_PER_REPORT = 10
REPEAT_AFTER = timedelta(seconds=60)
"""An unchanged load is reported again after this time, to tell it from that of a worker that is gone."""

logger = logging.getLogger("batchscribe.warm_worker")


class HasQuarantine(Protocol):
    """An object that knows about the quarantine of the pool."""

    @property
    def quarantine(self) -> Quarantine | None:
        """The quarantine; None if the device is well."""


class DeviceReporter:
    """Reports on the device of one pool."""

    def __init__(self, work_pool: str, sensor: Sensor | None, patient: HasQuarantine) -> None:
        self._name = report_name(work_pool)
        self._sensor = sensor
        self._patient = patient
        self._samples: deque[DeviceLoad] = deque(maxlen=SAMPLES_PER_REPORT)
        self._published: DeviceReport | None = None

    async def report(self, client: PrefectClient) -> None:
        """Publish every change, until cancelled; an outage is waited out."""
        while True:
            for _ in range(SAMPLES_PER_REPORT):
                await self.sample()
                await asyncio.sleep(SAMPLE_SECONDS)
            await attempt(partial(self.publish, client, now=datetime.now(UTC)), tell=_debug)

    async def sample(self) -> None:
        """Read the sensor once more."""
        load = await asyncio.to_thread(self._sensor.read) if self._sensor else None
        if load is None:
            self._samples.clear()
        else:
            self._samples.append(load)

    async def publish(self, client: PrefectClient, *, now: datetime) -> None:
        """Publish the report if it says something new, or if the last one is getting old."""
        report = DeviceReport(at=now, load=self._load(), quarantine=self._patient.quarantine)
        if not self._is_news(report):
            return
        value = report.model_dump(mode="json")
        try:
            await client.update_variable(VariableUpdate(name=self._name, value=value))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            if _says_something(report):
                await client.create_variable(VariableCreate(name=self._name, value=value))
        self._published = report

    def _load(self) -> DeviceLoad | None:
        if not self._samples:
            return None
        mean = sum(sample.utilisation for sample in self._samples) / len(self._samples)
        return self._samples[-1].model_copy(update={"utilisation": round(mean, 2)})

    def _is_news(self, report: DeviceReport) -> bool:
        last = self._published
        if last is None:  # also an empty one: it overwrites what a predecessor said
            return True
        if report.load != last.load or report.quarantine != last.quarantine:
            return True
        return _says_something(report) and report.at - last.at >= REPEAT_AFTER


def _debug(error: Exception) -> None:
    logger.debug("The report on the device was not taken: %s", error)


def _says_something(report: DeviceReport) -> bool:
    return report.load is not None or report.quarantine is not None
