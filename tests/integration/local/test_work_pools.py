"""The work pools and deployments of devices that come and go."""

import asyncio

import pytest

from deployments.local.devices import choose_devices, machine_name
from deployments.local.provision import add_device, set_up
from tasks.settings import Settings

BOTH = "cpu,cpu"


@pytest.fixture
def set_up_for(stack):
    """Sets up the stack's server for other devices; afterwards it is as it was."""
    settings = Settings(data=stack.data, prefect_port=stack.prefect_port)
    done = [BOTH]

    def with_devices(setting):
        done.append(setting)
        with stack.as_prefect_server():
            asyncio.run(set_up(settings, choose_devices(setting, (), 2)))

    yield with_devices
    if done[-1] != BOTH:
        with_devices(BOTH)


def _pool(stack, name):
    return stack.prefect.get(f"/work_pools/{name}").json()


def _health(pool):
    return pool["base_job_template"]["variables"]["properties"]["health"]["default"]


def test_the_pool_of_a_device_that_is_gone_is_paused_until_it_is_back(stack, set_up_for):
    set_up_for("cpu")
    gone = _pool(stack, "gpu-1")
    assert gone["is_paused"]
    assert gone["description"] == f"Gone: CPU, 1 thread on {machine_name()}"
    assert _health(gone) == "gone"
    assert not _pool(stack, "gpu-0")["is_paused"]

    set_up_for(BOTH)
    assert not _pool(stack, "gpu-1")["is_paused"]
    assert _pool(stack, "gpu-1")["description"] == f"CPU, 1 thread on {machine_name()}"
    assert _health(_pool(stack, "gpu-1")) == "healthy"


def test_a_pool_that_a_person_paused_stays_paused(stack, set_up_for):
    stack.prefect.patch("/work_pools/gpu-1", json={"is_paused": True}).raise_for_status()
    set_up_for(BOTH)
    assert _pool(stack, "gpu-1")["is_paused"]
    stack.prefect.patch("/work_pools/gpu-1", json={"is_paused": False}).raise_for_status()


def test_a_further_machine_adds_its_pool_and_disturbs_no_other(stack, set_up_for):
    (device,) = choose_devices("cpu", (), 4)
    with stack.as_prefect_server():
        asyncio.run(add_device(device.model_copy(update={"name": "gpu-7"})))
    assert _pool(stack, "gpu-7")["concurrency_limit"] == 2
    deployment = stack.prefect.get("/deployments/name/transcribe-recording/gpu-7").json()
    assert deployment["work_pool_name"] == "gpu-7"
    set_up_for(BOTH)  # that machine may be this one
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
