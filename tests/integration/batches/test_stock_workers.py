"""A GPU pool of another type, with Prefect's own process worker: it is used like the warm ones, and loses no job."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from deployments.local.devices import choose_devices
from deployments.local.environment import shared_environment
from tasks.settings import Settings

POOL = "attic"
OURS = ("gpu-0", "gpu-1")
PROJECT = Path(__file__).parents[3]

DEPLOYMENTS = f"""
name: further pools
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: {PROJECT}
deployments:
  - name: any name
    entrypoint: flows.transcribe_recording.transcribe_recording
    tags: [gpu]
    work_pool:
      name: {POOL}
"""


def processes_of(run: dict) -> list[int]:
    """Return the processes that execute a run."""
    wanted = f"PREFECT__FLOW_RUN_ID={run['id']}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue  # ended, or another user's
    return found


def pause(stack, *, paused: bool) -> None:
    for pool in OURS:
        stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": paused}).raise_for_status()


@pytest.fixture(scope="module")
def environment(stack):
    settings = Settings(data=stack.data, prefect_port=stack.prefect_port)
    (device,) = choose_devices("cpu", (), 2)
    return shared_environment(settings, stack.environment) | {
        "BATCHSCRIBE_DEVICE": device.model_dump_json(),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


@pytest.fixture(scope="module")
def attic(stack, environment, tmp_path_factory):
    """The pool, set up with Prefect's own commands; ours are paused, so that all jobs go to it."""
    folder = tmp_path_factory.mktemp("attic")
    (folder / "further.yaml").write_text(DEPLOYMENTS)

    def prefect(*arguments: str) -> None:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)

    prefect("work-pool", "create", POOL, "--type", "process")
    prefect("deploy", "--prefect-file", str(folder / "further.yaml"), "--all")
    pause(stack, paused=True)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield worker
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(120)
    except subprocess.TimeoutExpired:
        worker.kill()
    pause(stack, paused=False)
    deployment = stack.prefect.get("/deployments/name/transcribe-recording/any%20name").json()
    stack.prefect.delete(f"/deployments/{deployment['id']}").raise_for_status()
    stack.prefect.delete(f"/work_pools/{POOL}").raise_for_status()


@pytest.fixture
def lecture(clips, tmp_path):
    """Returns a lecture that goes on for so many minutes: long enough to be interrupted."""
    ffmpeg = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    one_minute = clips["lecture-subtitles.opus"].path

    def make(minutes: int) -> bytes:
        target = tmp_path / "lecture.mp3"
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-stream_loop", str(minutes - 1), "-i", one_minute]
        subprocess.run([*command, "-b:a", "32k", target], check=True)
        return target.read_bytes()

    return make


def started(stack, new_batch, recording: bytes):
    batch = new_batch(stack, "in the attic")
    batch.upload("talk.mp3", recording)
    batch.start()
    return batch


def running(stack, batch) -> dict:
    """Return the run of the batch's job as soon as a process executes it."""
    status = batch.wait(lambda status: status["summary"]["transcribing"], 120)
    return stack.prefect.get(f"/flow_runs/{status['jobs'][0]['flow_run_id']}").json()


@pytest.mark.usefixtures("attic")
def test_a_job_is_transcribed_and_published_there(stack, clips, new_batch):
    batch = started(stack, new_batch, clips["short-answer.mp3"].path.read_bytes())
    (job,) = batch.finished()["jobs"]
    assert (job["stage"], job["work_pool"]) == ("done", POOL)
    assert batch.document("talk.mp3", "txt")
    links = stack.prefect.post(
        "/task_runs/filter", json={"flow_runs": {"id": {"any_": [batch.status()["flow_run_id"]]}}}
    ).json()
    assert "transcribe-recording talk.mp3" in {link["name"] for link in links}


@pytest.mark.usefixtures("attic")
def test_a_cancelled_job_stops_there(stack, lecture, new_batch):
    batch = started(stack, new_batch, lecture(minutes=10))  # the cancel reaches it by an event, some seconds later
    run = running(stack, batch)
    assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
    batch.wait(lambda status: status["state"] == "cancelled", 60)
    assert stack.prefect.get(f"/flow_runs/{run['id']}").json()["state_type"] == "CANCELLED"
    batch.wait(lambda _: not processes_of(run), 30)


@pytest.mark.usefixtures("attic")
def test_a_run_whose_process_is_killed_there_is_tried_again(stack, lecture, new_batch):
    batch = started(stack, new_batch, lecture(minutes=3))
    run = running(stack, batch)
    killed = processes_of(run)
    assert killed
    for process in killed:
        os.kill(process, signal.SIGKILL)
    (job,) = batch.finished(240)["jobs"]
    assert (job["stage"], job["attempt"], job["flow_run_id"]) == ("done", 2, run["id"])
