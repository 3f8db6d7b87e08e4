"""Pools with nothing to do that help with long recordings."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.orchestration.helping import helps
from tasks.orchestration.job_run import RunProgress, RunState
from tasks.orchestration.pool_model import PoolHealth
from tasks.transcription.parts import AT_WORK_SHARE
from tests.support.runs import NOON, pool_at_noon, pool_run

HOUR = 3600.0
LONG = 600.0


def working(job_id="long", audio=HOUR, share=0.1, **more):
    """A run of the batch that has told its progress."""
    return pool_run(job_id, audio, batch="ours", progress=RunProgress(share, NOON), **more)


def helper(job_id="long", **more):
    return pool_run("", HOUR, batch="", helps=job_id, **more)


def helped(*pools, idle=("gpu-1", "gpu-2", "gpu-3"), **more):
    found = helps(pools, "ours", long_seconds=LONG, idle=idle, **more)
    return [(each.run.job_id, each.work_pool) for each in found]


BUSY = pool_at_noon("gpu-0", working(), slots=1)
IDLE = pool_at_noon("gpu-1", slots=1)


def test_a_pool_with_nothing_to_do_helps_with_a_long_recording():
    assert helped(BUSY, IDLE) == [("long", "gpu-1")]
    first_part_taken = pool_at_noon("gpu-0", working(share=AT_WORK_SHARE), slots=1)
    assert helped(first_part_taken, IDLE) == [("long", "gpu-1")]


@pytest.mark.parametrize(
    "idle",
    [
        {"online": False},
        {"paused": True},
        {"health": PoolHealth.QUARANTINED},
        {"health": PoolHealth.PROBE},  # it gets one job to try its device
        {"health": PoolHealth.GONE, "online": False},
        {"slots": 0},
        {"warm": False},  # each run there loads the model first
        {"device_kind": "cuda"},
        {"default_model": "large-v3"},  # jobs that name none get another model there
        {"helpers": (helper("of another batch"),)},
        {"helpers": (helper(state=RunState.SCHEDULED),)},
        {"rtf": 4000.0},  # so slow that the job would hardly end sooner
    ],
)
def test_a_pool_that_would_not_hear_the_same_or_not_soon_does_not_help(idle):
    busy = pool_at_noon("gpu-0", working(model="auto"), slots=1, default_model="base")
    assert helped(busy, pool_at_noon("gpu-1", **{"slots": 1, "default_model": "base"} | idle)) == []


def test_a_pool_helps_that_would_hear_it_with_the_same_model_whatever_it_has_loaded():
    for busy, idle in ((BUSY, {"device_kind": "cpu"}), (replace(BUSY, device_kind="cuda"), {"device_kind": "cuda"})):
        assert helped(busy, replace(IDLE, loaded_model="large-v3", **idle)) == [("long", "gpu-1")]


def test_a_pool_that_has_just_become_free_is_left_to_the_jobs_that_wait():
    assert helped(BUSY, IDLE, idle=()) == []


def test_a_pool_with_a_run_of_its_own_does_not_help():
    for run in (pool_run("short", 5, state=RunState.SCHEDULED), pool_run("short", 5, batch="")):
        assert helped(BUSY, pool_at_noon("gpu-1", run, slots=1)) == []


@pytest.mark.parametrize(
    "run",
    [
        working(audio=LONG - 1),
        working(share=0.998),  # what is left is done before the other device has begun
        working(share=0.0),  # its model is not at work yet, and nothing is claimed
        replace(working(), progress=None),
        working(state=RunState.CANCELLING),
        replace(working(), batch_id="another", inbox=True),  # its own batch run sees to it
    ],
)
def test_a_run_that_is_short_or_not_at_work_or_of_another_batch_gets_no_help(run):
    assert helped(pool_at_noon("gpu-0", run, slots=1), IDLE) == []


def test_what_is_queued_is_taken_over_first():
    queued = pool_run("queued", 200, state=RunState.SCHEDULED)
    assert helped(pool_at_noon("gpu-0", working(), queued, slots=1), IDLE) == []


def test_of_several_long_runs_the_one_with_most_left_for_each_device_is_helped_first():
    lecture = pool_at_noon("gpu-0", working("lecture", 3 * HOUR), slots=1)
    panel = pool_at_noon("gpu-9", working("panel", 2 * HOUR), slots=1)
    pools = [lecture, panel, IDLE, pool_at_noon("gpu-2", slots=1, rtf=0.5), pool_at_noon("gpu-3", slots=1)]
    assert helped(*pools) == [("lecture", "gpu-2"), ("panel", "gpu-1"), ("lecture", "gpu-3")]
    alone = replace(IDLE, helpers=(helper("lecture"),))
    assert helped(lecture, panel, alone, pool_at_noon("gpu-2", slots=1)) == [("panel", "gpu-2")]


def test_a_run_that_shares_its_device_takes_longer_and_is_helped_first():
    sharing = pool_at_noon("gpu-0", working("shares"), pool_run("beside", HOUR), slots=2)
    assert helped(sharing, pool_at_noon("gpu-9", working("alone", HOUR + 60), slots=2), IDLE) == [("shares", "gpu-1")]


def test_a_pool_that_has_tried_in_vain_helps_with_another_job_or_not_at_all():
    other = pool_at_noon("gpu-9", working("other", HOUR / 2), slots=1)
    tried = {("long", "gpu-1")}
    assert helped(BUSY, other, IDLE, exhausted=tried) == [("other", "gpu-1")]
    assert helped(BUSY, IDLE, exhausted=tried) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(60, 9 * HOUR), st.floats(0.0, 1.0)), max_size=4), st.integers(0, 6))
def test_each_idle_pool_helps_once_at_the_most_and_when_all_help_none_is_left(runs, count):
    busy = [
        pool_at_noon(f"busy-{number}", working(f"job-{number}", audio, share), slots=1)
        for number, (audio, share) in enumerate(runs)
    ]
    free = [pool_at_noon(f"idle-{number}", slots=1) for number in range(count)]
    names = {pool.work_pool for pool in free}
    found = helps([*busy, *free], "ours", long_seconds=LONG, idle=names)
    assert len({each.work_pool for each in found}) == len(found)
    assert {each.work_pool for each in found} <= names
    there = {each.work_pool: helper(each.run.job_id) for each in found}
    after = [replace(pool, helpers=(there[pool.work_pool],)) if pool.work_pool in there else pool for pool in free]
    assert helps([*busy, *after], "ours", long_seconds=LONG, idle=names) == ()
