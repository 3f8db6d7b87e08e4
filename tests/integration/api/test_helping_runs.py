"""Helping runs against a real server: what is created, found again, cancelled, and when one gives way."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Completed, Crashed, Pending, Running

from tasks.batches import Manifest, Stage, batch_tag, helpers_tag, helps_tag, job_tag
from tasks.cleanup.cleaner import read_abandoned, read_activity
from tasks.orchestration import helpers
from tasks.orchestration.helpers import MOST_IN_VAIN, Helpers
from tasks.orchestration.job_run import RunState
from tasks.orchestration.open_jobs import Converting, Ended, OpenJobs, Waiting
from tasks.orchestration.open_jobs import Running as RunningJob
from tasks.orchestration.pools import forget_deployments, read_gpu_pools, read_pools
from tasks.orchestration.prefect_runs import job_run_of, still_helps
from tasks.orchestration.prefect_states import in_states
from tasks.orchestration.run_recovery import end_run
from tasks.orchestration.summary import Ending
from tests.support.pools_on_server import batch_run, gpu_pools

HOUR = 3600.0
SECONDS_LONG = 600.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Whatever has nothing to do at a look has had nothing to do for long enough, and each look is due."""
    monkeypatch.setattr(helpers, "HELP_SECONDS", 0.0)
    monkeypatch.setattr(helpers, "SECONDS_BETWEEN_LOOKS", 0.0)


class Scene:
    """A long recording that runs on the pool attic, while the pool cellar has nothing to do."""

    def __init__(self, client, batch, waiting, batch_flow_run_id, run):
        self.client, self.batch, self.waiting, self.batch_flow_run_id = client, batch, waiting, batch_flow_run_id
        self.job_id, self.run = waiting.job.job_id, run
        manifest = Manifest(batch=batch, jobs=(waiting.job,), started_at=datetime.now(UTC))
        self.jobs = OpenJobs(manifest)
        self.jobs.put(RunningJob(waiting.job, run))
        self.helpers = self.started_again()

    def started_again(self):
        """The helping runs as the next process of the batch run sees them."""
        return Helpers(self.client, self.batch, self.batch_flow_run_id, long_seconds=SECONDS_LONG)

    async def look(self, helpers=None):
        return await (helpers or self.helpers).look(self.jobs)

    async def set_state(self, run, state):
        await self.client.set_flow_run_state(run.run_id, state, force=True)
        self.helpers._looks.forget_pools()

    async def create_on_cellar(self, **more):
        (cellar,) = (pool for pool in await read_gpu_pools(self.client) if pool.work_pool.name == "cellar")
        run = await self.client.create_flow_run_from_deployment(cellar.deployment_id, **more)
        self.helpers._looks.forget_pools()
        return job_run_of(run)

    async def now(self, run):
        return job_run_of(await self.client.read_flow_run(run.run_id))


@asynccontextmanager
async def scene(client, ready):
    batch, waiting = ready
    async with gpu_pools(client, "attic", "cellar", pool_type="warm"):
        forget_deployments(client)
        (attic,) = (pool for pool in await read_gpu_pools(client) if pool.work_pool.name == "attic")
        run = await client.create_flow_run_from_deployment(
            attic.deployment_id,
            name="talk.mp3",
            parameters={"recording": {"audio_seconds": HOUR}, "options": {"model": "base"}},
            tags=[batch_tag(batch.batch_id), job_tag(waiting.job.job_id)],
        )
        await client.set_flow_run_state(run.id, Running(), force=True)
        progress = {"type": "progress", "flow_run_id": str(run.id), "data": 1.0}
        (await client.request("POST", "/artifacts/", json=progress)).raise_for_status()
        own = job_run_of(await client.read_flow_run(run.id))
        try:
            yield Scene(client, batch, waiting, await batch_run(client, batch_tag(batch.batch_id)), own)
        finally:
            for tag in (batch_tag(batch.batch_id), helpers_tag(batch.batch_id)):
                tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]))
                for left in await client.read_flow_runs(flow_run_filter=tagged):
                    await client.set_flow_run_state(left.id, Cancelled(), force=True)
    forget_deployments(client)


def test_a_pool_helps_at_once_unless_another_job_may_come_for_it(on_server, ready, monkeypatch):
    monkeypatch.setattr(helpers, "HELP_SECONDS", 3600.0)

    async def look_beside_others(client, _requests):
        running = FlowRunFilter(state=in_states([StateType.RUNNING]))
        before = await client.read_flow_runs(flow_run_filter=running)
        async with scene(client, ready) as seen:
            looks = seen.helpers._looks
            other = seen.waiting.job.model_copy(update={"job_id": uuid4().hex})
            seen.jobs.put(Converting(other))
            beside_jobs = await seen.look()
            seen.jobs.put(Waiting(other, seen.waiting.recording))
            beside_jobs += await seen.look()
            seen.jobs.waiting.clear()
            others = [await batch_run(client, batch_tag(f"20260101-12000{number}-abcdef")) for number in range(2)]
            for run_id in others:
                await client.set_flow_run_state(run_id, Running(), force=True)
            looks._batches.forget("batches")
            beside_batches = await seen.look()
            for run_id in [*others, *(run.id for run in before)]:
                await client.set_flow_run_state(run_id, Cancelled(), force=True)
            looks._batches.forget("batches")
            return beside_jobs, beside_batches, await seen.look()

    beside_jobs, beside_batches, (helper,) = on_server(look_beside_others)
    assert (beside_jobs, beside_batches, helper.work_pool) == ([], [], "cellar")


def test_a_helping_run_is_the_jobs_run_once_more_and_no_run_of_the_job(on_server, ready):
    async def help_once(client, _requests):
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            again = [*await seen.look(), *await seen.look(seen.started_again())]
            created = await client.read_flow_run(helper.run_id)
            link = await client.read_task_run(created.parent_task_run_id)
            await seen.set_state(helper, Running())
            pools = {pool.work_pool: pool for pool in await read_pools(client)}
            return seen, helper, again, created, link, pools

    seen, helper, again, created, link, pools = on_server(help_once)
    assert (helper.helps, helper.job_id, helper.batch_id, helper.work_pool) == (seen.job_id, "", "", "cellar")
    assert again == [], "also after a restart of the batch run"
    assert created.parameters == {
        "recording": {"audio_seconds": HOUR},
        "options": {"model": "base"},
        "helps": True,
    }
    assert (created.name, link.flow_run_id) == ("talk.mp3", seen.batch_flow_run_id)
    assert [run.helpers for run in pools["attic"].runs] == [1]
    assert (pools["cellar"].runs, len(pools["cellar"].helpers)) == ((), 1)


def test_what_fails_or_finds_nothing_to_do_is_tried_a_few_times_and_not_for_ever(on_server, ready):
    ends = [Completed(), Crashed()]
    assert len(ends) == MOST_IN_VAIN

    async def help_in_vain(client, _requests):
        async with scene(client, ready) as seen:
            keys = []
            for end in ends:
                (helper,) = await seen.look()
                keys.append((await client.read_flow_run(helper.run_id)).idempotency_key)
                await seen.set_state(helper, end)
            return keys, await seen.look()

    keys, more = on_server(help_in_vain)
    assert [key.rpartition(" ")[2] for key in keys] == ["1", "2"]
    assert more == []


def test_one_that_gave_way_comes_back_however_often(on_server, ready):
    async def give_way(client, _requests):
        async with scene(client, ready) as seen:
            helping = []
            for _ in range(MOST_IN_VAIN + 1):
                (helper,) = await seen.look()
                await seen.set_state(helper, Running())
                short = await seen.create_on_cellar()
                await seen.set_state(short, Running())
                await seen.set_state(short, Completed())  # in the time between two looks
                await seen.set_state(helper, Completed())
                helping.append(helper)
            return helping

    assert len(on_server(give_way)) == MOST_IN_VAIN + 1


def test_one_that_waits_while_its_pool_has_got_a_job_is_cancelled(on_server, ready):
    async def get_a_job(client, _requests):
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            short = await seen.create_on_cellar()
            await seen.look()
            await seen.set_state(short, Cancelled())
            return await seen.now(helper)

    assert on_server(get_a_job).state is RunState.CANCELLED


def stopping(seen):
    return RunningJob(seen.waiting.job, replace(seen.run, state=RunState.CANCELLING))


def done(seen):
    return Ended(Ending(seen.waiting.job, Stage.DONE), seen.run)


@pytest.mark.parametrize("becomes", [stopping, done])
def test_it_is_asked_to_stop_with_its_job(on_server, ready, becomes):
    async def end(client, _requests):
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            await seen.set_state(helper, Running())
            seen.jobs.put(becomes(seen))
            assert await seen.look() == []
            return await seen.now(helper)

    assert on_server(end).state is RunState.CANCELLING


def test_a_batch_run_that_is_cancelled_right_after_its_restart_stops_them_too(on_server, ready):
    async def cancel(client, _requests):
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            await seen.set_state(helper, Running())
            await seen.started_again().cancel_all(seen.jobs, "The batch was cancelled.")
            return await seen.now(helper)

    assert on_server(cancel).state is RunState.CANCELLING


def test_it_gives_way_to_any_other_run_and_stops_with_the_jobs_own(on_server, ready):
    async def ask(client, _requests):
        told = {}
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            await seen.set_state(helper, Running())

            async def ask_now(asking=client):
                return await still_helps(asking, helper.run_id, seen.job_id)

            told["alone"] = await ask_now()
            async with PrefectClient("http://127.0.0.1:9/api") as without_server:
                told["in an outage"] = await ask_now(without_server)
            other = await seen.create_on_cellar()
            told["beside a queued run"] = await ask_now()
            await seen.set_state(other, Pending())
            told["beside another"] = await ask_now()
            await seen.set_state(other, Completed())
            told["alone again"] = await ask_now()
            await seen.set_state(seen.run, Cancelled())
            told["without its job"] = await ask_now()
            told["deleted"] = await still_helps(client, uuid4(), seen.job_id)
        return told

    assert on_server(ask) == {
        "alone": True,
        "in an outage": True,
        "beside a queued run": False,
        "beside another": False,
        "alone again": True,
        "without its job": False,
        "deleted": False,
    }


def test_a_batch_is_not_deleted_while_a_helping_run_of_it_writes(on_server, ready):
    async def look(client, _requests):
        async with scene(client, ready) as seen:
            (helper,) = await seen.look()
            for run_id in (seen.run.run_id, seen.batch_flow_run_id):
                await end_run(client, run_id, Completed(), force=True)
            queued = (await read_activity(client, seen.batch.batch_id)).active
            await seen.set_state(helper, Running())
            writing = (await read_activity(client, seen.batch.batch_id)).active
            await seen.set_state(helper, Completed())
            return queued, writing, (await read_activity(client, seen.batch.batch_id)).active

    assert on_server(look) == (False, True, False)


def test_a_helping_run_on_a_pool_whose_worker_is_gone_is_ended_by_the_clean_up(on_server, prefect):
    async def search(client, _requests):
        deployment = prefect.http.get("deployments/name/transcribe-recording/gpu-0").json()["id"]  # without a worker
        run = await client.create_flow_run_from_deployment(UUID(deployment), tags=[helps_tag("a job")])
        await client.set_flow_run_state(run.id, Running(), force=True)
        found = [each.run_id for each in await read_abandoned(client, away_for=timedelta())]
        await client.set_flow_run_state(run.id, Cancelled(), force=True)
        return run.id in found

    assert on_server(search)
