import subprocess
import sys

import pytest

from deployments.local.devices import choose_devices, machine_name
from deployments.local.environment import shared_environment
from tasks.settings import Settings


@pytest.fixture
def set_up(stack):
    """Sets up the stack's server for other devices; afterwards it is as it was."""
    settings = Settings(data=stack.data, prefect_port=stack.prefect_port)

    def with_devices(setting, **environment):
        records = [device.model_dump_json() for device in choose_devices(setting, (), 2)]
        command = [sys.executable, "-m", "deployments.local.provision", *records]
        subprocess.run(command, env=shared_environment(settings) | environment, check=True, timeout=120)

    yield with_devices
    with_devices("cpu,cpu")


def _pool(stack, name):
    return stack.prefect.get(f"/work_pools/{name}").json()


def _health(pool):
    return pool["base_job_template"]["variables"]["properties"]["health"]["default"]


def test_the_pool_of_a_device_that_is_gone_is_paused_until_it_is_back(stack, set_up):
    set_up("cpu")
    gone = _pool(stack, "gpu-1")
    assert gone["is_paused"]
    assert gone["description"] == f"Gone: CPU, 1 thread on {machine_name()}"
    assert _health(gone) == "gone"
    assert not _pool(stack, "gpu-0")["is_paused"]

    set_up("cpu,cpu")
    assert not _pool(stack, "gpu-1")["is_paused"]
    assert _pool(stack, "gpu-1")["description"] == f"CPU, 1 thread on {machine_name()}"
    assert _health(_pool(stack, "gpu-1")) == "healthy"


def test_a_pool_that_a_person_paused_stays_paused(stack, set_up):
    stack.prefect.patch("/work_pools/gpu-1", json={"is_paused": True}).raise_for_status()
    set_up("cpu,cpu")
    assert _pool(stack, "gpu-1")["is_paused"]
    stack.prefect.patch("/work_pools/gpu-1", json={"is_paused": False}).raise_for_status()


def test_a_further_machine_adds_its_pool_and_disturbs_no_other(stack, set_up):
    (device,) = choose_devices("cpu", (), 4)
    set_up("", BATCHSCRIBE_DEVICE=device.model_copy(update={"name": "gpu-7"}).model_dump_json())
    assert _pool(stack, "gpu-7")["concurrency_limit"] == 2
    deployment = stack.prefect.get("/deployments/name/transcribe-recording/gpu-7").json()
    assert deployment["work_pool_name"] == "gpu-7"
    set_up("cpu,cpu")  # that machine may be this one
    assert not any(_pool(stack, name)["is_paused"] for name in ("cpu", "gpu-0", "gpu-1", "gpu-7"))
    stack.prefect.delete(f"/deployments/{deployment['id']}").raise_for_status()
    stack.prefect.delete("/work_pools/gpu-7").raise_for_status()


def test_pausing_a_work_queue_does_not_stop_the_server(stack):
    queue = "/work_pools/gpu-0/queues/default"  # a change of its status is told as an event, which reads besides
    try:
        stack.prefect.patch(queue, json={"is_paused": True}, timeout=30).raise_for_status()
        assert stack.prefect.get(queue, timeout=30).json()["status"] == "PAUSED"
    finally:
        stack.prefect.patch(queue, json={"is_paused": False}, timeout=30).raise_for_status()
