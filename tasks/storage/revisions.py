"""
Revisions: the corrections of transcripts by users. The documents of a job are those of its newest revision.

Their records are created, one number after the other, and never changed.
"""

from collections.abc import Iterator
from datetime import datetime

from pydantic import Field

from tasks.batches import Document, Gap, Publication, StoredModel, batch_id_of
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import read_derived, read_publication


class Revision(StoredModel):
    """
    A correction of a job's transcript by a user. The newest one's documents are those of the job.

    What the machine wrote is revision 0, which has no record but the publication.
    """

    job_id: str
    number: int = Field(ge=1)
    base: int = Field(ge=0, description="revision that was corrected")
    saved_at: datetime
    saved_by: str
    note: str = ""
    words_changed: int = Field(ge=0, description="words whose text, times or speaker differ from those of the base")
    gaps: tuple[Gap, ...] = Field(default=(), description="those that no word was written into")
    sent: str = Field(description="checksum of what the user sent: the same sent twice is saved once")
    token: str = Field(description="part of its documents' keys that no other revision or attempt has")
    transcript: str = Field(description="key of what its documents were made of")
    documents: tuple[Document, ...]


def newest_revision(store: Store, job_id: str) -> Revision | None:
    """Return the newest revision of the job, or None if its transcript was never corrected."""
    return next(read_revisions(store, job_id), None)


def read_revision(store: Store, key: str) -> Revision | None:
    """Return the revision under *key*, or None if it is gone or cannot be understood."""
    return read_derived(store, key, Revision)


def read_revisions(store: Store, job_id: str) -> Iterator[Revision]:
    """Yield the revisions of the job, newest first. One that cannot be understood is left out, and named in the log."""
    keys = [*store.list(BatchKeys.of(batch_id_of(job_id)).revisions_of(job_id))]
    for key in reversed(keys):
        if (revision := read_revision(store, key)) is not None:
            yield revision


def read_current(store: Store, batch_id: str, job_id: str) -> Publication | None:
    """Return the job's publication with the documents of its newest revision, or None if it has none."""
    publication = read_publication(store, batch_id, job_id)
    return publication and with_revision(publication, newest_revision(store, job_id))


def with_revision(publication: Publication, revision: Revision | None) -> Publication:
    """Return the publication with the documents and gaps of the revision, if there is one."""
    if revision is None:
        return publication
    counts = {
        "token": revision.token,
        "transcript": revision.transcript,
        "documents": revision.documents,
        "gaps": revision.gaps,
    }
    return publication.model_copy(update=counts)
