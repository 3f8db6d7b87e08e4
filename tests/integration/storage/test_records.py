"""Damaged records: what can be made again counts as absent, what cannot is told."""

import logging
from datetime import UTC, datetime

import pytest

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.documents.publish import publish
from tasks.errors import RecordDamaged
from tasks.names import DocumentFormat
from tasks.settings import Settings
from tasks.storage import records
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.storage.open_store import open_store
from tasks.storage.records import published_and_intact, read_manifest, read_publication, read_recording
from tests.support.transcripts import heard

BATCH_ID = "20261122-101112-abcdef"
KEYS = BatchKeys.of(BATCH_ID)
NOW = datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)
JOB_ID = job_id_for(BATCH_ID, "a.mp3")

DAMAGES = pytest.mark.parametrize(
    "content",
    [
        b"",  # a full disk
        b'{"job_id": "cut o',
        b"\xff\xfe\x00",
        b"[]",
        b'{"of": "another version"}',
    ],
)


@pytest.fixture
def store(tmp_path):
    records._warn_once.cache_clear()
    return open_store(Settings(_env_file=None, data=tmp_path))


@DAMAGES
@pytest.mark.parametrize(
    ("key", "read"),
    [(KEYS.publication(JOB_ID), read_publication), (KEYS.recording_record(JOB_ID), read_recording)],
)
def test_a_derived_record_that_is_damaged_counts_as_absent_and_is_named_once(store, caplog, key, read, content):
    store.write(key, content)
    with caplog.at_level(logging.WARNING):
        assert read(store, BATCH_ID, JOB_ID) is None
        assert read(store, BATCH_ID, JOB_ID) is None
    assert [record.getMessage().split(" cannot be understood")[0] for record in caplog.records] == [f"The record {key}"]


@pytest.mark.parametrize("read", [read_publication, read_recording])
def test_a_record_that_is_absent_is_no_reason_for_a_warning(store, caplog, read):
    assert read(store, BATCH_ID, JOB_ID) is None
    assert caplog.records == []


@DAMAGES
def test_a_manifest_that_is_damaged_is_told_with_its_key(store, content):
    store.write(KEYS.batch, b"{}")
    store.write(KEYS.manifest, content)
    with pytest.raises(RecordDamaged, match=KEYS.manifest):
        read_manifest(store, BATCH_ID)


@DAMAGES
def test_a_damaged_publication_is_made_again_by_the_job(store, content):
    upload = Upload(job_id=JOB_ID, path="a.mp3", size=1, sha256="0" * 64, uploaded_at=NOW)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOW), [upload], started_at=NOW)
    store.write(KEYS.manifest, manifest.model_dump_json().encode())
    store.write(KEYS.publication(JOB_ID), content)
    again = {"token": attempt_token("a run", 2), "attempt": 2}
    contents = {DocumentFormat.TXT: b"Hello."}
    publish(store, BATCH_ID, manifest.jobs[0], **again, heard=heard(), contents=contents)
    publication = published_and_intact(store, BATCH_ID, JOB_ID)
    assert publication is not None
    assert publication.attempt == 2
