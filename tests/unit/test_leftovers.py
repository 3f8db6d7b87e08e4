"""Leftovers of a batch: files that nothing accounts for go when they are too old to be in use."""

import pytest

from tasks.batches import job_id_for
from tasks.cleanup.inventory import Activity, BatchInventory
from tests.support.inventories import BATCH, DOCUMENT, JOB, KEYS, RECORDING, UPLOAD, ago, batch_of, ended, item, names

PART = f"{BATCH}/0123456789abcdef.part"
BROKEN_OFF = f"{UPLOAD}-{'0f' * 16}.part"
STRANGER = job_id_for(BATCH, "sent after the start.mp3")
HEARD = f"{KEYS.parts_of(JOB)}0123456789abcdef/0001.json"
LATE = f"{KEYS.documents}talks/lecture_refined.late.srt"


@pytest.mark.parametrize(
    ("keys", "uploads", "leftovers"),
    [
        ({}, {PART: ago(hours=1)}, {PART}),
        ({}, {PART: ago(minutes=59)}, set()),  # its upload may just have begun
        ({}, {f"{BATCH}/{STRANGER}": ago(hours=1)}, {f"{BATCH}/{STRANGER}"}),
        ({KEYS.recording(JOB): ago(hours=1)}, {}, {KEYS.recording(JOB)}),  # without its record it is none
        ({KEYS.recording(STRANGER): ago(hours=1)}, {}, {KEYS.recording(STRANGER)}),
        ({KEYS.speech_plan(STRANGER): ago(hours=1)}, {}, {KEYS.speech_plan(STRANGER)}),
        ({HEARD: ago(hours=1)}, {}, {HEARD}),
        (RECORDING | {HEARD: ago(hours=1)}, {}, set()),  # a retry goes on there
        (RECORDING | {HEARD: ago(hours=1), KEYS.publication(JOB): ago(minutes=1)}, {}, {HEARD}),
        ({LATE: ago(hours=1)}, {}, {LATE}),
        ({LATE: ago(minutes=59)}, {}, set()),
        ({KEYS.publication(JOB): ago(hours=1), DOCUMENT: ago(hours=1)}, {}, set()),
        ({f"{KEYS.folder}notes.json": ago(days=9)}, {}, set()),  # a later version's: none of our business
    ],
)
def test_what_nothing_accounts_for_goes_when_it_is_too_old_to_be_in_use(keys, uploads, leftovers):
    inventory = batch_of(keys=keys, uploads=uploads)
    assert names(inventory, ended(minutes=10)) == leftovers
    assert names(inventory, Activity(active=True, ended_at=None)) == set()


def test_documents_are_no_leftovers_while_nobody_can_tell_whose_they_are():
    assert names(batch_of(keys={LATE: ago(days=1)}, uploads={}, named=None), ended(hours=2)) == set()


def test_work_folders_of_killed_runs_go():
    folder = item("work", f"{JOB}-run", ago(hours=2))
    assert names(batch_of(keys={}, uploads={}, work=(folder,)), ended(minutes=1)) == {folder.name}


def test_an_upload_without_a_record_goes_before_its_batch_is_started():
    inventory = batch_of(
        keys={},
        uploads={UPLOAD: ago(hours=2), f"{BATCH}/{STRANGER}": ago(hours=2), PART: ago(minutes=1)},
        started=False,
    )
    assert names(inventory, Activity(active=False, ended_at=None)) == {f"{BATCH}/{STRANGER}"}


def test_a_large_upload_that_broke_off_can_go_on_as_long_as_its_batch_is_open():
    activity = Activity(active=False, ended_at=None)
    inventory = batch_of(keys={}, uploads={BROKEN_OFF: ago(hours=47)}, started=False)
    assert names(inventory, activity) == set()
    assert BROKEN_OFF in names(batch_of(keys={}, uploads={BROKEN_OFF: ago(hours=48)}, started=False), activity)
    assert names(batch_of(keys={}, uploads={BROKEN_OFF: ago(hours=1)}), ended(minutes=10)) == {BROKEN_OFF}


def test_what_is_left_of_a_dismissed_batch_goes():
    objects = {DOCUMENT: item("store", DOCUMENT, ago(hours=1)), LATE: item("store", LATE, ago(minutes=1))}
    inventory = BatchInventory(batch_id=BATCH, objects=objects, uploads=(item("uploads", UPLOAD, ago(hours=1)),))
    assert names(inventory, ended(minutes=1)) == {DOCUMENT, UPLOAD}
    assert names(inventory, Activity(active=True, ended_at=None)) == set()


@pytest.mark.parametrize(("modified", "going"), [(ago(hours=47), set()), (ago(hours=48), {UPLOAD})])
def test_uploads_that_the_store_does_not_know_are_kept_for_two_days(modified, going):
    inventory = BatchInventory(batch_id=BATCH, uploads=(item("uploads", UPLOAD, modified),))
    assert names(inventory, Activity(active=False, ended_at=None)) == going
