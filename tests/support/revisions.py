"""A batch whose only job is done, and corrections of its transcript."""

from datetime import UTC, datetime
from typing import Any

from tasks.batches import Batch, Job, Manifest, Publication, Upload, job_id_for, manifest_of
from tasks.documents.content import CorrectedParagraph, CorrectedWord, Correction
from tasks.documents.formats import render_stored
from tasks.documents.publish import publish
from tasks.documents.revise import save_revision
from tasks.names import DEFAULT_FORMATS, DocumentFormat
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys, attempt_token, result_key
from tasks.storage.revisions import Revision, read_current
from tests.support.transcripts import heard, sentence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
KEYS = BatchKeys.of(BATCH_ID)
HEARD = heard(sentence("Good morning every one.", 0.5, 2.5))


def make_batch(store: Store) -> Manifest:
    """Make the batch, and publish the documents of its job."""
    job_id = job_id_for(BATCH_ID, "talks/a.mp3")
    upload = Upload(job_id=job_id, path="talks/a.mp3", size=1, sha256="0", uploaded_at=NOON)
    made = Batch(batch_id=BATCH_ID, name="talks", created_at=NOON, results="results/{batch}/{tree}/{name}")
    manifest = manifest_of(made, [upload], started_at=NOON)
    store.write(KEYS.batch, made.model_dump_json().encode())
    store.write(KEYS.manifest, manifest.model_dump_json().encode())
    publish_attempt(store, manifest.jobs[0], 1)
    return manifest


def publish_attempt(store: Store, job: Job, number: int) -> Publication:
    """Publish what an attempt at the job heard, which is always the same."""
    contents = render_stored(HEARD, job, DEFAULT_FORMATS)
    token = attempt_token("run", number)
    return publish(store, BATCH_ID, job, token=token, attempt=number, heard=HEARD, contents=contents)


def correction(*words: str, base: int = 0, saved_by: str = "Ada") -> Correction:
    """A correction of the whole text to these words."""
    given = tuple(CorrectedWord(text=f" {word}") for word in words)
    return Correction(base=base, saved_by=saved_by, paragraphs=(CorrectedParagraph(words=given),))


def save(store: Store, job: Job, *words: str, **details: Any) -> Revision:
    """Save a correction of the text of the job."""
    publication = read_current(store, BATCH_ID, job.job_id)
    assert publication is not None
    return save_revision(store, job, publication, correction(*words, **details))


def text(store: Store, job: Job) -> str:
    """Return the text that is kept under the stable address of the job."""
    return store.read(result_key(Batch.model_validate_json(store.read(KEYS.batch)), job, DocumentFormat.TXT)).decode()
