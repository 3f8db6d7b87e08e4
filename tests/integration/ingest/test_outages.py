"""Outages, full disks and rights that lack are no fault of a file: it waits, the cause is told, it is tried again."""

import subprocess

import httpx
import pytest

from tasks.errors import PrefectUnavailable, StoreUnavailable
from tasks.ingest import filling
from tasks.ingest.folder import FolderSource
from tasks.ingest.report import InboxReport
from tasks.ingest.sources import SourceDenied

MIB = 2**20
REFUSED = "Connection refused"
DENIED = "Permission denied"


def test_a_store_that_is_away_is_waited_out(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.scan()
    store = inbox.settings.data / "store"
    kept = store.rename(store.with_name("elsewhere"))
    store.write_text("no folder")
    with pytest.raises(StoreUnavailable):
        inbox.scan()
    store.unlink()
    kept.rename(store)
    assert inbox.scan().new == 1


def test_a_prefect_server_that_is_away_is_told_and_waited_out(watch, monkeypatch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.scan()

    async def nobody_answers(*_):
        raise httpx.ConnectError(REFUSED)

    with monkeypatch.context() as away:
        away.setattr(filling, "create_batch_run", nobody_answers)
        with pytest.raises(PrefectUnavailable):
            inbox.scan()
    report = InboxReport.model_validate_json(inbox.store.read(f"ingest/{inbox.inbox.name}/report.json"))
    assert "does not answer" in report.problem
    assert inbox.scan().new == 1
    assert inbox.scan().problem == ""
    assert len(inbox.flow_runs()) == 1


def test_a_full_disk_is_told_and_the_files_go_on_when_there_is_room(watch):
    inbox = watch()
    uploads = inbox.settings.uploads_folder
    uploads.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(uploads)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        inbox.drop("a.mp3", bytes(2 * MIB))
        report = inbox.ingest()
        assert report.new == 0
        (warning,) = report.warnings
        assert "Free some space on it; the files wait." in warning
        subprocess.run(["mount", "-o", "remount,size=8m", str(uploads)], check=True)
        assert inbox.scan().new == 1
        assert len(inbox.jobs()) == 1
    finally:
        subprocess.run(["umount", "--lazy", str(uploads)], check=True)


def test_a_disk_that_is_full_in_the_middle_of_a_copy_costs_nothing(watch, monkeypatch):
    inbox = watch()
    uploads = inbox.settings.uploads_folder
    uploads.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(uploads)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    monkeypatch.setattr("tasks.ingest.batching.free_bytes", lambda _settings: 8 * MIB)  # others took the room since
    try:
        for name in ("a.mp3", "b.mp3", "c.mp3"):
            inbox.drop(name, name.encode() * (MIB // 10))
        report = inbox.ingest()
        assert report.new == 0
        assert "is full" in report.warnings[0]
        subprocess.run(["mount", "-o", "remount,size=8m", str(uploads)], check=True)
        assert inbox.scan().new == 3
        assert len(inbox.jobs()) == 3
    finally:
        subprocess.run(["umount", "--lazy", str(uploads)], check=True)


def test_files_that_cannot_be_read_are_told_in_one_line_and_tried_again_with_pauses(watch, monkeypatch):
    inbox = watch()
    for name in ("a.mp3", "b.mp3"):
        inbox.drop(name)
    tries = []

    def denied(_source, path, _signature):
        tries.append(path)
        raise SourceDenied(DENIED)

    with monkeypatch.context() as rights:
        rights.setattr(FolderSource, "chunks", denied)
        report = inbox.ingest()
        assert report.warnings == ("2 files can't be read. Allow Batchscribe's user to read them.",)
        assert "Permission denied" in report.waiting[0].reason
        inbox.scan()
        assert len(tries) == 2
    inbox.forget_pauses()
    assert inbox.scan().new == 2
