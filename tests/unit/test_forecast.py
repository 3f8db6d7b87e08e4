"""Forecasts of the dispatch policy, the least busy pool, and what people read where no pool takes jobs."""

import math
import random

import pytest

from tasks.errors import WorkPoolUnavailable
from tasks.orchestration.pool_model import PoolHealth
from tasks.orchestration.scheduling import forecast, least_busy, place
from tests.support.runs import job, pool_at_noon, run


def test_a_forecast_tells_when_jobs_start_and_end():
    busy = pool_at_noon("gpu-0", run("running", 100), run("queued", 30, running=False), slots=1, rtf=0.5)
    expected = forecast([busy], [job("short", 10), job("long", 40)])
    told = {key: (each.queue_position, each.starts_in_seconds, each.ends_in_seconds) for key, each in expected.items()}
    assert told == {"running": (None, 0, 50), "queued": (1, 50, 65), "long": (2, 65, 85), "short": (3, 85, 90)}


def test_runs_that_share_a_device_end_when_they_would_beside_each_other():
    expected = forecast([pool_at_noon("gpu-0", run("a", 10), run("b", 30), slots=2, rtf=1.0)], [])
    # Both at real time until a is done; then b alone, twice as fast.
    assert (expected["a"].ends_in_seconds, expected["b"].ends_in_seconds) == (10, 20)


def test_jobs_of_two_batches_take_turns_in_the_forecast():
    expected = forecast([pool_at_noon(slots=1)], [job("a1", 90), job("a2", 80), job("b1", 20, "b"), job("b2", 10, "b")])
    assert sorted(expected, key=lambda key: expected[key].queue_position) == ["a1", "b1", "a2", "b2"]


def test_peoples_jobs_come_before_those_of_inboxes_in_the_forecast():
    files = [job(f"file {number}", 900, "scan", inbox=True) for number in range(3)]
    busy = pool_at_noon("gpu-0", run("x"), slots=1)
    expected = forecast([busy], [*files, job("short", 5), job("long", 50)])
    waiting = sorted((each for each in expected if each != "x"), key=lambda key: expected[key].queue_position)
    assert waiting == ["long", "short", "file 0", "file 1", "file 2"]


def test_without_people_the_files_of_an_inbox_are_forecast_as_they_will_be_placed():
    pools = [pool_at_noon("gpu-0", slots=1), pool_at_noon("gpu-1", slots=1, rtf=0.5)]
    files = [job(f"{number}", 100 * number, "scan", inbox=True) for number in range(1, 9)]
    expected = forecast(pools, files)
    placements = place(pools, files)
    assert len(placements) == 2, "one for each device"
    assert {each.job_id: each.work_pool for each in placements} == {
        each.job_id: expected[each.job_id].work_pool for each in placements
    }


def test_a_job_that_no_pool_can_take_has_a_position_but_no_end():
    expected = forecast([pool_at_noon(online=False)], [job()])
    assert (expected["a"].queue_position, expected["a"].work_pool, expected["a"].ends_in_seconds) == (1, None, math.inf)


def test_runs_of_an_offline_pool_are_forecast_where_they_will_go():
    offline = pool_at_noon("gpu-0", run("x"), run("y", running=False), online=False)
    expected = forecast([offline, pool_at_noon("gpu-1")], [])
    assert {each.work_pool for each in expected.values()} == {"gpu-1"}


def test_the_forecast_of_the_next_jobs_is_what_will_be_done():
    dice = random.Random(1)  # noqa: S311 - any lengths, but the same ones each time
    pools = [pool_at_noon(f"gpu-{number}", rtf=dice.uniform(0.1, 1)) for number in range(5)]
    jobs = [job(f"{number:03}", dice.lognormvariate(5, 1)) for number in range(100)]
    expected = forecast(pools, jobs)
    for placement in place(pools, jobs):
        assert expected[placement.job_id].work_pool == placement.work_pool


def test_the_least_busy_pool_is_the_one_that_is_free_soonest():
    pools = [
        pool_at_noon("gpu-0", run()),
        pool_at_noon("gpu-2"),
        pool_at_noon("gpu-1"),
        pool_at_noon("gpu-3", paused=True),
    ]
    assert least_busy(pools).work_pool == "gpu-1"


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        ([], "No GPU work pool is online. Start one: make worker POOL=gpu-0"),
        ([pool_at_noon(online=False)], "No GPU work pool is online. Start one: make worker POOL=gpu-0"),
        (
            [pool_at_noon("gpu-1", health=PoolHealth.QUARANTINED), pool_at_noon("gpu-0", paused=True)],
            (
                "No GPU work pool takes jobs: gpu-0 is paused, gpu-1 is quarantined. "
                "Resume the paused ones, or start another: make worker POOL=gpu-0"
            ),
        ),
    ],
)
def test_a_person_reads_why_no_pool_takes_jobs(pools, sentence):
    with pytest.raises(WorkPoolUnavailable) as caught:
        least_busy(pools)
    assert str(caught.value) == sentence
