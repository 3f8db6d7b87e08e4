"""Files that are kept out of an inbox, by name, pattern, content or place: counted, and told with the reason."""

import os
import shutil
import sqlite3
import unicodedata

from tests.integration.ingest.conftest import waiting


def ignored(report):
    return {kept_out.pattern: kept_out.count for kept_out in report.ignored}


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
