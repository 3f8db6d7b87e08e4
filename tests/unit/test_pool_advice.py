"""Advice about a work pool that takes no jobs."""

from datetime import UTC, datetime, timedelta

from tasks.devices import Quarantine
from tasks.orchestration.notices import pool_advice
from tasks.orchestration.pool_model import Pool, PoolHealth

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


CONDITIONS = {
    "online": {},
    "offline": {"online": False},
    "paused": {"paused": True},
    "quarantined": {"health": PoolHealth.QUARANTINED},
    "limited to nothing": {"slots": 0},
}


def told(condition, *, quarantine=None, **more):
    known = {"slots": 2, "work_pool": "gpu-1", "real_time_factor": 1.0, "runs": (), "machine": "attic"}
    return pool_advice(Pool(**known | CONDITIONS[condition] | more), quarantine, NOW)


def quarantine(seconds):
    return Quarantine(failures=4, reason="CUDA error 719.", probe_at=NOW + timedelta(seconds=seconds))


def test_a_pool_that_takes_jobs_needs_no_advice():
    assert told("online") == ""


def test_an_offline_pool_needs_its_worker():
    assert told("offline") == (
        "Its worker does not answer. Start it on attic: make up, or make worker POOL=gpu-1 beside a stack."
    )


def test_a_pool_whose_device_is_gone_needs_the_device_and_not_a_resume():
    assert "Put it back and run make up there" in told("paused", health=PoolHealth.GONE)
    assert "Resume it" in told("paused")


def test_a_quarantine_says_why_and_when_the_device_is_tried():
    assert told("quarantined", quarantine=quarantine(90)) == (
        "Its device failed 4 times in a row, the last time: CUDA error 719. It is tried with one job in 1 min 30 s. "
        "Look at the GPU if that goes on."
    )


def test_a_failed_known_answer_test_is_told_as_the_one_failure_that_it_is():
    failed = Quarantine(failures=1, reason="It heard nothing.", probe_at=NOW + timedelta(seconds=60))
    assert told("quarantined", quarantine=failed) == (
        "Its device failed: It heard nothing. It is tried with one job in 1 min 00 s. Look at the GPU if that goes on."
    )


def test_a_device_on_trial_is_told_apart_from_one_that_is_well():
    assert "It is being tried with one job." in told("online", quarantine=quarantine(-5))


def test_a_quarantine_without_a_report_is_still_told():
    assert told("quarantined") == "Its device failed several times in a row."


def test_a_pool_without_slots_needs_a_higher_limit_and_no_resume():
    assert told("limited to nothing") == (
        "Its concurrency limit is 0. Raise it in Prefect when it should take jobs again."
    )


def test_an_offline_pool_of_another_type_needs_its_own_worker():
    assert told("offline", warm=False) == (
        "Its worker does not answer. Start it on attic: prefect worker start --pool gpu-1."
    )
