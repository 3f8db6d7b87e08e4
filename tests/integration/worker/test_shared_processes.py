"""Many runs share a few processes where there is no device: what a lost one costs them, and who is to blame."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Cancelling

from deployments.worker.process_pool import MOST_ADDED
from tests.integration.worker.conftest import WarmPool, running_pool
from tests.support.processes import children_of, is_running, kill
from tests.support.waiting import wait_until

MANY = 20
"""More runs than a process has threads to block."""

FEW = 6
SEVERAL = 3 + MOST_ADDED + 3
"""More runs than there may be processes after a loss."""

SHARED = {
    "BATCHSCRIBE_WARM_CHILDREN": "2",
    "BATCHSCRIBE_WARM_SLOTS": "15",
    "BATCHSCRIBE_WARM_FORK": "1",
    "BATCHSCRIBE_WARM_UP": "warm_cases",
}


@pytest.fixture(scope="module")
def crowded(prefect_server, tmp_path_factory) -> Iterator[WarmPool]:
    """A pool without a device, whose worker has two processes for thirty runs."""
    with running_pool(prefect_server, "many", tmp_path_factory.mktemp("many"), limit=30) as pool:
        pool.start_worker(**SHARED)
        yield pool
        pool.stop_worker_if_any()


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """A folder for the notes of runs. They end with the test, also with one that fails."""
    yield tmp_path
    (tmp_path / "end").touch()


def begin(pool: WarmPool, folder: Path, count: int) -> list:
    """Begin runs that note their starts and go on until there is a file *end*; return once all of them run."""
    end = str(folder / "end")
    runs = [pool.create("counted", log=str(folder / f"{number}.log"), end=end) for number in range(count)]
    wait_until(lambda: starts(folder) == [1] * count, "the start of all runs", 120)
    return runs


def starts(folder: Path) -> list[int]:
    """The number of times each run was begun."""
    return [len(log.read_text().splitlines()) for log in folder.glob("*.log")]


def finish(pool: WarmPool, folder: Path, runs: list) -> None:
    (folder / "end").touch()
    for run in runs:
        assert pool.wait(run, lambda state: state.is_final()).state.is_completed()


def test_a_few_processes_hold_many_runs_side_by_side(crowded, folder):
    runs = begin(crowded, folder, MANY)
    assert len(children_of(crowded.worker.pid)) == 3, "two processes and the one they are forked from"
    finish(crowded, folder, runs)


def test_all_runs_of_killed_processes_go_on_at_once_and_none_has_failed(crowded, folder):
    runs = begin(crowded, folder, FEW)
    kill(children_of(crowded.worker.pid))
    wait_until(lambda: starts(folder) == [2] * FEW, "a second start of all runs", 120)
    finish(crowded, folder, runs)
    assert starts(folder) == [2] * FEW
    wait_until(lambda: len(children_of(crowded.worker.pid)) == 3, "the end of the processes that were added", 30)


def test_a_run_that_kills_its_processes_fails_and_takes_its_neighbours_along_three_times_at_most(crowded, folder):
    runs = begin(crowded, folder, FEW)
    poisonous = crowded.create("poisonous")
    ended = crowded.wait(poisonous, lambda state: state.is_final() and not state.is_crashed())
    assert ended.state.name == "Failed"
    assert ended.state.message.startswith("It stopped the process it ran in 3 times")
    finish(crowded, folder, runs)
    assert 1 < max(starts(folder)) <= 4


def cancel(pool: WarmPool, run) -> None:
    pool.client.set_flow_run_state(run.id, Cancelling())


def test_runs_that_block_a_thread_each_hold_up_no_other_and_can_be_cancelled_one_by_one(crowded):
    blocking = [crowded.create("polite", seconds=600) for _ in range(MANY)]
    try:
        for run in blocking:
            crowded.wait(run, lambda state: state.is_running())
        other = crowded.create("isolated", number=1)  # it needs a thread, too
        assert crowded.wait(other, lambda state: state.is_final()).state.is_completed()

        cancel(crowded, blocking[0])
        assert crowded.wait(blocking[0], lambda state: state.is_final()).state.message == "stopped when asked"
        assert all(crowded.client.read_flow_run(run.id).state.is_running() for run in blocking[1:])
    finally:
        for run in blocking[1:]:
            cancel(crowded, run)
    for run in blocking[1:]:
        crowded.wait(run, lambda state: state.is_cancelled())


def test_the_processes_end_with_a_worker_that_is_killed(crowded, folder):
    runs = begin(crowded, folder, 4)
    children = children_of(crowded.worker.pid)
    crowded.worker.kill()
    crowded.worker.wait()
    wait_until(lambda: not any(map(is_running, children)), "their end", 20)
    crowded.start_worker(**SHARED)
    wait_until(lambda: starts(folder) == [2] * 4, "a second start of all runs", 120)
    finish(crowded, folder, runs)


CHANGING = """
from prefect import flow

@flow(persist_result=True)
async def changing_here() -> str:
    return {said!r}
"""


def test_new_code_that_the_template_had_imported_runs_once_it_is_deployed(crowded, tmp_path):
    file = tmp_path / "changing_here.py"
    file.write_text(CHANGING.format(said="old"))
    deploy(crowded)
    paths = f"{crowded.environment['PYTHONPATH']}{os.pathsep}{tmp_path}"
    crowded.restart_worker(**SHARED | {"PYTHONPATH": paths, "BATCHSCRIBE_WARM_UP": "changing_here"})

    def said() -> str:
        return crowded.wait(crowded.create("changing_here"), lambda state: state.is_final()).state.result()

    assert said() == "old"
    file.write_text(CHANGING.format(said="something new"))
    assert said() == "old"
    deploy(crowded)
    wait_until(lambda: said() == "something new", "new code", 60)


def deploy(pool: WarmPool) -> None:
    deployment = RunnerDeployment.from_flow(
        flow(name="changing-here")(lambda: None), name=pool.name, work_pool_name=pool.name
    )
    deployment.entrypoint = "changing_here.changing_here"
    pool.deployments["changing_here"] = deployment.apply()


def test_runs_whose_processes_are_killed_twice_go_on_in_few_processes(crowded, folder):
    runs = begin(crowded, folder, SEVERAL)
    for wanted in (2, 3):
        kill(children_of(crowded.worker.pid))
        wait_until(lambda wanted=wanted: starts(folder) == [wanted] * SEVERAL, "another start of all runs", 120)
    assert len(children_of(crowded.worker.pid)) <= 3 + MOST_ADDED, "not a process for each"
    finish(crowded, folder, runs)
