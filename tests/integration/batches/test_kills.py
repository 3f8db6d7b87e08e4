"""Whatever is killed at whatever moment, the batch ends with the same documents, each job's once."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.support.processes import children_of, kill
from tests.support.waiting import wait_until

CLIPS = {"a.opus": "lecture-subtitles.opus", "b.mp3": "garden-podcast.mp3", "c.mp3": "library-tour.mp3"}


@pytest.fixture(scope="module")
def undisturbed(fragile, clips, new_batch):
    """The documents of a batch that nobody disturbed."""
    batch = started(fragile, clips, new_batch)
    assert batch.finished()["state"] == "completed"
    return documents(batch)


def started(stack, clips, new_batch):
    batch = new_batch(stack, "interrupted")
    for path, clip in CLIPS.items():
        batch.upload(path, clips[clip].path.read_bytes())
    batch.start()
    return batch


def wait_until_it_transcribes(batch) -> None:
    batch.wait(lambda status: status["summary"]["transcribing"], 120)


def documents(batch):
    return {(path, form): batch.document(path, form) for path in CLIPS for form in ("txt", "srt", "vtt")}


def assert_whole(batch, undisturbed) -> None:
    status = batch.finished(240)
    assert status["state"] == "completed", status
    assert [job["stage"] for job in status["jobs"]] == ["done"] * len(CLIPS)
    assert documents(batch) == undisturbed


TOGETHER = {
    "Prefect's server and a device's worker": lambda stack: (
        stack.pids("deployments.local.prefect_server") + stack.pids("deployments.worker gpu-0")
    ),
    "the dashboard and the batch runs' worker": lambda stack: (
        stack.pids("dashboard") + stack.pids("deployments.worker cpu")
    ),
    "the batch run itself": lambda stack: children_of(*stack.pids("deployments.worker cpu")),
    "the devices' processes": lambda stack: children_of(*stack.pids("deployments.worker gpu-")),
}


@pytest.mark.parametrize("processes", TOGETHER.values(), ids=TOGETHER)
def test_killing_processes_costs_no_job(fragile, clips, new_batch, undisturbed, processes):
    with fragile.recordings_held():
        batch = started(fragile, clips, new_batch)
        wait_until_it_transcribes(batch)
        kill(processes(fragile))
    assert_whole(batch, undisturbed)


def test_a_kill_of_everything_and_then_a_stop_cost_no_job_once_it_is_started_again(
    fragile, clips, new_batch, undisturbed
):
    with fragile.recordings_held():
        batch = started(fragile, clips, new_batch)
        wait_until_it_transcribes(batch)
        fragile.kill()
        wait_until(lambda: not fragile.processes(), "the end of all processes", 20)
        fragile.start()
        wait_until_it_transcribes(batch)
        assert fragile.stop() == 0
    fragile.start()
    assert_whole(batch, undisturbed)


def test_a_router_lock_that_nobody_gives_back_holds_up_no_batch(fragile, clips, new_batch):
    limit = "/v2/concurrency_limits/gpu-router"
    fragile.prefect.patch(limit, json={"active_slots": 1}).raise_for_status()  # held, and no lease would ever end it
    batch = started(fragile, clips, new_batch)
    assert batch.finished()["state"] == "completed"
    assert fragile.prefect.get(limit).json()["active_slots"] == 0


def test_a_task_run_of_an_earlier_attempt_that_is_recorded_late_does_not_stay_pending(fragile, clips, new_batch):
    with fragile.recordings_held("a.opus"):  # so that the batch goes on
        batch = started(fragile, clips, new_batch)
        wait_until_it_transcribes(batch)
        task_run, was_pending_at = str(uuid4()), datetime.now(UTC)
        kill(children_of(*fragile.pids("deployments.worker cpu")))
        run = batch.status()["flow_run_id"]
        wait_until(lambda: begun_again(fragile.prefect.get(f"/flow_runs/{run}").json()), "another attempt")
        tell_pending(fragile.prefect, task_run, of_run=run, at=was_pending_at)
        wait_until(lambda: fragile.prefect.get(f"/task_runs/{task_run}").is_success, "its record")
    assert batch.finished()["state"] == "completed"
    assert fragile.prefect.get(f"/task_runs/{task_run}").json()["state_type"] == "CRASHED"


def begun_again(run) -> bool:
    return (run["state_type"], run["run_count"]) == ("RUNNING", 2)


def tell_pending(prefect, task_run: str, *, of_run: str, at: datetime) -> None:
    """Have Prefect's server learn of a task run as it does from the process of a run: by an event."""
    state = {"type": "PENDING", "name": "Pending", "message": "", "state_details": {}, "data": None}
    event = {
        "id": str(uuid4()),
        "occurred": at.isoformat(),
        "event": "prefect.task-run.Pending",
        "resource": {
            "prefect.resource.id": f"prefect.task-run.{task_run}",
            "prefect.resource.name": "late",
            "prefect.orchestration": "client",
        },
        "related": [{"prefect.resource.id": f"prefect.flow-run.{of_run}", "prefect.resource.role": "flow-run"}],
        "payload": {
            "validated_state": state,
            "task_run": {"name": "late", "task_key": "late", "dynamic_key": task_run, "task_inputs": {}},
        },
    }
    prefect.post("/events", json=[event]).raise_for_status()
