"""Corrections are saved beside what the machine heard, in a folder and in a bucket alike."""

import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from dashboard.services.zip_export import JobOutcome, zip_results
from tasks.batches import Batch, Stage, Upload, job_id_for, manifest_of
from tasks.cleanup.deletion import delete_hidden_batch, hide_batch
from tasks.cleanup.inventory import Activity, read_inventory
from tasks.cleanup.retention import RetentionRules, plan
from tasks.documents.content import CorrectedParagraph, CorrectedWord, Correction
from tasks.documents.corrections import content_of
from tasks.documents.formats import render_stored
from tasks.documents.publish import publish
from tasks.documents.results import complete_results
from tasks.documents.revise import read_revised, save_revision
from tasks.errors import CorrectionInvalid, NotFound, RevisionConflict, WrongStage
from tasks.names import DEFAULT_FORMATS, DocumentFormat
from tasks.storage.folder import open_folder
from tasks.storage.keys import BatchKeys, attempt_token, result_key, revision_token
from tasks.storage.revisions import newest_revision, read_current, read_revisions
from tests.support.transcripts import heard, sentence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
KEYS = BatchKeys.of(BATCH_ID)
HEARD = heard(sentence("Good morning every one.", 0.5, 2.5))


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


@pytest.fixture
def batch(store):
    """The manifest of a batch whose only job is done."""
    return make_batch(store)


def make_batch(store):
    job_id = job_id_for(BATCH_ID, "talks/a.mp3")
    upload = Upload(job_id=job_id, path="talks/a.mp3", size=1, sha256="0", uploaded_at=NOON)
    made = Batch(batch_id=BATCH_ID, name="talks", created_at=NOON, results="results/{batch}/{tree}/{name}")
    manifest = manifest_of(made, [upload], started_at=NOON)
    store.write(KEYS.batch, made.model_dump_json().encode())
    store.write(KEYS.manifest, manifest.model_dump_json().encode())
    publish_attempt(store, manifest.jobs[0], 1)
    return manifest


def publish_attempt(store, job, number):
    contents = render_stored(HEARD, job, DEFAULT_FORMATS)
    token = attempt_token("run", number)
    return publish(store, BATCH_ID, job, token=token, attempt=number, heard=HEARD, contents=contents)


def correction(*words, base=0, saved_by="Ada"):
    given = tuple(CorrectedWord(text=f" {word}") for word in words)
    return Correction(base=base, saved_by=saved_by, paragraphs=(CorrectedParagraph(words=given),))


def save(store, job, *words, **details):
    publication = read_current(store, BATCH_ID, job.job_id)
    return save_revision(store, job, publication, correction(*words, **details))


def text(store, job):
    return store.read(result_key(Batch.model_validate_json(store.read(KEYS.batch)), job, DocumentFormat.TXT)).decode()


def test_a_correction_is_in_all_documents_and_the_machine_s_stay(store, batch):
    (job,) = batch.jobs
    before = {key: store.read(key) for key in store.list(KEYS.documents)}
    revision = save(store, job, "Good", "evening", "everyone.")
    assert [each.format for each in revision.documents] == list(DEFAULT_FORMATS)
    assert text(store, job) == "Good evening everyone.\n"
    assert before.items() <= {key: store.read(key) for key in store.list(KEYS.documents)}.items()
    found = json.loads(store.read(next(each.key for each in revision.documents if each.format is DocumentFormat.JSON)))
    assert (found["revision"], found["revised_by"], found["text"]) == (1, "Ada", "Good evening everyone.")


def test_a_damaged_document_of_a_correction_is_written_once_more_for_the_zip(store, batch):
    (job,) = batch.jobs
    revision = save(store, job, "Good", "evening", "everyone.")
    outcome = JobOutcome(job=job, stage=Stage.DONE, publication=read_current(store, BATCH_ID, job.job_id))

    def zipped():
        archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_results(store, batch, [outcome]))))
        return {name: archive.read(name) for name in archive.namelist()}

    good = zipped()
    for document in revision.documents:
        store.write(document.key, b"rubbish")
    assert zipped() == good
    store.write(revision.transcript, b"rubbish")
    left = zipped()
    assert list(left) == ["manifest.json"]
    assert "Take the store from a backup" in json.loads(left["manifest.json"])["jobs"][0]["error"]


def test_of_two_users_who_correct_the_same_the_second_is_told_of_the_first(store, batch):
    (job,) = batch.jobs
    save(store, job, "Good", "evening", saved_by="Ada Lovelace")
    stored = list(store.list(""))
    with pytest.raises(RevisionConflict, match=r"saved by Ada Lovelace at .* as revision 1 meanwhile"):
        save(store, job, "Good", "night", saved_by="Charles")
    assert list(store.list("")) == stored
    assert save(store, job, "Good", "night", base=1, saved_by="Charles").number == 2


def test_of_users_who_save_in_the_same_moment_one_wins_and_the_others_leave_nothing(store, batch):
    (job,) = batch.jobs
    publication = read_current(store, BATCH_ID, job.job_id)
    together = Barrier(4)

    class Together:
        """The same store, in which all users have looked for revisions before any of them saves one."""

        def __getattr__(self, name):
            return getattr(store, name)

        def create(self, key, content):
            together.wait()
            return store.create(key, content)

    def save_as(name):
        try:
            return save_revision(Together(), job, publication, correction("Good", name, saved_by=name))
        except RevisionConflict as refused:
            return str(refused)

    with ThreadPoolExecutor(4) as users:
        outcomes = list(users.map(save_as, ["Ada", "Charles", "Grace", "Alan"]))
    (won,) = [each for each in outcomes if not isinstance(each, str)]
    assert all(won.saved_by in each for each in outcomes if isinstance(each, str))
    assert text(store, job) == f"Good {won.saved_by}\n"
    assert len(list(store.list(KEYS.documents))) == 2 * len(DEFAULT_FORMATS)
    assert len(list(store.list(KEYS.transcripts))) == 2


def test_the_same_correction_sent_twice_is_one_revision(store, batch):
    (job,) = batch.jobs
    first = save(store, job, "Good", "evening")
    assert save(store, job, "Good", "evening") == first
    assert len(list(read_revisions(store, job.job_id))) == 1


def test_a_record_that_cannot_be_read_hides_no_other(store, batch):
    (job,) = batch.jobs
    first = save(store, job, "Good", "evening")
    store.write(KEYS.revision(job.job_id, 2), b"half")
    store.write(f"{KEYS.revisions_of(job.job_id)}.DS_Store", b"left by a file manager")
    assert newest_revision(store, job.job_id) == first
    assert save(store, job, "Good", "night", base=1).number == 3
    assert text(store, job) == "Good night\n"


def test_what_changes_nothing_is_not_saved(store, batch):
    (job,) = batch.jobs
    publication = read_current(store, BATCH_ID, job.job_id)
    same = content_of(HEARD).model_dump() | {"base": 0, "saved_by": "Ada"}
    with pytest.raises(CorrectionInvalid, match="Nothing was changed"):
        save_revision(store, job, publication, Correction.model_validate(same))
    assert newest_revision(store, job.job_id) is None


def test_a_job_of_an_older_version_is_corrected_from_its_json(store, batch):
    (job,) = batch.jobs
    store.delete_all(KEYS.transcripts)
    publication = read_current(store, BATCH_ID, job.job_id)
    assert content_of(read_revised(store, publication, None)) == content_of(HEARD)
    save(store, job, "Good", "evening")
    assert text(store, job) == "Good evening\n"


def test_a_job_of_an_older_version_without_json_cannot_be_corrected(store, batch):
    (job,) = batch.jobs
    publication = read_current(store, BATCH_ID, job.job_id)
    publication = publication.model_copy(update={"transcript": "", "documents": publication.documents[:1]})
    with pytest.raises(WrongStage, match="started without JSON"):
        save_revision(store, job, publication, correction("Good"))


def test_a_retry_leaves_corrections_in_their_place(store, batch):
    (job,) = batch.jobs
    save(store, job, "Good", "evening")
    store.delete(store_key := next(store.list(KEYS.documents)))
    assert "attempt" in store_key
    publish_attempt(store, job, 2)
    assert text(store, job) == "Good evening\n"
    assert read_current(store, BATCH_ID, job.job_id).documents == newest_revision(store, job.job_id).documents


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
