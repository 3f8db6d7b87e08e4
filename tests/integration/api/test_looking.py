"""Queries of the batches page: batches by name, their progress, the times of jobs and the causes of failures."""

from datetime import datetime

SHORT = 0.05
"""Seconds of audio of a job that is done at once, so that the pool's real-time factor stays an ordinary one."""


def found(dashboard, search, **page):
    answer = dashboard.http.get("api/batch", params={"search": search, **page})
    assert answer.status_code == 200, answer.text
    return sorted(batch["name"] for batch in answer.json()["batches"]), answer.json()["total"]


def test_batches_are_found_by_words_of_their_names_in_any_case(dashboard):
    for name in ("Übung im Frühling, Teil 1", "Übung im Frühling, Teil 2", "Übung im Herbst"):
        dashboard.make_batch(name=name)
    assert found(dashboard, "FRÜHLING übung") == (["Übung im Frühling, Teil 1", "Übung im Frühling, Teil 2"], 2)
    assert found(dashboard, "Fru\N{COMBINING DIAERESIS}hling")[1] == 2
    names, total = found(dashboard, "übung", limit=2)
    assert (len(names), total) == (2, 3)
    assert found(dashboard, "Frühling im Schnee") == ([], 0)


def test_a_batch_is_found_by_its_id_and_only_by_the_beginning_of_it(dashboard):
    batch_id = dashboard.make_batch(name="Known by its id")
    assert found(dashboard, batch_id) == (["Known by its id"], 1)
    assert found(dashboard, batch_id[1:]) == ([], 0)


def test_a_job_tells_when_it_ran(dashboard, prefect, publish):
    batch_id, _, (done, waiting) = dashboard.started_batch("done.mp3", "waiting.mp3")
    child = prefect.make_child(batch_id, done, audio_seconds=SHORT)
    prefect.make_child(batch_id, waiting)
    prefect.set_state("flow_runs", child, "RUNNING")
    running = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["started_at"])
    assert running["jobs"][0]["ended_at"] is None
    prefect.set_state("flow_runs", child, "COMPLETED")
    publish(dashboard, batch_id, done)
    job, other = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["ended_at"])["jobs"]
    assert job["started_at"] == running["jobs"][0]["started_at"]
    assert datetime.fromisoformat(job["started_at"]) < datetime.fromisoformat(job["ended_at"])
    assert (other["started_at"], other["ended_at"]) == (None, None)


def test_of_a_job_that_was_tried_again_the_latest_try_counts(dashboard, prefect):
    batch_id, _, (job_id,) = dashboard.started_batch("again.mp3")
    child = prefect.make_child(batch_id, job_id)
    for state in ("RUNNING", "FAILED", "RUNNING"):
        prefect.set_state("flow_runs", child, state)
    first_start = prefect.http.get(f"flow_runs/{child}").json()["start_time"]
    (job,) = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["stage"] == "transcribing")["jobs"]
    assert datetime.fromisoformat(job["started_at"]) > datetime.fromisoformat(first_start)
    prefect.set_state("flow_runs", child, "FAILED")
    (job,) = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["ended_at"])["jobs"]
    assert datetime.fromisoformat(job["started_at"]) > datetime.fromisoformat(first_start)


def test_a_batch_tells_how_far_it_is_and_why_jobs_failed(dashboard, prefect, publish):
    batch_id, _, jobs = dashboard.started_batch("a.mp3", "b.mp3", "c.mp3", "d.mp3")
    for job_id, name in zip(jobs[:2], ("a.mp3", "b.mp3"), strict=True):
        child = prefect.make_child(batch_id, job_id)
        prefect.set_state("flow_runs", child, "FAILED", f"{name} has no audio stream.")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, jobs[2], audio_seconds=SHORT), "COMPLETED")
    publish(dashboard, batch_id, jobs[2])
    status = dashboard.status_once(batch_id, lambda now: now["summary"]["done"] == 1)
    assert 0 < status["summary"]["progress"] < 1
    assert status["causes"] == [{"reason": "… has no audio stream.", "job_ids": jobs[:2]}]
