"""Which of the pools on Prefect's server get jobs, and what their completed runs say of their speed."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool, WorkPoolStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from tasks.core.batches import ALREADY_PUBLISHED, Batch, Job, Recording
from tasks.dispatch import Dispatcher, ReadyJob
from tasks.survey import DEFAULT_REAL_TIME_FACTOR, read_pools

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Server:
    """A Prefect server with some pools that nobody has made a deployment for, and completed runs on them."""

    def __init__(self, *pools: WorkPool, completed: tuple[FlowRun, ...] = ()) -> None:
        self._pools = list(pools)
        self._completed = list(completed)

    async def read_work_pools(self, **_filters):
        return self._pools

    async def read_flow_runs(self, *, flow_run_filter, **_filters):
        return self._completed if flow_run_filter.state.type.any_ == [StateType.COMPLETED] else []

    async def read_deployment_by_name(self, name):
        raise ObjectNotFound(KeyError(name))


def pool(name: str, pool_type: str = "warm") -> WorkPool:
    return WorkPool(id=uuid4(), name=name, type=pool_type, status=WorkPoolStatus.READY, concurrency_limit=2)


def completed(seconds: float, message: str = "") -> FlowRun:
    """A run of an hour of audio that took so long."""
    return FlowRun(
        flow_id=uuid4(),
        work_pool_name="gpu-0",
        run_count=1,
        total_run_time=timedelta(seconds=seconds),
        parameters={"recording": {"audio_seconds": 3600.0}},
        state=Completed(message=message),
    )


def test_a_pool_of_another_type_is_not_ours_whatever_its_name():
    pools = asyncio.run(read_pools(Server(pool("gpu-0"), pool("gpu-render", "docker"), pool("cpu"))))
    assert [seen.work_pool for seen in pools] == ["gpu-0"]


@pytest.mark.parametrize(
    ("runs", "factor"),
    [
        ((completed(720),), 0.2),
        ((completed(720), completed(1, ALREADY_PUBLISHED), completed(1, ALREADY_PUBLISHED)), 0.2),
        ((completed(1, ALREADY_PUBLISHED),), DEFAULT_REAL_TIME_FACTOR),
    ],
)
def test_a_run_that_found_its_documents_published_says_nothing_of_the_pools_speed(runs, factor):
    (seen,) = asyncio.run(read_pools(Server(pool("gpu-0"), completed=runs)))
    assert seen.real_time_factor == pytest.approx(factor)


def test_a_pool_without_a_deployment_gets_no_job_and_stops_no_batch():
    batch = Batch(batch_id="20260101-120000-abcdef", name="talks", created_at=NOON)
    job = Job(job_id="0123456789abcdef", path="talk.mp3", size=1, sha256="0", document_stem="talk")
    recording = Recording(job_id=job.job_id, key="talk.mp3", size=1, sha256="0", audio_seconds=30.0)
    dispatcher = Dispatcher(Server(pool("gpu-0")), batch, uuid4())

    assert asyncio.run(dispatcher.dispatch({job.job_id: ReadyJob(job, recording)}, active_batches=1)) == []
