"""Inboxes in the API, and scans started through it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tasks.ingest.report import FailedFile, InboxReport, WaitingFile, report_key


class Inbox:
    """An inbox as the set-up makes it in Prefect, and as its scans leave it in the store."""

    def __init__(self, dashboard, prefect, name, *, paused=False):
        self.dashboard, self.prefect, self.name = dashboard, prefect, name
        flow_id = prefect.post("flows/", name="ingest-folder")["id"]
        self.deployment_id = prefect.post(
            "deployments/",
            name=name,
            flow_id=flow_id,
            work_pool_name="cpu",
            parameters={"inbox": {"name": name, "path": f"/srv/{name}", "interval": 60}},
            schedules=[{"schedule": {"interval": 60}, "active": True}],
            paused=paused,
        )["id"]

    def schedule_scan(self, at):
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": at.isoformat()}}
        return self.prefect.post(f"deployments/{self.deployment_id}/create_flow_run", state=state)["id"]

    def report(self, **found):
        known = {"inbox": self.name, "location": f"/srv/{self.name}", "scanned_at": datetime.now(UTC)}
        report = InboxReport(**known | {"scan_seconds": 0.2} | found)
        self.dashboard.store(report_key(self.name), report.model_dump_json().encode())

    def status(self):
        answer = self.dashboard.http.get(f"api/inboxes/{self.name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def scan(self):
        answer = self.dashboard.http.post(f"api/inboxes/{self.name}/scan")
        assert answer.status_code == 202, answer.text
        return answer.json()

    def runs(self):
        sought = {"id": {"any_": [self.deployment_id]}}
        return [run["id"] for run in self.prefect.post("flow_runs/filter", deployments=sought)]


@pytest.fixture
def make_inbox(dashboard, prefect):
    made = []

    def make(name, **looks):
        made.append(Inbox(dashboard, prefect, name, **looks))
        return made[-1]

    yield make
    for inbox in made:
        prefect.http.delete(f"deployments/{inbox.deployment_id}").raise_for_status()


def test_an_inbox_tells_where_it_is_when_it_is_scanned_and_what_was_found(make_inbox, dashboard):
    inbox = make_inbox("lectures")
    next_scan = datetime.now(UTC) + timedelta(hours=1)
    inbox.schedule_scan(next_scan)
    inbox.schedule_scan(next_scan + timedelta(hours=1))
    failed = FailedFile(path="b.mp3", error="No speech.", batch_id="20260102-123059-aaaaaa", job_id="j")
    waiting = WaitingFile(path="c.mp3", reason="It was still growing.")
    inbox.report(seen=5, new=1, waiting_total=1, waiting=(waiting,), failed_total=1, failed=(failed,))
    status = inbox.status()
    assert (status["location"], status["schedule"], status["paused"]) == ("/srv/lectures", "every 1 min", False)
    assert datetime.fromisoformat(status["next_scan_at"]) == next_scan
    assert (status["scanning"], status["problem"]) == (False, "")
    assert (status["report"]["seen"], status["report"]["failed"][0]["error"]) == (5, "No speech.")
    assert status["deployment_url"].endswith(inbox.deployment_id)
    listed = dashboard.http.get("api/inboxes").json()
    assert [each for each in listed if each["name"] == "lectures"] == [status]


def test_an_inbox_that_was_never_scanned_tells_where_it_is(make_inbox):
    status = make_inbox("new").status()
    assert (status["location"], status["report"], status["next_scan_at"]) == ("/srv/new", None, None)


def test_a_scan_is_asked_for_once(make_inbox):
    inbox = make_inbox("busy")
    later = inbox.schedule_scan(datetime.now(UTC) + timedelta(hours=1))
    first, second = inbox.scan(), inbox.scan()
    assert (first["under_way"], second["under_way"]) == (False, True)
    assert first["flow_run_id"] == second["flow_run_id"] != later
    assert first["flow_run_url"].endswith(first["flow_run_id"])
    assert set(inbox.runs()) == {later, first["flow_run_id"]}
    inbox.prefect.set_state("flow_runs", first["flow_run_id"], "RUNNING")
    assert inbox.scan()["flow_run_id"] == first["flow_run_id"]
    status = inbox.status()
    assert (status["scanning"], status["next_scan_at"]) == (True, None)
    inbox.prefect.set_state("flow_runs", first["flow_run_id"], "COMPLETED")
    assert inbox.scan()["flow_run_id"] != first["flow_run_id"]


def test_a_paused_inbox_says_so_and_can_be_scanned_by_hand(make_inbox):
    inbox = make_inbox("paused", paused=True)
    assert inbox.status()["paused"]
    assert not inbox.scan()["under_way"]


def test_what_keeps_an_inbox_from_being_scanned_is_its_problem(make_inbox):
    unmounted = make_inbox("unmounted")
    unmounted.report(problem="/srv/unmounted is not there. Mount it.")
    assert unmounted.status()["problem"] == "/srv/unmounted is not there. Mount it."

    crashed = make_inbox("crashed")
    crashed.report(scanned_at=datetime.now(UTC) - timedelta(hours=1))
    run = crashed.scan()["flow_run_id"]
    crashed.prefect.set_state("flow_runs", run, "RUNNING")
    crashed.prefect.set_state("flow_runs", run, "FAILED", "The disk is full.")
    assert crashed.status()["problem"].startswith("Its latest scan failed: The disk is full.")

    late = make_inbox("late")
    late.schedule_scan(datetime.now(UTC) - timedelta(minutes=5))
    assert "due for 5 min 0" in late.status()["problem"]
    assert "the worker of the pool cpu is busy or offline" in late.status()["problem"]

    damaged = make_inbox("damaged")
    damaged.dashboard.store(report_key("damaged"), json.dumps({"inbox": 1}).encode())
    assert damaged.status()["problem"].startswith("Its report cannot be understood.")


@pytest.mark.parametrize("call", ["get", "post"])
def test_an_inbox_that_is_not_there_is_named(dashboard, call):
    path = "api/inboxes/nope" if call == "get" else "api/inboxes/nope/scan"
    answer = dashboard.http.request(call, path)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no inbox nope.")
