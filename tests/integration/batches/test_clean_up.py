"""The clean-up beside a real batch: what may go goes, what somebody may still need stays."""

import json
import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.support.waiting import wait_until

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
LEFTOVERS = 4000
ROWS = re.compile(r"^\| (?P<what>\S.*?) \| (?:store|uploads|work|prefect) \| (?P<size>.*?) \| .* \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def forgetful(_make_stack):
    """A stack on which everything's time is over as soon as it could be. It is cleaned up when a test asks for it."""
    stack = _make_stack("cpu")
    stack.simulate_devices()
    stack.environment |= {
        "BATCHSCRIBE_RETENTION_HOURS": "0",
        "BATCHSCRIBE_RECORDING_RETENTION_DAYS": "0",
        "BATCHSCRIBE_LEFTOVER_HOURS": "0",
    }
    try:
        stack.start()
        deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()
        stack.prefect.post(f"/deployments/{deployment['id']}/pause_deployment").raise_for_status()
        yield stack
    finally:
        stack.close()


def start_clean_up(stack, **parameters) -> str:
    """Start a clean-up as Prefect's UI does."""
    deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()
    run = stack.prefect.post(f"/deployments/{deployment['id']}/create_flow_run", json={"parameters": parameters})
    assert run.status_code == 201, run.text
    return run.json()["id"]


def ended(stack, run_id: str, seconds: float = 120) -> dict:
    wait_until(lambda: read_run(stack, run_id)["state"]["type"] in ENDED, f"the end of run {run_id}", seconds)
    return read_run(stack, run_id)


def read_run(stack, run_id: str) -> dict:
    return stack.prefect.get(f"/flow_runs/{run_id}").json()


def retried(stack, run_id: str) -> dict:
    """Press Retry in Prefect's UI and return the run at its end."""
    retry = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    stack.prefect.post(f"/flow_runs/{run_id}/set_state", json={"state": retry, "force": True}).raise_for_status()
    return ended(stack, run_id)


def clean_up(stack, **parameters) -> str:
    """Run a clean-up and return its report; empty if it made none."""
    run = ended(stack, start_clean_up(stack, **parameters))
    assert run["state"]["type"] == "COMPLETED", run["state"]
    artifacts = stack.prefect.post(
        "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    ).json()
    return artifacts[0]["data"] if artifacts else ""


def things(report: str) -> set[tuple[str, str]]:
    """Return what the report names, each with its size."""
    return {(row["what"], row["size"]) for row in ROWS.finditer(report)} - {("---", "---")}


def files(stack, *folders: str) -> set[str]:
    return {
        str(path.relative_to(stack.data))
        for folder in folders or ("uploads", "store", "work")
        for path in (stack.data / folder).rglob("*")
        if path.is_file() and path.name != "check.txt"
    }


def put(path: Path, content: bytes = b"left") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def batch(forgetful, clips, new_batch):
    """A batch with a job that is done and one that failed, amid what killed processes leave."""
    batch = new_batch(forgetful, "half good")
    batch.upload("talks/good.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.upload("talks/lecture.mp3", b"This is no recording." * 100)
    batch.start()
    assert batch.finished()["summary"] == batch.status()["summary"] | {"done": 1, "failed": 1}
    return batch


@pytest.fixture(scope="module")
def leftovers(forgetful, batch, new_batch):
    """Leftovers of killed processes, of this batch and of one that is still open."""
    still_open = new_batch(forgetful, "open")
    still_open.upload("a.mp3", b"some sound")
    folder = forgetful.data / "store" / "batches" / batch.batch_id
    return {
        put(forgetful.data / "uploads" / still_open.batch_id / "0123456789abcdef.part"),
        put(forgetful.data / "store" / ".unfinished" / "0123456789abcdef"),
        put(forgetful.data / "store" / "results" / "20260101-120000-abcdef" / "talks" / "of_a_batch_that_is_gone.srt"),
        put(folder / "documents" / "talks" / "good_refined.late.srt"),
        put(forgetful.data / "work" / batch.job_ids["talks/good.mp3"] / "convert-x" / "recording.mp3"),
    }


@pytest.fixture(scope="module")
def reports(forgetful, leftovers):
    """The reports of a dry run and of a real run after it, and what was there before, between and after."""
    assert leftovers
    before = files(forgetful)
    dry = clean_up(forgetful)  # as the form is filled in from the start
    between = files(forgetful)
    real = clean_up(forgetful, dry_run=False)
    return dry, real, before, between, files(forgetful)


def test_a_dry_run_removes_nothing_and_names_what_the_real_run_removes(reports, batch):
    dry, real, before, between, after = reports
    assert between == before
    assert "would be removed (dry run)" in dry
    assert things(dry) == things(real)
    assert (f"{batch.batch_id}/{batch.job_ids['talks/lecture.mp3']}", "2.1 kB") in things(real)
    lecture = batch.job_ids["talks/lecture.mp3"]
    assert after - before == {f"store/batches/{batch.batch_id}/expired/{lecture}.json"}


def test_what_nobody_needs_is_gone_and_the_documents_stay(forgetful, reports, batch, leftovers):
    _, _, before, _, after = reports
    assert not [path for path in leftovers if path.exists()]
    gone = before - after
    assert {path for path in gone if "/recordings/" in path} == {path for path in before if "/recordings/" in path}
    assert [Path(path).name for path in gone if "/documents/" in path] == ["good_refined.late.srt"]
    assert batch.document("talks/good.mp3", "srt").startswith(b"1\n")
    assert batch.jobs()["talks/good.mp3"]["stage"] == "done"
    assert len(files(forgetful, "uploads")) == 1  # that of the open batch


def test_an_expired_upload_is_told_wherever_retry_is_pressed(forgetful, reports, batch):
    assert reports
    refused = forgetful.api.post(f"/batch/{batch.batch_id}/retry")
    assert refused.status_code == 409
    sentence = refused.json()["detail"]
    assert re.fullmatch(
        r"The upload of lecture\.mp3 expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC; upload it again\.", sentence
    )
    run = retried(forgetful, batch.status()["flow_run_id"])
    assert (run["state"]["type"], run["state"]["message"]) == ("FAILED", f"1 of 2 jobs failed: lecture.mp3: {sentence}")
    jobs = batch.jobs()
    assert (jobs["talks/lecture.mp3"]["stage"], jobs["talks/lecture.mp3"]["error"]) == ("failed", sentence)
    assert jobs["talks/good.mp3"]["stage"] == "done"


@pytest.fixture(scope="module")
def half_expired(forgetful, clips, new_batch):
    """A batch that failed: one upload has expired since, another was only out of reach, as if a clean-up was killed."""
    batch = new_batch(forgetful, "half expired")
    for path in ("gone.mp3", "late.mp3"):
        batch.upload(path, clips["short-answer.mp3"].path.read_bytes())
    folder = forgetful.data / "uploads" / batch.batch_id
    away = {path: (folder / job_id).rename(folder / f"{job_id}.away") for path, job_id in batch.job_ids.items()}
    batch.start()
    assert batch.finished()["summary"]["failed"] == 2
    away["late.mp3"].rename(folder / batch.job_ids["late.mp3"])
    note = {"job_id": batch.job_ids["gone.mp3"], "expired_at": "2026-11-23T14:00:00Z"}
    expired = forgetful.data / "store" / "batches" / batch.batch_id / "expired"
    put(expired / f"{batch.job_ids['gone.mp3']}.json", json.dumps(note).encode())
    return batch


def test_a_retry_runs_the_jobs_whose_uploads_are_still_there(forgetful, half_expired):
    assert forgetful.api.post(f"/batch/{half_expired.batch_id}/retry").status_code == 202
    half_expired.wait(lambda status: status["state"] == "failed" and status["summary"]["done"] == 1)
    jobs = half_expired.jobs()
    assert jobs["late.mp3"]["stage"] == "done"
    assert jobs["gone.mp3"]["error"] == "The upload of gone.mp3 expired on 2026-11-23 14:00 UTC; upload it again."


def test_a_recording_stays_if_its_documents_are_damaged_or_cannot_be_read(forgetful, half_expired):
    half_expired.finished()
    recording = (
        forgetful.data / "store" / f"batches/{half_expired.batch_id}/recordings/{half_expired.job_ids['late.mp3']}.mp3"
    )
    (document,) = (forgetful.data / "store" / "batches" / half_expired.batch_id).rglob("*.srt")
    content = document.read_bytes()
    document.write_bytes(content[:-1])
    report = clean_up(forgetful, dry_run=False)
    assert f"late.mp3 of batch {half_expired.batch_id}: its documents are not in the store, or damaged." in report
    assert recording.exists()
    document.unlink()
    document.symlink_to(document.name)  # no read of it succeeds, not even root's
    report = clean_up(forgetful, dry_run=False)
    assert f"Batch {half_expired.batch_id}: The store" in report
    assert recording.exists()
    document.unlink()
    document.write_bytes(content)
    clean_up(forgetful, dry_run=False)
    assert not recording.exists()


def pause(stack, *, paused: bool) -> None:
    stack.prefect.patch("/work_pools/gpu-0", json={"is_paused": paused}).raise_for_status()


def test_a_running_batch_loses_nothing(forgetful, clips, new_batch):
    pause(forgetful, paused=True)
    batch = new_batch(forgetful, "under way")
    batch.upload("a.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.upload("bad.mp3", b"This is no recording." * 100)
    batch.start()
    batch.wait(lambda status: status["summary"]["failed"] == status["summary"]["queued"] == 1)
    held = {path for path in files(forgetful) if batch.batch_id in path}
    assert batch.batch_id not in clean_up(forgetful, dry_run=False)
    assert {path for path in files(forgetful) if batch.batch_id in path} == held
    refused = forgetful.api.delete(f"/batch/{batch.batch_id}")
    assert refused.status_code == 409
    assert refused.json()["detail"] == f"Batch {batch.batch_id} is running: cancel it first, then dismiss it."
    pause(forgetful, paused=False)
    assert batch.finished()["summary"]["done"] == 1


def test_a_dismissed_batch_that_is_retried_in_prefect_says_that_it_is_gone(forgetful, reports, batch):
    assert reports
    run_id = batch.status()["flow_run_id"]
    assert forgetful.api.delete(f"/batch/{batch.batch_id}").status_code == 204
    assert not [path for path in files(forgetful) if batch.batch_id in path]
    assert retried(forgetful, run_id)["state"]["message"] == (
        f"Batch {batch.batch_id} was dismissed, so there is nothing left to do. Upload its files as another batch."
    )


def test_a_killed_clean_up_goes_on_where_it_was(forgetful, clips, new_batch):
    batch = new_batch(forgetful, "many leftovers")
    batch.upload("a.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    assert batch.finished()["state"] == "completed"
    folder = forgetful.data / "uploads" / batch.batch_id
    for number in range(LEFTOVERS):
        put(folder / f"{number:016x}.part")
    (worker,) = forgetful.pids("deployments.worker cpu")
    run_id = start_clean_up(forgetful, dry_run=False)
    wait_until(lambda: sum(1 for _ in folder.iterdir()) < LEFTOVERS, "the clean-up's start", 60, longest_pause=0.01)
    os.kill(worker, signal.SIGKILL)
    assert len(files(forgetful, "uploads")) > 10
    run = ended(forgetful, run_id, 240)
    assert (run["state"]["type"], run["run_count"]) == ("COMPLETED", 2)
    assert not [path for path in files(forgetful, "uploads") if batch.batch_id in path]
    assert batch.document("a.mp3", "txt")


@pytest.fixture(params=[False, True], ids=["going on", "paused"])
def lost_pool(request, forgetful):
    """A work pool of a machine that never comes back."""
    name = "gpu-9"
    pool = {"name": name, "type": "warm", "concurrency_limit": 2, "is_paused": request.param}
    forgetful.prefect.post("/work_pools/", json=pool).raise_for_status()
    yield name
    forgetful.prefect.delete(f"/work_pools/{name}").raise_for_status()


def begin_on(stack, pool: str, batch, path: str) -> str:
    """Have a run of the job be Running on the pool, as after a retry of it alone."""
    flow_id = stack.prefect.get("/deployments/name/transcribe-recording/gpu-0").json()["flow_id"]
    deployment = {
        "name": pool,
        "flow_id": flow_id,
        "work_pool_name": pool,
        "entrypoint": "none.py:none",
        "tags": ["gpu"],
    }
    deployment_id = stack.prefect.post("/deployments/", json=deployment).json()["id"]
    tags = [f"batch:{batch.batch_id}", f"job:{batch.job_ids[path]}"]
    made = stack.prefect.post(f"/deployments/{deployment_id}/create_flow_run", json={"name": path, "tags": tags})
    run_id = made.json()["id"]
    running = {"state": {"type": "RUNNING"}, "force": True}
    stack.prefect.post(f"/flow_runs/{run_id}/set_state", json=running).raise_for_status()
    return run_id


def test_a_job_retried_alone_on_a_worker_that_is_gone_fails_and_can_be_retried(forgetful, lost_pool, new_batch):
    batch = new_batch(forgetful, "one alone")
    batch.upload("a.mp3", b"This is no recording." * 100)
    batch.start()
    batch.finished()
    run_id = begin_on(forgetful, lost_pool, batch, "a.mp3")
    assert "slot of flow run a.mp3" in clean_up(forgetful)
    assert read_run(forgetful, run_id)["state"]["type"] == "RUNNING"
    clean_up(forgetful, dry_run=False)
    state = read_run(forgetful, run_id)["state"]
    assert (state["type"], state["message"]) == ("CRASHED", "The worker of gpu-9 is gone. Retry the job.")
    assert batch.wait(lambda status: status["state"] == "failed")["summary"]["failed"] == 1


def test_results_that_are_missing_are_made_again(forgetful, clips, new_batch):
    batch = new_batch(forgetful, "missing")
    batch.upload("talks/a.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    (job,) = batch.finished()["jobs"]
    result = next(Path(httpx.URL(each["uri"]).path) for each in job["documents"] if each["format"] == "srt")
    content = result.read_bytes()
    assert content == batch.document("talks/a.mp3", "srt")
    result.unlink()
    clean_up(forgetful)
    assert not result.exists()
    clean_up(forgetful, dry_run=False)
    assert result.read_bytes() == content


@pytest.fixture
def another_installation(forgetful):
    """While Prefect's server is another installation's, or had its database lost."""
    variable = "/variables/name/batchscribe-installation"
    ours = forgetful.prefect.get(variable).json()["value"]
    forgetful.prefect.patch(variable, json={"value": "another"}).raise_for_status()
    yield ours
    forgetful.prefect.patch(variable, json={"value": ours}).raise_for_status()


def test_another_installation_s_clean_up_removes_nothing_and_says_why(forgetful, new_batch, another_installation):
    batch = new_batch(forgetful, "of another")
    batch.upload("a.mp3", b"This is no recording." * 100)
    batch.start()
    batch.finished()
    before = files(forgetful)
    state = ended(forgetful, start_clean_up(forgetful, dry_run=False))["state"]
    told = f"belongs to the installation {another_installation}; Prefect's server belongs to another."
    assert state["type"] == "FAILED"
    assert told in state["message"]
    assert told in clean_up(forgetful).replace("\\", "")
    assert files(forgetful) == before


def test_the_clean_up_is_scheduled_for_real_and_a_dry_run_by_hand(forgetful):
    deployment = forgetful.prefect.get("/deployments/name/clean-up/cpu").json()
    (schedule,) = deployment["schedules"]
    assert (schedule["active"], schedule["parameters"]) == (True, {"dry_run": False})
    assert deployment["parameter_openapi_schema"]["properties"]["dry_run"]["default"] is True
