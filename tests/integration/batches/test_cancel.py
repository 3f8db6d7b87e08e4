"""A cancel stops what it names within seconds, whoever presses it and wherever the job is, and nothing else."""

import os
import wave

import pytest

POOLS = ("gpu-0", "gpu-1")
LECTURE = "lecture-subtitles.opus"


def set_state(stack, flow_run_id: str, state_type: str, name: str | None = None) -> None:
    """Do what the buttons of Prefect's UI do."""
    state = {"type": state_type, "message": "From Prefect's UI"} | ({"name": name} if name else {})
    answer = stack.prefect.post(f"/flow_runs/{flow_run_id}/set_state", json={"state": state, "force": name is not None})
    assert answer.json()["status"] == "ACCEPT", answer.text


def run_of(stack, flow_run_id: str) -> dict:
    return stack.prefect.get(f"/flow_runs/{flow_run_id}").json()


def uploaded(stack, batch) -> list[str]:
    """Return the uploads of the batch that are still there."""
    return sorted(path.name for path in (stack.data / "uploads" / batch.batch_id).glob("*"))


def recorded(stack, batch) -> list[str]:
    """Return its recordings that are still there."""
    return sorted(
        path.name for path in (stack.data / "store" / "batches" / batch.batch_id / "recordings").glob("*.mp3")
    )


@pytest.fixture
def paused_pools(fragile):
    """While they are paused no job gets a run: it waits in the batch run."""
    for pool in POOLS:
        fragile.prefect.patch(f"/work_pools/{pool}", json={"is_paused": True}).raise_for_status()

    def go_on():
        for pool in POOLS:
            fragile.prefect.patch(f"/work_pools/{pool}", json={"is_paused": False}).raise_for_status()

    yield go_on
    go_on()


def lectures(stack, clips, new_batch, count: int):
    batch = new_batch(stack, "lectures")
    for number in range(count):
        batch.upload(f"{number}.opus", clips[LECTURE].path.read_bytes())
    batch.start()
    return batch


@pytest.mark.parametrize("by", ["our page", "Prefect's UI"])
def test_a_running_job_stops_and_its_neighbours_go_on(fragile, clips, new_batch, by):
    with fragile.recordings_held():
        batch = lectures(fragile, clips, new_batch, 3)
        status = batch.wait(lambda status: status["summary"]["transcribing"] >= 2, 120)
        job = next(job for job in status["jobs"] if job["stage"] == "transcribing")
        if by == "our page":
            assert batch.api.delete(f"/batch/{batch.batch_id}/jobs/{job['job_id']}").status_code == 202
        else:
            set_state(fragile, job["flow_run_id"], "CANCELLING")
        batch.wait(lambda _: run_of(fragile, job["flow_run_id"])["state_type"] == "CANCELLED", 30)
    status = batch.finished()
    assert (status["state"], status["summary"]["done"], status["summary"]["cancelled"]) == ("completed", 2, 1)
    assert {other["attempt"] for other in status["jobs"]} == {1}, "a neighbour was started anew"
    assert not uploaded(fragile, batch), "those of the others are done with, that of the cancelled one goes at once"
    assert len(recorded(fragile, batch)) == 2


def test_a_job_that_waits_for_a_device_is_cancelled_before_it_has_a_run(fragile, clips, new_batch, paused_pools):
    batch = lectures(fragile, clips, new_batch, 2)
    batch.wait(lambda status: status["summary"]["queued"] == 2, 60)
    assert batch.api.delete(f"/batch/{batch.batch_id}/jobs/{batch.job_ids['0.opus']}").status_code == 202
    assert batch.jobs()["0.opus"]["stage"] == "cancelled"
    paused_pools()
    status = batch.finished()
    assert (status["state"], status["summary"]["done"], status["summary"]["cancelled"]) == ("completed", 1, 1)
    assert batch.jobs()["0.opus"]["flow_run_id"] is None
    assert not uploaded(fragile, batch)
    assert len(recorded(fragile, batch)) == 1


def test_a_conversion_is_cancelled_in_its_middle(fragile, clips, new_batch, tmp_path):
    long = tmp_path / "long.wav"
    with wave.open(str(long), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        noise = os.urandom(2**20)
        for _ in range(160):  # an hour and a half
            file.writeframes(noise)
    batch = new_batch(fragile, "too long")
    batch.upload("long.wav", long.read_bytes())
    batch.upload("short.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    batch.wait(lambda status: status["summary"]["converting"], 60)
    batch.wait(lambda _: batch.jobs()["long.wav"]["stage"] == "converting", 60)
    assert batch.api.delete(f"/batch/{batch.batch_id}/jobs/{batch.job_ids['long.wav']}").status_code == 202
    status = batch.finished()
    assert (status["state"], status["summary"]["done"], status["summary"]["cancelled"]) == ("completed", 1, 1)
    work = [fragile.data / "work" / job_id for job_id in batch.job_ids.values()]
    assert [path for folder in work for path in folder.rglob("*") if path.is_file()] == []
    assert not (
        fragile.data / "store" / "batches" / batch.batch_id / "recordings" / f"{batch.job_ids['long.wav']}.mp3"
    ).exists()


def test_cancelling_the_batch_run_in_prefect_stops_its_jobs_too(fragile, clips, new_batch):
    with fragile.recordings_held():
        batch = lectures(fragile, clips, new_batch, 3)
        status = batch.wait(lambda status: status["summary"]["transcribing"], 120)
        set_state(fragile, status["flow_run_id"], "CANCELLING")
        status = batch.wait(lambda status: status["state"] == "cancelled", 60)
    states = {run_of(fragile, job["flow_run_id"])["state_type"] for job in status["jobs"] if job["flow_run_id"]}
    assert states <= {"CANCELLED", "COMPLETED"}, "the batch ended before its jobs"
    batch.wait(lambda _: not uploaded(fragile, batch), 30)
    assert len(recorded(fragile, batch)) == status["summary"]["done"]
    refused = batch.api.post(f"/batch/{batch.batch_id}/retry")
    assert refused.status_code == 409
    assert "removed when" in refused.json()["detail"]


def test_a_cancelled_batch_that_is_retried_at_once_finishes_all_its_jobs(fragile, clips, new_batch):
    with fragile.recordings_held():
        batch = lectures(fragile, clips, new_batch, 3)
        status = batch.wait(lambda status: status["summary"]["transcribing"], 120)
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel", json={"keep": True}).status_code == 202
        run = status["flow_run_id"]
        batch.wait(lambda _: run_of(fragile, run)["state_type"] == "CANCELLED", 60)
        set_state(fragile, run, "SCHEDULED", "AwaitingRetry")  # Prefect's button does not ask whether all has stopped
    status = batch.wait(lambda status: status["state"] in ("completed", "failed"), 240)
    assert (status["state"], status["summary"]["done"]) == ("completed", 3)


@pytest.mark.parametrize("by", ["our page", "our page, while it waits", "Prefect's UI"])
def test_a_job_cancelled_alone_stays_cancelled_when_its_cancelled_batch_is_retried(
    fragile, clips, new_batch, request, by
):
    waits = by == "our page, while it waits"
    go_on = request.getfixturevalue("paused_pools") if waits else None
    with fragile.recordings_held():
        batch = lectures(fragile, clips, new_batch, 3)
        stage = "queued" if waits else "transcribing"
        status = batch.wait(lambda status: status["summary"][stage], 120)
        job = next(job for job in status["jobs"] if job["stage"] == stage)
        if by == "Prefect's UI":
            set_state(fragile, job["flow_run_id"], "CANCELLING")
            batch.wait(lambda _: run_of(fragile, job["flow_run_id"])["state_type"] == "CANCELLED", 30)
        else:
            assert batch.api.delete(f"/batch/{batch.batch_id}/jobs/{job['job_id']}?keep=true").status_code == 202
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel", json={"keep": True}).status_code == 202
        status = batch.wait(lambda status: status["state"] == "cancelled", 60)
    runs_again = {other["path"]: other["runs_again"] for other in status["jobs"] if other["stage"] == "cancelled"}
    assert not runs_again.pop(job["path"])
    assert all(runs_again.values())
    if go_on:
        go_on()
    assert batch.api.post(f"/batch/{batch.batch_id}/retry").status_code == 202
    status = batch.finished()
    assert (status["state"], status["summary"]["done"], status["summary"]["cancelled"]) == ("completed", 2, 1)
    assert batch.jobs()[job["path"]]["stage"] == "cancelled"
