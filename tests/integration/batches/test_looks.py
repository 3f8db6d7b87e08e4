"""Batches of one process look at Prefect together."""

import asyncio
from datetime import UTC, datetime
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import httpx
from prefect.client.schemas.objects import FlowRun, State, StateType

from tasks.batches import job_tag
from tasks.orchestration.prefect_runs import job_run_of
from tasks.orchestration.shared_looks import looks_with
from tests.support.runs import pool_at_noon

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run_of(job_id: str) -> FlowRun:
    return FlowRun(flow_id=uuid4(), id=uuid4(), tags=[job_tag(job_id)], state=State(type=StateType.RUNNING))


class Server:
    """A Prefect server that counts what it is asked."""

    def __init__(self, *runs: FlowRun, outage: bool = False) -> None:
        self.runs = {run.id: run for run in runs}
        self.outage = outage
        self.reads: list[frozenset[UUID]] = []
        self.looks_at_pools = 0

    async def read_flow_runs(self, *, flow_run_filter, offset=0, **_filters):
        if self.outage:
            message = "refused"
            raise httpx.ConnectError(message)
        wanted = frozenset(flow_run_filter.id.any_) if flow_run_filter.id else frozenset()
        self.reads.append(wanted)
        return [self.runs[each] for each in wanted if each in self.runs][offset:]

    async def read_deployments(self, **_arguments):
        self.looks_at_pools += 1
        return []


def look_all_at_once(server: Server, *batches: list[FlowRun]) -> list:
    async def look():
        looks = looks_with(server)
        return await asyncio.gather(
            *(looks.runs(server, map(job_run_of, runs)) for runs in batches), return_exceptions=True
        )

    return asyncio.run(look())


def test_the_runs_of_all_batches_are_read_at_once_and_each_batch_gets_its_own():
    batches = [[run_of(f"{batch}-{job}") for job in range(3)] for batch in range(50)]
    server = Server(*(run for runs in batches for run in runs))
    found = look_all_at_once(server, *batches)
    assert [[run.job_id for run in runs] for runs in found] == [
        [f"{batch}-{job}" for job in range(3)] for batch in range(50)
    ]
    assert len(server.reads) == 1


def test_a_run_that_was_deleted_is_missing_and_a_batch_without_runs_asks_nothing():
    kept, deleted = run_of("kept"), run_of("deleted")
    server = Server(kept)
    (found,) = look_all_at_once(server, [kept, deleted])
    assert [child.job_id for child in found] == ["kept"]
    assert look_all_at_once(server, []) == [[]]
    assert len(server.reads) == 1


def test_an_outage_is_told_to_every_batch_and_the_next_look_asks_again():
    run = run_of("a")
    server = Server(run, outage=True)
    assert [type(outcome) for outcome in look_all_at_once(server, [run], [run])] == [httpx.ConnectError] * 2
    server.outage = False
    assert len(look_all_at_once(server, [run])[0]) == 1


def test_the_pools_are_read_once_for_all_batches_and_again_after_a_run_was_created():
    server = Server()

    async def look():
        looks = looks_with(server)
        await asyncio.gather(*(looks.pools(server) for _ in range(50)))
        once = server.looks_at_pools
        looks.forget_pools()
        await looks.pools(server)
        return once

    assert asyncio.run(look()) == 1
    assert server.looks_at_pools == 2


def test_runs_that_the_look_at_the_pools_has_found_are_not_read_again(monkeypatch):
    on_a_pool, elsewhere = run_of("on a pool"), run_of("ended, or on none")
    pool = pool_at_noon("gpu-0", job_run_of(on_a_pool))
    monkeypatch.setattr("tasks.orchestration.shared_looks.read_pools", AsyncMock(return_value=(pool,)))
    server = Server(on_a_pool, elsewhere)
    known = [job_run_of(on_a_pool), job_run_of(elsewhere)]
    found = asyncio.run(looks_with(server).runs(server, known, pools_are_looked_at=True))
    assert [run.job_id for run in found] == ["on a pool", "ended, or on none"]
    assert server.reads == [frozenset({elsewhere.id})]
