"""Notices about a batch that does not go on."""

from datetime import UTC, datetime

import pytest

from tasks.batches import Stage
from tasks.orchestration.notices import BatchPool, Installation, RouterLimit, batch_notice, installation_problems
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.status import BatchState, BatchStatus, BatchSummary, JobStatus

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
CPU = BatchPool("cpu", slots=3)
FREE = RouterLimit()


def pool(name="gpu-0", **condition):
    return Pool(name, condition.pop("slots", 2), 1.0, (), **condition)


def batch(state=BatchState.RUNNING, *stages, work_pool=None, ended_at=None):
    jobs = [
        JobStatus(job_id=str(number), path="a.mp3", size=1, stage=stage, progress=0, work_pool=work_pool)
        for number, stage in enumerate(stages or (Stage.QUEUED,))
    ]
    return BatchStatus(
        batch_id="b",
        name="talks",
        state=state,
        created_at=NOON,
        summary=BatchSummary(total=len(jobs)),
        jobs=tuple(jobs),
        ended_at=ended_at,
    )


def advice(pools):
    return {each.work_pool: f"Mend {each.work_pool}." for each in pools if not each.usable}


def told(status, *pools, batch_pool=CPU, router=FREE, running=1, outage=""):
    return batch_notice(status, Installation(batch_pool, pools, router, running), advice(pools), outage=outage)


def test_a_batch_that_goes_on_needs_no_notice():
    assert told(batch(), pool(), pool("gpu-1", online=False)) == ""


@pytest.mark.parametrize("state", [BatchState.UPLOADING, BatchState.COMPLETED, BatchState.FAILED, BatchState.CANCELLED])
def test_a_batch_that_has_nothing_to_wait_for_needs_none_either(state):
    assert told(batch(state), batch_pool=BatchPool("cpu", exists=False, online=False), router=RouterLimit(0)) == ""


@pytest.mark.parametrize(
    ("batch_pool", "sentence"),
    [
        (
            BatchPool("cpu", exists=False, online=False),
            "Prefect has no work pool cpu, so no batch begins. Make it: make up",
        ),
        (
            BatchPool("cpu", online=False),
            "The work pool cpu has no worker that answers, so no batch begins. Start it: make up",
        ),
        (BatchPool("cpu", paused=True), "The work pool cpu is paused, so no batch begins. Resume it in Prefect."),
        (
            BatchPool("cpu", slots=0),
            "The concurrency limit of the work pool cpu is 0, so no batch begins. Raise it in Prefect.",
        ),
    ],
)
def test_a_batch_that_does_not_begin_says_what_its_pool_lacks(batch_pool, sentence):
    assert told(batch(BatchState.WAITING), pool(), batch_pool=batch_pool) == sentence


def test_a_batch_that_waits_behind_others_says_so():
    waiting = batch(BatchState.WAITING)
    assert "3 batches run, as many as may at a time." in told(waiting, pool(), running=3)
    assert told(waiting, pool(), running=2) == ""


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        ([], "No work pool transcribes: none has a deployment of transcribe-recording that is tagged gpu."),
        ([pool(online=False)], "No device takes jobs. gpu-0 is offline: Mend gpu-0."),
        ([pool(slots=0)], "No device takes jobs. gpu-0 is paused: Mend gpu-0."),
        (
            [pool(paused=True), pool("attic", health=PoolHealth.QUARANTINED)],
            "No device takes jobs. gpu-0 is paused: Mend gpu-0. attic is quarantined: Mend attic.",
        ),
        (
            [pool(f"gpu-{number}", online=False) for number in range(150)] + [pool("attic", paused=True)],
            "No device takes jobs: 150 offline, 1 paused. gpu-0: Mend gpu-0.",
        ),
    ],
)
def test_a_batch_for_which_no_gpu_is_there_says_why(pools, sentence):
    assert told(batch(), *pools).startswith(sentence)


def test_what_runs_on_a_paused_pool_goes_on_and_on_an_offline_one_does_not():
    running = batch(BatchState.RUNNING, Stage.TRANSCRIBING, work_pool="gpu-0")
    assert told(running, pool(paused=True)) == ""
    assert "gpu-0 is offline" in told(running, pool(online=False))


def test_a_router_that_nothing_can_pass_is_told_before_the_gpus():
    assert told(batch(), pool(paused=True), router=RouterLimit(0)) == (
        "The concurrency limit gpu-router is 0, so no job gets a device. Set it to 1 in Prefect."
    )
    assert told(batch(), pool(), router=None) == "", "the first batch that needs it makes it"


def test_a_batch_whose_worker_is_gone_stands_still():
    away = BatchPool("cpu", online=False)
    assert "so the batch stands still" in told(batch(), pool(), batch_pool=away)
    assert told(batch(ended_at=NOON), pool(), batch_pool=away) == "", "a job that is retried alone needs only its GPU"


def test_what_the_batch_run_waits_for_comes_first():
    sentence = told(batch(), outage="The store is away.")
    assert sentence == "The batch waits, and looks again by itself: The store is away."


def test_the_installation_tells_of_everything_at_once():
    pools = (pool(online=False),)
    installation = Installation(BatchPool("cpu", paused=True), pools, RouterLimit(active=False))
    problems = installation_problems(installation, advice(pools))
    assert [problem.split()[1] for problem in problems] == ["work", "device", "concurrency"]
    assert "switched off" in problems[2]
    assert installation_problems(Installation(CPU, (pool(),), RouterLimit()), {}) == []
