"""A transcript is corrected through the API: read word by word, saved as a revision, compared and restored."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.batches import Manifest
from tasks.documents.formats import render_stored
from tasks.documents.publish import publish
from tasks.names import DEFAULT_FORMATS
from tasks.storage.folder import open_folder
from tasks.storage.keys import BatchKeys, attempt_token
from tests.support.transcripts import heard, sentence
from tests.support.waiting import wait_until

HEARD = heard(sentence("Good morning every one.", 0.5, 2.5), sentence("We begin.", 6.0, 7.0), seconds=10.0)


@pytest.fixture
def done(dashboard):
    """The address of a job that is done, and its batch's id."""
    batch_id, _, (job_id,) = dashboard.started_batch("talks/a.mp3")
    store, keys = open_folder(dashboard.data / "store"), BatchKeys.of(batch_id)
    manifest = Manifest.model_validate_json(store.read(keys.manifest))
    (job,) = manifest.jobs
    contents = render_stored(HEARD, job, DEFAULT_FORMATS)
    publish(store, batch_id, job, token=attempt_token("run", 1), attempt=1, heard=HEARD, contents=contents)
    return f"api/jobs/{job_id}", batch_id


def read(dashboard, job, revision=None):
    answer = dashboard.http.get(f"{job}/transcript", params={} if revision is None else {"revision": revision})
    assert answer.status_code == 200, answer.text
    return answer.json()


def corrected(content, **details):
    """Return *content* as it is sent back, its fourth word joined to the third."""
    words = content["paragraphs"][0]["words"]
    words[2:4] = [{"text": " everyone.", "start": None, "end": None, "speaker": "", "probability": None}]
    sent = {"base": content["revision"], "saved_by": "Ada", "speakers": content["speakers"]}
    return sent | {"paragraphs": content["paragraphs"]} | details


def save(dashboard, job, sent):
    return dashboard.http.post(f"{job}/revisions", json=sent)


def test_a_corrected_word_is_in_every_document_and_between_its_neighbours(dashboard, done):
    job, batch_id = done
    machine = read(dashboard, job)
    assert (machine["revision"], machine["latest"], machine["path"]) == (0, 0, "talks/a.mp3")
    answer = save(dashboard, job, corrected(machine, note="joined"))
    assert answer.status_code == 201, answer.text
    entry = answer.json()
    assert (entry["number"], entry["base"], entry["saved_by"], entry["note"]) == (1, 0, "Ada", "joined")
    assert entry["words_changed"] == 2
    assert dashboard.http.get(f"{job}/revisions").json() == [entry]
    now = read(dashboard, job)
    words = now["paragraphs"][0]["words"]
    assert [word["text"] for word in words] == [" Good", " morning", " everyone."]
    assert [(word["start"], word["end"]) for word in words] == [(0.5, 1.0), (1.0, 1.5), (1.5, 2.5)]
    assert [word["probability"] for word in words] == [0.9, 0.9, 1.0]
    for form in ("txt", "srt", "vtt", "json", "docx", "md"):  # the last two are written for this call
        content = dashboard.http.get(f"{job}/documents/{form}").content
        assert form == "docx" or b"everyone." in content
        assert dashboard.http.get(f"{job}/documents/{form}", params={"revision": 0}).content != content
    archive = zipfile.ZipFile(io.BytesIO(dashboard.http.get(f"api/batch/{batch_id}/results.zip").content))
    assert b"everyone." in archive.read("talks/a_formatted_refined.txt")
    uris = [document["uri"] for document in dashboard.status(batch_id)["jobs"][0]["documents"]]
    assert len(uris) == len(DEFAULT_FORMATS)


def test_an_old_revision_is_restored_by_saving_it_once_more(dashboard, done):
    job, _ = done
    machine = read(dashboard, job)
    save(dashboard, job, corrected(read(dashboard, job)))
    sent = {"base": 1, "saved_by": "Ada", "note": "as it was", "paragraphs": machine["paragraphs"]}
    assert save(dashboard, job, sent).status_code == 201
    assert read(dashboard, job)["paragraphs"] == machine["paragraphs"]
    assert read(dashboard, job, 1)["paragraphs"] != machine["paragraphs"]
    original, restored = (
        dashboard.http.get(f"{job}/documents/srt", params={"revision": number}).content for number in (0, 2)
    )
    assert restored == original


def test_of_two_who_save_at_the_same_time_one_is_refused_kindly(dashboard, done):
    job, batch_id = done
    sent = [corrected(read(dashboard, job), saved_by=name, note=name) for name in ("Ada", "Charles")]
    sent[1]["paragraphs"][0]["words"][0]["text"] = " Fine"
    with ThreadPoolExecutor(2) as users:
        answers = list(users.map(lambda each: save(dashboard, job, each), sent))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    (won,), (lost,) = ([each for each in answers if each.status_code == code] for code in (201, 409))
    assert f"saved by {won.json()['saved_by']} at " in lost.json()["detail"]
    documents = [path for path in (dashboard.data / f"store/batches/{batch_id}/documents").rglob("*") if path.is_file()]
    assert len(documents) == 2 * len(DEFAULT_FORMATS)


def test_a_browser_finds_out_that_a_document_was_corrected(dashboard, done):
    job, _ = done
    first = dashboard.http.get(f"{job}/documents/json")
    known = {"If-None-Match": first.headers["etag"]}
    assert dashboard.http.get(f"{job}/documents/json", headers=known).status_code == 304
    save(dashboard, job, corrected(read(dashboard, job)))
    second = dashboard.http.get(f"{job}/documents/json", headers=known)
    assert second.status_code == 200
    assert (second.json()["revision"], second.json()["revised_by"]) == (1, "Ada")


def test_the_search_finds_what_was_corrected(dashboard, done):
    job, batch_id = done
    assert save(dashboard, job, corrected(read(dashboard, job))).status_code == 201

    def is_found(word):
        recordings = dashboard.http.get("api/search", params={"q": word}).json()["recordings"]
        return any(each["batch_id"] == batch_id for each in recordings)

    wait_until(lambda: is_found("everyone"), "the index", 30)
    assert not is_found('"every one"')


def test_a_damaged_document_is_written_once_more(dashboard, done):
    job, batch_id = done
    good = dashboard.http.get(f"{job}/documents/txt").content
    (path,) = (dashboard.data / f"store/batches/{batch_id}/documents").rglob("*.txt")
    path.write_bytes(b"rubbish")
    assert dashboard.http.get(f"{job}/documents/txt").content == good


def test_what_cannot_be_a_transcript_is_refused_with_the_reason(dashboard, done):
    job, _ = done
    sent = corrected(read(dashboard, job))
    sent["paragraphs"][0]["words"][1]["speaker"] = "S9"
    answer = save(dashboard, job, sent)
    assert answer.status_code == 422
    assert "“morning”, is said by S9, who is not among the speakers" in answer.json()["detail"]
    assert save(dashboard, job, sent | {"paragraphs": [{"words": [{}] * 1000}]}).status_code == 422
    for content, why in [
        (json.dumps(sent).replace("0.5", "NaN", 1), ""),
        (json.dumps(sent | {"saved_by": "A\ud83d"}), "half of a character"),
    ]:
        answer = dashboard.http.post(f"{job}/revisions", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, why in answer.json()["detail"]) == (422, True)
    elsewhere = dashboard.http.post(f"{job}/revisions", json=sent, headers={"Origin": "https://example.com"})
    assert elsewhere.status_code == 403


@pytest.mark.parametrize("path", ["transcript", "transcript?revision=3", "revisions"])
def test_what_is_not_done_has_no_transcript(dashboard, path):
    _, _, (job_id,) = dashboard.started_batch("b.mp3")
    answer = dashboard.http.get(f"api/jobs/{job_id}/{path}")
    assert (answer.status_code, "not done" in answer.json()["detail"]) == (404, True)


def test_a_job_of_an_older_version_without_json_is_read_but_not_corrected(dashboard, publish):
    batch_id, _, (job_id,) = dashboard.started_batch("c.mp3")
    publish(dashboard, batch_id, job_id)
    answer = dashboard.http.get(f"api/jobs/{job_id}/transcript")
    assert (answer.status_code, "started without JSON" in answer.json()["detail"]) == (409, True)
    assert dashboard.http.get(f"api/jobs/{job_id}/documents/txt").status_code == 200
    assert dashboard.http.get(f"api/jobs/{job_id}/documents/srt").status_code == 404
