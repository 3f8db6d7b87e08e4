"""Corrections are saved beside what the machine heard, in a folder and in a bucket alike."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dashboard.services.zip_export import JobOutcome, zip_results
from tasks.batches import Stage
from tasks.documents.content import Correction
from tasks.documents.corrections import content_of
from tasks.documents.revise import read_revised, save_revision
from tasks.errors import CorrectionInvalid, RevisionConflict, WrongStage
from tasks.names import DEFAULT_FORMATS, DocumentFormat
from tasks.storage.revisions import newest_revision, read_current, read_revisions
from tests.support.revisions import BATCH_ID, HEARD, KEYS, correction, publish_attempt, save, text


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
