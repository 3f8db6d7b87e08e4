"""Dispatch of jobs to pools, against a real server: any number of pools, the router's limit, and runs that crash."""

from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Pending, Running

from tasks.batches import ROUTER_LIMIT, job_tag
from tasks.cleanup.cleaner import read_abandoned
from tasks.orchestration import paging
from tasks.orchestration.dispatcher import Dispatcher
from tasks.orchestration.lost_runs import RUNNING_SECONDS, SECONDS_BETWEEN_SEARCHES, LostRuns
from tasks.orchestration.planning import RunningBatches
from tasks.orchestration.pools import forget_deployments, read_gpu_pools, read_pools
from tasks.orchestration.prefect_runs import job_run_of, read_running_batches
from tasks.orchestration.prefect_states import NOT_ENDED, in_states
from tasks.orchestration.recovery import MAX_CRASHES
from tasks.orchestration.router import RouterUnusable
from tasks.orchestration.run_recovery import restart_crashed
from tasks.orchestration.waiting import forget_waiting, tell_waiting, waits_for
from tests.support.pools_on_server import batch_run, gpu_pools

MANY, PAGE = 23, 10
"""Three pages of pools. With the server's own page of 200 the same takes a minute: making a deployment is slow."""


def test_all_of_more_pools_than_fit_a_page_are_seen_in_a_few_requests(on_server, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", PAGE)
    names = {f"many-{number:03}" for number in range(MANY)}

    async def look(client, requests):
        async with gpu_pools(client, *sorted(names)):
            requests.clear()
            pools = await read_pools(client)
            first = requests.copy()
            await read_pools(client)
            return pools, first, requests - first

    pools, first, second = on_server(look)
    assert names <= {pool.work_pool for pool in pools}
    assert len(pools) == len({pool.work_pool for pool in pools})
    runs = {"/api/flow_runs/filter", "/api/artifacts/filter"}  # as many pages as there are runs, and their progress
    asked = {"/api/deployments/filter", "/api/work_pools/filter"}
    assert asked <= set(first) <= asked | runs, "no request for each pool"
    assert (first["/api/deployments/filter"], first["/api/work_pools/filter"]) == (3, 3)
    assert (second["/api/deployments/filter"], second["/api/work_pools/filter"]) == (0, 3)


def test_a_pool_counts_by_the_tag_of_its_deployment_whatever_its_type_and_name(on_server):
    async def look(client, _requests):
        async with (
            gpu_pools(client, "attic"),
            gpu_pools(client, "cellar", pool_type="docker"),
            gpu_pools(client, "gpu-of-others", tags=["theirs"]),
        ):
            return {pool.work_pool.name for pool in await read_gpu_pools(client)}

    assert {"attic", "cellar"} <= (seen := on_server(look))
    assert "gpu-of-others" not in seen


async def dispatched(client, batch, ready):
    """Return the runs that are created for a job, in a batch run of its own."""
    dispatcher = Dispatcher(client, batch, await batch_run(client))
    return await dispatcher.dispatch({ready.job.job_id: ready}, RunningBatches(people=(batch.batch_id,)))


@asynccontextmanager
async def queued_behind_another(client, batch, waiting):
    """A run of the job that waits on the pool attic, behind one that runs there, and the dispatcher of its batch."""
    dispatcher = Dispatcher(client, batch, await batch_run(client))
    async with gpu_pools(client, "attic"):
        forget_deployments(client)
        (queued,) = await dispatcher.dispatch({waiting.job.job_id: waiting}, RunningBatches(people=(batch.batch_id,)))
        (attic,) = (pool for pool in await read_gpu_pools(client) if pool.work_pool.name == "attic")
        hours = {"recording": {"audio_seconds": 9999.0}}
        ahead = await client.create_flow_run_from_deployment(attic.deployment_id, parameters=hours)
        await client.set_flow_run_state(ahead.id, Running(), force=True)
        async with gpu_pools(client, "cellar"):
            forget_deployments(client)
            yield dispatcher, queued
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=in_states(NOT_ENDED))):
            await client.set_flow_run_state(run.id, Cancelled(), force=True)
    forget_deployments(client)


def test_an_idle_pool_takes_a_queued_run_over_and_no_worker_begins_the_old_one(on_server, ready, monkeypatch):
    batch, waiting = ready
    monkeypatch.setattr("tasks.orchestration.dispatcher.TAKEOVER_SECONDS", 0.0)

    async def move(client, _requests):
        async with queued_behind_another(client, batch, waiting) as (dispatcher, queued):
            assert await dispatcher.find_takeovers([queued]) == [queued]
            (successor,) = await dispatcher.take_over({queued.job_id: waiting}, {queued.job_id: queued})
            by_worker = await client.set_flow_run_state(queued.run_id, Pending())
            (again,) = await dispatcher.take_over(
                {queued.job_id: waiting}, {queued.job_id: job_run_of(await client.read_flow_run(queued.run_id))}
            )
            await dispatcher.end_predecessor(queued, successor)
            old = (await client.read_flow_run(queued.run_id)).state
            return successor, by_worker.status, again, old

    successor, by_worker, again, old = on_server(move)
    assert (successor.work_pool, successor.job_id, successor.moves) == ("cellar", waiting.job.job_id, 1)
    assert by_worker is not SetStateStatus.ACCEPT
    assert again.run_id == successor.run_id, "a takeover that was broken off is carried on"
    assert (old.type, old.message) == (StateType.CANCELLED, "Moved to cellar, which had nothing to do.")


def test_a_run_that_a_worker_begins_in_that_moment_stays_where_it_is(on_server, ready, monkeypatch):
    batch, waiting = ready
    monkeypatch.setattr("tasks.orchestration.dispatcher.TAKEOVER_SECONDS", 0.0)

    async def race(client, _requests):
        async with queued_behind_another(client, batch, waiting) as (dispatcher, queued):
            seen = await dispatcher.find_takeovers([queued])
            claim = dispatcher._claim

            async def after_the_worker(run, work_pool):
                await client.set_flow_run_state(run.run_id, Pending())
                return await claim(run, work_pool)

            monkeypatch.setattr(dispatcher, "_claim", after_the_worker)
            taken = await dispatcher.take_over({queued.job_id: waiting}, {queued.job_id: queued})
            tags = FlowRunFilter(tags=FlowRunFilterTags(all_=[job_tag(queued.job_id)]))
            return seen, taken, [run.state.name for run in await client.read_flow_runs(flow_run_filter=tags)]

    seen, taken, states = on_server(race)
    assert len(seen) == 1
    assert (taken, states) == ([], ["Pending"])


async def forget_router(client):
    try:
        await client.delete_global_concurrency_limit_by_name(ROUTER_LIMIT)
    except ObjectNotFound:
        return


def test_the_first_batch_that_needs_the_routers_limit_makes_it(on_server, ready):
    async def dispatch(client, _requests):
        await forget_router(client)
        async with gpu_pools(client, "attic"):
            runs = await dispatched(client, *ready)
            link = await client.read_flow_run(runs[0].run_id)
            named = await client.read_task_run(link.parent_task_run_id)
        return runs, named.name, (await client.read_global_concurrency_limit_by_name(ROUTER_LIMIT)).limit

    (child,), name, limit = on_server(dispatch)
    assert (child.work_pool, limit) == ("attic", 1)
    assert name == "transcribe-recording talk.mp3"


def test_a_routers_limit_of_nothing_is_told(on_server, ready):
    async def dispatch(client, _requests):
        await client.upsert_global_concurrency_limit_by_name(ROUTER_LIMIT, 1)
        try:
            await client.update_global_concurrency_limit(ROUTER_LIMIT, GlobalConcurrencyLimitUpdate(limit=0))
            async with gpu_pools(client, "attic"):
                await dispatched(client, *ready)
        finally:
            await forget_router(client)

    with pytest.raises(RouterUnusable, match=r"gpu-router is 0, so no job gets a device\. Set it to 1 in Prefect"):
        on_server(dispatch)


def test_a_batch_of_an_inbox_takes_a_slot_only_after_people_have_seen_it_idle(on_server, ready, monkeypatch):
    batch, waiting = ready
    scanned = batch.model_copy(update={"inbox": "lectures"})
    running = RunningBatches(people=("somebody's",), inboxes=(batch.batch_id,))

    async def dispatch(client, _requests):
        dispatcher = Dispatcher(client, scanned, await batch_run(client))
        async with gpu_pools(client, "attic"):
            at_once = await dispatcher.dispatch({waiting.job.job_id: waiting}, running)
            monkeypatch.setattr("tasks.orchestration.dispatcher.GIVE_WAY_SECONDS", 0.0)
            (later,) = await dispatcher.dispatch({waiting.job.job_id: waiting}, running)
            return at_once, (await client.read_flow_run(later.run_id)).tags

    at_once, tags = on_server(dispatch)
    assert at_once == []
    assert "inbox:lectures" in tags


def test_running_batches_of_people_and_of_inboxes_are_told_apart(on_server):
    own, scanned = f"20260101-120000-{uuid4().hex[:6]}", f"20260101-120000-{uuid4().hex[:6]}"

    async def look(client, _requests):
        runs = [
            await batch_run(client, f"batch:{own}"),
            await batch_run(client, f"batch:{scanned}", "inbox:lectures"),
        ]
        for run in runs:
            await client.set_flow_run_state(run, Running(), force=True)
        running = await read_running_batches(client)
        for run in runs:
            await client.set_flow_run_state(run, Cancelled(), force=True)
        return running

    running = on_server(look)
    assert own in running.people
    assert running.inboxes == (scanned,)


def test_a_run_that_crashes_is_started_again_until_its_process_has_died_three_times(on_server, prefect, ready):
    batch, waiting = ready

    async def crash_again_and_again(client, _requests):
        run_id = prefect.make_child(batch.batch_id, waiting.job.job_id)
        told = []
        for _ in range(MAX_CRASHES):
            await client.set_flow_run_state(UUID(run_id), Running(), force=True)
            prefect.set_state("flow_runs", run_id, "CRASHED", "Process exited with status code: -9. Killed.")
            await restart_crashed(client, job_run_of(await client.read_flow_run(UUID(run_id))))
            state = (await client.read_flow_run(UUID(run_id))).state
            told.append((state.name, state.message))
        return told

    killed = "Process exited with status code: -9. Killed."
    assert on_server(crash_again_and_again) == [
        ("AwaitingRestart", f"Attempt 2 of 3: {killed}"),
        ("AwaitingRestart", f"Attempt 3 of 3: {killed}"),
        ("Failed", f"It stopped the process it ran in 3 times, the last time: {killed}"),
    ]


def test_a_job_without_a_batch_run_on_a_pool_whose_worker_is_gone_is_abandoned(on_server, prefect, ready):
    batch, waiting = ready

    async def search(client, _requests):
        run_id = UUID(prefect.make_child(batch.batch_id, waiting.job.job_id))  # no worker was ever there
        await client.set_flow_run_state(run_id, Running(), force=True)
        alone = [run.run_id for run in await read_abandoned(client, away_for=timedelta())]
        watcher = await batch_run(client, f"batch:{batch.batch_id}")
        await client.set_flow_run_state(watcher, Running(), force=True)
        watched = [run.run_id for run in await read_abandoned(client, away_for=timedelta())]
        for run in (run_id, watcher):
            await client.set_flow_run_state(run, Cancelled(), force=True)
        return run_id in alone, run_id in watched

    assert on_server(search) == (True, False)


def test_a_run_that_shows_no_progress_for_long_is_lost_and_one_that_does_is_not(on_server, prefect, ready):
    batch, waiting = ready
    step = SECONDS_BETWEEN_SEARCHES + 1

    async def watch(client, _requests):
        silent, alive = (prefect.make_child(batch.batch_id, waiting.job.job_id) for _ in range(2))
        for run in (silent, alive):
            prefect.set_state("flow_runs", run, "RUNNING")
        runs = [job_run_of(await client.read_flow_run(UUID(run))) for run in (silent, alive)]
        lost_runs, now, lost = LostRuns(client), 1000.0, []
        while not lost and now < 1000 + 2 * RUNNING_SECONDS:
            prefect.show_progress(alive, 10)
            lost, now = await lost_runs.find(runs, now=now), now + step
        after_pause = await lost_runs.find(runs, now=now + 10_000)
        for run in (silent, alive):
            prefect.set_state("flow_runs", run, "CANCELLED")
        return [str(run.run_id) for run in lost], silent, now - 1000 - step, after_pause

    lost, silent, seconds, after_pause = on_server(watch)
    assert lost == [silent]
    assert RUNNING_SECONDS < seconds < RUNNING_SECONDS + 2 * step
    assert after_pause == [], "an outage, of which the run could tell nothing"


def test_a_run_tells_what_it_waits_for_and_that_it_goes_on(on_server):
    @flow
    async def waiting():
        told = []
        async with get_client() as client:
            for reason in ("The store is away.", ""):
                await tell_waiting(reason)
                told.append(waits_for(await client.read_flow_run(UUID(flow_run.get_id()))))
        forget_waiting()
        return told

    assert on_server(lambda _client, _requests: waiting()) == ["The store is away.", ""]
