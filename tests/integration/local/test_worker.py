"""The worker of a further machine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import programs_with
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[3]
POOL = "gpu-7"


class Machine:
    """Another machine with a device, its data in a folder of its own."""

    def __init__(self, stack, folder):
        self._stack = stack
        self.server, self.store = stack.prefect_address, stack.data / "store"
        folder.mkdir()
        (folder / "models").symlink_to(stack.data / "models")
        self.environment = stack.environment | {
            "BATCHSCRIBE_DATA": str(folder),
            "BATCHSCRIBE_STORE": str(self.store),
            "BATCHSCRIBE_DEVICES": "cpu",
            "PREFECT_API_URL": f"{self.server}/api",
        }
        self._output = folder.parent / "output.txt"

    @property
    def output(self):
        return self._output.read_text()

    def work(self):
        with self._output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "deployments.local.add_worker", POOL],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def workers(self):
        return programs_with(f"BATCHSCRIBE_DATA={self.environment['BATCHSCRIBE_DATA']}", f"deployments.worker {POOL}")

    def heartbeat(self):
        workers = self._stack.prefect.post(f"/work_pools/{POOL}/workers/filter", json={})
        return workers.json()[0]["last_heartbeat_time"] if workers.is_success and workers.json() else ""


@pytest.fixture
def machine(stack, tmp_path):
    yield Machine(stack, tmp_path / "data")
    deployment = stack.prefect.get(f"/deployments/name/transcribe-recording/{POOL}")
    if deployment.is_success:
        stack.prefect.delete(f"/deployments/{deployment.json()['id']}").raise_for_status()
        stack.prefect.delete(f"/work_pools/{POOL}").raise_for_status()


def test_a_worker_that_dies_is_started_again_and_one_that_is_told_to_stops(machine):
    keeper = machine.work()
    try:
        wait_until(machine.heartbeat, "the worker")
        wait_until(
            lambda: f"{POOL} works for {machine.server}/api (store {machine.store})" in machine.output, "the news"
        )
        (first,) = machine.workers()
        before = machine.heartbeat()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: machine.heartbeat() > before and machine.workers() not in ([], [first]), "another worker")
        assert f"{POOL}       Ended (SIGKILL); starting it again" in machine.output
    finally:
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(120) == 0
    assert not machine.workers()


def doctor(environment, *arguments):
    """Return the findings of the doctor by subject, and whether all is well."""
    command = [sys.executable, "-m", "deployments.doctor", "--json", *arguments]
    said = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    report = json.loads(said.stdout)
    assert (said.returncode == 0) == report["ok"], said.stderr
    return report["ok"], {finding["subject"]: finding for finding in report["findings"]}


def test_the_doctor_finds_nothing_wrong_with_a_stack_that_runs(stack):
    well, found = doctor(stack.environment)
    assert well, found
    assert f"{stack.prefect_address}/api has Prefect" in found["Prefect"]["text"]
    assert {"ffmpeg", "model", "known answer", "store", "clock", "dashboard", "batches", "gpu-0", "gpu-1"} <= set(found)


def test_the_doctor_tells_a_machine_of_a_worker_that_its_installation_is_away(machine):
    away = machine.environment | {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    well, found = doctor(away, "--worker", POOL)
    assert not well
    assert found["Prefect"]["mark"] == "wrong"
    assert "http://127.0.0.1:9/api does not answer" in found["Prefect"]["text"]
    assert found["known answer"]["mark"] == "right"
    assert "ports" not in found


def test_a_pool_gets_no_second_worker(machine):
    first = machine.work()
    try:
        wait_until(machine.heartbeat, "the worker")
        second = machine.work()
        assert second.wait(120) == 1
        assert f"{POOL} has a worker, which answers. Stop it first" in machine.output
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(120) == 0
