"""A batch is made, filled, started once, retried and cancelled; what is not possible is refused with a sentence."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.storage.keys import BatchKeys

FAILED, RUNNING, COMPLETED = "FAILED", "RUNNING", "COMPLETED"


def test_a_batch_has_a_name_and_options(dashboard):
    batch_id = dashboard.make_batch(name="  Interviews über 会議 ", options={"language": "de", "formats": ["srt"]})
    stored = dashboard.stored(f"batches/{batch_id}/batch.json")
    assert stored["options"]["language"] == "de"
    status = dashboard.status(batch_id)
    assert (status["name"], status["state"], status["jobs"]) == ("Interviews über 会議", "uploading", [])


def test_a_batch_may_be_made_of_nothing(dashboard):
    answer = dashboard.http.post("api/batch")
    assert answer.status_code == 201
    assert dashboard.status(answer.json()["batch_id"])["name"].startswith("Batch of ")


def test_an_upload_may_have_options_of_its_own(dashboard):
    batch_id = dashboard.make_batch(options={"language": "de", "speakers": "auto"})
    own = {"batch_id": batch_id, "path": "a.mp3", "language": "de", "model": "tiny", "speakers": "2"}
    sent = dashboard.http.post("api/upload", params=own, content=b"sound").json()
    assert sent["options"] == {"model": "tiny", "speakers": 2}  # German is the batch's own
    dashboard.upload(batch_id, "b.mp3")
    again = dashboard.http.post("api/upload", params=own | {"audio_stream": "2"}, content=b"sound").json()
    assert again["job_id"] == sent["job_id"]
    dashboard.start(batch_id)
    manifest = dashboard.stored(f"batches/{batch_id}/manifest.json")
    expected = [{"model": "tiny", "speakers": 2, "audio_stream": 2}, {}]
    assert [job["options"] for job in manifest["jobs"]] == expected
    assert [job["options"] for job in dashboard.status(batch_id)["jobs"]] == expected


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"language": "German"}, "language: "),
        ({"speakers": "many"}, "speakers: Value error, write off, auto or the number of speakers, from 1 to 20"),
        ({"speakers": "21"}, "speakers: Value error, write off, auto or the number of speakers, from 1 to 20"),
        ({"audio_stream": "99"}, "audio_stream: Input should be less than or equal to 50"),
        ({"task": "translate"}, "task: Extra inputs are not permitted"),
        ({"model": "larg-v3"}, "There is no model larg-v3. Choose auto or one of tiny, "),
        ({"language": "xx"}, "Whisper knows no language xx. Choose auto, or one of af, "),
    ],
)
def test_options_of_an_upload_that_are_none_are_named(dashboard, own, said):
    batch_id = dashboard.make_batch()
    answer = dashboard.http.post("api/upload", params={"batch_id": batch_id, "path": "a.mp3"} | own, content=b"sound")
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert dashboard.status(batch_id)["jobs"] == []


WRONG_BODIES = [
    ({"options": {"model": "larg-v3"}}, "There is no model larg-v3. Choose auto or one of tiny, "),
    ({"options": {"language": "xx"}}, "Whisper knows no language xx. Choose auto, or one of af, "),
    ({"options": {"task": "summarise"}}, "options.task: Input should be 'transcribe' or 'translate'"),
    ({"options": {"language": "German"}}, "options.language"),
    ({"options": {"formats": ["pdf"]}}, "options.formats"),
    ({"options": {"modell": "base"}}, "options.modell"),
    ({"title": "x"}, "title"),
]


@pytest.mark.parametrize(("body", "named"), WRONG_BODIES)
def test_a_body_that_cannot_be_understood_is_named_in_a_sentence(dashboard, body, named):
    answer = dashboard.http.post("api/batch", json=body)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


def test_a_start_freezes_the_batch_and_makes_one_run(dashboard, prefect):
    batch_id = dashboard.make_batch(name="Talks")
    jobs = [dashboard.upload(batch_id, path).json()["job_id"] for path in ("b.mp3", "a.mp3")]
    first = dashboard.http.post(f"api/batch/{batch_id}/start")
    second = dashboard.http.post(f"api/batch/{batch_id}/start")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    run = prefect.run_of(batch_id)
    assert (run["id"], run["name"], run["parameters"]) == (
        first.json()["flow_run_id"],
        "Talks",
        {"batch_id": batch_id},
    )
    manifest = dashboard.stored(f"batches/{batch_id}/manifest.json")
    assert [job["job_id"] for job in manifest["jobs"]] == jobs[::-1]
    assert first.json()["flow_run_url"].endswith(f"/runs/flow-run/{run['id']}")


def test_after_its_start_a_batch_takes_nothing(dashboard):
    batch_id, _, (job_id,) = dashboard.started_batch("a.mp3")
    late = dashboard.upload(batch_id, "b.mp3")
    assert late.status_code == 409
    assert "has been started" in late.json()["detail"]
    assert dashboard.upload_files(batch_id) == [job_id]


def test_after_its_start_a_job_is_cancelled_and_its_upload_kept(dashboard):
    batch_id, _, (job_id, other_id) = dashboard.started_batch("a.mp3", "b.mp3")
    answers = [dashboard.http.delete(f"api/batch/{batch_id}/jobs/{job_id}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert {job["job_id"]: job["stage"] for job in answers[-1].json()["jobs"]} == {
        job_id: "cancelled",
        other_id: "uploaded",
    }
    assert dashboard.upload_files(batch_id) == sorted([job_id, other_id])
    assert dashboard.http.delete(f"api/batch/{batch_id}/jobs/{batch_id}-aaaaaaaaaa").status_code == 404


def test_an_empty_batch_cannot_be_started(dashboard):
    answer = dashboard.http.post(f"api/batch/{dashboard.make_batch()}/start")
    assert answer.status_code == 409
    assert "holds no uploads" in answer.json()["detail"]


def test_whoever_names_the_uploads_starts_just_these(dashboard):
    batch_id = dashboard.make_batch()
    first, second = [dashboard.upload(batch_id, path).json()["job_id"] for path in ("a.mp3", "b.mp3")]
    address = f"api/batch/{batch_id}/start"
    refused = [dashboard.http.post(address, json={"jobs": jobs}) for jobs in ([first], [first, second, f"{first}x"])]
    assert [answer.status_code for answer in refused] == [409, 409]
    assert "holds 1 uploads more and 0 fewer than asked" in refused[0].json()["detail"]
    assert dashboard.status(batch_id)["state"] == "uploading"
    assert dashboard.http.post(address, json={"jobs": [second, first]}).status_code == 202
    assert dashboard.status(batch_id)["summary"]["total"] == 2


def test_a_batch_cannot_be_started_while_a_file_is_on_its_way(dashboard, slow_upload, wait):
    batch_id = dashboard.make_batch()
    dashboard.upload(batch_id, "a.mp3")
    upload = slow_upload(dashboard, batch_id, "b.mp3", length=4)
    upload.send(b"so")
    wait(lambda: len(dashboard.upload_files(batch_id)) == 2, "the second file's appearance")
    refused = dashboard.http.post(f"api/batch/{batch_id}/start")
    assert refused.status_code == 409
    assert "1 upload is still being received" in refused.json()["detail"]
    upload.send(b"nd")
    assert upload.answer()[0] == 201
    dashboard.start(batch_id)
    assert dashboard.status(batch_id)["summary"]["total"] == 2


def test_a_start_that_was_interrupted_is_finished_by_the_next_process(run_dashboard, prefect, tmp_path, wait):
    with run_dashboard(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api") as dashboard:
        batch_id = dashboard.make_batch()
        dashboard.upload(batch_id, "a.mp3")
        answer = dashboard.http.post(f"api/batch/{batch_id}/start")
        assert answer.status_code == 503
        assert "does not answer" in answer.json()["detail"]
        assert dashboard.upload(batch_id, "b.mp3").status_code == 409
    with run_dashboard(tmp_path) as dashboard:
        run = wait(lambda: prefect.run_of(batch_id), "the finishing of the start", seconds=20)
        assert dashboard.start(batch_id) == run["id"]


def test_a_run_that_was_deleted_in_prefect_is_not_made_again(dashboard, prefect):
    batch_id, flow_run_id, _ = dashboard.started_batch("a.mp3")
    prefect.http.delete(f"flow_runs/{flow_run_id}")
    assert dashboard.start(batch_id) == flow_run_id
    assert prefect.run_of(batch_id) is None


def test_a_retry_runs_a_batch_with_failures_once_more(dashboard, prefect):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    refused = dashboard.http.post(f"api/batch/{batch_id}/retry")
    assert refused.status_code == 409
    assert "when it has ended" in refused.json()["detail"]
    child = prefect.make_child(batch_id, job_id)
    prefect.set_state("flow_runs", child, FAILED, "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, FAILED, "1 of 1 jobs failed")
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 202
    run = prefect.run_of(batch_id)
    assert (run["id"], run["state"]["name"]) == (flow_run_id, "AwaitingRetry")


def test_there_is_nothing_to_retry_in_a_batch_without_failures(dashboard, prefect, publish):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, COMPLETED)
    answer = dashboard.http.post(f"api/batch/{batch_id}/retry")
    assert answer.status_code == 409
    assert "nothing to retry" in answer.json()["detail"]


def test_a_retry_that_is_pressed_twice_is_done_once(dashboard, prefect):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), FAILED, "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, FAILED, "1 of 1 jobs failed")
    with ThreadPoolExecutor() as hands:
        answers = list(hands.map(lambda _: dashboard.http.post(f"api/batch/{batch_id}/retry"), range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    states = prefect.http.get("flow_run_states/", params={"flow_run_id": flow_run_id}).json()
    assert [state["name"] for state in states].count("AwaitingRetry") == 1


def test_a_batch_that_failed_in_prefect_alone_can_be_retried(dashboard, prefect, publish):
    """Only the batch run reads every document; one that is damaged is done for everybody else."""
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, FAILED, "1 of 1 jobs failed: a.mp3: Its documents are damaged.")
    assert dashboard.status_once(batch_id, lambda now: now["state"] == "completed")
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 202


def test_a_job_that_runs_alone_is_cancelled_with_its_batch(dashboard, prefect):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    child = prefect.make_child(batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, FAILED, "1 of 1 jobs failed")
    prefect.set_state("flow_runs", child, RUNNING)
    dashboard.status_once(batch_id, lambda now: now["state"] == "running")
    assert dashboard.http.post(f"api/batch/{batch_id}/cancel").status_code == 202
    assert prefect.http.get(f"flow_runs/{child}").json()["state"]["name"] == "Cancelling"
    assert prefect.run_of(batch_id)["state"]["name"] == "Failed"


def test_a_cancelled_batch_is_cancelling_until_prefect_has_stopped_it(dashboard, prefect):
    batch_id, flow_run_id, _ = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", flow_run_id, RUNNING)
    answer = dashboard.http.post(f"api/batch/{batch_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    assert prefect.run_of(batch_id)["state"]["name"] == "Cancelling"
    assert dashboard.http.post(f"api/batch/{batch_id}/cancel").status_code == 202


def test_a_batch_that_nobody_took_up_yet_is_cancelled_at_once(dashboard):
    batch_id, _, _ = dashboard.started_batch("a.mp3")
    answer = dashboard.http.post(f"api/batch/{batch_id}/cancel")
    assert answer.status_code == 202
    status = dashboard.status_once(batch_id, lambda now: now["state"] == "cancelled")
    assert status["summary"]["cancelled"] == 1


def test_what_has_not_begun_or_has_ended_cannot_be_cancelled(dashboard, prefect, publish):
    unstarted = dashboard.http.post(f"api/batch/{dashboard.make_batch()}/cancel")
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    publish(dashboard, batch_id, job_id)
    prefect.set_state("flow_runs", flow_run_id, COMPLETED)
    ended = dashboard.http.post(f"api/batch/{batch_id}/cancel")
    assert (unstarted.status_code, ended.status_code) == (409, 409)
    assert "has not been started" in unstarted.json()["detail"]
    assert "has ended (completed)" in ended.json()["detail"]


@pytest.mark.parametrize("call", ["GET {}", "POST {}/start", "POST {}/retry", "POST {}/cancel", "GET {}/results.zip"])
def test_an_unknown_batch_is_not_found(dashboard, call):
    for batch_id in ("20260101-000000-aaaaaa", "nonsense"):
        method, path = call.format(f"api/batch/{batch_id}").split()
        answer = dashboard.http.request(method, path)
        assert answer.status_code == 404
        assert batch_id in answer.json()["detail"]


def test_batches_are_listed_newest_first_in_pages(run_dashboard, tmp_path):
    with run_dashboard(tmp_path) as dashboard:
        made = []
        for name in ("first", "second", "third"):
            made.append(dashboard.make_batch(name=name))
            dashboard.upload(made[-1], "a.mp3")
        whole = dashboard.http.get("api/batch").json()
        page = dashboard.http.get("api/batch", params={"limit": 1, "offset": 1}).json()
    assert sorted(entry["name"] for entry in whole["batches"]) == ["first", "second", "third"]
    assert [entry["batch_id"] for entry in whole["batches"]] == sorted(made, reverse=True)
    assert (page["total"], page["batches"]) == (3, whole["batches"][1:2])
    assert whole["batches"][0]["summary"]["uploaded"] == 1


def test_a_batch_whose_record_is_damaged_hides_no_other(run_dashboard, tmp_path):
    with run_dashboard(tmp_path) as dashboard:
        good, damaged = dashboard.make_batch(name="good"), dashboard.make_batch(name="bad")
        record = BatchKeys.of(damaged).batch
        dashboard.store(record, b'{"batch_id": ')
        page = dashboard.http.get("api/batch").json()
        found = dashboard.http.get("api/batch", params={"search": "good"}).json()
        answer = dashboard.http.get(f"api/batch/{damaged}")
    assert [entry["batch_id"] for entry in page["batches"]] == [good]
    assert [entry["batch_id"] for entry in found["batches"]] == [good]
    (problem,) = page["problems"]
    assert f"The record {record} in the store cannot be understood" in problem
    assert answer.status_code == 500
    assert answer.json()["detail"] == problem


def test_the_start_of_a_damaged_batch_does_not_keep_others_from_theirs(run_dashboard, tmp_path, wait):
    with run_dashboard(tmp_path) as stopped:
        batches = [stopped.make_batch(), stopped.make_batch()]
        for batch_id in batches:
            stopped.upload(batch_id, "a.mp3")
            stopped.start(batch_id)
            (tmp_path / "store" / BatchKeys.of(batch_id).run).unlink()  # as if killed right before it was written
        stopped.store(BatchKeys.of(batches[0]).manifest, b"?")
    with run_dashboard(tmp_path):
        noted = tmp_path / "store" / BatchKeys.of(batches[1]).run
        wait(noted.exists, "the second batch's start")
