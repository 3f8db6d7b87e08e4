"""Contracts of Prefect and of our own worker: an upgrade that breaks one of these says which."""

import signal
import threading

import pytest
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.states import AwaitingRetry, Cancelling

from tests.support.processes import children_of, is_running
from tests.support.waiting import wait_until

POOL = "gpu-test"


def completed(state):
    return state.is_completed()


def ended(state):
    return state.is_final()


def failed(state):
    return state.is_failed()


def running(state):
    return state.is_running()


def logs_of(warm, run):
    return [log.message for log in warm.client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])))]


def test_the_client_reads_runs_and_logs_without_arguments(warm):
    # fastapi 0.151 and later answer 422 to the nulls it sends
    warm.client.read_flow_runs()
    warm.client.read_logs()
    warm.client.read_work_pools()


def test_the_pool_type_is_known_to_prefect_by_its_entry_point():
    from prefect.plugins import load_prefect_collections
    from prefect.workers.base import BaseWorker

    load_prefect_collections()
    assert "warm" in BaseWorker.get_all_available_worker_types()


def test_two_runs_side_by_side_keep_their_logs_results_and_ids_apart(warm):
    runs = {number: warm.create("isolated", number=number) for number in (100, 200)}
    pids = set()
    for number, run in runs.items():
        end = warm.wait(run, ended)
        result = end.state.result()
        assert result["seen"] == [number] * 3
        assert result["in_thread"] == number
        assert result["run"] == str(run.id)
        pids.add(result["pid"])
        lines = wait_until(lambda run=run: (found := logs_of(warm, run)) and len(found) >= 6 and found, "its log")
        assert not any(str(300 - number) in line for line in lines if line.startswith(("line", "task")))
    assert len(pids) == 1


def test_the_loop_is_not_in_the_main_thread_so_no_run_handles_sigterm(warm):
    beside = warm.create("polite", seconds=3)
    warm.wait(beside, running)
    facts = warm.wait(warm.create("process_facts"), ended).state.result()
    assert not facts["loop_in_main_thread"]
    assert not facts["sigterm_handler"]


def test_a_cancelled_run_stops_and_its_neighbour_goes_on_in_the_same_process(warm):
    cancelled, neighbour = warm.create("polite", seconds=60), warm.create("polite", seconds=4)
    pid = warm.wait(cancelled, running).infrastructure_pid
    warm.wait(neighbour, running)
    warm.client.set_flow_run_state(cancelled.id, Cancelling())
    assert warm.wait(cancelled, ended, 8).state.name == "Cancelled"
    end = warm.wait(neighbour, ended)
    assert (end.state.name, end.run_count, end.infrastructure_pid) == ("Completed", 1, pid)


def test_a_run_that_ends_by_itself_after_a_cancel_is_cancelled_all_the_same(warm):
    run = warm.create("returns_although_cancelled", seconds=30)
    warm.wait(run, running)
    warm.client.set_flow_run_state(run.id, Cancelling())
    assert warm.wait(run, ended, 15).state.name == "Cancelled"


def test_a_run_that_ignores_its_cancel_is_killed_and_costs_its_neighbour_no_attempt(warm):
    stubborn, neighbour = warm.create("stubborn", seconds=120), warm.create("polite", seconds=30)
    warm.wait(stubborn, running)
    warm.wait(neighbour, running)
    warm.client.set_flow_run_state(stubborn.id, Cancelling())
    assert warm.wait(stubborn, ended, 60).state.name == "Cancelled"
    assert len(children_of(warm.worker.pid)) <= 1
    warm.wait(neighbour, completed)
    assert "Crashed" not in warm.state_names(neighbour)
    assert len(children_of(warm.worker.pid)) == 1


def test_a_run_whose_process_is_killed_starts_again_under_the_same_id(warm, tmp_path):
    run = warm.create("deadly_once", marker=str(tmp_path / "died"))
    assert warm.wait(run, completed).run_count == 2
    assert warm.state_names(run).count("Crashed") == 1


def test_a_run_that_kills_its_process_three_times_fails_and_its_pool_is_quarantined(warm):
    run = warm.create("poisonous")
    end = warm.wait(run, failed)
    assert end.run_count == 3
    assert "stopped the process it ran in 3 times" in end.state.message
    assert "SIGKILL" in end.state.message
    # It looks like a sick device: the pool is paused for a while, for everybody to see.
    pool = wait_until(lambda: (pool := warm.client.read_work_pool(POOL)).is_paused and pool, "the pause")
    assert pool.description.startswith("Quarantined: ")
    waiting = warm.create("polite", seconds=0)
    # A worker that is started anew knows that this pause is none of a person's.
    warm.stop_worker(signal.SIGTERM)
    warm.start_worker()
    warm.wait(waiting, completed)
    assert not warm.client.read_work_pool(POOL).is_paused


def test_a_run_beside_one_that_kills_processes_loses_one_attempt_and_no_more(warm_pool, tmp_path):
    warm_pool.restart_worker()
    end = tmp_path / "end"
    neighbour = warm_pool.create("counted", log=str(tmp_path / "log"), end=str(end))
    warm_pool.wait(neighbour, running)
    poisonous = warm_pool.create("poisonous")
    wait_until(lambda: "Crashed" in warm_pool.state_names(neighbour), "a crash of the neighbour")
    end.touch()
    assert warm_pool.wait(poisonous, failed).run_count == 3
    warm_pool.restart_worker()  # its predecessor may have put the pool into quarantine
    assert warm_pool.wait(neighbour, completed).run_count == 2
    assert warm_pool.state_names(neighbour).count("Crashed") == 1


@pytest.mark.parametrize(("flow", "reason"), [("not_async", "is not async"), ("prints", "has log_prints")])
def test_a_flow_that_would_disturb_its_neighbours_is_refused(warm, flow, reason):
    run = warm.create(flow)
    assert reason in warm.wait(run, failed).state.message


def test_a_process_whose_loop_hangs_is_replaced(warm_pool, tmp_path):
    warm_pool.restart_worker(BATCHSCRIBE_WARM_SILENCE_SECONDS="8")
    run = warm_pool.create("frozen", marker=str(tmp_path / "frozen"))
    end = warm_pool.wait(run, completed)
    assert end.run_count == 2
    warm_pool.stop_worker(signal.SIGTERM)


def test_a_killed_worker_takes_its_process_along_and_its_successor_starts_the_run_again(warm):
    run = warm.create("polite", seconds=4)
    warm.wait(run, running)
    processes = children_of(warm.worker.pid)
    warm.stop_worker(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, processes)), "the end of the processes")
    assert warm.client.read_flow_run(run.id).state.is_running()
    warm.start_worker()
    assert warm.wait(run, completed).run_count == 2
    assert "Crashed" not in warm.state_names(run)


def test_a_stopped_worker_hands_back_what_it_holds(warm):
    run = warm.create("polite", seconds=4)
    warm.wait(run, running)
    assert warm.stop_worker(signal.SIGTERM) == 0
    assert warm.client.read_flow_run(run.id).state.name == "AwaitingRetry"
    warm.start_worker()
    assert warm.wait(run, completed).run_count == 2


def test_a_stopped_worker_hands_back_what_still_waits_for_a_process(warm):
    stubborn = warm.create("stubborn", seconds=120)
    warm.wait(stubborn, running)
    warm.client.set_flow_run_state(stubborn.id, Cancelling())  # until it has stopped its process takes no run
    waiting = warm.create("polite", seconds=0)
    warm.wait(waiting, lambda state: state.is_pending())
    assert warm.stop_worker(signal.SIGTERM) == 0
    assert warm.client.read_flow_run(stubborn.id).state.name == "Cancelled"
    assert warm.client.read_flow_run(waiting.id).state.name == "AwaitingRetry"
    warm.start_worker()
    assert warm.wait(waiting, completed).run_count == 1


def test_a_cancel_before_the_start_ends_cancelled_and_the_flow_never_runs(warm, tmp_path):
    warm.stop_worker(signal.SIGTERM)
    marker = tmp_path / "ran"
    run = warm.create("deadly_once", marker=str(marker))
    warm.client.set_flow_run_state(run.id, Cancelling())
    warm.start_worker()
    assert warm.wait(run, ended, 15).state.name == "Cancelled"
    assert not marker.exists()


def test_a_queued_run_that_has_run_before_is_cancelled_within_seconds(warm, tmp_path):
    ends = [tmp_path / f"{number} may end" for number in range(2)]
    holders = [warm.create("counted", log=f"{end} and its log", end=str(end)) for end in ends]
    for holder in holders:
        warm.wait(holder, running)
    queued = warm.create("polite", seconds=0)
    warm.client.update_flow_run(queued.id, infrastructure_pid="1")  # as any earlier attempt leaves it
    warm.client.set_flow_run_state(queued.id, Cancelling())
    assert warm.wait(queued, ended, 5).state.name == "Cancelled"
    for end in ends:
        end.touch()
    assert [warm.wait(holder, ended).run_count for holder in holders] == [1, 1]


def test_a_run_that_is_begun_again_although_it_runs_takes_no_second_slot(warm, tmp_path):
    run = warm.create("counted", log=str(tmp_path / "log"), end=str(tmp_path / "end"))
    wait_until((tmp_path / "log").exists, "the start")
    warm.client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
    beside = warm.create("polite", seconds=0)  # it comes after the other in the pool's queue
    assert warm.wait(beside, ended, 30).state.name == "Completed"
    (tmp_path / "end").touch()
    warm.wait(run, completed)
    assert (tmp_path / "log").read_text() == "started\n"
    many = [warm.create("polite", seconds=1) for _ in range(4)]
    assert {warm.wait(each, ended, 30).state.name for each in many} == {"Completed"}
    assert warm.worker.poll() is None, "the worker ended"


def test_a_server_that_is_away_for_25_seconds_costs_no_run_and_none_is_started_twice(warm, prefect_server, tmp_path):
    ends = {name: tmp_path / f"{name} may end" for name in ("meanwhile", "after", "waiting")}
    runs = {name: warm.create("counted", log=str(tmp_path / name), end=str(end)) for name, end in ends.items()}
    in_slots = wait_until(
        lambda: len(found := [name for name in runs if (tmp_path / name).exists()]) == 2 and found, "two running"
    )
    back = threading.Timer(25, prefect_server.start)
    prefect_server.kill()
    back.start()
    ends[in_slots[0]].touch()  # one run ends while the server is away, one later, and the third has waited for a slot
    back.join()
    for end in ends.values():
        end.touch()
    for name, run in runs.items():
        end = warm.wait(run, ended, 120)
        assert (end.state.name, end.run_count) == ("Completed", 1)
        assert (tmp_path / name).read_text() == "started\n"
    assert warm.wait(warm.create("polite", seconds=0), ended, 60).state.name == "Completed"


def test_many_runs_leave_no_threads_no_open_files_and_no_memory(warm):
    def facts_after(runs: int):
        for run in [warm.create("polite", seconds=0) for _ in range(runs)]:
            warm.wait(run, completed, 180)
        return warm.wait(warm.create("process_facts"), ended).state.result()

    first = facts_after(10)  # what is loaded once is loaded
    last = facts_after(25)
    few = 10  # of a pool of threads that begins them as they are needed; what leaks comes with each of the runs
    assert last["pid"] == first["pid"]
    assert last["threads"] <= first["threads"] + few
    assert last["files"] <= first["files"] + few
    assert last["memory_kib"] <= first["memory_kib"] + 16 * 1024
