"""Uploads arrive whole or not at all, and refusals say why."""

import hashlib
import os
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest

JUNK = os.urandom(3_000_000)


def test_a_raw_upload_is_kept_with_its_checksum(dashboard):
    batch_id = dashboard.make_batch()
    answer = dashboard.upload(batch_id, "talks/a.mp3", JUNK)
    received = answer.json()
    assert answer.status_code == 201
    assert (received["path"], received["size"]) == ("talks/a.mp3", len(JUNK))
    assert received["sha256"] == hashlib.sha256(JUNK).hexdigest()
    assert dashboard.upload_files(batch_id) == [received["job_id"]]
    assert (dashboard.data / "uploads" / batch_id / received["job_id"]).read_bytes() == JUNK
    assert dashboard.stored(f"batches/{batch_id}/uploads/{received['job_id']}.json")["sha256"] == received["sha256"]


def test_a_form_upload_is_the_same_upload(dashboard):
    batch_id = dashboard.make_batch()
    raw = dashboard.upload(batch_id, "a.mp3", JUNK).json()
    form = dashboard.http.post("api/upload", params={"batch_id": batch_id}, files={"file": ("a.mp3", JUNK)})
    assert (form.status_code, form.json()) == (201, raw)
    named = dashboard.http.post(
        "api/upload", params={"batch_id": batch_id, "path": "a.mp3"}, files={"file": ("other.bin", JUNK)}
    )
    assert (named.status_code, named.json()) == (201, raw)
    assert dashboard.upload_files(batch_id) == [raw["job_id"]]


NAMES = [
    ("a.mp3", "a.mp3"),
    ("Gespräch, 会議 🎙.m4a", "Gespräch, 会議 🎙.m4a"),
    (unicodedata.normalize("NFD", "Ü.wav"), "Ü.wav"),  # macOS decomposes names
    ("x" * 296 + ".mp3", "x" * 296 + ".mp3"),
    ("会" * 296 + ".mp3", "会" * 296 + ".mp3"),  # more bytes than a file name may have
    ("a b/c+d&e=f%20g#h?.mp3", "a b/c+d&e=f%20g#h?.mp3"),
    ('say "hi".mp3', 'say "hi".mp3'),
    ("con.mp3", "con.mp3"),
]


@pytest.mark.parametrize(("sent", "kept"), NAMES)
def test_names_survive_as_people_wrote_them(dashboard, sent, kept):
    batch_id = dashboard.make_batch()
    raw = dashboard.upload(batch_id, sent)
    assert (raw.status_code, raw.json()["path"]) == (201, kept)
    assert dashboard.status(batch_id)["jobs"][0]["path"] == kept
    if "/" not in sent:
        form = dashboard.http.post("api/upload", params={"batch_id": batch_id}, files={"file": (sent, b"sound")})
        assert (form.status_code, form.json()["path"]) == (201, kept)


REFUSED_NAMES = [
    ("", 400),
    ("../a.mp3", 400),
    ("/etc/a.mp3", 400),
    ("a//b.mp3", 400),
    ("a\0b.mp3", 400),
    ("a.mp3/", 400),
    ("notes.txt", 415),
    ("mp3", 415),
]


@pytest.mark.parametrize(("name", "status"), REFUSED_NAMES)
def test_other_names_are_refused(dashboard, name, status):
    batch_id = dashboard.make_batch()
    raw = dashboard.upload(batch_id, name)
    assert (raw.status_code, bool(raw.json()["detail"])) == (status, True)
    if "\0" not in name and name:  # httpx writes a NUL as %00, which is another name, and no name as no file
        form = dashboard.http.post("api/upload", params={"batch_id": batch_id}, files={"file": (name, b"sound")})
        assert (form.status_code, form.json()) == (status, raw.json())
    assert dashboard.upload_files(batch_id) == []


@pytest.mark.parametrize("name", ["memo", "memo.dat", "memo.txt", "memo.mp3.1"])
def test_a_file_whose_name_tells_nothing_is_accepted_by_its_content(dashboard, name):
    batch_id = dashboard.make_batch()
    wav = b"RIFF\x24\x80\0\0WAVEfmt " + JUNK
    assert dashboard.http.post(
        "api/upload/check", json={"batch_id": batch_id, "files": [{"path": name, "size": len(wav)}]}
    ).json()["accepted"] == [name]
    raw = dashboard.upload(batch_id, name, wav).json()
    assert (dashboard.data / "uploads" / batch_id / raw["job_id"]).read_bytes() == wav
    form = dashboard.http.post("api/upload", params={"batch_id": batch_id}, files={"file": (name, wav)})
    assert form.json() == raw
    short = dashboard.upload(batch_id, f"short {name}", wav[:20]).json()
    assert short["size"] == 20
    refused = dashboard.upload(batch_id, f"x/{name}", JUNK[:1000] + b"#EXTM3U")
    assert (refused.status_code, refused.json()["detail"]) == (
        415,
        f"x/{name} is no audio or video file: neither its name nor its content is like one. Upload only such files.",
    )
    assert dashboard.upload_files(batch_id) == sorted([raw["job_id"], short["job_id"]])


def test_an_empty_file_is_accepted(dashboard):
    batch_id = dashboard.make_batch()
    assert dashboard.upload(batch_id, "a.mp3", b"").json()["size"] == 0
    form = dashboard.http.post("api/upload", params={"batch_id": batch_id}, files={"file": ("b.mp3", b"")})
    assert (form.status_code, form.json()["size"]) == (201, 0)


def test_the_same_file_may_be_sent_again_but_no_other_under_its_path(dashboard):
    batch_id = dashboard.make_batch()
    first = dashboard.upload(batch_id, "a.mp3", b"one")
    again = dashboard.upload(batch_id, "a.mp3", b"one")
    other = dashboard.upload(batch_id, "a.mp3", b"two")
    longer = dashboard.upload(batch_id, "a.mp3", b"three")
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, longer.status_code) == (409, 409)
    assert "another file as a.mp3" in other.json()["detail"]
    assert (dashboard.data / "uploads" / batch_id / first.json()["job_id"]).read_bytes() == b"one"


def test_two_files_sent_as_one_path_at_once_do_not_mix(dashboard, slow_upload):
    batch_id = dashboard.make_batch()
    uploads = [slow_upload(dashboard, batch_id, length=2_000_000) for _ in range(2)]
    for _half in range(2):
        for letter, upload in zip(b"ab", uploads, strict=True):
            upload.send(bytes([letter]) * 1_000_000)
    answers = [upload.answer() for upload in uploads]
    assert sorted(status for status, _ in answers) == [201, 409]
    (name,) = dashboard.upload_files(batch_id)
    assert len(set((dashboard.data / "uploads" / batch_id / name).read_bytes())) == 1


def test_a_body_without_a_length_is_refused(dashboard):
    answer = dashboard.upload(dashboard.make_batch(), "a.mp3", (part for part in [b"a", b"b"]))
    assert answer.status_code == 411
    assert "Content-Length" in answer.json()["detail"]


BROKEN_FORMS = [
    (b"", "no complete file"),
    (b"junk", "cannot be read"),
    (b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nsound', "no complete file"),
    (b'--B\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--B--\r\n', "the field 'other'"),
]


@pytest.mark.parametrize(("body", "reason"), BROKEN_FORMS)
def test_a_broken_form_is_refused_and_leaves_nothing(dashboard, body, reason):
    batch_id = dashboard.make_batch()
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = dashboard.http.post("api/upload", params={"batch_id": batch_id}, content=body, headers=headers)
    assert answer.status_code == 400
    assert reason in answer.json()["detail"]
    assert dashboard.upload_files(batch_id) == []


def test_a_connection_that_breaks_leaves_nothing(dashboard, slow_upload, wait):
    batch_id = dashboard.make_batch()
    upload = slow_upload(dashboard, batch_id)
    upload.send(JUNK)
    wait(lambda: dashboard.upload_files(batch_id), "the file's appearance")
    upload.close()
    wait(lambda: not dashboard.upload_files(batch_id), "the file's removal", seconds=1)
    assert dashboard.status(batch_id)["jobs"] == []


def test_an_upload_can_be_taken_back_before_the_start(dashboard):
    batch_id = dashboard.make_batch()
    job_id = dashboard.upload(batch_id, "a.mp3", b"one").json()["job_id"]
    assert dashboard.http.delete(f"api/batch/{batch_id}/jobs/{job_id}").status_code == 204
    assert dashboard.upload_files(batch_id) == []
    assert dashboard.status(batch_id)["jobs"] == []
    assert dashboard.http.delete(f"api/batch/{batch_id}/jobs/{job_id}").status_code == 404
    assert dashboard.upload(batch_id, "a.mp3", b"two").status_code == 201


@pytest.mark.parametrize("batch_id", ["20260101-000000-aaaaaa", "../../etc", "x"])
def test_uploads_into_a_batch_that_is_not_there_are_refused(dashboard, batch_id):
    answer = dashboard.upload(batch_id, "a.mp3")
    assert answer.status_code == 404
    assert "There is no batch" in answer.json()["detail"]


def test_memory_stays_flat_while_a_large_file_is_received(dashboard):
    batch_id = dashboard.make_batch()
    megabytes = 300
    dashboard.upload(batch_id, "warm.mp3", JUNK)
    before = resident_megabytes(dashboard)
    peak = 0.0

    def body():
        nonlocal peak
        for _ in range(megabytes):
            peak = max(peak, resident_megabytes(dashboard))
            yield b"\0" * 10**6

    headers = {"Content-Length": str(megabytes * 10**6)}
    url = f"api/upload?batch_id={batch_id}&path={quote('large.mp3')}"
    answer = dashboard.http.post(url, content=body(), headers=headers)
    assert answer.status_code == 201
    assert peak - before < 40


def resident_megabytes(dashboard):
    status = Path(f"/proc/{dashboard.process.pid}/status")
    if not status.exists():
        pytest.skip("memory is read from /proc, which only Linux has")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1000
