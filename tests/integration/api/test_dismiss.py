"""Dismissing a batch, and retrying one whose uploads have expired, over HTTP."""

import json

import pytest


def files_of(dashboard, batch_id):
    """Return all files of the batch, in the store and among the uploads."""
    folders = (dashboard.data / "store" / "batches" / batch_id, dashboard.data / "uploads" / batch_id)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def dismiss(dashboard, batch_id):
    return dashboard.http.delete(f"api/batch/{batch_id}")


def failed_batch(dashboard, prefect, *paths):
    """Return the ids of a started batch whose jobs have all failed, and of its jobs."""
    batch_id, flow_run_id, jobs = dashboard.started_batch(*paths)
    for job_id in jobs:
        prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "FAILED", "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, "FAILED")
    dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    return batch_id, flow_run_id, jobs


def expire(dashboard, batch_id, job_id, at="2026-11-23T14:00:00Z"):
    note = json.dumps({"job_id": job_id, "expired_at": at}).encode()
    dashboard.store(f"batches/{batch_id}/expired/{job_id}.json", note)


def test_a_dismissed_batch_is_gone_with_all_that_was_its(dashboard, prefect, publish):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, "COMPLETED")
    dashboard.status_once(batch_id, lambda now: now["state"] == "completed")
    assert dashboard.http.get(f"api/jobs/{job_id}/documents/txt").status_code == 200

    assert dismiss(dashboard, batch_id).status_code == 204
    again = dismiss(dashboard, batch_id)
    assert (again.status_code, again.json()["detail"]) == (
        404,
        f"There is no batch {batch_id}. It may have been dismissed.",
    )
    for path in (
        f"batch/{batch_id}",
        f"batch/{batch_id}/results.zip",
        f"jobs/{job_id}/documents/txt",
        f"jobs/{job_id}/audio",
    ):
        assert dashboard.http.get(f"api/{path}").status_code == 404
    assert dashboard.http.post(f"api/batch/{batch_id}/start").status_code == 404
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 404
    assert files_of(dashboard, batch_id) == []
    assert prefect.run_of(batch_id)["id"] == flow_run_id  # history


def test_a_batch_that_was_not_started_can_be_dismissed(dashboard):
    batch_id = dashboard.make_batch()
    dashboard.upload(batch_id, "a.mp3")
    assert dismiss(dashboard, batch_id).status_code == 204
    assert dashboard.upload(batch_id, "b.mp3").status_code == 404
    assert dashboard.upload(batch_id, "a.mp3").status_code == 404
    assert dashboard.http.post(f"api/batch/{batch_id}/start").status_code in (404, 409)
    assert files_of(dashboard, batch_id) == []


def test_an_upload_that_is_under_way_when_its_batch_is_dismissed_is_not_kept(dashboard, slow_upload):
    batch_id = dashboard.make_batch()
    upload = slow_upload(dashboard, batch_id, length=10)
    upload.send(b"01234")
    assert dismiss(dashboard, batch_id).status_code == 204
    upload.send(b"56789")
    status, detail = upload.answer()
    assert (status, detail) == (404, f"There is no batch {batch_id}. It may have been dismissed.")
    assert files_of(dashboard, batch_id) == []


@pytest.mark.parametrize("states", [["PENDING"], ["RUNNING"], ["RUNNING", "CANCELLING"]], ids=lambda states: states[-1])
def test_a_batch_that_runs_must_be_cancelled_first(dashboard, prefect, states):
    batch_id, flow_run_id, _ = dashboard.started_batch("a.mp3")
    for state in states:
        prefect.set_state("flow_runs", flow_run_id, state)
    refused = dismiss(dashboard, batch_id)
    assert refused.status_code == 409
    assert refused.json()["detail"] == f"Batch {batch_id} is running: cancel it first, then dismiss it."
    prefect.set_state("flow_runs", flow_run_id, "CANCELLED")
    assert dismiss(dashboard, batch_id).status_code == 204


def test_a_batch_of_which_one_job_is_retried_in_prefect_runs(dashboard, prefect):
    batch_id, _, (job_id,) = failed_batch(dashboard, prefect, "a.mp3")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "RUNNING")
    assert dismiss(dashboard, batch_id).status_code == 409
    assert dashboard.status(batch_id)["state"] == "running"
    assert files_of(dashboard, batch_id)


def test_a_dismissal_that_was_interrupted_is_finished_by_dismissing_again(dashboard, prefect, publish):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, "COMPLETED")
    (dashboard.data / "store" / "batches" / batch_id / "batch.json").unlink()
    for path in (f"batch/{batch_id}", f"jobs/{job_id}/documents/txt", f"jobs/{job_id}/audio"):
        assert dashboard.http.get(f"api/{path}").status_code == 404
    assert batch_id not in {entry["batch_id"] for entry in dashboard.http.get("api/batch").json()["batches"]}
    assert dismiss(dashboard, batch_id).status_code == 204
    assert files_of(dashboard, batch_id) == []
    assert dismiss(dashboard, batch_id).status_code == 404


def test_uploads_that_all_expired_cannot_be_retried(dashboard, prefect):
    batch_id, flow_run_id, jobs = failed_batch(dashboard, prefect, "talks/lecture.mp3", "other.mp3")
    for job_id, at in zip(jobs, ("2026-11-23T14:00:00Z", "2026-11-23T15:00:00Z"), strict=True):
        expire(dashboard, batch_id, job_id, at)
    refused = dashboard.http.post(f"api/batch/{batch_id}/retry")
    assert refused.status_code == 409
    assert refused.json()["detail"] == (
        "The uploads of other.mp3 and 1 other expired on 2026-11-23 14:00 UTC; upload them again."
    )
    assert prefect.run_of(batch_id)["state"]["type"] == "FAILED"
    (dashboard.data / "store" / "batches" / batch_id / "expired" / f"{jobs[0]}.json").unlink()
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 202
    assert prefect.run_of(batch_id)["id"] == flow_run_id
    assert prefect.run_of(batch_id)["state"]["name"] == "AwaitingRetry"


def test_of_a_cancelled_batch_what_was_stopped_counts_as_well(dashboard, prefect, publish):
    batch_id, flow_run_id, (done, stopped) = dashboard.started_batch("done.mp3", "lecture.mp3")
    publish(dashboard, batch_id, done)
    child = prefect.make_child(batch_id, stopped)
    prefect.set_state("flow_runs", flow_run_id, "CANCELLING")
    prefect.set_state("flow_runs", child, "CANCELLED")
    prefect.set_state("flow_runs", flow_run_id, "CANCELLED")
    expire(dashboard, batch_id, stopped)
    dashboard.status_once(batch_id, lambda now: now["state"] == "cancelled")
    refused = dashboard.http.post(f"api/batch/{batch_id}/retry")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "The upload of lecture.mp3 expired on 2026-11-23 14:00 UTC; upload it again."
