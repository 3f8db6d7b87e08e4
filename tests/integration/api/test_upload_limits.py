"""The limits of uploads: silence, many at once, sizes, and a full disk; each refusal says why."""

import os
import shutil
import subprocess
import threading

import pytest


def no_part_files(dashboard, batch_id):
    return not any(name.endswith(".part") for name in dashboard.upload_files(batch_id))


def test_an_upload_that_falls_silent_is_given_up(small_dashboard, slow_upload):
    batch_id = small_dashboard.make_batch()
    upload = slow_upload(small_dashboard, batch_id, length=900)
    upload.send(b"a" * 100)
    status, detail = upload.answer()
    assert status == 408
    assert "Nothing was received for 1 seconds" in detail
    assert small_dashboard.upload_files(batch_id) == []


def test_as_many_uploads_at_once_as_set_are_received(small_dashboard, slow_upload, wait):
    batch_id = small_dashboard.make_batch()
    for path in ("a.mp3", "b.mp3"):
        slow_upload(small_dashboard, batch_id, path, length=500).send(b"a")
    wait(lambda: len(small_dashboard.upload_files(batch_id)) == 2, "two uploads at once")
    answer = small_dashboard.upload(batch_id, "c.mp3", b"c")
    assert answer.status_code == 429
    assert answer.headers["retry-after"]


def test_files_and_batches_over_the_limits_are_refused(small_dashboard):
    batch_id = small_dashboard.make_batch()
    too_large = small_dashboard.upload(batch_id, "a.mp3", b"a" * 1001)
    form = small_dashboard.http.post(
        "api/upload", params={"batch_id": batch_id}, files={"file": ("a.mp3", b"a" * 1001)}
    )
    assert (too_large.status_code, form.status_code) == (413, 413)
    assert small_dashboard.upload_files(batch_id) == []
    for name in ("b", "c"):
        assert small_dashboard.upload(batch_id, f"{name}.mp3", b"a" * 1000).status_code == 201
    refused = small_dashboard.upload(batch_id, "d.mp3", b"a" * 501).json()["detail"]
    assert "2,501 bytes with this file; 2,500 bytes are accepted" in refused
    assert small_dashboard.upload(batch_id, "e.mp3", b"a").status_code == 201
    assert "3 files" in small_dashboard.upload(batch_id, "f.mp3", b"a").json()["detail"]


def test_a_refusal_of_a_large_file_comes_before_its_bytes(small_dashboard, slow_upload):
    upload = slow_upload(small_dashboard, small_dashboard.make_batch(), length=10**12)
    status, detail = upload.answer()
    assert status == 413
    assert "has 1.0 TB; 1.0 kB are accepted" in detail
    assert upload.socket.recv(1) == b""  # the connection is ended, so that the client does not send the rest


def test_files_can_be_checked_before_they_are_sent(small_dashboard):
    batch_id = small_dashboard.make_batch()
    sizes = {"a.mp3": 1000, "b.mp3": 1001, "memo": 1, "../c.mp3": 1, "d.mp3": 998, "e.mp3": 600, "f.mp3": 1}
    offered = [{"path": path, "size": size} for path, size in sizes.items()]
    answer = small_dashboard.http.post("api/upload/check", json={"batch_id": batch_id, "files": offered})
    checked = answer.json()
    assert answer.status_code == 200
    assert checked["accepted"] == ["a.mp3", "memo", "d.mp3"]
    assert {refused["path"] for refused in checked["rejected"]} == {"b.mp3", "../c.mp3", "e.mp3", "f.mp3"}
    assert checked["free_bytes"] > 0
    for size in (-1, 10**400):
        odd = {"batch_id": batch_id, "files": [{"path": "a.mp3", "size": size}]}
        assert small_dashboard.http.post("api/upload/check", json=odd).status_code == 422


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs takes root and a kernel that allows it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_nothing_is_left_of_the_upload(run_dashboard, small_disk, slow_upload):
    with run_dashboard(small_disk / "data") as dashboard:
        batch_id = dashboard.make_batch()
        status, detail = slow_upload(dashboard, batch_id, length=8_000_000).answer()
        assert status == 507
        assert "disk" in detail
        both = [slow_upload(dashboard, batch_id, path, length=3_000_000) for path in ("a.mp3", "b.mp3")]
        for upload in both:
            send_in_background(upload, b"a" * 3_000_000)
        assert 507 in {upload.answer()[0] for upload in both}
        assert no_part_files(dashboard, batch_id)


def send_in_background(upload, content):
    def send():
        try:
            upload.send(content)
        except OSError:  # refused, and the connection ended
            return

    threading.Thread(target=send, daemon=True).start()
