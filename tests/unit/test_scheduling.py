"""The dispatch policy: where jobs go, and when."""

import pytest

from tasks.orchestration.planning import MODEL_SWITCH_SECONDS, Placement
from tasks.orchestration.pool_model import PoolHealth
from tasks.orchestration.scheduling import place
from tests.support.runs import job, pool_at_noon, run


def placed(pools, *jobs, **options):
    return [(placement.job_id, placement.work_pool) for placement in place(pools, jobs, **options)]


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


def test_a_placement_names_the_job_and_the_pool():
    assert place([pool_at_noon()], [job()]) == (Placement("a", "gpu-0"),)
