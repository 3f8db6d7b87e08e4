"""
What the worker of a device publishes about it: the real NVML module, a Prefect server, and a GPU of our making.

There is no GPU in the tests: `SomeGpu` stands for the driver behind NVML, and nothing here proves a real one.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import PrefectClient

from deployments.worker.circuit_breaker import CircuitBreaker
from deployments.worker.device_reporter import DeviceReporter, open_sensor
from tasks.devices import Device
from tasks.orchestration.pool_model import Outcome

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GPU = Device(name="gpu-0", kind="cuda", uuid="0f1e-2d")


class SomeGpu:
    """Answers like NVML with one GPU; its driver can be made to fail."""

    class NVMLError(Exception):
        """The error that NVML raises."""

    def __init__(self):
        self.fails = False
        self.percent = 50

    def nvmlInit(self):  # noqa: N802 - NVML's name
        self._answer(None)

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802 - NVML's name
        return self._answer({"GPU-0f1e-2d": "the handle"}[uuid])

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802 - NVML's name
        assert handle == "the handle"
        return self._answer(SimpleNamespace(used=6 * 10**9, total=24 * 10**9))

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802 - NVML's name
        assert handle == "the handle"
        return self._answer(SimpleNamespace(gpu=self.percent))

    def _answer(self, value):
        if self.fails:
            raise self.NVMLError
        return value


def test_a_gpu_is_read_by_its_identity():
    load = open_sensor(GPU, SomeGpu()).read()
    assert (load.memory_used_bytes, load.memory_total_bytes, load.utilisation) == (6 * 10**9, 24 * 10**9, 0.5)


def test_a_gpu_whose_driver_stops_answering_has_no_load():
    gpu = SomeGpu()
    sensor = open_sensor(GPU, gpu)
    gpu.fails = True
    assert sensor.read() is None


def test_a_cpu_and_a_refusing_driver_have_no_sensor():
    refusing = SomeGpu()
    refusing.fails = True
    assert open_sensor(GPU, refusing) is None
    assert open_sensor(Device(name="gpu-0", kind="cpu"), SomeGpu()) is None
    assert open_sensor(None) is None


def test_the_real_nvml_has_what_the_sensor_calls():
    nvml = pytest.importorskip("pynvml", reason="nvidia-ml-py comes with the extras gpu and dev")
    called = [name for name in dir(SomeGpu) if name.lower().startswith("nvml")]
    assert [name for name in called if not hasattr(nvml, name)] == []
    assert issubclass(nvml.NVMLError, Exception)
    assert open_sensor(GPU, nvml) is None  # no driver here, or no such GPU: either is an NVMLError


@pytest.fixture
def published(stack):
    """Publishes with a reporter, and returns what the server then has."""
    name = "batchscribe-device-gpu-9"

    def publish(reporter, *times):
        async def send():
            async with PrefectClient(f"{stack.prefect_address}/api") as client:
                for time in times:
                    await reporter.publish(client, now=time)

        asyncio.run(send())
        answer = stack.prefect.get(f"/variables/name/{name}")
        return answer.json()["value"] if answer.is_success else None

    yield publish
    stack.prefect.delete(f"/variables/name/{name}")


async def sample(reporter, times):
    for _ in range(times):
        await reporter.sample()


def test_a_worker_that_has_nothing_to_say_publishes_nothing(published):
    assert published(DeviceReporter("gpu-9", None, CircuitBreaker("gpu-9", slots=2)), NOW) is None


def test_the_load_is_published_as_a_mean_and_repeated_only_now_and_then(published):
    gpu = SomeGpu()
    reporter = DeviceReporter("gpu-9", open_sensor(GPU, gpu), CircuitBreaker("gpu-9", slots=2))
    asyncio.run(sample(reporter, 1))
    gpu.percent = 100
    asyncio.run(sample(reporter, 1))
    assert published(reporter, NOW)["load"]["utilisation"] == 0.75
    soon, later = NOW + timedelta(seconds=10), NOW + timedelta(seconds=61)
    assert datetime.fromisoformat(published(reporter, soon)["at"]) == NOW
    assert datetime.fromisoformat(published(reporter, later)["at"]) == later


def test_a_quarantine_is_published_and_taken_back(published):
    breaker = CircuitBreaker("gpu-9", slots=2)
    reporter = DeviceReporter("gpu-9", None, breaker)
    for number in range(3):
        breaker.note(Outcome.DEVICE, f"CUDA error {number}")
    quarantine = published(reporter, NOW)["quarantine"]
    assert (quarantine["failures"], quarantine["reason"]) == (3, "CUDA error 2")
    seconds = (datetime.fromisoformat(quarantine["probe_at"]) - datetime.now(UTC)).total_seconds()
    assert 0 < seconds <= 60
    breaker.note(Outcome.DONE)
    assert published(reporter, NOW + timedelta(seconds=10))["quarantine"] is None


def test_the_pool_of_the_batch_runs_is_never_in_quarantine():
    breaker = CircuitBreaker("cpu", slots=3)
    for _ in range(3):
        breaker.note(Outcome.DEVICE, "killed by SIGKILL")
    assert breaker.quarantine is None


def test_a_new_worker_takes_back_what_its_predecessor_said(published):
    breaker = CircuitBreaker("gpu-9", slots=2)
    for _ in range(3):
        breaker.note(Outcome.DEVICE, "CUDA error")
    assert published(DeviceReporter("gpu-9", None, breaker), NOW)["quarantine"]
    assert published(DeviceReporter("gpu-9", None, CircuitBreaker("gpu-9", slots=2)), NOW)["quarantine"] is None
