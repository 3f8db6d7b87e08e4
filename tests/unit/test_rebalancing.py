"""Queued runs that an idle pool takes over from a busy one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.orchestration.job_run import RunState
from tasks.orchestration.pool_model import PoolHealth
from tasks.orchestration.rebalancing import MOST_MOVES, takeovers
from tasks.orchestration.scheduling import forecast
from tests.support.runs import pool_at_noon, pool_run


def queued(job_id="queued", audio=100.0, **more):
    return pool_run(job_id, audio, state=RunState.SCHEDULED, **more)


def moved(*pools):
    return [(takeover.run.job_id, takeover.work_pool) for takeover in takeovers(pools)]


BEHIND = pool_at_noon("gpu-0", pool_run("running", 300), queued(), slots=1)


def test_a_pool_with_nothing_to_do_takes_the_run_that_waits_behind_another():
    assert moved(BEHIND, pool_at_noon("gpu-1")) == [("queued", "gpu-1")]


def test_a_run_that_has_begun_stays():
    for begun in (pool_run("queued", 100), queued(attempts=1)):
        assert moved(pool_at_noon("gpu-0", pool_run("running", 300), begun), pool_at_noon("gpu-1")) == []


@pytest.mark.parametrize(
    "idle",
    [
        {"online": False},
        {"paused": True},
        {"health": PoolHealth.QUARANTINED},
        {"health": PoolHealth.PROBE},  # it gets one job to try its device, the shortest that waits
        {"rtf": 9.0},  # it would end later there
        {"rtf": 7.0},  # earlier, but by no more than an estimate may be wrong
        {"slots": 0},
    ],
)
def test_a_pool_that_takes_no_jobs_or_is_too_slow_takes_none_over(idle):
    assert moved(BEHIND, pool_at_noon("gpu-1", **idle)) == []


def test_a_change_of_the_model_counts():
    behind = pool_at_noon("gpu-0", pool_run("running", 5), queued(audio=10), slots=1)
    assert moved(behind, pool_at_noon("gpu-1", slots=1, rtf=0.1)) == [("queued", "gpu-1")]
    assert moved(behind, pool_at_noon("gpu-1", slots=1, rtf=0.1, loaded_model="large-v3")) == []


def test_of_several_runs_the_one_that_would_end_last_is_taken_and_by_the_fastest_pool():
    later = pool_at_noon("gpu-1", pool_run("other", 900), queued("last"), slots=1)
    pools = [BEHIND, later, pool_at_noon("gpu-2"), pool_at_noon("gpu-3", rtf=0.5)]
    assert moved(*pools) == [("last", "gpu-3"), ("queued", "gpu-2")]


def test_a_run_that_was_taken_over_twice_stays():
    again = replace(queued(), moves=MOST_MOVES)
    assert moved(pool_at_noon("gpu-0", pool_run("running", 300), again), pool_at_noon("gpu-1")) == []


def test_runs_of_other_flows_are_left_alone():
    assert moved(pool_at_noon("gpu-0", pool_run("running", 300), queued(batch="")), pool_at_noon("gpu-1")) == []


lengths = st.floats(min_value=1, max_value=9000)


@st.composite
def any_pools(draw):
    pools = []
    for number in range(draw(st.integers(1, 5))):
        count = draw(st.integers(0, 4))
        states = [RunState.RUNNING if index < 2 else RunState.SCHEDULED for index in range(count)]
        runs = [pool_run(f"{number}-{index}", draw(lengths), state=state) for index, state in enumerate(states)]
        pools.append(pool_at_noon(f"gpu-{number}", *runs, rtf=draw(st.floats(0.05, 2))))
    return pools


def after(pools):
    """The pools when what was decided is done."""
    there = {takeover.run.job_id: takeover for takeover in takeovers(pools)}
    return [
        replace(
            pool,
            runs=(
                *(run for run in pool.runs if run.job_id not in there),
                *(each.run for each in there.values() if each.work_pool == pool.work_pool),
            ),
        )
        for pool in pools
    ]


@settings(max_examples=100, deadline=None)
@given(any_pools())
def test_no_run_ends_later_for_it_and_none_moves_to_and_fro(pools):
    before, then = forecast(pools, []), forecast(after(pools), [])
    assert set(before) == set(then)
    assert all(then[job].ends_in_seconds <= before[job].ends_in_seconds + 1e-6 for job in before)
    assert takeovers(after(pools)) == ()
