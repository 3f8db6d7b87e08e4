"""
What a worker survives: a failed request of each kind, and runs whose state went one way and its answer none.

The worker overrides two methods of Prefect's that are not public, ``_submit_run`` and ``_propose_crashed_state``. If an
upgrade calls them otherwise, the first test here fails: its worker ends, or its run stays Crashed.
"""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling, Pending

from deployments.worker.cancels import forward_cancels
from deployments.worker.orphans import FORGOTTEN_SECONDS, requeue_forgotten
from deployments.worker.process_pool import WarmProcesses
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


@pytest.fixture
def idle_pool(warm_pool, monkeypatch):
    """The pool without a worker, and the environment for one in this process."""
    warm_pool.stop_worker_if_any()
    for name, value in warm_pool.environment.items():
        monkeypatch.setenv(name, value)
    return warm_pool


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


def test_a_run_that_stays_pending_although_nobody_has_it_is_handed_back(idle_pool):
    run = idle_pool.create("polite", seconds=0)
    idle_pool.client.set_flow_run_state(run.id, Pending(), force=True)

    async def look(*, held, seconds_later):
        async with get_client() as client:
            now = datetime.now(UTC) + timedelta(seconds=seconds_later)
            await requeue_forgotten(client, POOL, lambda flow_run_id: held and flow_run_id == run.id, now=now)
        return idle_pool.client.read_flow_run(run.id).state.name

    assert asyncio.run(look(held=False, seconds_later=0)) == "Pending"
    assert asyncio.run(look(held=True, seconds_later=FORGOTTEN_SECONDS + 1)) == "Pending"
    assert asyncio.run(look(held=False, seconds_later=FORGOTTEN_SECONDS + 1)) == "AwaitingRetry"
    idle_pool.start_worker()
    assert idle_pool.wait(run, lambda state: state.is_completed()).run_count == 1


def test_a_cancelled_run_that_is_on_its_way_into_a_process_is_left_to_that(idle_pool):
    run = idle_pool.create("polite", seconds=0)
    idle_pool.client.set_flow_run_state(run.id, Pending(), force=True)
    idle_pool.client.set_flow_run_state(run.id, Cancelling())

    async def look(*, held):
        new_cancel = asyncio.Event()
        new_cancel.set()
        async with get_client() as client:
            processes = WarmProcesses(wanted=0, slots=1, silence_seconds=60, runs_each=0, on_failed_start=lambda: None)
            watching = forward_cancels(client, POOL, processes, new_cancel, lambda run_id: held and run_id == run.id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watching, 3)
        return idle_pool.client.read_flow_run(run.id).state.name

    assert asyncio.run(look(held=True)) == "Cancelling"
    assert asyncio.run(look(held=False)) == "Cancelled"
