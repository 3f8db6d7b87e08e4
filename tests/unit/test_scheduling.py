"""The dispatch policy: where jobs go, and what may never happen whatever the pools look like."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import WorkPoolUnavailable
from tasks.orchestration.job_run import RunState
from tasks.orchestration.planning import MODEL_SWITCH_SECONDS, Placement, WaitingJob
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.scheduling import forecast, least_busy, place
from tests.support.runs import pool_at_noon, pool_run


def run(job_id="other", audio=100.0, *, running=True, cancelling=False, **more):
    held = RunState.CANCELLING if cancelling else RunState.RUNNING
    return pool_run(job_id, audio, state=held if running else RunState.SCHEDULED, **more)


def job(job_id="a", audio=100.0, batch="mine", model="base", *, inbox=False):
    return WaitingJob(job_id, batch, audio, model, inbox=inbox)


def placed(pools, *jobs, **options):
    return [(placement.job_id, placement.work_pool) for placement in place(pools, jobs, **options)]


# Where jobs go


def test_the_longest_job_is_placed_first():
    pools = [pool_at_noon("gpu-0", slots=1), pool_at_noon("gpu-1", slots=1)]
    assert placed(pools, job("a", 5), job("b", 50), job("c", 20)) == [("b", "gpu-0"), ("c", "gpu-1")]


def test_equal_pools_are_chosen_by_name_and_equal_jobs_by_id():
    pools = [pool_at_noon("gpu-1", slots=1), pool_at_noon("gpu-0", slots=1)]
    assert placed(pools, job("b"), job("a"), look_ahead=0) == [("a", "gpu-0"), ("b", "gpu-1")]


def test_a_job_goes_to_the_pool_that_is_free_soonest_in_seconds_not_by_count():
    pools = [pool_at_noon("gpu-0", run(audio=900)), pool_at_noon("gpu-1", run("x", 5), run("y", 5))]
    assert placed(pools, job()) == [("a", "gpu-1")]


def test_a_faster_pool_with_more_pending_audio_may_be_free_sooner():
    pools = [pool_at_noon("gpu-0", run(audio=400), rtf=1.0), pool_at_noon("gpu-1", run("x", 600), rtf=0.2)]
    assert placed(pools, job()) == [("a", "gpu-1")]


def test_a_long_job_waits_for_a_fast_pool_instead_of_starting_on_a_slow_one():
    fast = pool_at_noon("gpu-0", run("x", 30), run("y", 30), run("z", 30, running=False), rtf=0.1)
    assert placed([fast, pool_at_noon("gpu-1", rtf=1.0)], job(audio=1000)) == []


def test_a_short_job_passes_a_long_one_that_waits_for_a_faster_pool():
    fast = pool_at_noon("gpu-0", run("x", 300), run("y", 300), run("z", 300, running=False), rtf=0.1)
    assert placed([fast, pool_at_noon("gpu-1", rtf=1.0)], job("long", 1000), job("short", 50)) == [("short", "gpu-1")]


def test_a_slow_pool_takes_a_long_job_if_the_rest_lasts_longer_anyway():
    fast = pool_at_noon("gpu-0", run("x", 30), run("y", 30), run("z", 30, running=False), rtf=0.1)
    many = [job(f"{number:03}", 1000) for number in range(200)]
    assert placed([fast, pool_at_noon("gpu-1", rtf=1.0)], *many)[0] == ("000", "gpu-1")


def test_jobs_beyond_the_look_ahead_wait():
    short = [job(str(number), 1) for number in range(10)]
    assert len(placed([pool_at_noon(), pool_at_noon("gpu-1")], *short)) == 6


def test_a_job_is_prepared_just_before_the_device_is_free_and_not_earlier():
    for seconds_left, placements in ((60, []), (20, []), (7, [("a", "gpu-0")]), (1, [("a", "gpu-0")])):
        assert placed([pool_at_noon("gpu-0", run(audio=seconds_left, elapsed=0), rtf=2.0)], job()) == placements


def test_the_next_job_is_prepared_earlier_where_the_speed_of_the_device_is_only_assumed():
    for seconds_left, placements in ((60, []), (20, [("a", "gpu-0")])):
        new = pool_at_noon("gpu-0", run(audio=seconds_left), rtf=2.0, speed_measured=False)
        assert placed([new], job()) == placements


def test_the_next_job_is_prepared_earlier_where_each_run_has_to_start_a_process():
    assert placed([pool_at_noon("gpu-0", run(audio=50), rtf=2.0, warm=False)], job()) == [("a", "gpu-0")]


def test_a_long_recording_is_prepared_earlier_since_that_takes_longer():
    busy = pool_at_noon("gpu-0", run(audio=60), rtf=2.0)
    assert placed([busy], job(audio=600)) == []
    assert placed([busy], job(audio=3600)) == [("a", "gpu-0")]


def test_a_short_job_passes_a_long_one_in_the_slot_beside_it_and_does_not_wait_for_its_end():
    busy = pool_at_noon("gpu-0", run("long", 3600))
    assert placed([busy], job("short", 600), job("as long", 3600)) == [("short", "gpu-0")]
    assert placed([pool_at_noon("gpu-0", run("long", 3600), run("beside", 60))], job("short", 600)) == []


def test_jobs_that_come_one_after_the_other_take_a_device_each_before_any_is_shared():
    pools = [pool_at_noon("gpu-0", run("first", 300)), pool_at_noon("gpu-1", rtf=2.0)]
    assert placed(pools, job("second", 250), job("third", 200)) == [("second", "gpu-1")]


def test_nothing_is_placed_where_there_is_no_room():
    assert placed([pool_at_noon("gpu-0", run("x"), run("y"), run("z"))], job()) == []


def test_nothing_is_placed_without_pools():
    assert placed([], job()) == []


@pytest.mark.parametrize(
    ("lead_seconds", "choice"), [(MODEL_SWITCH_SECONDS - 1, "gpu-1"), (MODEL_SWITCH_SECONDS + 1, "gpu-0")]
)
def test_a_pool_that_holds_the_model_wins_within_a_few_seconds(lead_seconds, choice):
    pools = [
        pool_at_noon("gpu-0", loaded_model="base", slots=1),
        pool_at_noon("gpu-1", run(audio=lead_seconds, running=False, model="large-v3"), slots=1),
    ]
    assert placed(pools, job(model="large-v3")) == [("a", choice)]


def test_a_pool_on_probation_gets_one_job_the_shortest():
    pools = [pool_at_noon("gpu-0", slots=1, health=PoolHealth.PROBE), pool_at_noon("gpu-1", slots=1)]
    jobs = [job("a", 10), job("b", 20), job("c", 30), job("d", 40)]
    assert placed(pools, *jobs) == [("d", "gpu-1"), ("a", "gpu-0")]


def test_a_batch_with_its_share_leaves_the_look_ahead_to_others():
    pools = [
        pool_at_noon("gpu-0", run("x", 1, batch="mine"), run("y", 1, batch="mine")),
        pool_at_noon("gpu-1", run("z", 1), run("w", 1)),
    ]
    assert len(placed(pools, job("a", 1), job("b", 1), active_batches=2)) == 1
    assert len(placed(pools, job("a", 1), job("b", 1), active_batches=1)) == 2


def test_a_batch_with_its_share_still_fills_slots_that_would_be_idle():
    pools = [pool_at_noon("gpu-0", run("x", 1, batch="mine"), run("y", 1, batch="mine")), pool_at_noon("gpu-1")]
    assert placed(pools, job("a", 1), job("b", 1), job("c", 1), active_batches=3) == [("a", "gpu-1"), ("b", "gpu-1")]


def test_an_inbox_gives_way_while_a_persons_batch_runs_and_takes_only_idle_slots():
    pools = [pool_at_noon("gpu-0", run("x", 1), run("y", 1)), pool_at_noon("gpu-1", run("z", 1))]
    files = [job(str(number), 1, inbox=True) for number in range(9)]
    assert placed(pools, *files, people_first=True) == [("0", "gpu-1")]
    assert len(placed(pools, *files)) == 3, "alone it is a batch like any other"


def test_a_person_is_not_held_up_by_the_rule_for_inboxes():
    pools = [pool_at_noon("gpu-0", run("x", 1, inbox=True), run("y", 1, inbox=True))]
    assert placed(pools, job("a"), people_first=True) == [("a", "gpu-0")]


# What holds whatever the pools look like

briefly = settings(max_examples=40, deadline=None)
lengths = st.floats(min_value=0.1, max_value=90_000)
conditions = st.fixed_dictionaries(
    {}, optional={"online": st.booleans(), "paused": st.booleans(), "health": st.sampled_from(PoolHealth)}
)


@st.composite
def any_pools(draw):
    pools = []
    for number in range(draw(st.integers(0, 6))):
        audio = draw(st.lists(lengths, max_size=5))
        slots = draw(st.integers(0, 3))
        runs = [
            run(
                f"{number}-{index}",
                length,
                elapsed=draw(lengths),
                running=index < slots,
                batch=draw(st.sampled_from("abc")),
            )
            for index, length in enumerate(audio)
        ]
        rtf = draw(st.floats(min_value=0.001, max_value=10))
        pools.append(pool_at_noon(f"gpu-{number}", *runs, slots=slots, rtf=rtf, **draw(conditions)))
    return pools


any_jobs = st.lists(
    st.builds(WaitingJob, st.uuids().map(str), st.just("a"), lengths, st.sampled_from(["base", "tiny"]))
)


@briefly
@given(any_pools(), any_jobs, st.integers(0, 2), st.integers(1, 4))
def test_no_job_is_placed_twice_or_where_it_may_not_run(pools, jobs, look_ahead, active_batches):
    placements = place(pools, jobs, look_ahead=look_ahead, active_batches=active_batches)
    ids = [placement.job_id for placement in placements]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {waiting.job_id for waiting in jobs}
    for each in pools:
        count = sum(placement.work_pool == each.work_pool for placement in placements)
        assert count <= each.room(look_ahead)
        assert count == 0 or (each.online and not each.paused and each.health is not PoolHealth.QUARANTINED)


@briefly
@given(any_pools(), any_jobs, st.randoms(use_true_random=False))
def test_the_same_situation_gives_the_same_choice_in_any_order(pools, jobs, dice):
    expected = place(pools, jobs), forecast(pools, jobs)
    dice.shuffle(pools)
    dice.shuffle(jobs)
    assert (place(pools, jobs), forecast(pools, jobs)) == expected


@briefly
@given(any_pools(), any_jobs.filter(bool))
def test_something_is_placed_if_all_pools_are_idle(pools, jobs):
    idle = [Pool(each.work_pool, 2, each.real_time_factor, ()) for each in pools]
    assert bool(place(idle, jobs)) == bool(idle)


@briefly
@given(any_pools(), any_jobs)
def test_every_job_has_a_forecast_and_those_that_wait_a_position_of_their_own(pools, jobs):
    expected = forecast(pools, jobs)
    runs = [active for each in pools for active in each.runs]
    assert set(expected) == {each.job_id for each in (*runs, *jobs)}
    positions = sorted(each.queue_position for each in expected.values() if each.queue_position is not None)
    assert positions == list(range(1, len(positions) + 1))
    assert all(0 <= each.starts_in_seconds <= each.ends_in_seconds for each in expected.values())


def carried_out(audio, pool_count, slots):
    """Return when the last of *audio* is done if estimates are right and slots share the speed of their device."""
    waiting = {f"{index:02}": job(f"{index:02}", length) for index, length in enumerate(audio)}
    remaining = {f"gpu-{number}": {} for number in range(pool_count)}
    clock = 0.0
    while waiting or any(remaining.values()):
        pools = [
            pool_at_noon(
                name,
                *[run(key, left, running=index < slots) for index, (key, left) in enumerate(runs.items())],
                slots=slots,
            )
            for name, runs in remaining.items()
        ]
        # A device transcribes `slots` seconds of audio in a second at a real-time factor of 1, however many run.
        for placement in place(pools, waiting.values()):
            remaining[placement.work_pool][placement.job_id] = waiting.pop(placement.job_id).audio_seconds
        step = min(
            left * min(len(runs), slots) / slots for runs in remaining.values() for left in list(runs.values())[:slots]
        )
        clock += step
        for name, runs in remaining.items():
            served = dict(itertools.islice(runs.items(), slots))
            left = {key: audio - step * slots / len(served) for key, audio in served.items()}
            remaining[name] = {key: left.get(key, audio) for key, audio in runs.items() if left.get(key, audio) > 1e-6}
    return clock


def shortest_makespan(audio, pool_count, slots):
    """Return the makespan of the best of all assignments, by trying them."""
    assignments = itertools.product(range(pool_count), repeat=len(audio))
    return (
        min(
            max(
                sum(length for length, at in zip(audio, assigned, strict=True) if at == number)
                for number in range(pool_count)
            )
            for assigned in assignments
        )
        / slots
    )


@briefly
@given(st.lists(st.integers(1, 60).map(float), min_size=1, max_size=7), st.integers(2, 3), st.integers(1, 2))
def test_the_last_job_ends_within_four_thirds_of_the_best_if_estimates_are_right(audio, pool_count, slots):
    assert carried_out(audio, pool_count, slots) <= 4 / 3 * shortest_makespan(audio, pool_count, slots) + 1e-3


# What people are told


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


def test_a_placement_names_the_job_and_the_pool():
    assert place([pool_at_noon()], [job()]) == (Placement("a", "gpu-0"),)
