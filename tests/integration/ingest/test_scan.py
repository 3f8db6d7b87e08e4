"""A scan ingests each file once it is whole, in orderly batches, and tells of an inbox that cannot be read."""

import subprocess
from datetime import UTC, datetime

import pytest

from tasks.errors import InboxInvalid, InboxUnavailable
from tasks.ingest import clock
from tasks.ingest.report import InboxReport
from tests.integration.ingest.conftest import waiting

WEEK = 7 * 24 * 3600


def test_a_file_that_two_looks_see_alike_becomes_a_job(watch):
    inbox = watch()
    inbox.drop("monday/talk.mp3")
    first = inbox.scan()
    assert (first.new, first.waiting_total) == (0, 1)
    second = inbox.scan()
    assert (second.new, second.waiting_total) == (1, 0)
    assert [*inbox.batches().values()] == [{"monday/talk.mp3"}]
    (run,) = inbox.flow_runs()
    assert run.name == f"{inbox.inbox.name}: monday"
    third = inbox.scan()
    assert (third.new, third.known, len(third.open_batches)) == (0, 1, 1)
    assert len(inbox.flow_runs()) == 1


def test_a_file_that_grows_between_looks_waits_however_often_and_is_never_given_up(watch):
    inbox = watch()
    slow = inbox.drop("slow.mp3", "a")
    for _ in range(4):
        assert inbox.scan().new == 0
        with slow.open("a") as file:
            file.write("more")
    assert inbox.ingest().new == 1
    (only,) = inbox.jobs()
    assert only[0] == "slow.mp3"


def test_a_look_counts_only_after_the_inbox_has_been_still_for_its_time_by_our_own_clock(watch, monkeypatch):
    inbox = watch(still_seconds=30)
    inbox.drop("talk.mp3", age=WEEK)
    now = 1000.0
    monkeypatch.setattr(clock, "now", lambda: now)
    inbox.scan()
    now += 29
    assert inbox.scan().new == 0
    now += 1
    assert inbox.scan().new == 1


def test_times_of_another_start_of_the_machine_say_nothing(watch, monkeypatch):
    inbox = watch(still_seconds=30)
    inbox.drop("talk.mp3")
    now = 1000.0
    monkeypatch.setattr(clock, "now", lambda: now)
    inbox.scan()
    monkeypatch.setattr(clock, "boot_id", lambda: "after a reboot")
    now = 5000.0
    assert inbox.scan().new == 0
    now += 30
    assert inbox.scan().new == 1


def test_files_with_old_times_and_files_renamed_into_the_inbox_are_welcome(watch, tmp_path):
    inbox = watch()
    inbox.drop("old.mp3", age=20 * 365 * 24 * 3600)
    outside = tmp_path / "outside.mp3"
    outside.write_bytes(b"moved in")
    inbox.scan()
    outside.rename(inbox.folder / "moved.mp3")
    assert inbox.scan().new == 1
    assert inbox.scan().new == 1


def test_many_files_become_orderly_batches_of_one_folder_each_oldest_first(watch):
    inbox = watch(max_files=2, max_open_batches=2)
    for number in range(5):
        inbox.drop(f"week 1/{number}.mp3", age=WEEK - number)
    inbox.drop("week 2/0.mp3")
    report = inbox.ingest()
    assert report.new == 4
    assert sorted(map(sorted, inbox.batches().values())) == [
        ["week 1/0.mp3", "week 1/1.mp3"],
        ["week 1/2.mp3", "week 1/3.mp3"],
    ]
    assert "has ended" in waiting(report)["week 2/0.mp3"]
    assert inbox.scan().new == 0
    inbox.end_batches()
    assert inbox.scan().new == 2
    assert len(inbox.flow_runs()) == 4


def test_an_inbox_that_holds_our_own_folders_is_refused(watch):
    inbox = watch()
    inbox.change(path=str(inbox.settings.data.parent))
    with pytest.raises(InboxInvalid, match="keeps its own files"):
        inbox.scan()


def test_an_inbox_that_cannot_be_read_is_told_and_forgets_nothing(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    gone = inbox.folder.rename(inbox.folder.with_name("unmounted"))
    with pytest.raises(InboxUnavailable, match="can't be read: No such file or directory"):
        inbox.scan()
    kept = InboxReport.model_validate_json(inbox.store.read(f"ingest/{inbox.inbox.name}/report.json"))
    assert "Make the folder, mount its share" in kept.problem
    assert kept.seen == 1
    gone.rename(inbox.folder)
    report = inbox.ingest()
    assert (report.problem, report.new, report.known) == ("", 0, 1)


def test_an_empty_mount_point_does_not_look_like_an_emptied_inbox(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", str(inbox.folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(InboxUnavailable, match="on another file system"):
            inbox.scan()
    finally:
        subprocess.run(["umount", "--lazy", str(inbox.folder)], check=True)
    assert inbox.ingest().known == 1


def test_an_inbox_may_be_emptied(watch):
    inbox = watch()
    inbox.drop("a.mp3").unlink()
    inbox.drop("b.mp3")
    inbox.ingest()
    (inbox.folder / "b.mp3").unlink()
    assert inbox.scan().seen == 0


def test_a_scan_that_was_due_before_another_one_began_does_nothing(watch):
    inbox = watch()
    due = datetime.now(UTC)
    inbox.drop("a.mp3")
    inbox.scan()
    assert inbox.scanned(scheduled_at=due) is None
    assert inbox.scan().new == 1


def test_a_scan_that_changes_nothing_has_no_news(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    scanned = inbox.scanned()
    assert scanned is not None
    assert not scanned.news
