"""The status of a batch is derived from Prefect and the store alone."""

from datetime import UTC, datetime

from tasks.orchestration.waiting import WAITS_LABEL


def stages(status):
    return [job["stage"] for job in status["jobs"]]


def summary_counts(status):
    return {
        name: count
        for name, count in status["summary"].items()
        if count and name not in ("audio_seconds", "total") and not name.startswith("progress")
    }


def test_a_started_batch_waits_for_its_run(dashboard):
    batch_id, flow_run_id, _ = dashboard.started_batch("a.mp3", "b.mp3")
    status = dashboard.status(batch_id)
    assert (status["state"], status["flow_run_id"], stages(status)) == ("waiting", flow_run_id, ["uploaded"] * 2)
    assert status["flow_run_url"].endswith(flow_run_id)


def test_jobs_are_where_their_conversions_and_runs_are(dashboard, prefect, publish, record):
    names = ["converting.mp3", "done.mp3", "failed.mp3", "queued.mp3", "rejected.mp3", "running.mp3", "storing.mp3"]
    batch_id, flow_run_id, jobs = dashboard.started_batch(*names)
    converting, done, failed, queued, rejected, running, storing = jobs
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    for job_id, state, message in (
        (converting, "RUNNING", None),
        (rejected, "FAILED", "Task run encountered an exception MediaRejected: rejected.mp3 has no audio stream."),
    ):
        prefect.set_state("task_runs", prefect.make_conversion(flow_run_id, job_id), state, message)
    for job_id, state, percent in (
        (done, "COMPLETED", 100),
        (failed, "FAILED", 50),
        (running, "RUNNING", 50),
        (storing, "RUNNING", 100),
    ):
        child = prefect.make_child(batch_id, job_id)
        prefect.set_state("flow_runs", child, state, "The GPU stopped." if state == "FAILED" else None)
        prefect.show_progress(child, percent)
    publish(dashboard, batch_id, done)
    record(dashboard, batch_id, queued)
    status = dashboard.status_once(batch_id, lambda now: "storing" in stages(now))
    by_name = {job["path"].removesuffix(".mp3"): job for job in status["jobs"]}
    assert {name: job["stage"] for name, job in by_name.items()} == {
        **{name: name for name in ("converting", "done", "failed", "queued", "storing")},
        "rejected": "failed",
        "running": "transcribing",
    }
    assert by_name["rejected"]["error"] == "rejected.mp3 has no audio stream."
    assert by_name["failed"]["error"] == "The GPU stopped."
    assert by_name["running"]["progress"] == 0.5
    assert by_name["running"]["work_pool"] == "gpu-0"
    assert by_name["done"]["language"] == "en"
    assert by_name["done"]["documents"][0]["url"] == f"/api/jobs/{done}/documents/txt"
    assert summary_counts(status) == {"converting": 1, "done": 1, "failed": 2, "queued": 1, "transcribing": 2}


def test_of_a_job_that_was_moved_the_newest_run_counts(dashboard, prefect):
    batch_id, _, (job_id,) = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "CANCELLED")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "RUNNING")
    status = dashboard.status_once(batch_id, lambda now: stages(now) == ["transcribing"])
    assert status["jobs"][0]["audio_seconds"] == 60.0


def test_runs_that_crash_are_not_told_as_failed_before_their_worker_had_time_to_start_them_again(
    dashboard, prefect, wait
):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    child = prefect.make_child(batch_id, job_id)
    prefect.set_state("flow_runs", child, "RUNNING")
    dashboard.status_once(batch_id, lambda now: stages(now) == ["transcribing"])
    for run in (child, flow_run_id):
        prefect.set_state("flow_runs", run, "CRASHED", "Its process ended.")
    dashboard.status_once(batch_id, lambda now: (now["state"], stages(now)) == ("waiting", ["queued"]))
    wait(lambda: dashboard.status(batch_id)["state"] == "failed", "the end of the worker's time", 60)


def test_a_batch_whose_runs_were_deleted_in_prefect_still_tells_what_it_has(dashboard, prefect, publish):
    batch_id, flow_run_id, (done, lost) = dashboard.started_batch("done.mp3", "lost.mp3")
    publish(dashboard, batch_id, done)
    prefect.http.delete(f"flow_runs/{flow_run_id}")
    status = dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    assert stages(status) == ["done", "failed"]
    assert "removed from Prefect" in status["jobs"][1]["error"]
    assert lost in status["jobs"][1]["job_id"]


def test_a_batch_of_more_jobs_than_prefect_lists_at_once_is_complete(dashboard, prefect):
    batch_id, _, jobs = dashboard.started_batch(*(f"{number:03}.mp3" for number in range(210)))
    for job_id in jobs:
        prefect.make_child(batch_id, job_id)
    status = dashboard.status_once(batch_id, lambda now: now["summary"]["queued"] == 210)
    assert status["summary"]["total"] == 210


def test_jobs_of_batches_that_run_at_once_stand_in_one_queue(dashboard, prefect, record, wait):
    def waiting_batch():
        batch_id, flow_run_id, jobs = dashboard.started_batch("a.mp3", "b.mp3")
        prefect.set_state("flow_runs", flow_run_id, "RUNNING")
        for job_id in jobs:
            record(dashboard, batch_id, job_id)
        return batch_id

    batches = [waiting_batch(), waiting_batch()]

    def positions():
        jobs = [job for batch_id in batches for job in dashboard.status(batch_id)["jobs"]]
        return {job["queue_position"] for job in jobs} - {None}

    wait(lambda: len(positions()) == 4, "four places in one queue", 30)


def test_all_jobs_that_end_between_two_looks_are_noticed(dashboard, prefect, publish):
    batch_id, _, jobs = dashboard.started_batch(*(f"{number:02}.mp3" for number in range(20)))
    children = {job_id: prefect.make_child(batch_id, job_id) for job_id in jobs}

    def end(*some):
        for job_id in some:
            publish(dashboard, batch_id, job_id, name=f"{job_id}.txt")
            prefect.set_state("flow_runs", children[job_id], "COMPLETED")

    end(jobs[0])
    dashboard.status_once(batch_id, lambda now: now["summary"]["done"] == 1)
    end(*jobs[1:])
    dashboard.status_once(batch_id, lambda now: now["summary"]["done"] == 20)


def test_a_job_that_was_done_and_runs_again_is_told_anew(dashboard, prefect, publish):
    batch_id, _, (job_id,) = dashboard.started_batch("a.mp3")
    child = prefect.make_child(batch_id, job_id)
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", child, "COMPLETED")
    dashboard.status_once(batch_id, lambda now: stages(now) == ["done"])
    prefect.set_state("flow_runs", child, "RUNNING")
    status = dashboard.status_once(batch_id, lambda now: stages(now) == ["transcribing"])
    assert status["jobs"][0]["documents"] == []


def test_pools_tell_their_device_and_their_load(dashboard, prefect, wait):
    def pool():
        (only,) = dashboard.http.get("api/pools").json()
        return only

    batch_id, _, (first, second) = dashboard.started_batch("a.mp3", "b.mp3")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, first, audio_seconds=1000.0), "RUNNING")
    prefect.make_child(batch_id, second, audio_seconds=500.0)

    def ours():
        return {run["job_id"]: run["running"] for run in pool()["runs"] if run["batch_id"] == batch_id}

    wait(lambda: ours() == {first: True, second: False}, "the load")
    after = pool()
    assert (after["work_pool"], after["device"], after["slots"]) == ("gpu-0", "device of gpu-0", 2)
    assert (after["condition"], after["worker_online"]) == ("offline", False)
    assert after["pending_audio_seconds"] > 1400


def test_without_workers_the_installation_is_not_well_and_says_what_to_do(dashboard):
    answer = dashboard.http.get("api/health")
    health = answer.json()
    assert answer.status_code == 503
    assert (health["prefect_server"], health["store"], health["worker"]) == (True, True, False)
    assert "No worker is online" in health["detail"]


def test_a_batch_that_does_not_go_on_says_why(dashboard, prefect, record, wait):
    batch_id, run_id, (job_id,) = dashboard.started_batch("a.mp3")
    assert dashboard.status(batch_id)["notice"].startswith("The work pool cpu has no worker that answers")
    beat = {"name": "a worker", "heartbeat_interval_seconds": 600}
    prefect.post("work_pools/cpu/workers/heartbeat", **beat)
    try:
        prefect.set_state("flow_runs", run_id, "RUNNING")
        record(dashboard, batch_id, job_id)
        wait(lambda: "No device takes jobs. gpu-0 is offline" in dashboard.status(batch_id)["notice"], "the notice")
        told = {WAITS_LABEL: "The store is away."}
        prefect.http.patch(f"flow_runs/{run_id}/labels", json=told).raise_for_status()
        sentence = "The batch waits, and looks again by itself: The store is away."
        wait(lambda: dashboard.status(batch_id)["notice"] == sentence, "what the batch run waits for")
        answer = dashboard.http.get("api/health")
        assert (answer.status_code, answer.json()["batch_worker"], answer.json()["gpu_worker"]) == (503, True, False)
        assert "No device takes jobs. gpu-0 is offline" in answer.json()["detail"]
    finally:
        prefect.http.delete("work_pools/cpu/workers/a worker").raise_for_status()
        for paused in (True, False):  # the server looks again whether the pool has a worker
            prefect.http.patch("work_pools/cpu", json={"is_paused": paused}).raise_for_status()


def test_without_prefect_everything_says_so(run_dashboard, tmp_path):
    with run_dashboard(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api") as dashboard:
        health = dashboard.http.get("api/health")
        pools = dashboard.http.get("api/pools")
        batch_id = dashboard.make_batch()
        open_batch = dashboard.status(batch_id)
    assert (health.status_code, pools.status_code) == (503, 503)
    assert health.json()["prefect_server"] is False
    assert "http://127.0.0.1:9/api does not answer" in health.json()["detail"]
    assert open_batch["state"] == "uploading"


def test_a_retry_shows_at_once_and_the_first_attempt_stays(dashboard, prefect, publish):
    batch_id, flow_run_id, (done, failed) = dashboard.started_batch("done.mp3", "failed.mp3")
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    good, bad = (prefect.make_child(batch_id, job_id) for job_id in (done, failed))
    publish(dashboard, batch_id, done)
    for child, end in ((good, "COMPLETED"), (bad, "FAILED")):
        prefect.set_state("flow_runs", child, "RUNNING")
        prefect.set_state("flow_runs", child, end, "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, "FAILED", "1 of 2 jobs failed")
    dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 202
    status = dashboard.status(batch_id)
    assert (status["state"], stages(status), status["summary"]["retrying"]) == ("waiting", ["done", "uploaded"], 1)
    assert status["summary"]["progress"] < 1
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    prefect.set_state("flow_runs", bad, "SCHEDULED")
    prefect.set_state("flow_runs", bad, "RUNNING")
    status = dashboard.status_once(batch_id, lambda now: "transcribing" in stages(now))
    assert len(status["attempts"]) == 2
    first, second = status["jobs"][1]["attempts"]
    assert (first["ended_as"], second["ended_as"], second["ended_at"]) == ("failed", None, None)
    assert first["started_at"] < first["ended_at"] < second["started_at"] == status["jobs"][1]["started_at"]
    assert [attempt["ended_as"] for attempt in status["jobs"][0]["attempts"]] == ["completed"]


def test_a_run_that_was_cancelled_in_its_queue_counts_from_its_start(dashboard, prefect):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    child = prefect.make_child(batch_id, job_id)
    prefect.set_state("flow_runs", child, "CANCELLED")
    prefect.set_state("flow_runs", flow_run_id, "CANCELLED")
    status = dashboard.status_once(batch_id, lambda now: now["state"] == "cancelled")
    assert status["jobs"][0]["attempts"] == []
    started = datetime.now(UTC)  # Prefect itself takes the time of the cancel for the start of the run
    prefect.set_state("flow_runs", flow_run_id, "RUNNING")
    prefect.set_state("flow_runs", child, "SCHEDULED")
    prefect.set_state("flow_runs", child, "RUNNING")
    prefect.set_state("flow_runs", child, "FAILED", "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, "FAILED")
    status = dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    job = status["jobs"][0]
    (attempt,) = job["attempts"]
    assert all(started < datetime.fromisoformat(told["started_at"]) for told in (job, attempt))


def test_who_helps_is_told_beside_the_attempts_of_the_job_and_on_the_pool(dashboard, prefect, wait):
    batch_id, flow_run_id, (helped, other) = dashboard.started_batch("a.mp3", "b.mp3")
    for run_id in (flow_run_id, prefect.make_child(batch_id, helped), prefect.make_child(batch_id, other)):
        prefect.set_state("flow_runs", run_id, "RUNNING")
    ended, lasting = (prefect.make_helper(batch_id, helped) for _ in range(2))
    prefect.make_helper(batch_id, helped)  # that one has not begun
    for run_id, state in ((ended, "RUNNING"), (ended, "CRASHED"), (lasting, "RUNNING")):
        prefect.set_state("flow_runs", run_id, state)
    status = dashboard.status_once(batch_id, lambda now: len(now["jobs"][0]["helpers"]) == 2)
    first, second = status["jobs"]
    assert [(one["work_pool"], one["ended_as"]) for one in first["helpers"]] == [("gpu-0", "crashed"), ("gpu-0", None)]
    assert (first["stage"], len(first["attempts"]), second["helpers"]) == ("transcribing", 1, [])

    def on_pool():
        (pool,) = dashboard.http.get("api/pools").json()
        return [run for run in pool["runs"] if run["batch_id"] == batch_id and run["helps"]]

    (helping,) = wait(on_pool, "the helping run")
    assert (helping["job_id"], helping["running"], bool(helping["batch_name"])) == (helped, True, True)
    prefect.set_state("flow_runs", lasting, "COMPLETED")
    dashboard.status_once(batch_id, lambda now: all(one["ended_at"] for one in now["jobs"][0]["helpers"]))
