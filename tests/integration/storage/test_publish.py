"""Of several attempts at one job exactly one counts, whenever each of them gets to its end."""

from datetime import UTC, datetime

import pytest

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.documents.publish import publish
from tasks.errors import NotFound
from tasks.names import DocumentFormat
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.storage.records import published_and_intact, read_publication
from tests.support.transcripts import heard

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
KEYS = BatchKeys.of(BATCH_ID)
HEARD = heard()


@pytest.fixture
def job(store):
    path = "talks/a.mp3"
    upload = Upload(job_id=job_id_for(BATCH_ID, path), path=path, size=1, sha256="0", uploaded_at=NOON)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOON), [upload], started_at=NOON)
    store.write(KEYS.manifest, manifest.model_dump_json().encode())
    return manifest.jobs[0]


def attempt(store, job, number: int, said: bytes):
    contents = {DocumentFormat.TXT: said, DocumentFormat.SRT: b"1\n" + said}
    token = attempt_token("run", number)
    return publish(store, BATCH_ID, job, token=token, attempt=number, heard=HEARD, contents=contents)


def documents(store):
    return {key: store.read(key) for key in store.list(KEYS.documents)}


def test_a_late_attempt_changes_nothing_and_leaves_nothing(store, job):
    first = attempt(store, job, 2, b"first")
    before = documents(store)
    assert attempt(store, job, 1, b"late") == first
    assert documents(store) == before
    assert read_publication(store, BATCH_ID, job.job_id) == first


def test_an_attempt_that_publishes_twice_keeps_its_documents(store, job):
    assert attempt(store, job, 1, b"said").token == attempt(store, job, 1, b"said").token
    assert published_and_intact(store, BATCH_ID, job.job_id) is not None


def test_damaged_documents_are_replaced_by_the_next_attempt(store, job):
    first = attempt(store, job, 1, b"first")
    store.delete(first.documents[0].key)
    attempt(store, job, 2, b"second")
    publication = published_and_intact(store, BATCH_ID, job.job_id)
    assert publication is not None
    assert publication.attempt == 2


def test_what_is_left_of_a_killed_attempt_is_no_publication(store, job):
    store.write(KEYS.document(job, DocumentFormat.TXT, attempt_token("run", 1)), b"half")
    assert read_publication(store, BATCH_ID, job.job_id) is None


def test_a_dismissed_batch_does_not_come_back(store, job):
    store.delete_all(KEYS.folder)
    with pytest.raises(NotFound, match=r"a\.mp3 was dismissed"):
        attempt(store, job, 1, b"late")
    assert list(store.list(KEYS.folder)) == []
