"""There is one retry, whichever button is pressed: what is done stays, what failed runs again under the same id."""

import re
import wave
from datetime import datetime

import pytest


def press_retry_in_prefect(stack, flow_run_id: str) -> None:
    """Do what Prefect's UI does."""
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    answer = stack.prefect.post(f"/flow_runs/{flow_run_id}/set_state", json={"state": state, "force": True})
    assert answer.json()["status"] == "ACCEPT", answer.text


def attempts(batch) -> dict[str, int]:
    return {path: job["attempt"] for path, job in batch.jobs().items()}


def recordings(stack, batch) -> dict[str, float]:
    folder = stack.data / "store" / "batches" / batch.batch_id / "recordings"
    return {path.name: path.stat().st_mtime for path in folder.iterdir()}


def summary_artifact(stack, batch) -> dict:
    """Return the newest summary of the batch, as Prefect's UI shows it."""
    asked = {"artifacts": {"key": {"any_": [f"batch-{batch.batch_id}"]}}, "sort": "CREATED_DESC"}
    return stack.prefect.post("/artifacts/filter", json=asked).json()[0]


@pytest.fixture(scope="module")
def half_failed(fragile, clips, new_batch, tmp_path_factory):
    """A batch of a good upload and a silent one, which fails on its device."""
    silence = tmp_path_factory.mktemp("silence") / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 5))
    batch = new_batch(fragile, "half of it fails")
    batch.upload("good.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.upload("silent.wav", silence.read_bytes())
    batch.start()
    assert batch.finished()["state"] == "failed"
    return batch


def ended_again(batch, attempt: int) -> dict:
    return batch.wait(
        lambda status: status["state"] == "failed" and attempts(batch)["silent.wav"] == attempt,
        120,
    )


def test_retry_of_the_batch_run_in_prefect_runs_what_failed(fragile, half_failed):
    before, converted = attempts(half_failed), recordings(fragile, half_failed)
    press_retry_in_prefect(fragile, half_failed.status()["flow_run_id"])
    status = ended_again(half_failed, before["silent.wav"] + 1)
    assert attempts(half_failed)["good.mp3"] == before["good.mp3"]
    assert recordings(fragile, half_failed) == converted, "an upload was converted twice"
    tried = half_failed.jobs()["silent.wav"]["attempts"]
    assert [attempt["ended_as"] for attempt in tried] == ["failed"] * (before["silent.wav"] + 1)
    assert tried[0]["ended_at"] < tried[1]["started_at"]
    assert half_failed.jobs()["silent.wav"]["unusable"], "silence stays silence, however often it is tried"
    seconds = [
        (datetime.fromisoformat(each["ended_at"]) - datetime.fromisoformat(each["started_at"])).total_seconds()
        for each in status["attempts"]
    ]
    shown = summary_artifact(fragile, half_failed)
    assert shown["description"] == "half of it fails: 1 done, 1 failed"
    told = re.search(r"of audio in (?:(\d+) min )?(\d+) s", shown["data"])
    assert int(told[1] or 0) * 60 + int(told[2]) == pytest.approx(sum(seconds), abs=3), "all tries, without the pause"


def test_retry_of_one_job_in_prefect_runs_that_job_alone(fragile, half_failed):
    before, status = attempts(half_failed), half_failed.status()
    batch_run = fragile.prefect.get(f"/flow_runs/{status['flow_run_id']}").json()
    press_retry_in_prefect(fragile, half_failed.jobs()["silent.wav"]["flow_run_id"])
    ended_again(half_failed, before["silent.wav"] + 1)
    assert attempts(half_failed)["good.mp3"] == before["good.mp3"]
    assert fragile.prefect.get(f"/flow_runs/{status['flow_run_id']}").json()["run_count"] == batch_run["run_count"]


def test_a_retry_of_twelve_with_one_failed_runs_exactly_one(fragile, clips, new_batch):
    batch = new_batch(fragile, "twelve")
    for number in range(12):
        batch.upload(f"{number:02}.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    assert batch.finished(280)["summary"]["done"] == 12
    folder = fragile.data / "store" / "batches" / batch.batch_id / "documents"
    (lost,) = folder.rglob("07_refined.srt")
    lost.unlink()
    # The dashboard takes a publication's word; the batch run reads every document before it lets a job be done.
    press_retry_in_prefect(fragile, batch.status()["flow_run_id"])
    batch.wait(lambda _: attempts(batch)["07.mp3"] == 2, 120)
    assert batch.finished()["summary"]["done"] == 12
    assert sorted(attempts(batch).values()) == [1] * 11 + [2]
    assert b"-->" in batch.document("07.mp3", "srt")
    archive = batch.api.get(f"/batch/{batch.batch_id}/results.zip")
    assert archive.status_code == 200


def test_a_batch_whose_last_job_is_retried_while_it_runs_counts_the_new_end(fragile, clips, new_batch, half_failed):
    """The batch run itself looks once more at what failed before it passes its verdict."""
    silent = half_failed.api.get(f"/jobs/{half_failed.job_ids['silent.wav']}/audio")
    batch = new_batch(fragile, "second look")
    batch.upload("silent.mp3", silent.content)
    batch.upload("long.opus", clips["lecture-subtitles.opus"].path.read_bytes())
    with fragile.recordings_held("long.opus"):
        batch.start()
        batch.wait(lambda _: batch.jobs()["silent.mp3"]["stage"] == "failed", 120)
        press_retry_in_prefect(fragile, batch.jobs()["silent.mp3"]["flow_run_id"])
    status = batch.finished()
    assert (status["state"], attempts(batch)) == ("failed", {"silent.mp3": 2, "long.opus": 1})


def pause_pools(stack, *, paused: bool) -> None:
    for pool in ("gpu-0", "gpu-1"):
        stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": paused}).raise_for_status()


def run_of(stack, job: dict) -> dict:
    return stack.prefect.get(f"/flow_runs/{job['flow_run_id']}").json()


def test_retry_of_one_job_of_a_cancelled_batch_is_refused_with_what_to_do(fragile, clips, new_batch):
    batch = new_batch(fragile, "cancelled")
    for number in range(3):
        batch.upload(f"{number}.opus", clips["lecture-subtitles.opus"].path.read_bytes())
    with fragile.recordings_held():
        batch.start()
        job = next(
            job
            for job in batch.wait(lambda status: status["summary"]["transcribing"], 120)["jobs"]
            if job["stage"] == "transcribing"
        )
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
        batch.wait(lambda status: status["state"] == "cancelled", 60)
    pause_pools(fragile, paused=True)  # however fast this machine is, Prefect looks before the job is done
    try:
        press_retry_in_prefect(fragile, job["flow_run_id"])
        batch.wait(lambda _: run_of(fragile, job)["state_type"] == "CANCELLED", 60)
    finally:
        pause_pools(fragile, paused=False)
    assert "retry its batch" in run_of(fragile, job)["state"]["message"]
    batch.wait(lambda status: status["state"] == "cancelled", 60)
