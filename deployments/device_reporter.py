"""
Publishes what only the machine of a device can see: how loaded it is, why it is in quarantine.

It goes into a Prefect variable for each pool, since the dashboard may be on another machine, and Prefect is what all of
them reach. A worker that has nothing to say, as on a CPU, writes none.
"""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Protocol

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate

from deployments.sensors import Sensor
from tasks.core.device_reports import DeviceLoad, DeviceReport, Quarantine, report_name

SAMPLE_SECONDS = 1.0
"""NVML tells the utilisation of the last second or less, so one look in ten seconds would show chance."""

SAMPLES_PER_REPORT = 10
REPEAT_AFTER = timedelta(seconds=60)
"""A load that does not change is reported as often, so that it can be told from that of a worker that is gone."""

logger = logging.getLogger("batchscribe.warm_worker")


class Patient(Protocol):
    """Who knows about the quarantine of the pool."""

    @property
    def quarantine(self) -> Quarantine | None:
        """The quarantine; None if the device is well."""


class DeviceReporter:
    """Reports on the device of one pool."""

    def __init__(self, work_pool: str, sensor: Sensor | None, patient: Patient) -> None:
        self._name = report_name(work_pool)
        self._sensor = sensor
        self._patient = patient
        self._samples: deque[DeviceLoad] = deque(maxlen=SAMPLES_PER_REPORT)
        self._published: DeviceReport | None = None

    async def report(self, client: PrefectClient) -> None:
        """Publish whatever is new, until cancelled; an outage is waited out."""
        while True:
            for _ in range(SAMPLES_PER_REPORT):
                await self.sample()
                await asyncio.sleep(SAMPLE_SECONDS)
            try:
                await self.publish(client, now=datetime.now(UTC))
            except httpx.HTTPError as error:
                logger.debug("the report on the device was not taken: %s", error)

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


def _says_something(report: DeviceReport) -> bool:
    return report.load is not None or report.quarantine is not None
