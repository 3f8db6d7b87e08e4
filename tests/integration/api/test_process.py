"""The process: who may talk to it, how it starts, what it cleans up, how it stops."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from dashboard.services.upload_file import BLOCK_BYTES

SECONDS_TO_STOP = 8


def test_it_refuses_to_listen_where_others_can_reach_it(tmp_path):
    command = [sys.executable, "-m", "dashboard"]
    refused = subprocess.run(
        command,
        env={"BATCHSCRIBE_HOST": "0.0.0.0", "PATH": ""},  # noqa: S104 - that is what is refused
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "Set BATCHSCRIBE_HOST=127.0.0.1" in refused.stderr
    assert "Traceback" not in refused.stderr


FOREIGN = [
    {"Host": "evil.example"},  # a name that its owner lets point to 127.0.0.1
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_calls_from_other_sites_change_nothing(dashboard, headers):
    answer = dashboard.http.post("api/batch", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"]


def test_pages_of_other_names_are_not_even_read(dashboard):
    for path in ("", "api/batch", "_stcore/host-config"):
        assert dashboard.http.get(path, headers={"Host": "evil.example"}).status_code == 403


def test_its_own_pages_and_programs_may_call(dashboard):
    host = dashboard.url.removeprefix("http://")
    own_page = {"Origin": dashboard.url, "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, own_page, {"Origin": dashboard.url}, {"Host": host.replace("127.0.0.1", "localhost")}):
        assert dashboard.http.post("api/batch", headers=headers).status_code == 201


def test_a_body_too_large_to_be_read_at_once_is_refused(dashboard):
    answer = dashboard.http.post("api/upload/check", content=b" " * (33 * 2**20))
    chunked = dashboard.http.post("api/batch", content=(part for part in [b"{", b"}"]))
    assert (answer.status_code, chunked.status_code) == (413, 411)


def test_unknown_addresses_and_methods_are_answered_in_the_same_form(dashboard):
    unknown, wrong = dashboard.http.get("api/nothing"), dashboard.http.put("api/batch")
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "/api/nothing" in unknown.json()["detail"]
    assert "PUT is not possible" in wrong.json()["detail"]


def test_the_pages_and_the_documentation_come_from_one_port_and_ask_nobody_else(dashboard):
    page, documentation = dashboard.http.get(""), dashboard.http.get("api/docs")
    assert "<title>Streamlit</title>" in page.text
    assert "/api/openapi.json" in documentation.text
    addresses = re.findall(r"""(?:src|href)=["'](.*?)["']""", documentation.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/api/")
        assert dashboard.http.get(address).status_code == 200
    described = dashboard.http.get("api/openapi.json").json()["paths"]
    assert "multipart/form-data" in described["/upload"]["post"]["requestBody"]["content"]


def test_a_start_sweeps_what_a_killed_process_left(run_dashboard, tmp_path, slow_upload, wait):
    with run_dashboard(tmp_path) as dashboard:
        open_batch = dashboard.make_batch()
        kept = dashboard.upload(open_batch, "kept.mp3").json()["job_id"]
        started, _, (job_id,) = dashboard.started_batch("started.mp3")
        slow_upload(dashboard, open_batch).send(b"half")
        wait(lambda: len(dashboard.upload_files(open_batch)) == 2, "the half-received file")
        dashboard.process.send_signal(signal.SIGKILL)
        dashboard.process.wait()
    (tmp_path / "store" / "batches" / open_batch / "uploads" / f"{kept}.json").rename(tmp_path / "record.json")
    orphan = tmp_path / "uploads" / open_batch / kept
    (tmp_path / "store" / "batches" / started / "uploads" / f"{job_id}.json").unlink()
    with run_dashboard(tmp_path) as dashboard:
        wait(lambda: not dashboard.upload_files(open_batch), "the sweep")
        assert not orphan.exists()
        assert dashboard.upload_files(started) == [job_id]
        assert dashboard.upload(open_batch, "kept.mp3").status_code == 201


def test_a_killed_process_costs_a_large_upload_no_more_than_the_last_block(run_dashboard, tmp_path, slow_upload, wait):
    film = os.urandom(10_000_000)
    which = {"path": "film.mp4", "size": len(film), "fingerprint": "1764500000-3f2a"}
    with run_dashboard(tmp_path) as dashboard:
        which["batch_id"] = dashboard.make_batch()
        upload = slow_upload(dashboard, which["batch_id"], "film.mp4", len(film), which["fingerprint"])
        assert dashboard.http.get("api/upload", params=which).status_code in (200, 423)
        upload.send(film[: 2 * BLOCK_BYTES + 1])
        wait(lambda: dashboard.status(which["batch_id"])["partial_bytes"] == 2 * BLOCK_BYTES, "two blocks on the disk")
        taken = dashboard.http.get("api/upload", params=which)
        assert (taken.status_code, "in another tab" in taken.json()["detail"]) == (423, True)
        dashboard.process.send_signal(signal.SIGKILL)
        dashboard.process.wait()
    with run_dashboard(tmp_path) as dashboard:
        status = dashboard.status(which["batch_id"])
        assert (status["partial_files"], status["partial_bytes"], status["jobs"]) == (1, 2 * BLOCK_BYTES, [])
        arrived = dashboard.http.get("api/upload", params=which).json()["arrived"]
        assert arrived == 2 * BLOCK_BYTES
        wrong = dashboard.http.patch("api/upload", params=which, headers={"Upload-Offset": "0"}, content=film)
        assert (wrong.status_code, wrong.headers["retry-after"]) == (409, "2")
        headers = {"Upload-Offset": str(arrived)}
        answer = dashboard.http.patch("api/upload", params=which, headers=headers, content=film[arrived:])
        assert (answer.status_code, answer.json()["sha256"]) == (201, hashlib.sha256(film).hexdigest())
        assert dashboard.upload_files(which["batch_id"]) == [answer.json()["job_id"]]


def test_it_stops_within_seconds_although_a_file_is_on_its_way(run_dashboard, tmp_path, slow_upload, wait):
    with run_dashboard(tmp_path) as dashboard:
        batch_id = dashboard.make_batch()
        slow_upload(dashboard, batch_id).send(b"half")
        wait(lambda: dashboard.upload_files(batch_id), "the half-received file")
        told = time.monotonic()
        dashboard.process.terminate()
        dashboard.process.wait(SECONDS_TO_STOP)
        assert time.monotonic() - told < SECONDS_TO_STOP
        assert dashboard.upload_files(batch_id) == []
