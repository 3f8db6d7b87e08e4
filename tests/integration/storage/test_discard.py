"""The objects of a batch are listed and deleted in the same way in a folder and in a bucket."""

import fcntl
import hashlib
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.batches import (
    Batch,
    Document,
    KeepMark,
    Publication,
    Recording,
    StartedRun,
    Upload,
    job_id_for,
    manifest_of,
)
from tasks.cleanup.deletion import delete_hidden_batch, delete_jobs, hide_batch, remove_item, show_batch
from tasks.cleanup.inventory import Activity, batches_to_look_at, read_inventory
from tasks.cleanup.retention import RetentionRules, plan
from tasks.documents.results import keep_results
from tasks.names import DEFAULT_FORMATS
from tasks.storage.cancel_requests import forget_keeps, mark_kept, not_kept
from tasks.storage.edits import change_edits, read_standing_manifest
from tasks.storage.expiries import note_expiries, read_expiry, withdraw_expiries
from tasks.storage.keys import BatchKeys
from tasks.storage.records import published_and_intact

BATCH = "20261122-120000-abcdef"
KEYS = BatchKeys.of(BATCH)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DONE, FAILED = (job_id_for(BATCH, path) for path in ("talks/done.mp3", "failed.mp3"))
TOKEN, LATE_TOKEN = "attempt-1-0123456789ab", "attempt-2-0123456789ab"
LATE = f"{KEYS.documents}talks/{LATE_TOKEN}/done_refined.srt"


def write(store, key, record):
    store.write(key, record.model_dump_json().encode())


def file(folder: Path, name: str, content=b"sound") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def make_ended_batch(store, settings):
    """Make a batch with a job that is done and one that failed, and what a late writer and a killed conversion left."""
    batch = Batch(batch_id=BATCH, name="talks", created_at=NOON, results="results/{batch}/{tree}/{name}")
    uploads = [
        Upload(job_id=job_id, path=path, size=5, sha256="0", uploaded_at=NOON)
        for job_id, path in ((DONE, "talks/done.mp3"), (FAILED, "failed.mp3"))
    ]
    manifest = manifest_of(batch, uploads, started_at=NOON)
    write(store, KEYS.batch, batch)
    write(store, KEYS.manifest, manifest)
    write(store, KEYS.run, StartedRun(flow_run_id="00000000-0000-0000-0000-000000000000", created_at=NOON))
    for upload in uploads:
        write(store, KEYS.upload(upload.job_id), upload)
        key = KEYS.recording(upload.job_id)
        store.write(key, b"mp3")
        write(
            store,
            KEYS.recording_record(upload.job_id),
            Recording(job_id=upload.job_id, key=key, size=3, sha256="0", audio_seconds=1),
        )
        file(settings.uploads_folder, f"{BATCH}/{upload.job_id}")
    job = next(job for job in manifest.jobs if job.job_id == DONE)
    documents = [(form, KEYS.document(job, form, TOKEN)) for form in DEFAULT_FORMATS]
    for _, key in documents:
        store.write(key, b"text")
    digest = hashlib.sha256(b"text").hexdigest()
    publication = Publication(
        job_id=DONE,
        attempt=1,
        token=TOKEN,
        documents=tuple(Document(format=form, key=key, size=4, sha256=digest) for form, key in documents),
        language="en",
        audio_seconds=1,
        published_at=NOON,
    )
    write(store, KEYS.publication(DONE), publication)
    keep_results(store, job, publication)
    store.write(LATE, b"text")
    file(settings.work_folder, f"{FAILED}/convert-x/recording.mp3")
    return manifest


@pytest.fixture
def ended_batch(store, settings):
    return make_ended_batch(store, settings)


def test_objects_are_listed_with_their_sizes_and_times(store):
    for key, content in (("a/b.txt", b"four"), ("a/c/d.txt", b""), ("b.txt", b"other")):
        store.write(key, content)
    found = list(store.objects("a/"))
    assert [(each.key, each.size) for each in found] == [("a/b.txt", 4), ("a/c/d.txt", 0)]
    assert [each.modified for each in found] == [store.stat(each.key).modified for each in found]
    assert list(store.objects("nothing/")) == []


def going_at(store, settings, now):
    inventory = read_inventory(store, settings, BATCH)
    return plan(replace(inventory, activity=Activity(ended_at=NOON)), RetentionRules.of(settings), now=now)


def test_after_a_week_only_records_and_documents_are_left(store, settings, ended_batch):
    going = going_at(store, settings, datetime.now(UTC) + timedelta(days=8))
    for item in going.removals:
        remove_item(store, settings, item)
    assert published_and_intact(store, BATCH, DONE)
    assert going.expiring == (FAILED,)
    left = {key.removeprefix(KEYS.folder) for key in store.list(KEYS.folder)}
    names = ("formatted_refined.txt", "refined.srt", "refined.vtt")
    assert left == {
        *("batch.json", "manifest.json", "run.json", f"published/{DONE}.json"),
        *(f"uploads/{job.job_id}.json" for job in ended_batch.jobs),
        *(f"documents/talks/{TOKEN}/done_{name}" for name in names),
        f"documents/talks/{TOKEN}/done.json",
    }
    assert [path for path in settings.uploads_folder.rglob("*") if path.is_file()] == []
    assert list(settings.work_folder.iterdir()) == []
    assert going_at(store, settings, datetime.now(UTC) + timedelta(days=8)).removals == {}


def test_a_document_too_many_is_told_from_those_that_are_published(store, settings, ended_batch):
    assert read_inventory(store, settings, BATCH).named == {
        KEYS.document(ended_batch.jobs[1], form, TOKEN) for form in DEFAULT_FORMATS
    }
    store.delete(LATE)
    assert read_inventory(store, settings, BATCH).named is None  # as many as there should be: nothing need be read
    store.write(LATE, b"text")
    store.write(KEYS.publication(DONE), b'{"of": "a later version"}')
    assert read_inventory(store, settings, BATCH).named is None


def test_nothing_of_a_dismissed_job_is_left_by_the_clean_up(store, settings, ended_batch):
    mark_kept(store, BATCH, KeepMark(kept_at=NOON), job_id=FAILED)
    change_edits(store, BATCH, lambda edits: edits.without_jobs([FAILED]))
    delete_jobs(store, settings, ended_batch.batch, [job for job in ended_batch.jobs if job.job_id == FAILED])
    for item in going_at(store, settings, datetime.now(UTC)).removals:
        remove_item(store, settings, item)
    assert [key for key in store.list(KEYS.folder) if FAILED in key] == []
    assert store.stat(KEYS.upload(DONE)) is not None
    assert going_at(store, settings, datetime.now(UTC)).removals == {}


def test_a_video_is_told_by_its_recording(store, settings, ended_batch):
    assert ended_batch
    assert read_inventory(store, settings, BATCH).videos == frozenset()
    for job_id in (DONE, FAILED):
        recording = Recording(job_id=job_id, key="a", size=3, sha256="0", audio_seconds=1, video_type="video/mp4")
        write(store, KEYS.recording_record(job_id), recording)
    assert read_inventory(store, settings, BATCH).videos == {DONE}


def test_a_file_that_is_being_received_is_left_alone(store, settings):
    part = file(settings.uploads_folder, f"{BATCH}/0123.part")
    with part.open("rb") as receiving:
        fcntl.flock(receiving, fcntl.LOCK_EX)
        inventory = read_inventory(store, settings, BATCH)
        assert inventory.receiving
        assert inventory.uploads == ()
        delete_hidden_batch(store, settings, BATCH)
        assert part.exists()
    assert [upload.name for upload in read_inventory(store, settings, BATCH).uploads] == [f"{BATCH}/0123.part"]
    delete_hidden_batch(store, settings, BATCH)
    assert not part.parent.exists()


def test_batches_are_found_wherever_something_of_them_is(store, settings):
    ids = [f"20261122-12000{number}-abcdef" for number in range(3)]
    store.write(BatchKeys.of(ids[0]).batch, b"{}")
    file(settings.uploads_folder, f"{ids[1]}/0123.part")
    file(settings.work_folder, f"{job_id_for(ids[2], 'a.mp3')}/convert-x/upload")
    file(settings.work_folder, "of somebody else/file")
    assert batches_to_look_at(store, settings) == ids


@pytest.mark.usefixtures("ended_batch")
def test_a_hidden_batch_can_be_shown_again(store):
    before = store.read(KEYS.batch)
    record = hide_batch(store, BATCH)
    assert store.stat(KEYS.batch) is None
    assert hide_batch(store, BATCH) is None
    show_batch(store, BATCH, record)
    assert store.read(KEYS.batch) == before


def test_an_expiry_keeps_the_time_when_it_was_first_noted(store):
    assert note_expiries(store, BATCH, [FAILED]) == [FAILED]
    first = read_expiry(store, BATCH, FAILED)
    assert note_expiries(store, BATCH, [FAILED, DONE]) == [DONE]
    assert read_expiry(store, BATCH, FAILED) == first
    withdraw_expiries(store, BATCH, [DONE])
    assert read_expiry(store, BATCH, DONE) is None


def test_what_was_kept_before_a_retry_is_kept_no_more_after_it(store):
    mark_kept(store, BATCH, KeepMark(kept_at=NOON))
    mark_kept(store, BATCH, KeepMark(kept_at=NOON + timedelta(hours=2)), job_id=FAILED)
    assert not_kept(store, BATCH, [DONE, FAILED]) == set()
    forget_keeps(store, BATCH, before=NOON + timedelta(hours=1))
    assert not_kept(store, BATCH, [DONE, FAILED]) == {DONE}


KILLED_AT = """
import os, signal, sys
from tasks.cleanup.deletion import delete_hidden_batch, hide_batch

left = {number}

def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(lambda event, _: step() if event in ("os.remove", "shutil.rmtree") else None)
delete, delete_all = store.delete, store.delete_all
store.delete = lambda key: (step(), delete(key))[1]
store.delete_all = lambda prefix: (step(), delete_all(prefix))[1]
hide_batch(store, {batch!r})
delete_hidden_batch(store, Settings(data={data!r}), {batch!r})
"""


def everything(store, settings):
    files = [*settings.uploads_folder.rglob("*"), *settings.work_folder.rglob("*")]
    return {*store.list(KEYS.folder), *store.list("results/"), *(str(path) for path in files if path.is_file())}


@pytest.mark.parametrize("killed", [False, True])
def test_of_a_dismissed_job_nothing_is_left_and_the_others_stay_whole(store, settings, ended_batch, killed):
    change_edits(store, BATCH, lambda edits: edits.without_jobs([DONE]))
    if not killed:
        jobs = [job for job in ended_batch.jobs if job.job_id == DONE]
        delete_jobs(store, settings, ended_batch.batch, jobs)
    else:  # the clean-up finishes it: the first one takes the publication, the next one what nothing names then
        for days in (1, 2):
            inventory = replace(read_inventory(store, settings, BATCH), activity=Activity(ended_at=NOON))
            going = plan(inventory, RetentionRules.of(settings), now=datetime.now(UTC) + timedelta(days=days))
            for item in going.removals:
                remove_item(store, settings, item)
        assert [job.job_id for job in read_standing_manifest(store, BATCH).jobs] == [FAILED]
    left = everything(store, settings) - {LATE, KEYS.upload(DONE)}
    assert [each for each in left if DONE in each or "done_refined" in each or TOKEN in each] == []
    assert KEYS.upload(FAILED) in left
    if not killed:
        assert {KEYS.recording(FAILED), str(settings.uploads_folder / BATCH / FAILED)} <= left


def test_a_dismissal_that_is_killed_at_any_step_is_finished_by_the_next(store, settings, started):
    step, killed = 1, 0
    while True:
        make_ended_batch(store, settings)
        before = everything(store, settings)
        program = KILLED_AT.format(number=step, batch=BATCH, data=str(settings.data))
        if (status := started(program).wait(60)) == 0:
            break
        assert status == -signal.SIGKILL
        left = everything(store, settings)
        assert KEYS.batch not in left or left == before  # all of it is to be seen, or nothing
        assert any(key.startswith(KEYS.folder) for key in left)  # by which its uploads are known to be of a batch
        hide_batch(store, BATCH)
        assert delete_hidden_batch(store, settings, BATCH) > 0
        assert everything(store, settings) == set()
        killed += 1
        step += 1 if step < 5 else 4  # in a folder, each object is one
    assert killed >= 4
    assert everything(store, settings) == set()
    assert delete_hidden_batch(store, settings, BATCH) == 0
