"""Figures of use, computed from runs."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from tasks.batches import ALREADY_PUBLISHED, SHARED
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.usage import UsageRuns, first_moment, usage_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def run(job_id="", state=RunState.COMPLETED, *, ended=NOW, seconds=0.0, **facts):
    facts = {"batch_id": "b", "created_at": ended, "attempts": 1, "work_pool": "gpu-0", **facts}
    started = ended - timedelta(seconds=seconds)
    return JobRun(uuid4(), state, ended, job_id, ended_at=ended, started_at=started, run_seconds=seconds, **facts)


def usage(of_jobs=(), failed_conversions=(), of_batches=(), zone=BERLIN, days=3):
    runs = UsageRuns(of_jobs, failed_conversions, of_batches, complete=True)
    return usage_of(runs, first_moment(days, NOW, zone), NOW, zone)


def test_a_day_is_one_of_the_viewers_time_zone():
    late = run("j", ended=datetime(2026, 11, 28, 23, 30, tzinfo=UTC), audio_seconds=60.0)
    days = {day.day: (day.done, dict(day.audio_seconds)) for day in usage([late]).by_day}
    nothing = (0, {})
    assert days == {
        date(2026, 11, 28): nothing,
        date(2026, 11, 29): (1, {"gpu-0": 60.0}),  # half past midnight in Berlin
        date(2026, 11, 30): nothing,
    }
    assert first_moment(3, NOW, BERLIN) == datetime(2026, 11, 27, 23, tzinfo=UTC)


def test_runs_that_share_a_device_divide_its_time_whatever_became_of_them():
    both = [run("a", audio_seconds=400.0, seconds=100.0), run("b", RunState.FAILED, audio_seconds=9.0, seconds=100.0)]
    alone = run("c", work_pool="gpu-1", audio_seconds=400.0, seconds=100.0)
    first, second = usage([*both, alone]).devices
    assert (first.device_seconds, first.real_time_factor, first.done, first.failed) == (50.0, 0.125, 1, 1)
    assert (second.device_seconds, second.real_time_factor) == (100.0, 0.25)


def test_devices_that_shared_a_job_have_each_heard_a_part_of_it():
    own = run("a", state_name=SHARED, audio_seconds=400.0, seconds=60.0)
    helping = [run(helps="a", work_pool="gpu-1", audio_seconds=400.0, seconds=20.0) for _ in range(2)]
    counted = usage([own, *helping, run("", RunState.FAILED, helps="a", work_pool="gpu-2")])
    assert (counted.done, counted.failed, counted.audio_seconds) == (1, 0, 400.0)
    assert [(each.work_pool, each.done, each.audio_seconds) for each in counted.devices] == [
        ("gpu-0", 1, 240.0),
        ("gpu-1", 0, 160.0),
    ]
    assert counted.by_day[-1].audio_seconds == {"gpu-0": 240.0, "gpu-1": 160.0}


def test_a_job_counts_once_with_its_latest_try():
    moved = run("a", RunState.CANCELLED, ended=NOW - timedelta(hours=1))
    counted = usage(
        [moved, run("a", audio_seconds=5.0), run("b", state_name=ALREADY_PUBLISHED), run("", RunState.FAILED)],
        [run("a", RunState.FAILED), run("c", RunState.FAILED), run("c", RunState.CRASHED)],
    )
    assert (counted.done, counted.failed, counted.cancelled, counted.audio_seconds) == (1, 1, 0, 5.0)


def test_causes_are_alike_whatever_the_files_are_called_and_the_most_frequent_is_first():
    failed = [
        run("a", RunState.FAILED, name="x/a.mp3", message="a.mp3 is empty: 0 bytes."),
        run("b", RunState.FAILED, name="b.mp3", message="b.mp3 is empty: 0 bytes."),
    ]
    silent = run("c", RunState.FAILED, name="c.mp3", message="Task run encountered an exception: NoSpeech: No speech.")
    told = usage([silent], failed)
    assert [(cause.reason, cause.jobs) for cause in told.causes] == [("… is empty: 0 bytes.", 2), ("No speech.", 1)]
    assert told.by_day[-1].failed == 3


def test_the_wait_is_from_the_start_of_the_batch_and_not_that_of_a_retry():
    batch = run(created_at=NOW - timedelta(seconds=100))
    waited = [run(str(number), seconds=seconds) for number, seconds in enumerate((10.0, 50.0, 70.0))]
    told = usage([*waited, run("again", attempts=2), run("of no batch", batch_id="x")], of_batches=[batch])
    assert (told.median_wait_seconds, told.longest_wait_seconds) == (50.0, 90.0)


def test_nothing_is_told_of_nothing():
    told = usage()
    assert (told.done, told.median_wait_seconds, told.devices, told.causes) == (0, None, (), ())
    assert len(told.by_day) == 3
