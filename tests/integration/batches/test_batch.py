"""The main job, end to end: a nested folder of good and bad uploads becomes documents and named failures."""

import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.stack import ENDED

WORDS = EnglishTextNormalizer()

GOOD = {
    "lectures/welcome.mp3": "lecture-welcome.mp3",
    "lectures/day 2/rain.opus": "rain-report.opus",
    "a/talk.mp3": "short-answer.mp3",
    "b/talk.mp3": "study-advice.opus",
    "same.mp3": "short-answer.mp3",
    "same.wav": "short-answer.mp3",
    "-i lead.mp3": "short-answer.mp3",
    'it\'s "quoted" 🎙️.mp3': "short-answer.mp3",
    "line\nbreak.mp3": "short-answer.mp3",
    "интервью/日本語.mp3": "short-answer.mp3",
    "n" * 296 + ".mp3": "short-answer.mp3",
}


@pytest.fixture(scope="module")
def folder(stack, clips, bad_uploads, new_batch):
    """The batch of all of them, finished."""
    batch = new_batch(stack, "a nested folder")
    for path, clip in GOOD.items():
        batch.upload(path, clips[clip].path.read_bytes())
    for path, (content, _) in bad_uploads.items():
        batch.upload(path, content)
    batch.start()
    batch.finished(400)
    return batch


def word_errors(reference: str, text: str) -> float:
    return jiwer.wer(WORDS(reference), WORDS(text))


@pytest.mark.parametrize("path", GOOD, ids=[repr(path[:20]) for path in GOOD])
def test_a_good_upload_becomes_four_documents_with_its_words(folder, clips, path):
    job = folder.jobs()[path]
    assert (job["stage"], job["error"]) == ("done", None)
    assert {document["format"] for document in job["documents"]} == {"txt", "srt", "vtt", "json"}
    text = folder.document(path, "txt").decode()
    assert word_errors(clips[GOOD[path]].text, text) <= 0.15
    assert folder.document(path, "vtt").startswith(b"WEBVTT\n")
    assert re.match(rb"1\n00:00:0\d,\d{3} --> 00:00:\d\d,\d{3}\n", folder.document(path, "srt"))
    record = json.loads(folder.document(path, "json"))
    assert record["language"] == "en"
    assert all(0 <= word["start"] <= word["end"] for segment in record["segments"] for word in segment["words"])


def test_a_bad_upload_fails_with_one_sentence_and_stops_nobody(folder, bad_uploads):
    jobs = folder.jobs()
    for path, (_, reason) in bad_uploads.items():
        job = jobs[path]
        assert job["stage"] == "failed"
        assert reason in job["error"]
        assert "\n" not in job["error"]
        assert "Traceback" not in job["error"]
        assert "encountered an exception" not in job["error"]
        assert job["documents"] == []


def test_the_batch_says_how_many_failed_and_prefect_shows_why(folder, stack, bad_uploads):
    status = folder.status()
    assert status["state"] == "failed"
    assert status["summary"]["done"] == len(GOOD)
    assert status["summary"]["failed"] == len(bad_uploads)
    run = stack.prefect.get(f"/flow_runs/{status['flow_run_id']}").json()
    assert run["state"]["type"] == "FAILED"
    assert run["state"]["message"].startswith(f"{len(bad_uploads)} of {len(GOOD) + len(bad_uploads)} jobs failed: ")
    artifacts = stack.prefect.post(
        "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["markdown"]}}}
    ).json()
    assert "No speech detected" in artifacts[0]["data"]


def test_each_job_ran_once_as_a_child_of_the_batch_run(folder, stack):
    status = folder.status()
    children = stack.prefect.post(
        "/flow_runs/filter",
        json={"flow_runs": {"parent_flow_run_id": {"any_": [status["flow_run_id"]]}}, "limit": 200},
    ).json()
    # silence is only noticed by the one who listens; the other bad ones never get that far
    assert len(children) == len(GOOD) + 1
    assert {child["run_count"] for child in children} == {1}
    assert {child["work_pool_name"] for child in children} == {"gpu-0", "gpu-1"}


def test_the_zip_keeps_tree_and_names_and_lists_the_failures(folder, bad_uploads):
    answer = folder.api.get(f"/batch/{folder.batch_id}/results.zip")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read("a/talk_formatted_refined.txt") != archive.read("b/talk_formatted_refined.txt")
    for path in ("lectures/day 2/rain", "same.mp3", "same.wav", "-i lead", "интервью/日本語"):
        assert {f"{path}_refined.srt", f"{path}_refined.vtt", f"{path}_formatted_refined.txt", f"{path}.json"} <= names
    assert len(names) == 4 * len(GOOD) + 1
    assert {document["name"] for job in manifest["jobs"] for document in job["documents"]} == names - {"manifest.json"}
    assert all(len(part.encode()) <= 255 for name in names for part in name.split("/"))  # "n" * 296 was cut
    failed = {job["path"]: job["error"] for job in manifest["jobs"] if job["stage"] == "failed"}
    assert failed.keys() == bad_uploads.keys()


def test_the_recording_plays_from_any_place(folder):
    job_id = folder.job_ids["lectures/welcome.mp3"]
    whole = folder.api.get(f"/jobs/{job_id}/audio")
    assert whole.headers["content-type"] == "audio/mpeg"
    part = folder.api.get(f"/jobs/{job_id}/audio", headers={"range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == whole.content[1000:2000]


def test_uploads_of_done_jobs_are_removed_and_those_of_failed_ones_kept(folder, stack, bad_uploads):
    kept = {path.name for path in (stack.data / "uploads" / folder.batch_id).iterdir()}
    assert kept == {folder.job_ids[path] for path in bad_uploads}


def test_nothing_is_left_in_the_work_folder(folder, stack):
    assert folder.status()["state"] == "failed"
    assert [path for path in (stack.data / "work").rglob("*") if path.is_file()] == []


def test_two_batches_at_once_both_get_through(stack, clips, new_batch):
    batches = [new_batch(stack, name) for name in ("first", "second")]
    for batch in batches:
        for number in range(2):
            batch.upload(f"{number}.mp3", clips["short-answer.mp3"].path.read_bytes())
    for batch in batches:
        batch.start()
    assert [batch.finished()["summary"]["done"] for batch in batches] == [2, 2]


def test_a_batch_with_options_writes_what_was_asked_for(stack, clips, new_batch):
    batch = new_batch(stack, "only subtitles", formats=["srt"], language="en")
    batch.upload("a.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    (job,) = batch.finished()["jobs"]
    assert [document["format"] for document in job["documents"]] == ["srt"]
    transcript = batch.api.get(f"/jobs/{job['job_id']}/transcript").json()  # though its batch asked for no JSON
    transcript["paragraphs"][0]["words"][0] |= {"text": " Hear, hear:", "start": None, "end": None}
    correction = {"base": 0, "saved_by": "Ada", "paragraphs": transcript["paragraphs"]}
    assert batch.api.post(f"/jobs/{job['job_id']}/revisions", json=correction).status_code == 201
    (uri,) = [document["uri"] for document in batch.jobs()["a.mp3"]["documents"]]
    assert "Hear, hear:" in Path(unquote(urlsplit(uri).path)).read_text()
    assert batch.document("a.mp3", "md").startswith(b"# a.mp3\n")


def test_a_cancelled_batch_stops_its_jobs_and_a_retry_finishes_them(stack, clips, new_batch):
    batch = new_batch(stack, "second thoughts")
    for number in range(3):
        batch.upload(f"{number}.opus", clips["lecture-subtitles.opus"].path.read_bytes())
    with stack.recordings_held():
        batch.start()
        batch.wait(lambda status: status["summary"]["transcribing"])
        assert batch.api.post(f"/batch/{batch.batch_id}/cancel", json={"keep": True}).status_code == 202
        status = batch.wait(lambda status: status["state"] == "cancelled", 30)
        batch.wait(lambda status: not status["summary"]["transcribing"] and not status["summary"]["queued"], 30)
    assert status["summary"]["failed"] == 0
    assert batch.api.post(f"/batch/{batch.batch_id}/retry").status_code == 202
    assert batch.wait(lambda status: status["state"] == "completed")["summary"]["done"] == 3


def test_a_retry_runs_only_what_failed(folder, bad_uploads):
    before = {path: job["attempt"] for path, job in folder.jobs().items()}

    def tried_again(status) -> set[str]:
        return {job["path"] for job in status["jobs"] if job["attempt"] > before[job["path"]]}

    assert folder.api.post(f"/batch/{folder.batch_id}/retry").status_code == 202
    status = folder.wait(lambda status: status["state"] in ENDED and tried_again(status) >= set(bad_uploads))
    assert status["summary"]["done"] == len(GOOD)
    assert tried_again(status) == set(bad_uploads)
