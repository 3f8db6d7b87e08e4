"""The runs of a GPU work pool in the API."""

from tasks.storage.keys import BatchKeys


def test_a_pool_tells_what_runs_on_it_and_what_failed(dashboard, prefect, wait):
    batch_id, _, (running, failed) = dashboard.started_batch("a.mp3", "b.mp3")
    child = prefect.make_child(batch_id, running, audio_seconds=90.0)
    prefect.set_state("flow_runs", child, "RUNNING")
    prefect.show_progress(child, 40)
    prefect.set_state("flow_runs", prefect.make_child(batch_id, failed), "FAILED", "No speech detected.")

    def told():
        (pool,) = dashboard.http.get("api/pools").json()
        runs = [run for run in pool["runs"] if run["batch_id"] == batch_id]
        failures = [failure for failure in pool["failures"] if failure["batch_id"] == batch_id]
        return (runs[0], failures[0]) if runs and failures else None

    run, failure = wait(told, "the run and the failure")
    assert (run["job_id"], run["running"], run["audio_seconds"], run["attempt"]) == (running, True, 90.0, 1)
    assert run["batch_name"]
    assert run["flow_run_url"].endswith(child)
    assert failure["reason"] == "No speech detected."
    wait(lambda: (now := told()) and now[0]["progress"] == 0.4, "the progress")


def test_a_pool_without_a_worker_tells_what_to_do(dashboard):
    (pool,) = dashboard.http.get("api/pools").json()
    assert "make worker POOL=gpu-0" in pool["problem"]
    assert pool["work_pool_url"].endswith("/work-pools/work-pool/gpu-0")


def test_a_run_of_a_batch_whose_record_is_damaged_is_told_without_its_name(run_dashboard, prefect, tmp_path, wait):
    with run_dashboard(tmp_path) as dashboard:
        batch_id, _, (job_id,) = dashboard.started_batch("a.mp3")
        dashboard.store(BatchKeys.of(batch_id).batch, b"{}")
        prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "RUNNING")

        def runs():
            answer = dashboard.http.get("api/pools")
            assert answer.status_code == 200, answer.text
            return [run for run in answer.json()[0]["runs"] if run["batch_id"] == batch_id]

        (run,) = wait(runs, "the run on the pool")
    assert (run["job_id"], run["batch_name"]) == (job_id, "")


def test_the_use_is_told_by_day_device_and_cause(run_dashboard, prefect, tmp_path):
    with run_dashboard(tmp_path) as dashboard:
        before = dashboard.http.get("api/usage?days=1").json()
        batch_id, flow_run_id, (done, failed, unread) = dashboard.started_batch("a.mp3", "b.mp3", "c.mp3")
        good = prefect.make_child(batch_id, done, audio_seconds=3600.0)
        prefect.set_state("flow_runs", good, "RUNNING")
        prefect.set_state("flow_runs", good, "COMPLETED")
        prefect.set_state("flow_runs", prefect.make_child(batch_id, failed), "FAILED", "No speech detected at all.")
        conversion = prefect.make_conversion(flow_run_id, unread)
        prefect.set_state("task_runs", conversion, "FAILED", "It is not an audio file.")
        answer = dashboard.http.get("api/usage?days=2&timezone=Pacific/Auckland")
        assert answer.status_code == 200, answer.text
        used = answer.json()
        wrong = dashboard.http.get("api/usage?timezone=Mars/Olympus")
    assert (used["done"] - before["done"], used["failed"] - before["failed"]) == (1, 2)
    assert used["audio_seconds"] - before["audio_seconds"] == 3600.0
    assert {"No speech detected at all.", "It is not an audio file."} <= {cause["reason"] for cause in used["causes"]}
    assert len(used["by_day"]) == 2
    assert "gpu-0" in used["by_day"][-1]["audio_seconds"]
    assert used["median_wait_seconds"] is not None
    assert (wrong.status_code, "timezone" in wrong.json()["detail"]) == (422, True)
