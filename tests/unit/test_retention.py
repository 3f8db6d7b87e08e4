"""Retention of the data of a batch."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.cleanup.inventory import Activity, BatchInventory
from tasks.cleanup.retention import RemovalPlan, RetentionRules, may_hold_anything, outcome, report, span
from tasks.settings import Settings
from tasks.storage.expiries import Expiry, expired
from tests.support.inventories import (
    BATCH,
    DOCUMENT,
    JOB,
    KEYS,
    NOW,
    RECORDING,
    RULES,
    UPLOAD,
    ago,
    batch_of,
    ended,
    item,
    names,
    planned,
)

EXPIRES = {UPLOAD, KEYS.recording(JOB), KEYS.speech_plan(JOB), KEYS.recording_record(JOB)}
FAILED = batch_of(keys=RECORDING, uploads={UPLOAD: ago(days=4)})


def done(**time: float) -> BatchInventory:
    published = {KEYS.publication(JOB): ago(**time), DOCUMENT: ago(**time)}
    return batch_of(keys=RECORDING | published, uploads={UPLOAD: ago(days=30)})


@pytest.mark.parametrize(
    ("inventory", "activity", "going"),
    [
        (FAILED, ended(hours=23), set()),
        (FAILED, ended(hours=24), EXPIRES),
        (FAILED, Activity(active=True, ended_at=ago(days=3)), set()),  # it is being retried
        (done(minutes=1), ended(minutes=1), {UPLOAD}),
        (done(minutes=1), Activity(active=True, ended_at=None), set()),
        (done(days=6.9), ended(days=6.9), {UPLOAD}),
        (done(days=7), ended(days=6), EXPIRES),
        (done(days=7), Activity(active=True, ended_at=ago(days=6)), set()),
    ],
)
def test_uploads_and_recordings_go_when_nobody_needs_them(inventory, activity, going):
    assert names(inventory, activity) == going


@pytest.mark.parametrize(("written", "going"), [(ago(hours=23), set()), (ago(hours=24), {UPLOAD})])
def test_without_runs_in_prefect_a_batch_ended_when_the_last_of_its_files_was_written(written, going):
    inventory = batch_of(keys={}, uploads={UPLOAD: written})
    assert names(inventory, Activity(active=False, ended_at=None)) == going


def test_what_a_failed_job_could_be_retried_with_is_noted_before_it_goes():
    going = planned(FAILED, ended(hours=24))
    assert going.expiring == (JOB,)
    assert going.relying == frozenset()
    nothing_left = batch_of(keys={}, uploads={})
    assert planned(nothing_left, ended(hours=24)).expiring == ()


def test_what_a_job_that_is_done_gives_up_relies_on_its_documents():
    going = planned(done(days=8), ended(days=8))
    assert going.relying == {JOB}
    assert going.expiring == ()
    assert planned(done(days=8), ended(days=8), damaged=frozenset({JOB})).removals == {}


def test_a_video_that_can_be_watched_stays_a_day_longer_than_what_is_only_heard():
    heard = replace(RULES, video_retention=timedelta(0))
    published = {KEYS.publication(JOB): ago(hours=23), DOCUMENT: ago(hours=23)}
    watched = frozenset({JOB})
    for videos, rules, going in ((watched, RULES, set()), (frozenset(), RULES, {UPLOAD}), (watched, heard, {UPLOAD})):
        inventory = batch_of(keys=published, uploads={UPLOAD: ago(days=2)}, videos=videos)
        assert names(inventory, ended(hours=22), rules) == going
    day_old = batch_of(keys=dict.fromkeys(published, ago(hours=24)), uploads={UPLOAD: ago(days=2)}, videos=watched)
    assert names(day_old, ended(hours=22)) == {UPLOAD}


def test_a_recording_stays_as_long_as_its_video():
    rules = replace(RULES, recording_retention=timedelta(0))
    assert names(replace(done(hours=23), videos=frozenset({JOB})), ended(hours=22), rules) == set()
    assert names(replace(done(hours=24), videos=frozenset({JOB})), ended(hours=22), rules) == EXPIRES


def test_a_recording_goes_with_the_upload_if_recordings_are_not_kept():
    rules = replace(RULES, recording_retention=timedelta(0))
    assert names(done(minutes=1), ended(minutes=1), rules) == EXPIRES


def test_the_record_of_a_recording_goes_before_its_sound():
    order = [item.name for item in planned(FAILED, ended(days=2)).removals]
    assert order.index(KEYS.recording_record(JOB)) < min(map(order.index, [KEYS.speech_plan(JOB), KEYS.recording(JOB)]))


@pytest.mark.parametrize(
    ("last_upload", "receiving", "whole"),
    [(ago(hours=47), False, False), (ago(hours=48), False, True), (ago(hours=48), True, False)],
)
def test_a_batch_that_nobody_starts_goes_as_a_whole(last_upload, receiving, whole):
    inventory = batch_of(keys={}, uploads={UPLOAD: last_upload}, started=False, receiving=receiving)
    going = planned(inventory, Activity())
    assert going.whole is whole
    assert {item.name for item in going.removals} == ({*inventory.objects, UPLOAD} if whole else set())


def test_a_start_that_was_interrupted_is_left_to_the_dashboard():
    inventory = batch_of(keys=RECORDING, uploads={UPLOAD: ago(days=4)})
    without_run = replace(inventory, objects={key: each for key, each in inventory.objects.items() if key != KEYS.run})
    assert names(without_run, Activity(active=False, ended_at=None)) == set()


def test_batches_are_kept_until_they_are_dismissed_unless_told_otherwise():
    inventory = done(days=400)
    assert not planned(inventory, ended(days=400)).whole
    for_a_month = replace(RULES, batch_retention=timedelta(days=30))
    assert not planned(inventory, ended(days=29), for_a_month).whole
    assert names(inventory, ended(days=30), for_a_month) == {*inventory.objects, UPLOAD}
    assert RetentionRules.of(Settings(_env_file=None, batch_retention_days=30)) == for_a_month


def test_a_batch_with_nothing_but_records_and_documents_needs_no_look_at_its_runs():
    settled = batch_of(keys={KEYS.publication(JOB): ago(days=9), DOCUMENT: ago(days=9)}, uploads={})
    assert not may_hold_anything(settled, RULES, now=NOW)
    assert may_hold_anything(FAILED, RULES, now=NOW)


@pytest.mark.parametrize(
    ("uploads", "sentence"),
    [
        (["lecture.mp3"], "The upload of lecture.mp3 expired on 2026-11-24 14:00 UTC; upload it again."),
        (["a.mp3", "b.mp3"], "The uploads of a.mp3 and 1 other expired on 2026-11-24 14:00 UTC; upload them again."),
        (["a", "b", "c"], "The uploads of a and 2 others expired on 2026-11-24 14:00 UTC; upload them again."),
    ],
)
def test_expired_uploads_are_named(uploads, sentence):
    assert expired(uploads, Expiry(job_id=JOB, expired_at=NOW)) == sentence


@pytest.mark.parametrize(
    ("uploads", "sentence"),
    [
        (["lecture.mp3"], "The upload of lecture.mp3 was removed when it was cancelled; upload it again."),
        (["a", "b"], "The uploads of a and 1 other were removed when they were cancelled; upload them again."),
    ],
)
def test_uploads_that_went_with_their_cancel_are_named(uploads, sentence):
    assert expired(uploads, Expiry(job_id=JOB, expired_at=NOW, cancelled=True)) == sentence


KEPT = dict.fromkeys((KEYS.keep_mark(JOB),), ago(hours=1))
ALL_KEPT = dict.fromkeys((KEYS.keep_mark(),), ago(hours=1))


@pytest.mark.parametrize(
    ("keys", "activity", "going"),
    [
        ({}, ended(seconds=0), EXPIRES),
        ({}, Activity(active=True, ended_at=ago(days=3)), set()),  # it is being retried
        (KEPT, ended(hours=23), set()),
        (KEPT, ended(hours=24), EXPIRES),
        (ALL_KEPT, ended(hours=23), set()),
        ({KEYS.publication(JOB): ago(hours=1), DOCUMENT: ago(hours=1)}, ended(hours=1), {UPLOAD}),  # done all the same
    ],
)
def test_what_a_cancelled_job_uploaded_goes_at_once_unless_it_is_kept(keys, activity, going):
    inventory = batch_of(keys=RECORDING | keys, uploads={UPLOAD: ago(days=4)})
    assert names(inventory, activity, cancelled=frozenset({JOB})) == going


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=7), "7 days"),
        (timedelta(days=2.5), "2.5 days"),
        (timedelta(minutes=30), "0.5 hours"),
    ],
)
def test_times_are_told_in_words(time, words):
    assert span(time) == words


def test_the_report_names_each_thing_with_its_size_and_the_reason():
    upload, document = item("uploads", f"{BATCH}/a|b.mp3", NOW), item("store", DOCUMENT, NOW)
    removals = {upload: "Its documents are stored and verified.", document: "No publication names it."}
    page = report(RemovalPlan(removals, kept=("c.mp3: its documents are damaged.",)), dry_run=True)
    assert "**2 things would be removed (dry run), 2.0 kB.**" in page
    assert f"| {BATCH}/a\\|b.mp3 | uploads | 1.0 kB | Its documents are stored and verified. |" in page
    assert "- c.mp3: its documents are damaged." in page
    assert outcome({upload: removals[upload]}, dry_run=False) == "1 thing removed, 1.0 kB."
    assert outcome({}, dry_run=False) == "Nothing to clean up."
