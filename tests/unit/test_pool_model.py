"""Work pools: how busy and how fast they are, which are sick, and which runs are stuck."""

from dataclasses import replace

import pytest

from tasks.orchestration.job_run import RunProgress
from tasks.orchestration.pool_model import (
    EndedRun,
    Illness,
    Outcome,
    PoolHealth,
    illness,
    pool_health,
    stuck,
    without_pool,
)
from tests.support.runs import NOON, pool_at_noon, run

# How busy a pool is


@pytest.mark.parametrize(
    ("runs", "slots", "rtf", "pending", "free_in"),
    [
        ([], 2, 0.5, 0, 0),
        ([run(audio=100, running=False)], 1, 0.5, 100, 50),
        ([run(audio=100, running=False)], 2, 0.5, 100, 25),
        ([run(audio=100, elapsed=20)], 1, 0.5, 60, 30),  # 20 s at 0.5 are 40 s of audio
        ([run(audio=100, elapsed=50)], 1, 0.5, 10, 5),  # should be done: not free, a tenth is kept
        ([run(audio=100, elapsed=500)], 1, 0.5, 100, 50),  # hangs: a tenth of the 1000 s it could have done
        ([run(audio=100, elapsed=20), run("b", 300, running=False)], 2, 0.5, 320, 80),  # alone it is twice as fast
        ([run(audio=100, elapsed=20), run("b", 300)], 2, 0.5, 360, 90),
    ],
)
def test_a_pool_is_free_when_its_pending_audio_is_transcribed(runs, slots, rtf, pending, free_in):
    busy = pool_at_noon("gpu-0", *runs, slots=slots, rtf=rtf)
    assert busy.pending_audio_seconds == pytest.approx(pending)
    assert busy.seconds_until_free == pytest.approx(free_in)


@pytest.mark.parametrize(
    ("runs", "condition", "look_ahead", "room"),
    [
        (0, {}, 1, 3),
        (2, {}, 1, 1),
        (2, {}, 0, 0),
        (5, {}, 1, 0),  # more than it should have, for example after its limit was lowered
        (0, {"online": False}, 1, 0),
        (0, {"paused": True}, 1, 0),
        (0, {"health": PoolHealth.QUARANTINED}, 1, 0),
        (0, {"slots": 0}, 1, 0),  # Prefect's way of saying that nothing may run
        (0, {"health": PoolHealth.PROBE}, 1, 1),
        (1, {"health": PoolHealth.PROBE}, 1, 0),
        (0, {"limited": False, "slots": 1}, 1, 1),  # a run that should wait would be started at once
        (1, {"limited": False, "slots": 1}, 1, 0),
    ],
)
def test_a_pool_has_room_for_its_slots_and_the_look_ahead(runs, condition, look_ahead, room):
    assert pool_at_noon("gpu-0", *[run(str(number)) for number in range(runs)], **condition).room(look_ahead) == room


def test_what_others_help_with_is_left_to_them_for_their_part():
    alone = run(audio=400, progress=RunProgress(0.5, NOON))
    for helpers, pending in ((0, 200), (1, 100), (3, 50)):
        pool = pool_at_noon("gpu-0", replace(alone, helpers=helpers), slots=1, rtf=0.5)
        assert pool.pending_audio_seconds == pytest.approx(pending)
        assert pool.seconds_until_free == pytest.approx(pending / 2)


def test_a_pool_that_helps_counts_as_free():
    helping = pool_at_noon("gpu-0", helpers=(run("", helps="a job"),), slots=1)
    assert (helping.room(), helping.pending_audio_seconds) == (2, 0)


# Sick pools and stuck runs

DONE, MEDIA, DEVICE = Outcome.DONE, Outcome.MEDIA, Outcome.DEVICE


@pytest.mark.parametrize(
    ("outcomes", "seconds_later", "health"),
    [
        ([], 0, PoolHealth.HEALTHY),
        ([DEVICE, DEVICE], 0, PoolHealth.HEALTHY),
        ([DEVICE, DEVICE, DEVICE], 0, PoolHealth.QUARANTINED),
        ([DEVICE, DEVICE, DEVICE], 59, PoolHealth.QUARANTINED),
        ([DEVICE, DEVICE, DEVICE], 60, PoolHealth.PROBE),
        ([DEVICE, DONE, DEVICE, DEVICE], 0, PoolHealth.HEALTHY),
        ([MEDIA, MEDIA, MEDIA, MEDIA], 0, PoolHealth.HEALTHY),
        ([DEVICE, MEDIA, DEVICE, MEDIA, DEVICE, MEDIA], 0, PoolHealth.QUARANTINED),  # media says nothing of the device
        ([DEVICE, DEVICE, DEVICE, DEVICE], 119, PoolHealth.QUARANTINED),  # the probe failed: twice as long
        ([DEVICE, DEVICE, DEVICE, DEVICE], 120, PoolHealth.PROBE),
        ([DEVICE] * 50, 3599, PoolHealth.QUARANTINED),
        ([DEVICE] * 50, 3600, PoolHealth.PROBE),  # an hour at most
        ([DEVICE, DEVICE, DEVICE, DONE], 0, PoolHealth.HEALTHY),  # the probe succeeded
    ],
)
def test_a_pool_is_quarantined_after_three_failures_of_its_own_and_then_probed(outcomes, seconds_later, health):
    ended = [EndedRun("gpu-0", float(time), outcome) for time, outcome in enumerate(outcomes)]
    others = [EndedRun("gpu-1", time + 0.5, DONE) for time in range(60)]
    now = max(len(outcomes) - 1, 0) + seconds_later
    assert pool_health("gpu-0", [*others, *reversed(ended)], now=now) == health


@pytest.mark.parametrize(
    ("earlier", "seconds"),
    [
        ([], 60),
        ([Outcome.DONE], 60),  # whatever it did before
        ([Outcome.DEVICE, Outcome.DEVICE], 60),
        ([Outcome.UNFIT] * 3, 120),  # a device that stays wrong is asked less and less often
    ],
)
def test_a_failed_known_answer_test_quarantines_at_once(earlier, seconds):
    ended = [EndedRun("gpu-0", float(at), outcome) for at, outcome in enumerate([*earlier, Outcome.UNFIT])]
    last = len(earlier)
    assert pool_health("gpu-0", ended, now=last + seconds - 1) is PoolHealth.QUARANTINED
    assert pool_health("gpu-0", ended, now=last + seconds) is PoolHealth.PROBE
    assert (
        pool_health("gpu-0", [*ended, EndedRun("gpu-0", last + 61.0, Outcome.DONE)], now=last + 62)
        is PoolHealth.HEALTHY
    )


def test_an_ill_pool_says_why_and_until_when():
    ended = [EndedRun("gpu-0", float(time), Outcome.DEVICE, f"CUDA error {time}") for time in range(4)]
    assert illness("gpu-0", ended) == Illness(4, "CUDA error 3", 3 + 120)
    assert illness("gpu-0", ended[:2]) is None


@pytest.mark.parametrize("condition", [{"paused": True}, {"health": PoolHealth.QUARANTINED}])
def test_queued_runs_of_a_pool_that_starts_nothing_are_stuck(condition):
    sick = pool_at_noon("gpu-0", run("x", running=True), run("y", running=False, batch="b"), **condition)
    well = pool_at_noon("gpu-1", run("z", running=False))
    assert stuck([well, sick]) == (sick.runs[1],)


def test_all_runs_of_an_offline_pool_are_stuck_as_nobody_is_there_to_end_them():
    offline = pool_at_noon("gpu-0", run("x", running=True), run("y", running=False), online=False)
    assert [stuck_run.job_id for stuck_run in stuck([pool_at_noon("gpu-1"), offline])] == ["x", "y"]


@pytest.mark.parametrize("condition", [{"paused": True}, {"health": PoolHealth.QUARANTINED}])
def test_a_pause_keeps_no_run_on_a_pool_whose_worker_is_gone(condition):
    gone = pool_at_noon("gpu-0", run("x", running=True), run("y", running=False), online=False, **condition)
    assert [stuck_run.job_id for stuck_run in stuck([pool_at_noon("gpu-1"), gone])] == ["x", "y"]


def test_a_cancelled_run_of_a_pool_whose_worker_is_gone_is_to_end_and_not_to_go_elsewhere():
    gone = pool_at_noon("gpu-0", run("x", cancelling=True), run("y"), online=False)
    assert stuck([gone]) == (gone.runs[0],)
    assert stuck([pool_at_noon("gpu-1"), gone]) == gone.runs
    ends_by_itself = pool_at_noon("gpu-0", run("x", cancelling=True), paused=True)
    assert stuck([ends_by_itself, pool_at_noon("gpu-1")]) == ()


def test_runs_whose_pool_was_deleted_are_stuck_if_another_could_take_them():
    queued = {"x": "", "y": "gpu-7", "z": "gpu-0"}
    assert without_pool(queued, [pool_at_noon("gpu-0"), pool_at_noon("gpu-1", online=False)]) == {"x", "y"}
    assert without_pool(queued, [pool_at_noon("gpu-1", online=False)]) == set()


def test_nothing_is_stuck_if_there_is_nowhere_to_go():
    assert stuck([pool_at_noon("gpu-0", run("y", running=False), online=False)]) == ()
