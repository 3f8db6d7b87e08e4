"""Outcomes of ingested files: reported, documents written beside them, moved, deleted, tried again."""

import contextlib
import errno
import os
import subprocess
from pathlib import Path

import pytest

from tasks.ingest.folder import FolderSource
from tasks.names import DocumentNames

ERROR = "No speech detected in a.mp3."


@contextlib.contextmanager
def read_only(folder):
    """Make a folder read-only, for root as well."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    bound = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, check=False)
    if bound.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def files(inbox):
    return {path.relative_to(inbox.folder).as_posix() for path in inbox.folder.rglob("*") if path.is_file()}


def ended(inbox, **named):
    inbox.ingest()
    inbox.end_batches(**named)
    return inbox.scan()


def test_files_are_kept_and_done_is_told(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    report = ended(inbox)
    assert (report.done_total, report.open_batches, files(inbox)) == (1, (), {"a.mp3"})
    assert not list(inbox.store.list(f"ingest/{inbox.inbox.name}/plans/"))


def test_a_failure_is_told_with_its_sentence_and_not_tried_again(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    report = ended(inbox, failing={"a.mp3": ERROR})
    (failed,) = report.failed
    assert (failed.path, failed.error) == ("a.mp3", ERROR)
    assert inbox.ingest().new == 0
    inbox.drop("a.mp3")
    assert inbox.ingest().new == 1


def test_after_a_retry_by_a_person_the_new_outcome_counts(watch):
    inbox = watch(after="delete")
    inbox.drop("a.mp3")
    assert ended(inbox, failing={"a.mp3": ERROR}).failed_total == 1
    assert files(inbox) == {"a.mp3"}
    inbox.retry_batches()
    inbox.end_batches()
    report = inbox.scan()
    assert (report.failed_total, report.done_total, files(inbox)) == (0, 1, set())


def test_done_files_are_deleted_where_asked_but_not_those_that_changed_since(watch):
    inbox = watch(after="delete")
    for name in ("a.mp3", "b.mp3", "bad.mp3"):
        inbox.drop(name)
    inbox.ingest()
    inbox.drop("b.mp3")
    inbox.end_batches(failing={"bad.mp3": ERROR})
    inbox.scan()
    assert files(inbox) == {"b.mp3", "bad.mp3"}


def test_nothing_is_deleted_whose_documents_are_damaged_in_the_store(watch):
    inbox = watch(after="delete")
    inbox.drop("a.mp3")
    inbox.ingest()
    inbox.end_batches()
    (document, *_) = [key for key in inbox.store.list("batches/") if key.endswith(".srt")]
    inbox.store.write(document, b"damaged")
    inbox.scan()
    assert files(inbox) == {"a.mp3"}


def test_done_files_are_moved_and_overwrite_nothing(watch):
    inbox = watch(after="move")
    inbox.drop("talks/a.mp3")
    inbox.drop("done/talks/a.mp3", "another")
    ended(inbox)
    assert files(inbox) == {"done/talks/a.mp3", "done/talks/a (2).mp3"}
    assert (inbox.folder / "done/talks/a.mp3").read_text() == "another"
    report = inbox.ingest()
    assert (report.seen, report.new) == (0, 0)


def test_done_files_move_to_another_file_system(watch):
    inbox = watch(after="move")
    inbox.drop("a.mp3", "sound")
    (inbox.folder / "done").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", str(inbox.folder / "done")], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        ended(inbox)
        assert files(inbox) == {"done/a.mp3"}
        assert (inbox.folder / "done/a.mp3").read_text() == "sound"
    finally:
        subprocess.run(["umount", "--lazy", str(inbox.folder / "done")], check=True)


@pytest.mark.parametrize("after", ["move", "delete"])
def test_rights_that_lack_at_the_end_are_a_warning_and_tried_again(watch, after):
    inbox = watch(after=after, interval=5)
    inbox.drop("a.mp3")
    inbox.ingest()
    inbox.end_batches()
    with read_only(inbox.folder):
        report = inbox.scan()
        assert report.done_total == 1
        (warning,) = report.warnings
        assert "can't be" in warning
        assert "It is tried again" in warning
    inbox.forget_pauses()
    assert inbox.scan().warnings == ()
    assert files(inbox) == ({"done/a.mp3"} if after == "move" else set())


def test_documents_are_written_beside_their_file_but_never_over_one_of_somebody_else(watch):
    inbox = watch(beside=True)
    inbox.drop("talks/a.mp3")
    inbox.drop("talks/a_refined.srt", "mine")
    report = ended(inbox)
    assert (inbox.folder / "talks/a_refined.srt").read_text() == "mine"
    assert (inbox.folder / "talks/a.mp3_refined.srt").read_text() == "srt of talks/a.mp3"
    assert (inbox.folder / "talks/a_formatted_refined.txt").read_text() == "txt of talks/a.mp3"
    assert report.warnings == ()
    assert inbox.ingest().new == 0


def test_documents_beside_their_file_may_be_called_like_it(watch):
    inbox = watch(beside=True)
    inbox.settings = inbox.settings.model_copy(update={"document_names": DocumentNames.PLAIN})
    inbox.drop("talks/a.mp3")
    inbox.drop("talks/a.srt", "mine")
    ended(inbox)
    assert (inbox.folder / "talks/a.srt").read_text() == "mine"
    assert (inbox.folder / "talks/a.mp3.srt").read_text() == "srt of talks/a.mp3"
    assert (inbox.folder / "talks/a.txt").read_text() == "txt of talks/a.mp3"
    assert inbox.ingest().new == 0


def test_two_files_that_differ_in_their_ending_have_documents_of_their_own(watch):
    inbox = watch(beside=True)
    inbox.drop("a.mp3")
    ended(inbox)
    inbox.drop("a.wav")
    ended(inbox)
    assert (inbox.folder / "a_refined.srt").read_text() == "srt of a.mp3"
    assert (inbox.folder / "a.wav_refined.srt").read_text() == "srt of a.wav"


def test_an_error_is_noted_beside_its_file_and_goes_when_the_file_is_done(watch):
    inbox = watch(beside=True)
    inbox.drop("a.mp3")
    ended(inbox, failing={"a.mp3": ERROR})
    note = inbox.folder / "a.mp3.batchscribe-error.txt"
    assert note.read_text() == f"{ERROR}\n"
    inbox.retry_batches()
    inbox.end_batches()
    inbox.scan()
    assert not note.exists()
    assert (inbox.folder / "a_refined.srt").exists()


def test_a_read_only_inbox_is_ingested(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    with read_only(inbox.folder):
        assert ended(inbox).done_total == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_kill_while_a_document_gets_its_name_leaves_no_part_of_it(tmp_path, monkeypatch, links):
    class Killed(BaseException):
        """Nothing that is caught."""

    def kill(*_arguments, **_named):
        raise Killed

    def no_links(*_arguments, **_named):
        raise OSError(errno.EPERM, "no hard links here")

    folder = FolderSource(str(tmp_path))
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with monkeypatch.context() as killed:
        killed.setattr(*((os, "link") if links else (Path, "replace")), kill)
        with pytest.raises(Killed):
            folder.place("a.srt", b"1", over=False)
    assert not (tmp_path / "a.srt").exists()
    assert folder.place("a.srt", b"1", over=False)
    assert not folder.place("a.srt", b"2", over=False)
    assert (tmp_path / "a.srt").read_bytes() == b"1"
