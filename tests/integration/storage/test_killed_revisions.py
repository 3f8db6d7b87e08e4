"""Corrections whose dashboard is killed, whose batch goes meanwhile, and what a clean-up takes of them."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.cleanup.deletion import delete_hidden_batch, hide_batch
from tasks.cleanup.inventory import Activity, read_inventory
from tasks.cleanup.retention import RetentionRules, plan
from tasks.documents.results import complete_results
from tasks.documents.revise import save_revision
from tasks.errors import NotFound
from tasks.names import DocumentFormat
from tasks.storage.folder import open_folder
from tasks.storage.keys import revision_token
from tasks.storage.revisions import newest_revision, read_current
from tests.support.revisions import BATCH_ID, KEYS, correction, make_batch, save, text


class Killed(BaseException):
    """The process is killed in this moment."""


class Mortal:
    """A store whose process is killed before or after the change of this number."""

    def __init__(self, store, number, *, after=False):
        self._store, self._number, self._after = store, number, after
        self._changes = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, key, content):
        return self._change(lambda: self._store.write(key, content))

    def create(self, key, content):
        return self._change(lambda: self._store.create(key, content))

    def _change(self, make):
        self._changes += 1
        if self._changes == self._number and not self._after:
            raise Killed
        done = make()
        if self._changes == self._number:
            raise Killed
        return done


def test_a_kill_before_the_results_are_kept_is_healed(store, batch):
    (job,) = batch.jobs
    publication = read_current(store, BATCH_ID, job.job_id)

    time.sleep(1.1)  # S3 tells times in seconds
    with pytest.raises(Killed):
        save_revision(Mortal(store, 7), job, publication, correction("Good", "evening"))
    assert text(store, job) == "Good morning every one.\n"
    complete_results(store, batch)
    assert text(store, job) == "Good evening\n"


def test_a_clean_up_takes_what_a_killed_save_left_and_no_revision(store, settings, batch):
    (job,) = batch.jobs
    save(store, job, "Good", "evening")
    token = revision_token(2, b"killed")
    left = KEYS.document(job, DocumentFormat.TXT, token), KEYS.transcript(job.job_id, token)
    for key in left:
        store.write(key, b"half")
    going = removals(store, settings)
    assert going == set(left)
    for key in left:
        store.delete(key)
    assert removals(store, settings) == set()


def removals(store, settings):
    now = datetime.now(UTC) + timedelta(hours=2)
    inventory = replace(read_inventory(store, settings, BATCH_ID), activity=Activity(ended_at=now))
    return {item.name for item in plan(inventory, RetentionRules.of(settings), now=now).removals}


def test_corrections_go_with_their_batch(store, settings, batch):
    (job,) = batch.jobs
    save(store, job, "Good", "evening")
    hide_batch(store, BATCH_ID)
    delete_hidden_batch(store, settings, BATCH_ID)
    assert list(store.list("batches/")) == list(store.list("results/")) == []


def test_a_correction_that_is_saved_while_its_batch_goes_leaves_nothing(store, settings, batch):
    (job,) = batch.jobs
    publication = read_current(store, BATCH_ID, job.job_id)

    class Dismissing:
        """The same store, from which the batch is dismissed before the revision is created."""

        def __getattr__(self, name):
            return getattr(store, name)

        def create(self, key, content):
            hide_batch(store, BATCH_ID)
            delete_hidden_batch(store, settings, BATCH_ID)
            return store.create(key, content)

    with pytest.raises(NotFound, match="was dismissed before"):
        save_revision(Dismissing(), job, publication, correction("Good", "evening"))
    assert list(store.list("batches/")) == list(store.list("results/")) == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 11))
def test_whenever_the_dashboard_is_killed_a_correction_is_saved_as_a_whole_or_not_at_all(tmp_path, number, after):
    store = open_folder(tmp_path / "store")
    (job,) = make_batch(store).jobs
    publication, sent = read_current(store, BATCH_ID, job.job_id), correction("Good", "evening")
    with pytest.raises(Killed):
        save_revision(Mortal(store, number, after=after), job, publication, sent)
    saved = newest_revision(store, job.job_id) is not None
    assert saved == ((number, after) >= (6, True))  # after what it is made of and four documents
    current = {each.format: store.read(each.key) for each in read_current(store, BATCH_ID, job.job_id).documents}
    assert current[DocumentFormat.TXT].decode() == ("Good evening\n" if saved else "Good morning every one.\n")
    assert ("evening" in current[DocumentFormat.JSON].decode()) == saved
    assert save_revision(store, job, publication, sent).number == 1  # whoever got no answer sends it again
    assert text(store, job) == "Good evening\n"
