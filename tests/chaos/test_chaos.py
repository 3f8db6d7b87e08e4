"""
A batch goes through while everything that can be killed is, and people press the wrong buttons.

Each run draws its blows from a seed that is part of the test's name. ``make chaos`` runs many seeds with many clips.
"""

import contextlib
import json
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tasks.storage.keys import BatchKeys
from tests.chaos.seeds import DEFAULT_SEEDS, Blow, drawn, seeds_of
from tests.support.processes import children_of, send
from tests.support.waiting import wait_until

ACTIVE = ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]
SHORT_CLIPS = ("short-answer.mp3", "lecture-welcome.mp3", "study-advice.opus", "rain-report.opus", "library-tour.mp3")
SERVER_AWAY_SECONDS = 10
STORE_AWAY_SECONDS = 10
DISK_FULL_SECONDS = 5
FROZEN_SECONDS = 60
"""Long enough for a worker to be thought lost, and its runs to be moved."""

CRASHED_TOO_OFTEN = "It stopped the process it ran in"


@dataclass
class Chaos:
    """One run: a batch, a stack, and what is done to them."""

    tough: object
    batch: object
    seed: int
    cancelled: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    frozen: dict[int, float] = field(default_factory=dict)
    store_was_troubled: bool = False

    @property
    def stack(self):
        return self.tough.stack

    def strike(self, blow: Blow) -> None:
        gpu_worker, cpu_worker = f"deployments.worker {blow.pool}", "deployments.worker cpu"
        {
            "kill the batch run": lambda: self.kill_child_of(cpu_worker),
            "kill a device's process": lambda: self.kill_child_of(gpu_worker),
            "kill a device's worker": lambda: self.kill(gpu_worker),
            "kill the batches' worker": lambda: self.kill(cpu_worker),
            "kill the server": lambda: self.kill("deployments.local.prefect_server"),
            "take the server away": lambda: self.take_away("deployments.local.prefect_server"),
            "kill the dashboard": lambda: self.kill("dashboard"),
            "freeze a device's worker": lambda: self.freeze(gpu_worker),
            "press Retry": lambda: self.press("/retry"),
            "press Start": lambda: self.press("/start"),
            "press Cancel": lambda: self.press("/cancel", {"keep": True}),
            "cancel a job": lambda: self.cancel_a_job(blow.which),
            "trouble the store": self.trouble_the_store,
        }[blow.name]()

    def signal(self, pids: list[int], number: int, what: str) -> None:
        self.told.append(f"{signal.Signals(number).name} {what}")
        send(number, pids)

    def kill(self, command: str) -> None:
        self.signal(self.stack.pids(command), signal.SIGKILL, command)

    def kill_child_of(self, command: str) -> None:
        self.signal(children_of(*self.stack.pids(command)), signal.SIGKILL, f"in {command}")

    def take_away(self, command: str) -> None:
        """It hangs for a while, and then it is gone."""
        pids = self.stack.pids(command)
        self.signal(pids, signal.SIGSTOP, command)
        time.sleep(SERVER_AWAY_SECONDS)
        self.signal(pids, signal.SIGKILL, command)

    def freeze(self, command: str) -> None:
        workers = self.stack.pids(command)
        frozen = workers + children_of(*workers)
        self.signal(frozen, signal.SIGSTOP, command)
        self.frozen |= dict.fromkeys(frozen, time.monotonic() + FROZEN_SECONDS)

    def thaw(self, now: float = float("inf")) -> None:
        over = [pid for pid, until in self.frozen.items() if until <= now]
        if over:
            self.signal(over, signal.SIGCONT, "what was frozen")
        for pid in over:
            del self.frozen[pid]

    def let_it_thaw(self) -> None:
        while self.frozen:
            time.sleep(0.5)
            self.thaw(time.monotonic())

    def press(self, button: str, body: dict | None = None) -> int:
        """Press a button of the page, at whatever moment: it works, or says in a sentence why it does not."""
        try:
            answer = self.stack.api.post(f"/batch/{self.batch.batch_id}{button}", json=body)
        except httpx.TransportError:
            return 0
        self.told.append(f"{button} {answer.status_code}")
        assert answer.status_code in (202, 409, 503), answer.text
        return answer.status_code

    def cancel_a_job(self, which: float) -> None:
        paths = sorted(self.batch.job_ids)
        path = paths[int(which * len(paths))]
        try:
            job = f"/batch/{self.batch.batch_id}/jobs/{self.batch.job_ids[path]}"
            answer = self.stack.api.delete(job, params={"keep": True})  # a cancelled batch is retried with all its jobs
        except httpx.TransportError:
            return
        self.told.append(f"cancel {path} {answer.status_code}")
        assert answer.status_code in (202, 409, 503), answer.text
        self.cancelled.add(path)  # also if the answer was an error: it may have been heeded

    def trouble_the_store(self) -> None:
        """Once a run: a disk is full for a while, and an S3 service is killed and comes back."""
        if self.store_was_troubled:
            return
        self.store_was_troubled = True
        if self.tough.s3_server is not None:
            self.take_the_store_away()
        elif self.tough.disk is not None:
            self.fill_the_disk(self.tough.disk)

    def take_the_store_away(self) -> None:
        self.told.append("S3 service killed")
        self.tough.s3_server.kill()
        time.sleep(STORE_AWAY_SECONDS)
        self.tough.s3_server.start()

    def fill_the_disk(self, disk: Path) -> None:
        self.told.append("disk full")
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(2**20))
        with contextlib.suppress(OSError), ballast.open("ab") as file:
            file.write(bytes(2**12))
        time.sleep(DISK_FULL_SECONDS)
        ballast.unlink()

    def finish(self) -> dict:
        """
        Press what a person would press until nothing is left to press.

        That is what they cancelled, and what lost its process too often. Whatever else went wrong for a while is no
        reason to press anything.
        """
        for _ in range(6):
            status = self.batch.finished(280)
            failed = [f"{job['path']}: {job['error']}" for job in status["jobs"] if job["stage"] == "failed"]
            assert all(CRASHED_TOO_OFTEN in each for each in failed), (self.told, failed)
            open_jobs = [job["path"] for job in status["jobs"] if job["stage"] != "done"]
            if set(open_jobs) <= self.cancelled and status["state"] == "completed":
                return status
            if self.press("/retry") == 202:
                self.batch.wait(lambda status: status["state"] not in ("failed", "cancelled"), 60)
        return pytest.fail(f"{self.told}: {status}")


def runs_of(stack, batch, kind: str, states: list[str]) -> list[str]:
    runs = {"tags": {"all_": [f"batch:{batch.batch_id}"]}}
    if kind == "flow_runs":
        runs["state"] = {"type": {"any_": states}}
        filters = {"flow_runs": runs}
    else:
        filters = {"flow_runs": runs, "task_runs": {"state": {"type": {"any_": states}}}}
    found = stack.prefect.post(f"/{kind}/filter", json=filters | {"limit": 200}).json()
    return [f"{run['name']}: {run['state_type']}" for run in found]


def working_in(folder: Path) -> list[str]:
    """The programs whose working directory is below *folder*: ffmpeg has no other mark of ours."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.fixture
def chaos(tough, new_batch, seed):
    wait_until(tough.stack.answers, "the stack")
    return Chaos(tough, new_batch(tough.stack, f"chaos {seed}"), seed)


def test_what_make_test_takes_covers_store_batch_run_worker_and_buttons():
    runs = [{blow.name for blow in drawn(seed, events=4)} for seed in seeds_of(DEFAULT_SEEDS)]
    assert all("trouble the store" in blows for blows in runs), "a disk that is full, and an S3 service that is away"
    assert {"kill the batch run", "kill a device's worker", "press Retry", "press Cancel"} <= set.union(*runs)


@pytest.mark.timeout(900)
def test_every_job_is_done_once_whatever_happens(chaos, clips, request):
    for number in range(request.config.getoption("clips")):
        clip = clips[SHORT_CLIPS[number % len(SHORT_CLIPS)]]
        chaos.batch.upload(f"{number:02}.mp3", clip.path.read_bytes())
    chaos.batch.start()
    try:
        for blow in drawn(chaos.seed, request.config.getoption("events")):
            time.sleep(blow.pause_seconds)
            chaos.thaw(time.monotonic())
            chaos.strike(blow)
        chaos.let_it_thaw()
    finally:
        chaos.thaw()
        print("; ".join(chaos.told))  # noqa: T201 - for whoever looks into a failure
    wait_until(chaos.stack.answers, "the stack")
    status = chaos.finish()
    assert_nothing_lost_or_left(chaos.tough, chaos.batch, status, chaos.cancelled)


def assert_nothing_lost_or_left(tough, batch, status, cancelled: set[str]) -> None:
    stack, store = tough.stack, tough.store()
    done = {job["path"] for job in status["jobs"] if job["stage"] == "done"}
    assert done >= set(batch.job_ids) - cancelled
    for path in done:
        assert {form for form in ("txt", "srt", "vtt", "json") if batch.document(path, form)} == {
            "txt",
            "srt",
            "vtt",
            "json",
        }
    wait_until(lambda: not runs_of(stack, batch, "flow_runs", ACTIVE), "the end of all flow runs")
    wait_until(lambda: not runs_of(stack, batch, "task_runs", ACTIVE), "what Prefect records later of task runs", 30)
    assert_done_once(stack, batch)
    limit = "/v2/concurrency_limits/gpu-router"
    wait_until(lambda: stack.prefect.get(limit).json()["active_slots"] == 0, "the router's slot")
    assert list(stack.data.rglob("*.part")) == []
    wait_until(lambda: not working_in(stack.data / "work"), "the end of all conversions", 30)
    clean_up(stack)
    assert [path for path in (stack.data / "work").rglob("*") if path.is_file()] == []
    keys = BatchKeys.of(batch.batch_id)
    published = [json.loads(store.read(key)) for key in store.list(keys.publications)]
    assert {record["job_id"] for record in published} == {batch.job_ids[path] for path in done}
    named = {document["key"] for record in published for document in record["documents"]}
    assert set(store.list(keys.documents)) == named, "a document too many, or one too few"
    assert set(store.list(keys.transcripts)) == {record["transcript"] for record in published}
    assert len(list(store.list(f"results/{batch.batch_id}/"))) == len(named), "a result for each document"
    assert list(store.unfinished(older_than_seconds=0)) == []
    uploads = stack.data / "uploads" / batch.batch_id
    assert [path for path in done if (uploads / batch.job_ids[path]).exists()] == []


def assert_done_once(stack, batch) -> None:
    """However often a job was begun, converting it and transcribing it came to an end once."""
    completed = [
        *runs_of(stack, batch, "flow_runs", ["COMPLETED"]),
        *(name for name in runs_of(stack, batch, "task_runs", ["COMPLETED"]) if name.startswith("convert ")),
    ]
    assert [name for name, times in Counter(completed).items() if times > 1] == []


def clean_up(stack) -> None:
    """Do at once what the schedule does within the hour."""
    deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()["id"]
    answer = stack.prefect.post(f"/deployments/{deployment}/create_flow_run", json={"parameters": {"dry_run": False}})
    run = f"/flow_runs/{answer.json()['id']}"
    wait_until(lambda: stack.prefect.get(run).json()["state_type"] not in ACTIVE, "the clean-up")
    assert stack.prefect.get(run).json()["state_type"] == "COMPLETED"
