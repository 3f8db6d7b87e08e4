"""A warm process makes room for a fresh one, and frees its memory in a pause, without costing a run anything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.devices import report_name
from tests.support.processes import is_running
from tests.support.waiting import wait_until

SEVERAL_RUNS = 2
NO_MEMORY = "there is no memory left"
"""Words of `warm_cases.warm_up_in_vain`."""


def ended(state):
    return state.is_final()


def pid_of_next_run(warm) -> int:
    end = warm.wait(warm.create("polite", seconds=0), ended)
    assert (end.state.name, end.run_count) == ("Completed", 1)
    return int(end.infrastructure_pid)


@pytest.fixture
def pool(warm_pool):
    yield warm_pool
    warm_pool.stop_worker(signal.SIGTERM)


def test_a_process_goes_on_until_its_successor_is_warm_and_ends_with_its_last_run(pool, tmp_path):
    held, log, end = (tmp_path / name for name in ("held", "log", "end"))
    settings = {"BATCHSCRIBE_WARM_RUNS": str(SEVERAL_RUNS), "WARM_UP_HELD_BY": str(held)}
    pool.restart_worker(**settings, BATCHSCRIBE_WARM_UP="warm_cases:warm_up_once_let")
    first = pid_of_next_run(pool)
    held.touch()
    lasting = pool.create("counted", log=str(log), end=str(end))  # its second run: it is worn out from here on
    pool.wait(lasting, lambda state: state.is_running())
    assert [pid_of_next_run(pool) for _ in range(SEVERAL_RUNS)] == [first] * SEVERAL_RUNS

    held.unlink()
    second = wait_until(lambda: (pid := pid_of_next_run(pool)) != first and pid, "a run in another process")

    assert is_running(first)
    end.touch()
    last = pool.wait(lasting, ended)
    assert (last.state.name, last.run_count, int(last.infrastructure_pid)) == ("Completed", 1, first)
    wait_until(lambda: not is_running(first), "the end of the first process")
    assert second != first
    assert log.read_text() == "started\n"


def test_a_successor_that_found_no_memory_waits_for_the_end_of_the_old_process(pool, tmp_path):
    full, end = tmp_path / "full", tmp_path / "end"
    settings = {"BATCHSCRIBE_WARM_UP": "warm_cases:warm_up_in_vain", "WARM_UP_FAILS_BY": str(full)}
    pool.restart_worker(BATCHSCRIBE_WARM_RUNS=str(SEVERAL_RUNS), **settings)
    pid_of_next_run(pool)  # its own warm-up was well
    full.touch()
    lasting = pool.create("counted", log=str(tmp_path / "log"), end=str(end))
    first = int(pool.wait(lasting, lambda state: state.is_running()).infrastructure_pid)
    wait_until(lambda: "The warm-up failed" in pool.log.read_text(), "the successor's warm-up")
    waiting = pool.create("polite", seconds=0)
    full.unlink()
    end.touch()

    after = pool.wait(waiting, ended)

    assert pool.wait(lasting, ended).run_count == 1
    assert after.run_count == 1
    wait_until(lambda: not is_running(first), "the end of the first process")


def test_a_device_that_fails_its_warm_up_gets_no_run_before_it_passes_a_second_one(pool, tmp_path):
    broken = tmp_path / "broken"
    broken.touch()
    pool.restart_worker(BATCHSCRIBE_WARM_UP="warm_cases:warm_up_in_vain", WARM_UP_FAILS_BY=str(broken))
    waiting = pool.create("polite", seconds=0)

    wait_until(lambda: pool.client.read_work_pool(pool.name).is_paused, "the quarantine")
    wait_until(lambda: report_of(pool) == (1, NO_MEMORY), "its report")
    assert pool.client.read_flow_run(waiting.id).state.is_scheduled()
    broken.unlink()
    assert pool.wait(waiting, ended).run_count == 1  # after a minute, at the end of the quarantine
    assert not pool.client.read_work_pool(pool.name).is_paused


def report_of(pool):
    """The failures and the reason of the quarantine that the worker reports; None as long as it reports none."""
    variable = pool.client.read_variable_by_name(report_name(pool.name))
    told = variable and variable.value["quarantine"]
    return told and (told["failures"], told["reason"])


CHANGING = """
from prefect import flow

@flow(persist_result=True)
async def changing() -> str:
    return {said!r}
"""


def test_new_code_runs_once_it_is_deployed_and_not_before(pool, tmp_path):
    from prefect import flow

    file = tmp_path / "changing.py"
    file.write_text(CHANGING.format(said="old"))
    deploy(pool, flow(name="changing")(lambda: None))
    pool.restart_worker(PYTHONPATH=f"{pool.environment['PYTHONPATH']}{os.pathsep}{tmp_path}")

    def said():
        end = pool.wait(pool.create("changing"), ended)
        return end.state.result(), int(end.infrastructure_pid)

    old, first = said()
    file.write_text(CHANGING.format(said="something new"))
    assert said() == (old, first) == ("old", first)
    deploy(pool, flow(name="changing")(lambda: None))
    wait_until(lambda: not is_running(first), "the end of the first process")
    assert said()[0] == "something new"


def deploy(pool, flow) -> None:
    from prefect.deployments.runner import RunnerDeployment

    deployment = RunnerDeployment.from_flow(flow, name="gpu-test", work_pool_name="gpu-test")
    deployment.entrypoint = "changing.changing"
    pool.deployments["changing"] = deployment.apply()


def test_code_counts_as_changed_when_an_imported_file_was_written_since_the_start(tmp_path):
    (tmp_path / "imported.py").write_text("")
    (tmp_path / "not_imported.py").write_text("")
    script = """
import imported, pathlib, time
from deployments.worker.upkeep import code_changed
folder = pathlib.Path(imported.__file__).parent
time.sleep(0.1)  # the file system's clock is coarse
(folder / "not_imported.py").write_text("# changed")
print(code_changed())
(folder / "imported.py").write_text("# changed")
print(code_changed())
"""
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.split() == ["False", "True"]


def test_a_model_that_nobody_uses_is_unloaded_and_comes_back_with_the_next_run(pool, clips, multilingual_model):
    pool.restart_worker(
        BATCHSCRIBE_WARM_IDLE="tasks.transcription.transcribe:unload_idle", BATCHSCRIBE_WARM_IDLE_SECONDS="3"
    )
    audio = str(clips["garden-podcast.mp3"].path)

    def heard():
        end = pool.wait(pool.create("listens", models=str(multilingual_model.parent), audio=audio), ended, 120)
        return end.state.result(), int(end.infrastructure_pid)

    before = heard()
    pid = before[1]
    loaded = memory_bytes(pid)
    weights = (multilingual_model / "model.bin").stat().st_size // 2  # they are kept as int8, the file has float16

    wait_until(lambda: memory_bytes(pid) < loaded - weights // 2, "memory given back")

    assert heard() == before


def memory_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmRSS"))) * 1024
