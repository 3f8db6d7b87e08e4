"""Documents, recordings and results come back as what they are, and under the names people gave."""

import io
import json
import zipfile

import pytest

SOUND = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def done(dashboard, publish):
    """The job id of a job that is done, and its batch's id."""
    batch_id = dashboard.make_batch(name="Interviews / über 会議")
    uploads = [dashboard.upload(batch_id, path).json()["job_id"] for path in ("talks/Gespräch.mp3", "b.mp3")]
    dashboard.start(batch_id)
    publish(
        dashboard,
        batch_id,
        uploads[0],
        name="talks/Gespräch_formatted_refined.txt",
        content="Grüße.\n".encode(),
        sound=SOUND,
    )
    return uploads[0], batch_id


def test_a_document_comes_with_its_name_and_its_type(dashboard, done):
    answer = dashboard.http.get(f"api/jobs/{done[0]}/documents/txt")
    assert answer.content == "Grüße.\n".encode()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert disposition.endswith("filename*=UTF-8''Gespr%C3%A4ch_formatted_refined.txt")


MISSING = ["{}/documents/srt", "20260101-000000-aaaaaa-aaaaaaaaaa/documents/txt", "nonsense/documents/txt"]


@pytest.mark.parametrize("path", [*MISSING, "20260101-000000-aaaaaa-aaaaaaaaaa/audio", "nonsense/audio"])
def test_what_is_not_there_is_not_found(dashboard, done, path):
    answer = dashboard.http.get(f"api/jobs/{path.format(done[0])}")
    assert answer.status_code == 404
    assert answer.json()["detail"]


RANGES = [
    (None, 200, 0, 1024),
    ("bytes=0-", 206, 0, 1024),
    ("bytes=0-0", 206, 0, 1),
    ("bytes=100-199", 206, 100, 200),
    ("bytes=1000-5000", 206, 1000, 1024),
    ("bytes=-24", 206, 1000, 1024),
    ("bytes=-5000", 206, 0, 1024),
    ("bytes=200-100", 200, 0, 1024),  # no range: ignored
    ("bytes=0-1,5-6", 200, 0, 1024),  # several: the whole is an answer too
    ("seconds=1-2", 200, 0, 1024),
]


@pytest.mark.parametrize("row", RANGES)
def test_a_player_gets_the_part_of_the_recording_that_it_asks_for(dashboard, done, row):
    asked, status, start, stop = row
    answer = dashboard.http.get(f"api/jobs/{done[0]}/audio", headers={"Range": asked} if asked else {})
    assert (answer.status_code, answer.content) == (status, SOUND[start:stop])
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["accept-ranges"] == "bytes"
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"


def test_a_range_behind_the_end_is_refused(dashboard, done):
    answer = dashboard.http.get(f"api/jobs/{done[0]}/audio", headers={"Range": "bytes=1024-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */1024")


def test_a_range_of_a_recording_that_has_changed_is_the_whole_recording(dashboard, done):
    answer = dashboard.http.get(f"api/jobs/{done[0]}/audio", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (answer.status_code, len(answer.content)) == (200, 1024)


def test_the_results_hold_every_document_and_name_every_job(dashboard, done):
    answer = dashboard.http.get(f"api/batch/{done[1]}/results.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert "filename*=UTF-8''Interviews%20_%20%C3%BCber" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as results:
        assert results.testzip() is None
        assert results.read("talks/Gespräch_formatted_refined.txt") == "Grüße.\n".encode()
        listed = json.loads(results.read("manifest.json"))
    assert {job["path"]: job["stage"] for job in listed["jobs"]} == {"talks/Gespräch.mp3": "done", "b.mp3": "uploaded"}


def test_a_batch_that_was_not_started_has_no_results(dashboard):
    answer = dashboard.http.get(f"api/batch/{dashboard.make_batch()}/results.zip")
    assert answer.status_code == 409
