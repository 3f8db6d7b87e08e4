"""Runs whose change of state reached Prefect's server while the answer got lost."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.states import Cancelling, Pending

from deployments.worker.cancels import forward_cancels
from deployments.worker.process_pool import WarmProcesses
from deployments.worker.recovery import FORGOTTEN_SECONDS, requeue_forgotten
from deployments.worker.wake import WakeUps

POOL = "gpu-test"


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
        wake_ups = WakeUps()
        wake_ups.new_cancel.set()
        async with get_client() as client:
            processes = WarmProcesses(wanted=0, slots=1, silence_seconds=60, runs_each=0, on_failed_start=lambda: None)
            watching = forward_cancels(client, POOL, processes, wake_ups, lambda run_id: held and run_id == run.id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watching, 3)
        return idle_pool.client.read_flow_run(run.id).state.name

    assert asyncio.run(look(held=True)) == "Cancelling"
    assert asyncio.run(look(held=False)) == "Cancelled"
