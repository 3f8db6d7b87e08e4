"""Moves of a job to another run that an outage interrupts, and runs that begin again once they have stopped."""

import asyncio

import httpx
import pytest
from prefect.client.schemas.objects import StateType

from tasks.batches import Recording, Stage
from tasks.cancellation import CancelToken, set_current_token
from tasks.orchestration.batch_run import collect
from tasks.orchestration.moves import move_stuck
from tasks.orchestration.open_jobs import Running
from tasks.orchestration.prefect_runs import job_run_of
from tests.support.batch_of_one import RUNNING, SCHEDULED, OneRun, one_job, open_jobs, published, run_of

REFUSED = "refused"


class Mover:
    """A dispatcher whose connection breaks after it has created a successor."""

    def __init__(self, stuck, successor) -> None:
        self.stuck = stuck
        self.successor = successor
        self.outages = 1
        self.ended = []

    async def find_stuck(self, _runs):
        return self.stuck

    async def end_cancelled(self, lost):
        assert not list(lost)

    async def move(self, _ready, _old):
        self.stuck = []
        return [self.successor]

    async def end_predecessor(self, predecessor, successor):
        if self.outages:
            self.outages -= 1
            raise httpx.ConnectError(REFUSED)
        self.ended.append((predecessor, successor))


def test_a_move_that_an_outage_interrupts_is_finished_after_it(store):
    manifest, job = one_job()
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, SCHEDULED, 1))
    recording = Recording(job_id=job.job_id, key="a.mp3", size=1, sha256="0" * 64, audio_seconds=1.0)
    jobs = open_jobs(manifest, Running(job, old, recording))
    dispatcher = Mover([old], new)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(move_stuck(store, dispatcher, jobs))
    assert jobs.runs == {job.job_id: new}, "it watches the run that was to be ended"
    assert asyncio.run(move_stuck(store, dispatcher, jobs)) == []
    assert dispatcher.ended == [(old, new)]


def test_a_successor_that_has_ended_is_collected_after_the_run_in_whose_place_it_was_created(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, RUNNING, 1))
    jobs = open_jobs(manifest, Running(job, new, predecessor=old))
    server = OneRun(run_of(job, StateType.COMPLETED, 2))
    assert asyncio.run(collect(server, store, jobs, tmp_path)) == []
    dispatcher = Mover([], new)
    dispatcher.outages = 0
    asyncio.run(move_stuck(store, dispatcher, jobs))
    assert dispatcher.ended == [(old, new)]
    assert [ending.stage for ending in asyncio.run(collect(server, store, jobs, tmp_path))] == [Stage.DONE]


def test_a_cancelled_batch_waits_for_no_move_to_be_finished(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, RUNNING, 1))
    jobs = open_jobs(manifest, Running(job, new, predecessor=old))
    assert jobs.predecessors == (old,), "it is cancelled with the others"

    async def collected():
        set_current_token(token := CancelToken())
        token.cancel()
        return await collect(OneRun(run_of(job, StateType.COMPLETED, 2)), store, jobs, tmp_path)

    assert [ending.stage for ending in asyncio.run(collected())] == [Stage.DONE]


class AwayOnce(OneRun):
    """A Prefect server that refuses the first state that it is sent."""

    async def set_flow_run_state(self, flow_run_id, state, *, force):
        if not self.set_to:
            self.set_to.append("refused")
            raise httpx.ConnectError(REFUSED)
        await super().set_flow_run_state(flow_run_id, state, force=force)


def test_a_run_that_is_to_begin_again_once_it_has_stopped_does_so_after_an_outage(store, tmp_path):
    manifest, job = one_job()
    stopping = job_run_of(run_of(job, StateType.CANCELLING, 0))
    jobs = open_jobs(manifest, Running(job, stopping, restarts_once_stopped=True))
    server = AwayOnce(run_of(job, StateType.CANCELLED, 1))
    with pytest.raises(httpx.ConnectError):
        asyncio.run(collect(server, store, jobs, tmp_path))
    assert asyncio.run(collect(server, store, jobs, tmp_path)) == []
    assert server.set_to == ["refused", "AwaitingRetry"]
    assert not jobs.running[job.job_id].restarts_once_stopped
