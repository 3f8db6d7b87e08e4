"""The cards of the devices page."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.frontend.gpus.cards import board_of
from tasks.devices import DeviceLoad, Quarantine
from tasks.orchestration.status import PoolFailure, PoolRun, PoolStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def run(name, *, running, **more):
    return PoolRun(
        **{
            "job_id": name,
            "batch_id": "b",
            "batch_name": "talks",
            "name": name,
            "running": running,
            "progress": 0.456 if running else 0.0,
            "audio_seconds": 90.0,
            "attempt": 1,
            "flow_run_url": f"/runs/{name}",
            **more,
        }
    )


def pool(name="gpu-0", condition="online", *runs, **more):
    running = sum(one.running for one in runs)
    return PoolStatus(
        **{
            "work_pool": name,
            "device": "RTX 4090",
            "machine": "attic",
            "condition": condition,
            "slots": 2,
            "running": running,
            "queued": len(runs) - running,
            "pending_audio_seconds": 90.0 * len(runs),
            "seconds_until_free": 20.0 * len(runs),
            "real_time_factor": 0.25,
            "worker_online": condition != "offline",
            "runs": runs,
            **more,
        }
    )


def card_of(one):
    (card,) = board_of([one], jobs_queued=0, now=NOW).cards
    return card


def figures(facts):
    return {fact.label: fact.value for fact in facts}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (pool("gpu-0", "online"), "Online, idle"),
        (pool("gpu-0", "online", run("a", running=True)), "Online, busy"),
        (pool("gpu-0", "online", run("a", running=False)), "Online, idle"),
        (pool("gpu-0", "offline"), "Offline"),
        (pool("gpu-0", "paused"), "Paused"),
        (pool("gpu-0", "quarantined"), "Quarantined"),
        (
            pool("gpu-0", "online", quarantine=Quarantine(failures=3, reason="", probe_at=NOW - timedelta(seconds=1))),
            "Online, on trial",
        ),
    ],
)
def test_the_state_of_a_pool_is_in_words(status, words):
    assert card_of(status).status == words


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [("gpu-0", "cuda", "GPU 0"), ("gpu-12", "cpu", "CPU 12"), ("lab-gpus", "cuda", "lab-gpus")],
)
def test_a_device_is_called_what_it_is(name, kind, shown):
    assert card_of(pool(name, device_kind=kind)).name == shown


def test_an_assumed_speed_is_not_shown_as_a_figure():
    known = figures(card_of(pool("gpu-0", "online", run("a", running=True))).facts)
    assert (known["Speed"], known["Free in"]) == ("4.0× real time", "about 20 s")  # noqa: RUF001 - the sign is meant
    assumed = pool("gpu-0", "online", run("a", running=True), speed_measured=False)
    told = figures(card_of(assumed).facts)
    assert (told["Speed"], told["Free in"]) == ("not measured yet", "unknown")
    (audio,) = (fact for fact in board_of([assumed], jobs_queued=0, now=NOW).totals if fact.label == "Audio waiting")
    assert "done in" not in audio.note


def test_figures_are_in_units_of_people():
    assert figures(card_of(pool("gpu-0", "online", run("a", running=True), run("b", running=False))).facts) == {
        "Jobs at once": "1 of 2",
        "Audio waiting": "3 min 00 s",
        "Free in": "about 40 s",
        "Speed": "4.0× real time",  # noqa: RUF001 - the sign is meant
    }


def test_when_a_pool_that_takes_no_jobs_is_free_is_not_known():
    assert figures(card_of(pool("gpu-0", "offline")).facts)["Free in"] == "unknown"
    assert figures(card_of(pool("gpu-0", "online")).facts)["Free in"] == "now"


def test_the_load_is_shown_where_the_driver_tells_it():
    load = DeviceLoad(memory_used_bytes=6_100_000_000, memory_total_bytes=24_000_000_000, utilisation=0.97)
    facts = {fact.label: fact for fact in card_of(pool(load=load)).facts}
    assert (facts["Memory"].value, facts["Memory"].share) == ("6.1 of 24.0 GB", pytest.approx(0.254, abs=0.001))
    assert (facts["Utilisation"].value, facts["Utilisation"].share) == ("97%", 0.97)


def test_a_run_shows_how_far_it_is_and_why_it_is_tried_again():
    again = run("c", running=False, attempt=2, note="Attempt 2 of 3: its process ended")
    card = card_of(pool("gpu-0", "online", run("a", running=True), again))
    assert [(line.percent, line.state) for line in (*card.running, *card.queued)] == [
        (45, "1 min 30 s"),
        (None, "1 min 30 s · attempt 2 · Attempt 2 of 3: its process ended"),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(59, "just now"), (60, "1 min ago"), (7_199, "1 h ago"), (172_800, "2 d ago")]
)
def test_a_failure_says_how_long_ago_it_was(seconds, words):
    ended_at = NOW - timedelta(seconds=seconds)
    failure = PoolFailure(name="a", batch_id="b", ended_at=ended_at, reason="", flow_run_url="/runs/a")
    (line,) = card_of(pool(failures=(failure,))).failures
    assert (line.ago, line.reason) == (words, "No reason was recorded.")


def test_the_totals_name_what_needs_attention():
    pools = [
        pool("gpu-0", "online", run("a", running=True)),
        pool("gpu-1"),
        pool("gpu-2", "offline", problem="Its worker does not answer."),
    ]
    totals = {fact.label: (fact.value, fact.note) for fact in board_of(pools, jobs_queued=7, now=NOW).totals}
    assert totals["Busy"] == ("1 of 2", "devices that take jobs")
    assert totals["Jobs queued"][0] == "7"
    assert totals["Need attention"] == ("1", "CPU 2")


def test_without_the_store_the_jobs_queued_on_gpus_are_counted():
    board = board_of([pool("gpu-0", "online", run("a", running=False))], jobs_queued=None, now=NOW)
    assert figures(board.totals)["Jobs queued"] == "1"


def test_a_device_that_helps_is_busy_and_says_with_what():
    card = card_of(pool("gpu-1", "online", run("lecture.mp3", running=True, helps=True)))
    (line,) = card.running
    assert (card.status, line.name, line.percent) == ("Online, busy", "helps with lecture.mp3", None)
