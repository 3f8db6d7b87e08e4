"""The third way to use it: copy a file into a folder that the stack watches, and find its transcript."""

import json
import shutil

from tests.support.waiting import wait_until

PATIENCE_SECONDS = 240


def runs_of(stack, flow: str, **filters) -> list[dict]:
    answer = stack.prefect.post("/flow_runs/filter", json={"flows": {"name": {"any_": [flow]}}, **filters})
    assert answer.is_success, answer.text
    return answer.json()


def scan_by_hand(stack, name: str, **parameters) -> dict:
    """Start a scan as Prefect's UI does, and return its run at its end."""
    deployment = stack.prefect.get(f"/deployments/name/ingest-folder/{name}").json()
    body = {"parameters": deployment["parameters"] | parameters}
    run = stack.prefect.post(f"/deployments/{deployment['id']}/create_flow_run", json=body).json()

    def state() -> dict:
        return stack.prefect.get(f"/flow_runs/{run['id']}").json()["state"]

    wait_until(lambda: state()["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"), "the scan", 60)
    return state()


def test_a_file_that_is_copied_into_the_demo_inbox_is_transcribed(stack, clips, known_batch):
    deployment = stack.prefect.get("/deployments/name/ingest-folder/inbox").json()
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployment["schedules"][0]["schedule"]["interval"] == 60
    inbox = {"inbox": deployment["parameters"]["inbox"] | {"still_seconds": 0}}
    (stack.data / "inbox" / "monday").mkdir(parents=True)
    shutil.copy(clips["lecture-welcome.mp3"].path, stack.data / "inbox" / "monday" / "welcome.mp3")

    scans = [scan_by_hand(stack, "inbox", **inbox)]
    wait_until(lambda: scans.append(scan_by_hand(stack, "inbox", **inbox)) or _batches(stack), "the batch", 120)
    assert all(scan["type"] in ("COMPLETED", "CANCELLED") for scan in scans), scans

    (batch_id,) = _batches(stack)
    batch = known_batch(stack, batch_id)
    status = batch.finished(PATIENCE_SECONDS)
    assert (status["name"], status["state"]) == ("inbox: monday", "completed")
    batch.job_ids = {job["path"]: job["job_id"] for job in status["jobs"]}
    assert b"Welcome back" in batch.document("monday/welcome.mp3", "txt")

    wait_until(lambda: scan_by_hand(stack, "inbox", **inbox) and _report(stack)["done_total"] == 1, "the outcome", 120)
    idle = scan_by_hand(stack, "inbox", **inbox)
    assert idle["name"] in ("Idle", "Cancelled"), idle
    artifacts = stack.prefect.post("/artifacts/filter", json={"artifacts": {"key": {"any_": ["inbox-inbox"]}}}).json()
    assert any("1 done" in artifact["data"] for artifact in artifacts)


def _batches(stack) -> list[str]:
    runs = runs_of(stack, "transcribe-batch", flow_runs={"tags": {"all_": ["inbox:inbox"]}})
    return [tag.removeprefix("batch:") for run in runs for tag in run["tags"] if tag.startswith("batch:")]


def _report(stack) -> dict:
    return json.loads((stack.data / "store" / "ingest" / "inbox" / "report.json").read_text())


def test_scans_that_find_nothing_leave_few_runs_in_prefect(stack):
    deployment = stack.prefect.get("/deployments/name/ingest-folder/inbox").json()
    for _ in range(6):
        scan_by_hand(stack, "inbox")
    idle = runs_of(
        stack,
        "ingest-folder",
        flow_runs={"deployment_id": {"any_": [deployment["id"]]}, "state": {"name": {"any_": ["Idle"]}}},
    )
    assert len(idle) <= 5
