"""Some jobs of a batch at once: cancelled, retried, dismissed, downloaded, and what is said of each."""

import io
import json
import zipfile

import pytest

from tests.integration.api.test_dismiss import files_of


@pytest.fixture
def mixed(dashboard, prefect, publish):
    """A batch that has ended: of its jobs one is done, one failed on a device, one failed before it had a run."""
    batch_id, flow_run_id, (done, failed, unconverted) = dashboard.started_batch("done.mp3", "failed.mp3", "text.mp3")
    publish(dashboard, batch_id, done)
    runs = {done: prefect.make_child(batch_id, done), failed: prefect.make_child(batch_id, failed)}
    prefect.set_state("flow_runs", runs[done], "COMPLETED")
    prefect.set_state("flow_runs", runs[failed], "FAILED", "The GPU stopped.")
    prefect.set_state("task_runs", prefect.make_conversion(flow_run_id, unconverted), "FAILED", "No sound.")
    prefect.set_state("flow_runs", flow_run_id, "FAILED")
    dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    return batch_id, flow_run_id, (done, failed, unconverted)


def act(dashboard, batch_id, action, *jobs, **how):
    answer = dashboard.http.post(f"api/batch/{batch_id}/jobs/{action}", json={"jobs": jobs, **how})
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["total"] == len(result["jobs"])
    return result["done"], {job["job_id"]: job["reason"] for job in result["jobs"] if not job["done"]}


def state_of(prefect, flow_run_id):
    return prefect.http.get(f"flow_runs/{flow_run_id}").json()["state"]["name"]


def test_jobs_are_retried_alone_and_what_cannot_be_is_said(dashboard, prefect, mixed):
    batch_id, flow_run_id, (done, failed, unconverted) = mixed
    run_of = {job["job_id"]: job["flow_run_id"] for job in dashboard.status(batch_id)["jobs"]}
    other = f"{batch_id}-abcdefghij"
    count, refused = act(dashboard, batch_id, "retry", done, failed, other)
    assert (count, refused) == (
        1,
        {done: "done.mp3 is done, so there is nothing to retry.", other: f"Batch {batch_id} has no job {other}."},
    )
    assert state_of(prefect, run_of[failed]) == "AwaitingRetry"
    assert state_of(prefect, flow_run_id) == "Failed", "the others stay as they are"
    count, refused = act(dashboard, batch_id, "retry", unconverted)
    assert (count, "never reached a device" in refused[unconverted]) == (0, True)
    odd = dashboard.http.post(
        f"api/batch/{batch_id}/jobs/retry",
        content=r'{"jobs": ["\ud800"]}',
        headers={"Content-Type": "application/json"},
    )
    assert odd.status_code == 422


def test_all_that_failed_is_retried_by_the_batch(dashboard, prefect, mixed):
    batch_id, flow_run_id, (_, failed, unconverted) = mixed
    assert act(dashboard, batch_id, "retry", failed, unconverted) == (2, {})
    assert state_of(prefect, flow_run_id) == "AwaitingRetry"


def test_dismissed_jobs_are_gone_with_all_that_was_theirs_and_are_not_retried(dashboard, prefect, mixed):
    batch_id, flow_run_id, (done, failed, unconverted) = mixed
    assert act(dashboard, batch_id, "dismiss", done, unconverted) == (2, {})
    assert [job["job_id"] for job in dashboard.status(batch_id)["jobs"]] == [failed]
    for path in (f"jobs/{done}/documents/txt", f"jobs/{done}/audio", f"jobs/{done}/transcript"):
        assert dashboard.http.get(f"api/{path}").status_code == 404
    left = [path.name for path in files_of(dashboard, batch_id) if path.parent.name != "uploads"]
    assert not [name for name in left if done in name or unconverted in name or "refined" in name]
    answer = dashboard.http.post(f"api/batch/{batch_id}/jobs/dismiss", json={"jobs": [failed]})
    assert (answer.status_code, "Dismiss the batch instead." in answer.json()["detail"]) == (409, True)
    assert act(dashboard, batch_id, "retry", failed) == (1, {})
    assert state_of(prefect, flow_run_id) == "AwaitingRetry", "what was dismissed is not missed"


def test_what_has_not_ended_is_not_dismissed(dashboard, prefect):
    batch_id, flow_run_id, (running, waiting) = dashboard.started_batch("a.mp3", "b.mp3")
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, running), "RUNNING")
    count, refused = act(dashboard, batch_id, "dismiss", running, waiting)
    assert (count, refused[running]) == (0, "a.mp3 is transcribing: cancel it first, then dismiss it.")


def test_jobs_are_cancelled_together_and_the_others_go_on(dashboard, prefect):
    batch_id, flow_run_id, jobs = dashboard.started_batch("a.mp3", "b.mp3", "c.mp3")
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    run_id = prefect.make_child(batch_id, jobs[0])
    prefect.set_state("flow_runs", run_id, "RUNNING")
    assert act(dashboard, batch_id, "cancel", *jobs[:2], jobs[0], keep=True) == (2, {})
    stages = {job["path"]: job["stage"] for job in dashboard.status(batch_id)["jobs"]}
    assert stages == {"a.mp3": "cancelled", "b.mp3": "cancelled", "c.mp3": "uploaded"}
    assert state_of(prefect, run_id) == "Cancelling"
    kept = dashboard.data / "store" / "batches" / batch_id / "kept"
    assert {path.stem for path in kept.iterdir()} == {*jobs[:2]}
    assert act(dashboard, batch_id, "dismiss", jobs[0])[1] == {
        jobs[0]: "a.mp3 has not stopped yet. Dismiss it in a moment."
    }


def test_before_the_start_uploads_are_removed_together(dashboard):
    batch_id = dashboard.make_batch()
    jobs = [dashboard.upload(batch_id, f"{name}.mp3").json()["job_id"] for name in "abc"]
    assert act(dashboard, batch_id, "cancel", *jobs[:2]) == (2, {})
    assert [job["path"] for job in dashboard.status(batch_id)["jobs"]] == ["c.mp3"]


def test_the_documents_of_some_jobs_are_one_zip(dashboard, mixed):
    batch_id, _, (done, failed, unconverted) = mixed
    answer = dashboard.http.post(f"api/batch/{batch_id}/results.zip", data={"jobs": f"{done} {failed}"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["done_formatted_refined.txt", "manifest.json"]
    listed = {job["job_id"]: job["stage"] for job in json.loads(archive.read("manifest.json"))["jobs"]}
    assert listed == {done: "done", failed: "failed"}
    none = dashboard.http.post(f"api/batch/{batch_id}/results.zip", data={"jobs": f"{failed} {unconverted}"})
    assert (none.status_code, "nothing to download" in none.json()["detail"]) == (409, True)
