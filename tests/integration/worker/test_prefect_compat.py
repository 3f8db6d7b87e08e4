"""
What the repairs of Prefect's worker class rely on: a change in Prefect that breaks one of them fails here.

The second half shows with the class as Prefect has it that each repair is still needed. A failure there means that the
repair can go.
"""

import asyncio
import contextlib
from uuid import uuid4

import anyio
import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.workers.base import BaseWorker

from deployments.worker.job import WarmJobConfiguration, WarmResult, WarmVariables
from deployments.worker.worker import WarmWorker

POOL = "gpu-test"


class UnluckyClient:
    """Prefect's client, of whose requests the first of each named kind fails."""

    def __init__(self, client, faults):
        self._client = client
        self._faults = faults

    def __getattr__(self, name):
        if name not in self._faults:
            return getattr(self._client, name)
        self._faults.remove(name)
        return self._fail

    async def _fail(self, *_, **__):
        request = httpx.Request("GET", "http://prefect")
        msg = "Server error 500"
        raise httpx.HTTPStatusError(msg, request=request, response=httpx.Response(500, request=request))


class UnluckyWorker(WarmWorker):
    """A worker with such a client."""

    type = "unlucky"  # Prefect has one class for each type

    def __init__(self, faults):
        super().__init__(work_pool_name=POOL, name=POOL)
        self.faults = faults

    @property
    def client(self):
        return UnluckyClient(super().client, self.faults)


async def completed_by(worker, pool, run):
    working = asyncio.create_task(worker.start())
    waiting = asyncio.create_task(asyncio.to_thread(pool.wait, run, lambda state: state.is_completed(), 60))
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert not working.done()
    worker.drain()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    return await waiting


@pytest.mark.parametrize(
    ("request_name", "crashes"),
    [
        ("get_scheduled_flow_runs_for_work_pool", 0),
        ("read_flow_runs", 0),  # what its predecessor left
        ("read_deployment", 0),  # the first request of a submission
        ("read_flow", 1),  # in its middle: the run is Pending by then
        ("update_flow_run", 0),  # at its end: the run has begun
    ],
)
def test_a_request_that_fails_ends_neither_the_worker_nor_the_run(idle_pool, request_name, crashes):
    run = idle_pool.create("polite", seconds=0)
    worker = UnluckyWorker([request_name])
    assert asyncio.run(completed_by(worker, idle_pool, run)).run_count == 1
    assert not worker.faults
    assert idle_pool.state_names(run).count("Crashed") == crashes


class PlainWorker(BaseWorker):
    """A worker of Prefect's own making, with a client of whose requests some fail."""

    type = "plain"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables

    def __init__(self, faults=()):
        super().__init__(work_pool_name=POOL, name="plain", limit=2)
        self.faults = list(faults)

    @property
    def client(self):
        return UnluckyClient(super().client, self.faults)

    async def run(self, _flow_run, _configuration, task_status=None):
        task_status.started(1)
        return WarmResult(identifier="1", status_code=0)


def test_without_the_repair_a_failed_request_ends_the_worker(idle_pool):
    idle_pool.create("polite", seconds=0)

    async def work():
        await asyncio.wait_for(PlainWorker(["read_deployment"]).start(), 30)

    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(work())


def test_without_the_repair_a_failed_request_crashes_the_run(idle_pool):
    run = idle_pool.create("polite", seconds=0)

    async def work():
        working = asyncio.create_task(PlainWorker(["read_flow"]).start())
        await asyncio.to_thread(idle_pool.wait, run, lambda state: state.is_crashed(), 30)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    asyncio.run(work())


def test_without_the_repair_a_run_that_is_begun_again_while_it_is_in_hand_raises():
    run = FlowRun(flow_id=uuid4())

    async def taken_twice():
        worker = PlainWorker()
        worker._limiter = anyio.CapacityLimiter(2)
        worker.limiter.acquire_on_behalf_of_nowait(run.id)
        found = WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=run)
        await worker._submit_scheduled_flow_runs([found])

    with pytest.raises(RuntimeError, match="already holding"):
        asyncio.run(taken_twice())
