"""Batches whose work pools are paused, or whose workers froze or died, go on elsewhere; many go on side by side."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import children_of, frozen, kill
from tests.support.waiting import wait_until

MANY = 6
POOLS = ("gpu-0", "gpu-1")


def children_on(batch, stack, pool: str, *state_types: str) -> list[dict]:
    """The runs of the batch's jobs on the pool, in these states or in any."""
    runs = {"tags": {"all_": [f"batch:{batch.batch_id}"]}}
    if state_types:
        runs["state"] = {"type": {"any_": list(state_types)}}
    filters = {"flow_runs": runs, "work_pools": {"name": {"any_": [pool]}}, "limit": 200}
    return stack.prefect.post("/flow_runs/filter", json=filters).json()


def running_among(stack, flow_run_ids: list[str]) -> list[dict]:
    """The runs of these that are running."""
    runs = {"id": {"any_": flow_run_ids}, "state": {"type": {"any_": ["RUNNING"]}}}
    return stack.prefect.post("/flow_runs/filter", json={"flow_runs": runs, "limit": 200}).json()


def open_batches(stack, clips, new_batch, count: int) -> list:
    batches = [new_batch(stack, f"open {number}") for number in range(count)]
    for batch in batches:
        batch.upload("short.mp3", clips["short-answer.mp3"].path.read_bytes())
        batch.start()
    return batches


@contextlib.contextmanager
def conversions_counted(work: Path) -> Iterator[list[int]]:
    """Count the conversions that are under way, a hundred times a second until the end of the block."""
    counts: list[int] = []
    over = threading.Event()

    def count() -> None:
        before: set[Path] = set()
        while not over.wait(0.01):
            now = set(work.glob("*/convert-*"))
            counts.append(len(before & now))  # those that were there in between, all at once
            before = now

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield counts
    finally:
        over.set()
        counting.join()


def clean_up_once(stack) -> dict:
    deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()["id"]
    run = stack.prefect.post(f"/deployments/{deployment}/create_flow_run", json={}).json()
    wait_until(lambda: run_of(stack, run["id"])["state_type"] in ("COMPLETED", "FAILED"), "the clean-up", 60)
    return run_of(stack, run["id"])


def run_of(stack, flow_run_id: str) -> dict:
    return stack.prefect.get(f"/flow_runs/{flow_run_id}").json()


@pytest.fixture
def room_for_many(fragile):
    """Room for so many open batches, fewer than by default: benchmarks/open_batches.py has fifty."""
    queue = "/work_pools/cpu/queues/batches"
    before = fragile.prefect.get(queue).json()["concurrency_limit"]
    fragile.prefect.patch(queue, json={"concurrency_limit": MANY}).raise_for_status()
    yield
    fragile.prefect.patch(queue, json={"concurrency_limit": before}).raise_for_status()


@pytest.mark.usefixtures("room_for_many")
def test_many_batches_are_open_side_by_side_and_lost_processes_cost_none_of_them(fragile, clips, new_batch):
    for pool in POOLS:
        pause(fragile, pool, paused=True)  # so that they stay open
    with conversions_counted(fragile.data / "work") as at_once:
        batches = open_batches(fragile, clips, new_batch, MANY + 1)
        runs = [batch.status()["flow_run_id"] for batch in batches]
        wait_until(lambda: len(running_among(fragile, runs)) == MANY, "many running batches", 120)
        assert run_of(fragile, runs[-1])["state_type"] == "SCHEDULED", "it waits for one of them"
        assert clean_up_once(fragile)["state_type"] == "COMPLETED", "other flows have room beside them"
        for batch in batches[:MANY]:
            batch.wait(lambda status: status["summary"]["queued"] == 1, 120)
    assert 0 < max(at_once) <= (os.cpu_count() or 1), "conversions are bounded on the host, not for each batch"

    kill(children_of(*fragile.pids("deployments.worker cpu")))

    def all_run_again() -> bool:
        begun = [run["run_count"] for run in running_among(fragile, runs)]
        return len(begun) == MANY and begun.count(2) >= MANY - 1  # the one that waited may have taken a place

    wait_until(all_run_again, "all of them", 120)
    for batch in batches[3:]:
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel").status_code == 202
    for pool in POOLS:
        pause(fragile, pool, paused=False)
    assert [batch.finished()["state"] for batch in batches] == ["completed"] * 3 + ["cancelled"] * (MANY - 2)
    assert [job["attempt"] for batch in batches[:3] for job in batch.status()["jobs"]] == [1] * 3


def lectures(stack, clips, new_batch, count):
    batch = new_batch(stack, f"{count} lectures")
    for number in range(count):
        batch.upload(f"{number}.opus", clips["lecture-subtitles.opus"].path.read_bytes())
    batch.start()
    return batch


def pause(stack, pool: str, *, paused: bool) -> None:
    stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": paused}).raise_for_status()


def test_a_run_that_waits_on_a_paused_pool_moves_to_another(fragile, clips, new_batch):
    with frozen(fragile.pids("deployments.worker gpu-")):  # so that no run begins before its pool is paused
        batch = lectures(fragile, clips, new_batch, 4)
        batch.wait(lambda _: any(children_on(batch, fragile, pool, "SCHEDULED") for pool in POOLS), 60)
        full = next(pool for pool in POOLS if children_on(batch, fragile, pool, "SCHEDULED"))
        pause(fragile, full, paused=True)
        waiting = {run["id"] for run in children_on(batch, fragile, full, "SCHEDULED")}
    other = next(pool for pool in POOLS if pool != full)
    try:
        assert batch.finished(240)["summary"]["done"] == 4
    finally:
        pause(fragile, full, paused=False)
    moved = [run for run in children_on(batch, fragile, full) if run["id"] in waiting]
    assert {run["state_type"] for run in moved} == {"CANCELLED"}
    assert {run["state"]["message"] for run in moved} == {f"Moved to {other}: {full} takes no jobs."}


def begun(stack, clips, new_batch, count):
    """A batch whose recordings are held, and a pool on which one of them is being listened to."""
    batch = lectures(stack, clips, new_batch, count)
    batch.wait(lambda status: status["summary"]["transcribing"], 120)
    return batch, next(pool for pool in POOLS if children_on(batch, stack, pool, "RUNNING"))


def test_runs_of_a_worker_that_froze_end_on_another_pool_and_nothing_is_overwritten(fragile, clips, new_batch):
    with contextlib.ExitStack() as ends:
        with fragile.recordings_held():
            batch, pool = begun(fragile, clips, new_batch, 4)
            workers = fragile.pids(f"deployments.worker {pool}")
            ends.enter_context(frozen(workers + children_of(*workers)))
        assert batch.finished(240)["summary"]["done"] == 4
        written = {path: batch.document(path, "srt") for path in batch.job_ids}
    active = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")
    batch.wait(lambda _: not children_on(batch, fragile, pool, *active), 60)
    assert {path: batch.document(path, "srt") for path in batch.job_ids} == written
    assert batch.status()["summary"]["done"] == 4


def is_attended(stack, pool: str) -> bool:
    workers = stack.prefect.post(f"/work_pools/{pool}/workers/filter", json={}).json()
    return any(worker["status"] == "ONLINE" for worker in workers)


@pytest.mark.parametrize("paused", [False, True], ids=["going on", "paused"])
def test_runs_of_a_worker_that_is_killed_and_never_comes_back_go_on_elsewhere(
    fragile, clips, new_batch, record_property, paused
):
    with contextlib.ExitStack() as ends:
        with fragile.recordings_held():
            batch, pool = begun(fragile, clips, new_batch, 3)
            ends.enter_context(frozen(fragile.pids("deployments.local.up")))  # it would start the worker again
            ends.callback(pause, fragile, pool, paused=False)
            pause(fragile, pool, paused=paused)
            killed_at = time.monotonic()
            kill(fragile.pids(f"deployments.worker {pool}"))
            lost = {run["id"] for run in children_on(batch, fragile, pool, "SCHEDULED", "PENDING", "RUNNING")}
            assert lost
        for event, holds in (
            ("noticed", lambda: not is_attended(fragile, pool)),
            ("moved", lambda: lost <= {run["id"] for run in children_on(batch, fragile, pool, "CANCELLED")}),
        ):
            batch.wait(lambda _, holds=holds: holds(), 240)
            record_property(f"seconds until {event}", round(time.monotonic() - killed_at, 1))
        assert batch.finished(240)["summary"]["done"] == 3
    wait_until(lambda: is_attended(fragile, pool), "another worker")
