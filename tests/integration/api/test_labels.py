"""Names, tags and titles over HTTP, and the list of batches filtered by them."""

import io
import secrets
import zipfile

import pytest


def change(dashboard, batch_id, **body):
    return dashboard.http.patch(f"api/batch/{batch_id}", json=body)


def listed(dashboard, **wanted):
    answer = dashboard.http.get("api/batch", params=wanted)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["batches"])
    return [batch["batch_id"] for batch in page["batches"]]


@pytest.mark.parametrize("name", [r"a\ud800b", r"a\u0000b", r"\u200b"])
def test_what_cannot_be_a_name_is_refused_when_a_batch_is_made_and_later(dashboard, name):
    batch_id, headers = dashboard.make_batch(), {"Content-Type": "application/json"}
    for method, path in (("POST", "api/batch"), ("PATCH", f"api/batch/{batch_id}")):
        answer = dashboard.http.request(method, path, content=f'{{"name": "{name}"}}', headers=headers)
        assert answer.status_code == 422, answer.text


def test_a_batch_that_was_started_is_renamed_and_its_zip_keeps_the_first_name(dashboard, publish):
    batch_id = dashboard.make_batch(name="Talks")
    job_id = dashboard.upload(batch_id, "week 1/a.mp3").json()["job_id"]
    dashboard.start(batch_id)
    publish(dashboard, batch_id, job_id)
    dashboard.status(batch_id)  # what was just read is not told again
    answer = change(dashboard, batch_id, name="Lectures of spring", instead_of="Talks")
    assert answer.json() == {
        "batch_id": batch_id,
        "name": "Lectures of spring",
        "first_name": "Talks",
        "tags": [],
    }
    dashboard.status(batch_id)
    titled = dashboard.http.patch(f"api/jobs/{job_id}", json={"title": "Opening"})
    assert titled.json() == {"job_id": job_id, "path": "week 1/a.mp3", "title": "Opening"}
    status = dashboard.status(batch_id)
    assert (status["name"], status["first_name"]) == ("Lectures of spring", "Talks")
    assert (status["jobs"][0]["path"], status["jobs"][0]["title"]) == ("week 1/a.mp3", "Opening")
    zipped = dashboard.http.get(f"api/batch/{batch_id}/results.zip")
    assert "Talks.zip" in zipped.headers["Content-Disposition"]
    names = zipfile.ZipFile(io.BytesIO(zipped.content)).namelist()
    assert names == ["week 1/a_formatted_refined.txt", "manifest.json"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": "x", "instead_of": "seen before"}, 409, "The batch was named “Talks” by another user meanwhile."),
        ({"name": "x" * 201}, 422, "The name of a batch can have 200 characters"),
        ({"add_tags": [""]}, 422, "A tag cannot be empty."),
        ({"nome": "x"}, 422, "nome"),
    ],
)
def test_what_cannot_be_changed_is_said_and_changes_nothing(dashboard, body, status, said):
    batch_id = dashboard.make_batch(name="Talks")
    answer = change(dashboard, batch_id, **body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert not list((dashboard.data / "store" / "edits").glob(f"{batch_id}/*"))


def test_of_what_is_not_there_nothing_is_changed(dashboard):
    batch_id = dashboard.make_batch()
    for address in ("batch/20260101-120000-abcdef", f"jobs/{batch_id}-abcdefghij"):
        body = {"title": "x"} if address.startswith("jobs") else {"name": "x"}
        assert dashboard.http.patch(f"api/{address}", json=body).status_code == 404


def test_batches_are_found_by_tag_name_and_state(dashboard, prefect):
    tag, word = f"Tag {secrets.token_hex(4)}", secrets.token_hex(4)
    open_batch = dashboard.make_batch(name=f"Open {word}")
    failed, flow_run_id, _ = dashboard.started_batch("a.mp3")
    running, running_id, _ = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", flow_run_id, "FAILED")
    prefect.set_state("flow_runs", running_id, "RUNNING")
    for batch_id in (open_batch, failed, running):
        assert change(dashboard, batch_id, add_tags=[tag]).status_code == 200
    change(dashboard, failed, name=f"Renamed {word}")
    assert listed(dashboard, tag=tag.upper()) == sorted([open_batch, failed, running], reverse=True)
    assert listed(dashboard, tag=tag, search=f"{word} RENAMED") == [failed]
    assert listed(dashboard, search=tag, state="running") == [running]
    assert listed(dashboard, tag=tag, state="failed") == [failed]
    assert listed(dashboard, tag=tag, state="uploading") == [open_batch]
    assert dashboard.http.get("api/batch", params={"state": "lost"}).status_code == 422
    assert {"tag": tag, "batches": 3} in dashboard.http.get("api/tags").json()
    change(dashboard, running, remove_tags=[tag])
    assert running not in listed(dashboard, tag=tag)
