"""A device with nothing to do helps with a long recording on another, and gives way to everything else."""

import shutil
import subprocess

import imageio_ffmpeg
import pytest

from tests.support.processes import children_of, kill
from tests.support.waiting import wait_until

LONG_SECONDS = 65
"""The stack takes a recording of a minute for a long one."""

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture(scope="module")
def lecture(clips, tmp_path_factory) -> bytes:
    """A recording that is long enough for others to help."""
    target = tmp_path_factory.mktemp("long") / "lecture.opus"
    ffmpeg = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    loop = ["-stream_loop", "-1", "-i", str(clips["lecture-subtitles.opus"].path), "-t", str(LONG_SECONDS)]
    subprocess.run([ffmpeg, "-nostdin", "-loglevel", "error", *loop, "-c", "copy", str(target)], check=True)
    return target.read_bytes()


@pytest.fixture
def helped(fragile, lecture, new_batch):
    """Starts a batch with a long recording that is held, and waits until the other device helps."""

    def start(name):
        batch = new_batch(fragile, name)
        batch.upload("lecture.opus", lecture)
        batch.start()
        return batch, wait_until(lambda: working_helper(fragile, batch), "a helping run at work")

    with fragile.recordings_held("lecture"):
        yield start


def helping_runs(stack, batch) -> list[dict]:
    """The runs that help with jobs of the batch, oldest first; one at a time helps with the one job of it."""
    wanted = {"tags": {"all_": [f"helpers:{batch.batch_id}"]}}
    runs = stack.prefect.post("/flow_runs/filter", json={"flow_runs": wanted, "sort": "START_TIME_ASC"}).json()
    assert sum(run["state_type"] not in ENDED for run in runs) <= 1
    return sorted(runs, key=lambda run: run["created"])


def working_helper(stack, batch) -> dict | None:
    return next((run for run in helping_runs(stack, batch) if run["state_type"] == "RUNNING"), None)


def run_of(stack, run: dict) -> dict:
    return stack.prefect.get(f"/flow_runs/{run['id']}").json()


def ended(stack, run: dict) -> dict:
    """The run once it has ended."""

    def end() -> dict | None:
        now = run_of(stack, run)
        return now if now["state_type"] in ENDED else None

    return wait_until(end, f"the end of {run['name']}", 60)


def test_an_idle_device_helps_until_it_has_a_job_of_its_own_and_then_again(fragile, clips, new_batch, helped):
    batch, helper = helped("one long recording")
    (job,) = batch.status()["jobs"]
    assert (job["stage"], job["attempt"]) == ("transcribing", 1)
    assert helper["work_pool_name"] != job["work_pool"]
    assert f"helps:{job['job_id']}" in helper["tags"]
    assert not any(tag.startswith(("batch:", "job:")) for tag in helper["tags"]), "others would take it for the job's"

    other = new_batch(fragile, "a short one")
    other.upload("lecture in short.mp3", clips["short-answer.mp3"].path.read_bytes())
    other.start()
    wait_until(lambda: other.status()["jobs"][0]["stage"] == "transcribing", "the short one to begin")
    assert other.status()["jobs"][0]["work_pool"] == helper["work_pool_name"], "it did not wait"
    assert ended(fragile, helper)["state_name"] == "Shared", "it gave way"
    (fragile.data / "held-recordings").write_text("lecture.opus")
    (short,) = other.finished()["jobs"]
    assert short["stage"] == "done"

    again = wait_until(lambda: working_helper(fragile, batch), "another helping run")
    assert again["work_pool_name"] == helper["work_pool_name"]
    (fragile.data / "held-recordings").write_text("nothing is held")
    (job,) = batch.finished()["jobs"]
    assert (job["stage"], job["attempt"]) == ("done", 1)
    assert ended(fragile, again)["state_type"] in ("COMPLETED", "CANCELLED")
    assert len(helping_runs(fragile, batch)) == 2


def test_a_lost_batch_run_and_a_lost_helping_run_cost_nothing_and_help_goes_on(fragile, helped):
    batch, helper = helped("killed")
    kill(children_of(*fragile.pids("deployments.worker cpu")))
    kill(children_of(*fragile.pids(f"deployments.worker {helper['work_pool_name']}")))
    assert ended(fragile, helper)["state_type"] == "CRASHED"
    again = wait_until(lambda: working_helper(fragile, batch), "another helping run")
    assert [run["id"] for run in helping_runs(fragile, batch)] == [helper["id"], again["id"]]
    assert again["idempotency_key"] == helper["idempotency_key"].removesuffix("1") + "2"
    kill(children_of(*fragile.pids("deployments.worker cpu")))
    batch_run = {"id": batch.status()["flow_run_id"], "name": "the batch run"}
    wait_until(lambda: run_of(fragile, batch_run)["run_count"] == 3, "the third start of the batch run")

    assert batch.api.delete(f"/batch/{batch.batch_id}/jobs/{batch.job_ids['lecture.opus']}").status_code == 202
    assert ended(fragile, again)["state_type"] in ("CANCELLED", "COMPLETED")
    status = batch.finished()
    assert (status["jobs"][0]["stage"], status["jobs"][0]["attempt"]) == ("cancelled", 1)
    assert len(helping_runs(fragile, batch)) == 2


def test_a_cancelled_batch_leaves_no_device_at_work(fragile, helped):
    batch, helper = helped("cancelled")
    assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
    assert batch.finished()["state"] == "cancelled"
    assert ended(fragile, helper)["state_type"] in ("CANCELLED", "COMPLETED")
    assert batch.api.delete(f"/batch/{batch.batch_id}").status_code == 204
