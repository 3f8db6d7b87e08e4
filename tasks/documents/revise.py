"""
Revisions: a corrected transcript is saved beside the machine's, which is never overwritten.

Its documents are stored and read back; then a record with the next number is *created* and makes them count; then they
are kept under the stable addresses. Of several users who corrected the same revision the first wins: the others are
told who it was, and what they stored is taken back. A kill in between leaves documents that a clean-up finds.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from tasks.batches import Job, Publication, batch_id_of
from tasks.documents.content import Correction
from tasks.documents.content_check import check_characters
from tasks.documents.corrections import content_of, correct, words_changed
from tasks.documents.formats import render_stored
from tasks.documents.results import keep_results
from tasks.documents.stored_transcript import StoredTranscript, read_machine_transcript, read_stored_transcript
from tasks.documents.storing import store_documents, store_transcript, take_back
from tasks.errors import CorrectionInvalid, NotFound, RevisionConflict
from tasks.names import DocumentFormat, display_name
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys, newest_revisions, revision_token
from tasks.storage.records import read_recording
from tasks.storage.revisions import Revision, newest_revision


def read_revised(store: Store, publication: Publication, revision: Revision | None) -> StoredTranscript:
    """
    Return the transcript of a revision of the job; without one, what the machine heard.

    Raises `NotFound`, `RecordDamaged`, and `WrongStage` for a job that kept none.
    """
    if revision is not None:
        return read_stored_transcript(store, revision.transcript)
    recording = read_recording(store, batch_id_of(publication.job_id), publication.job_id)
    offset = recording.offset_seconds if recording else 0.0
    return read_machine_transcript(store, publication, offset_seconds=offset)


def save_revision(store: Store, job: Job, publication: Publication, correction: Correction) -> Revision:
    """
    Save the correction of a published job, and return its revision: the newest one, if that was made of it already.

    Raises `RevisionConflict` if another one was saved since its base, `CorrectionInvalid`, `NotFound` for a batch
    that is gone, `WrongStage` for a job that kept no transcript, and `StoreUnavailable`.
    """
    check_characters(correction)
    keys = BatchKeys.of(batch_id_of(job.job_id))
    # The number first: if another revision is saved from here on, this one has that number, and is not created.
    number = 1 + newest_revisions(store.list(keys.revisions_of(job.job_id))).get(job.job_id, 0)
    newest, sent = newest_revision(store, job.job_id), _checksum(correction)
    latest = newest.number if newest else 0
    if correction.base > latest:
        msg = f"There is no revision {correction.base} to correct: the newest one is {latest}. Load the transcript."
        raise CorrectionInvalid(msg)
    if newest is not None and newest.sent == sent:  # once more, since the answer was lost
        keep_results(store, job, publication)
        return newest
    if newest is not None and correction.base < latest:
        raise _conflict(newest)
    base = read_revised(store, publication, newest)
    before = content_of(base)
    corrected = correct(base, before, correction)
    after = content_of(corrected)
    if before == after:
        msg = f"Nothing was changed in revision {latest}, so there is nothing to save."
        raise CorrectionInvalid(msg)
    stamp = {"revision": number, "revised_at": datetime.now(UTC), "revised_by": _name_of(correction)}
    revision = _store(
        store,
        job,
        correction,
        corrected.model_copy(update=stamp),
        formats=[document.format for document in publication.documents],
        changed=words_changed(before, after),
    )
    _create(store, keys, revision)
    keep_results(store, job, publication)
    return revision


def _store(
    store: Store,
    job: Job,
    correction: Correction,
    corrected: StoredTranscript,
    *,
    formats: Iterable[DocumentFormat],
    changed: int,
) -> Revision:
    """Store the documents of the corrected transcript, and return the revision that will make them count."""
    token = revision_token(corrected.revision, secrets.token_bytes(16))
    contents = render_stored(corrected, job, formats)
    return Revision(
        job_id=job.job_id,
        number=corrected.revision,
        base=correction.base,
        saved_at=corrected.revised_at or datetime.now(UTC),
        saved_by=corrected.revised_by,
        note=correction.note.strip(),
        words_changed=changed,
        gaps=corrected.transcript.gaps,
        sent=_checksum(correction),
        token=token,
        transcript=store_transcript(store, job, token, corrected),
        documents=store_documents(store, job, token, contents),
    )


def _create(store: Store, keys: BatchKeys, revision: Revision) -> None:
    """Make the revision count. Raises `RevisionConflict` if another one was faster, and `NotFound`."""
    key = keys.revision(revision.job_id, revision.number)
    if not store.create(key, revision.model_dump_json().encode()):
        standing = newest_revision(store, revision.job_id)
        if standing is not None and standing.token == revision.token:
            return  # only the answer of the store to a try before this one was lost
        take_back(store, revision.transcript, revision.documents)
        raise _conflict(standing or revision)
    if store.stat(keys.batch) is None:  # dismissed meanwhile: nothing of it may stay
        store.delete(key)
        take_back(store, revision.transcript, revision.documents)
        msg = f"Batch {keys.batch_id} was dismissed before the correction was saved."
        raise NotFound(msg)


def _name_of(correction: Correction) -> str:
    return " ".join(correction.saved_by.split())


def _checksum(correction: Correction) -> str:
    return hashlib.sha256(correction.model_dump_json().encode()).hexdigest()


def _conflict(standing: Revision) -> RevisionConflict:
    when = f"{standing.saved_at:%Y-%m-%d %H:%M} UTC"
    return RevisionConflict(
        f"This transcript was saved by {display_name(standing.saved_by)} at {when} as revision {standing.number} "
        "meanwhile. Load that revision, and make your changes in it."
    )
