"""One content with one set of options is one job, under any name, and also without the index of the inbox."""

import shutil
import sqlite3

from tasks.storage.keys import BatchKeys
from tasks.storage.records import read_manifest
from tests.integration.ingest.conftest import waiting


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
