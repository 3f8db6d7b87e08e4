"""A scan ingests each file once, by content and options, whole, and keeps the folder tree."""

import os
import shutil
import sqlite3
import subprocess
import unicodedata
from datetime import UTC, datetime

import pytest

from tasks.errors import InboxInvalid, InboxUnavailable
from tasks.ingest import clock
from tasks.ingest.report import InboxReport
from tasks.storage.keys import BatchKeys
from tasks.storage.records import read_manifest

WEEK = 7 * 24 * 3600


def waiting(report):
    return {file.path: file.reason for file in report.waiting}


def ignored(report):
    return {kept_out.pattern: kept_out.count for kept_out in report.ignored}


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


def test_names_that_other_programs_write_on_the_way_are_never_ingested_and_counted_by_pattern(watch):
    inbox = watch()
    for name in (
        "a.mp3.part", "a.mp3.crdownload", ".syncthing.a.mp3.tmp", "~syncthing~a.mp3", "a.mp3.x7.partial",
        ".~lock.a.mp3", ".nfs0001.mp3", "Thumbs.db", "._a.mp3", "a.mp3.ocTransferId99.part",
        "deep/er/@eaDir/a.mp3/SYNO.mp3",        ".stversions/a.mp3", "#recycle/a.mp3", "notes.txt", "a_refined.srt",
    ):  # fmt: skip
        inbox.drop(name)
    inbox.drop("deep/real.mp3")
    report = inbox.ingest()
    assert [*inbox.batches().values()] == [{"deep/real.mp3"}]
    assert ignored(report)["@eadir"] == 1
    assert ignored(report)["not an audio or video file"] == 1
    assert sum(ignored(report).values()) == 15


def test_recordings_whose_names_tell_nothing_are_ingested_by_their_content(watch):
    inbox = watch()
    wav = b"RIFF\x24\x80\0\0WAVEfmt " + bytes(100)
    for number, name in enumerate(("memo", "memo.dat", "memo.txt", "[a]*?.bin")):
        inbox.drop(name, wav + bytes([number]))
    for name, content in {"notes": b"Hello", "list.dat": b"#EXTM3U\n/etc/passwd", "empty.bin": b""}.items():
        inbox.drop(name, content)
    report = inbox.ingest()
    assert [*inbox.batches().values()] == [{"memo", "memo.dat", "memo.txt", "[a]*?.bin"}]
    assert ignored(report) == {"not an audio or video file": 3}
    inbox.drop("notes", wav)  # another file now
    assert inbox.ingest().new == 1


def test_a_pattern_that_keeps_everything_out_is_told(watch):
    inbox = watch(ignore=("*",))
    inbox.drop("talk.mp3")
    report = inbox.scan()
    assert report.warnings == ("The ignore pattern '*' keeps everything out of the inbox. Narrow or remove it.",)
    inbox.change(ignore=(".*", "Draft*", "raw/*.WAV"))
    for name in ("drafts/a.mp3", "raw/b.wav", "c.wav"):
        inbox.drop(name)
    report = inbox.ingest()
    assert set().union(*inbox.batches().values()) == {"talk.mp3", "c.wav"}
    assert {"Draft*", "raw/*.WAV"} <= ignored(report).keys()


def test_only_what_is_included_is_ingested(watch):
    inbox = watch(include=("*.WAV", "keep/*"))
    for name in ("a.wav", "b.mp3", "keep/c.mp3"):
        inbox.drop(name)
    inbox.ingest()
    assert set().union(*inbox.batches().values()) == {"a.wav", "keep/c.mp3"}


def test_links_and_special_files_are_left_alone(watch, tmp_path):
    inbox = watch()
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "a.mp3").write_bytes(b"secret")
    (inbox.folder / "link.mp3").symlink_to(outside / "a.mp3")
    (inbox.folder / "folder").symlink_to(outside)
    os.mkfifo(inbox.folder / "pipe.mp3")
    report = inbox.ingest()
    assert (report.seen, inbox.batches()) == (0, {})
    assert ignored(report) == {"symbolic link": 2, "neither a file nor a folder": 1}


def test_empty_files_wait_and_are_told_after_a_day(watch):
    inbox = watch()
    inbox.drop("empty.mp3").write_bytes(b"")
    report = inbox.ingest()
    assert "0 bytes" in waiting(report)["empty.mp3"]
    assert not report.warnings
    index = inbox.settings.ingest_folder / f"{inbox.inbox.name}.sqlite"
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE files SET seen_at = seen_at - 90000")
    assert "empty for more than a day" in inbox.scan().warnings[0]


def test_names_that_cannot_be_kept_are_told_with_the_reason(watch):
    inbox = watch()
    with open(os.fsencode(inbox.folder) + b"/bad\xff.mp3", "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"sound")
    inbox.drop("/".join("d" * 1 for _ in range(14)) + "/fine.mp3")
    inbox.drop("/".join("e" * 200 for _ in range(6)) + "/long.mp3")
    report = inbox.ingest()
    assert report.new == 1
    reasons = waiting(report)
    assert "character that no file name can have" in reasons["bad?.mp3"]
    assert any("characters; 1024 are possible" in reason for reason in reasons.values())


def test_two_names_that_differ_only_in_how_accents_are_encoded_are_two_jobs_with_names_of_their_own(watch):
    inbox = watch(ignore=("Entwürfe",))
    for form in ("NFC", "NFD"):
        inbox.drop(unicodedata.normalize(form, "Vorträge/Über.mp3"))
        inbox.drop(unicodedata.normalize(form, "Entwürfe/draft.mp3"))
    inbox.change(group="none")
    report = inbox.ingest()
    assert [*inbox.batches().values()] == [{"Vorträge/Über.mp3", "Vorträge/Über (2).mp3"}]
    assert ignored(report)["Entwürfe"] == 2


def test_a_renamed_or_copied_content_is_known_and_starts_no_job(watch):
    inbox = watch()
    original = inbox.drop("a.mp3")
    inbox.ingest()
    shutil.copy(original, inbox.folder / "copy.mp3")
    original.rename(inbox.folder / "renamed.mp3")
    report = inbox.ingest()
    assert report.new == 0
    assert {(file.path, file.original) for file in report.duplicates} == {
        ("copy.mp3", "a.mp3"),
        ("renamed.mp3", "a.mp3"),
    }
    assert len(inbox.flow_runs()) == 1


def test_of_two_new_files_with_one_content_the_first_by_path_wins(watch):
    inbox = watch()
    inbox.drop("b.mp3", "same", age=100)
    inbox.drop("a.mp3", "same")
    report = inbox.ingest()
    assert report.new == 1
    assert [*inbox.batches().values()] == [{"a.mp3"}]
    assert [(file.path, file.original) for file in inbox.scan().duplicates] == [("b.mp3", "a.mp3")]


def test_changed_content_is_a_new_job_and_the_old_batch_stays(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    inbox.drop("a.mp3")
    inbox.ingest()
    assert [*inbox.batches().values()] == [{"a.mp3"}, {"a.mp3"}]


def test_a_lost_or_damaged_index_costs_no_job(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.drop("b/c.mp3")
    inbox.ingest()
    inbox.end_batches()
    assert inbox.scan().done_total == 2
    shutil.rmtree(inbox.settings.ingest_folder)
    report = inbox.ingest()
    assert (report.new, report.known, report.done_total, report.duplicates_total) == (0, 2, 2, 0)
    (index,) = inbox.settings.ingest_folder.glob("*.sqlite")
    index.write_bytes(b"no database" * 1000)
    assert inbox.ingest().new == 0
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 99")  # another version wrote it
    assert inbox.ingest().new == 0
    assert len(inbox.flow_runs()) == 2


def test_the_content_of_a_dismissed_batch_stays_known(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    (batch_id,) = inbox.batches()
    inbox.end_batches(failing={"a.mp3": "It is damaged."})
    inbox.store.delete_all(BatchKeys.of(batch_id).folder)
    inbox.scan()
    shutil.rmtree(inbox.settings.ingest_folder)
    assert inbox.ingest().new == 0
    assert len(inbox.flow_runs()) == 1


def test_options_of_a_folder_hold_below_it_and_changing_them_is_a_new_job(watch):
    inbox = watch(options={"language": "de"})
    inbox.drop("talks/.batchscribe.toml", 'language = "en"\nvocabulary = ["Prefect"]')
    inbox.drop("talks/deep/.batchscribe.toml", 'task = "translate"')
    for name in ("talks/a.mp3", "talks/deep/b.mp3", "c.mp3"):
        inbox.drop(name, name)
    inbox.ingest()
    inbox.scan()
    options = {min(paths): options_of(inbox, batch_id) for batch_id, paths in inbox.batches().items()}
    assert options["talks/a.mp3"] == ("en", "transcribe", ("Prefect",))
    assert options["talks/deep/b.mp3"] == ("en", "translate", ("Prefect",))
    assert options["c.mp3"] == ("de", "transcribe", ())
    inbox.drop("talks/.batchscribe.toml", 'language = "fr"')
    inbox.ingest()
    inbox.scan()
    assert len(inbox.batches()) == 5
    inbox.drop("talks/.batchscribe.toml", 'language = "en"\nvocabulary = ["Prefect"]')
    inbox.ingest()
    inbox.scan()
    assert len(inbox.batches()) == 5  # these contents have been transcribed like that


def options_of(inbox, batch_id):
    options = read_manifest(inbox.store, batch_id).batch.options
    return options.language, options.task, options.vocabulary


def test_a_folder_whose_options_cannot_be_followed_waits_and_says_so_once(watch):
    inbox = watch()
    inbox.drop("bad/.batchscribe.toml", 'path = "/etc"')
    for name in ("bad/a.mp3", "bad/deep/b.mp3", "good.mp3"):
        inbox.drop(name)
    inbox.ingest()
    report = inbox.scan()
    assert [*inbox.batches().values()] == [{"good.mp3"}]
    assert [warning for warning in report.warnings if "bad/.batchscribe.toml.path is no key" in warning]
    assert waiting(report).keys() == {"bad/a.mp3", "bad/deep/b.mp3"}
    inbox.drop("bad/.batchscribe.toml", 'language = "de"')
    inbox.ingest()
    inbox.scan()
    assert set().union(*inbox.batches().values()) == {"good.mp3", "bad/a.mp3", "bad/deep/b.mp3"}


def test_a_folder_can_be_skipped(watch):
    inbox = watch()
    inbox.drop("private/.batchscribe-skip")
    inbox.drop("private/deep/a.mp3")
    report = inbox.ingest()
    assert (report.seen, ignored(report)) == (0, {".batchscribe-skip": 1})


def test_what_the_first_scan_finds_can_be_skipped_for_good(watch):
    inbox = watch(existing="skip")
    inbox.drop("old.mp3")
    inbox.ingest()
    inbox.drop("new.mp3")
    assert inbox.ingest().new == 1
    shutil.rmtree(inbox.settings.ingest_folder)
    inbox.ingest()
    assert set().union(*inbox.batches().values()) == {"new.mp3"}
    inbox.drop("old.mp3")
    inbox.ingest()
    assert set().union(*inbox.batches().values()) == {"new.mp3", "old.mp3"}


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


def test_a_damaged_record_hides_no_other_file(watch):
    inbox = watch()
    inbox.drop("a.mp3", "a")
    inbox.ingest()
    (claim,) = inbox.store.list(f"ingest/{inbox.inbox.name}/claims/")
    inbox.store.write(claim, b"damaged")
    inbox.store.write(f"ingest/{inbox.inbox.name}/plans/20260101-120000-abcdef.json", b"damaged")
    shutil.rmtree(inbox.settings.ingest_folder)
    inbox.drop("b.mp3", "b")
    report = inbox.ingest()
    assert report.new == 1
    assert "cannot be understood" in report.warnings[0]
    assert "cannot be understood" in waiting(report)["a.mp3"]


def test_two_inboxes_on_one_folder_ingest_each_for_itself(watch):
    first = watch("one")
    second = watch("two", options={"task": "translate"})
    first.drop("a.mp3")
    first.ingest()
    second.ingest()
    assert len(first.flow_runs()) == len(second.flow_runs()) == 1


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
