"""The survey of the GPU pools, and their speed as measured by completed runs."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool, WorkPoolStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Completed

from tasks.batches import ALREADY_PUBLISHED, SHARED, helps_tag
from tasks.orchestration.pool_model import SLOTS_WITHOUT_LIMIT
from tasks.orchestration.pool_speed import DEFAULT_REAL_TIME_FACTOR
from tasks.orchestration.pools import read_pools


class Server:
    """A Prefect server with some pools that have a deployment each, and completed runs on them."""

    def __init__(self, *pools: WorkPool, completed: tuple[FlowRun, ...] = ()) -> None:
        self._pools = list(pools)
        self._completed = list(completed)

    async def read_work_pools(self, **_filters):
        return self._pools

    async def read_deployments(self, **_filters):
        ours = {"flow_id": uuid4(), "name": "gpu"}
        return [DeploymentResponse(id=uuid4(), work_pool_name=pool.name, **ours) for pool in self._pools]

    async def read_flow_runs(self, *, flow_run_filter, **_filters):
        return self._completed if flow_run_filter.state.type.any_ == [StateType.COMPLETED] else []


def pool(name: str, pool_type: str = "warm", **known: object) -> WorkPool:
    known = {"concurrency_limit": 2, "status": WorkPoolStatus.READY} | known
    return WorkPool(id=uuid4(), name=name, type=pool_type, **known)


def completed(seconds: float, name: str = "Completed", *tags: str) -> FlowRun:
    """A run of an hour of audio that took so long."""
    return FlowRun(
        tags=list(tags),
        flow_id=uuid4(),
        work_pool_name="gpu-0",
        run_count=1,
        total_run_time=timedelta(seconds=seconds),
        parameters={"recording": {"audio_seconds": 3600.0}},
        state=Completed(name=name),
    )


@pytest.mark.parametrize(("limit", "slots"), [(3, 3), (1, 1), (0, 0), (None, SLOTS_WITHOUT_LIMIT)])
def test_the_slots_of_a_pool_are_its_concurrency_limit(limit, slots):
    (seen,) = asyncio.run(read_pools(Server(pool("gpu-0", concurrency_limit=limit))))
    assert (seen.slots, seen.usable) == (slots, slots > 0)


@pytest.mark.parametrize(("pool_type", "condition"), [("warm", "quarantined"), ("docker", "paused")])
def test_only_a_warm_worker_puts_its_pool_into_quarantine(pool_type, condition):
    template = {"variables": {"properties": {"health": {"default": "quarantined"}}}}
    marked = pool("gpu-0", pool_type, is_paused=True, base_job_template=template)
    (seen,) = asyncio.run(read_pools(Server(marked)))
    assert seen.condition == condition


@pytest.mark.parametrize(
    ("runs", "factor"),
    [
        ((completed(720),), 0.2),
        ((completed(720), completed(1, ALREADY_PUBLISHED), completed(1, ALREADY_PUBLISHED)), 0.2),
        ((completed(1, ALREADY_PUBLISHED),), DEFAULT_REAL_TIME_FACTOR),
        ((completed(720), completed(240, SHARED), completed(240, SHARED)), 0.2),
        ((completed(720), *[completed(60, "Completed", helps_tag("a job"))] * 3), 0.2),
    ],
)
def test_a_run_that_has_not_done_all_of_a_job_says_nothing_of_the_pools_speed(runs, factor):
    (seen,) = asyncio.run(read_pools(Server(pool("gpu-0"), completed=runs)))
    assert seen.real_time_factor == pytest.approx(factor)
