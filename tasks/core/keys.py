"""
Where things are kept in the store.

A batch is a flow run plus its folder in the store. The keys of that folder are named here and nowhere else:

::

    batches/<batch id>/batch.json                    Batch: made by POST /api/batch
    batches/<batch id>/uploads/<job id>.json         Upload: written last, so an upload without it does not count
    batches/<batch id>/manifest.json                 Manifest: written once, by the start; from then on nothing is added
    batches/<batch id>/run.json                      StartedRun: written when Prefect has the batch's run
    batches/<batch id>/recordings/<job id>.mp3       what the model hears
    batches/<batch id>/recordings/<job id>.json      Recording: written after the MP3
    batches/<batch id>/cancelled/<job id>.json       a person cancelled the job before it had a run
    batches/<batch id>/documents/<tree>/<token>/…    the documents of one attempt, in the folder tree of the uploads
    batches/<batch id>/published/<job id>.json       Publication: written last, so documents without it do not count
    batches/<batch id>/expired/<job id>.json         Expiry: written before the upload of a job that isn't done goes

No two attempts of a job write the same key: each has a token of its own, and the publication says whose documents
count. It is created, not written, so the first of two attempts that end at the same time wins.
"""

import hashlib
from typing import Self

from pydantic import field_validator

from tasks.core.batches import BATCH_ID, Job, Record
from tasks.core.errors import NotFound
from tasks.core.names import DocumentFormat, document_name, shown

BATCHES = "batches/"
"""Prefix of the folders of all batches."""

MAX_PART_BYTES = 200
"""Longest part of a key; file systems allow 255 and a temporary name needs some of them."""

MAX_TREE_BYTES = 800
"""Longest path below ``documents/``, its token aside; keys have room for 900 bytes (`tasks.store.MAX_KEY_BYTES`)."""


class BatchKeys(Record):
    """The keys of one batch's folder in the store."""

    batch_id: str

    @field_validator("batch_id")
    @classmethod
    def _is_batch_id(cls, batch_id: str) -> str:
        if not BATCH_ID.fullmatch(batch_id):
            msg = f"There is no batch {shown(batch_id)}."
            raise NotFound(msg)
        return batch_id

    @classmethod
    def of(cls, batch_id: str) -> Self:
        """Return the keys of the batch. Raises `NotFound` if *batch_id* is no batch id."""
        return cls(batch_id=batch_id)

    @property
    def folder(self) -> str:
        """Prefix of everything of the batch."""
        return f"{BATCHES}{self.batch_id}/"

    @property
    def batch(self) -> str:
        """The `Batch`."""
        return f"{self.folder}batch.json"

    @property
    def manifest(self) -> str:
        """The `Manifest`."""
        return f"{self.folder}manifest.json"

    @property
    def run(self) -> str:
        """The `StartedRun`."""
        return f"{self.folder}run.json"

    @property
    def uploads(self) -> str:
        """Prefix of the upload records."""
        return f"{self.folder}uploads/"

    def upload(self, job_id: str) -> str:
        """The `Upload` record of a job."""
        return f"{self.uploads}{job_id}.json"

    @property
    def recordings(self) -> str:
        """Prefix of the recordings and their records."""
        return f"{self.folder}recordings/"

    def recording(self, job_id: str) -> str:
        """The MP3 of a job."""
        return f"{self.recordings}{job_id}.mp3"

    def recording_record(self, job_id: str) -> str:
        """The `Recording` of a job."""
        return f"{self.recordings}{job_id}.json"

    @property
    def cancel_marks(self) -> str:
        """Prefix of the marks of cancelled jobs."""
        return f"{self.folder}cancelled/"

    def cancel_mark(self, job_id: str) -> str:
        """The mark of a job that a person cancelled before it had a run."""
        return f"{self.cancel_marks}{job_id}.json"

    @property
    def documents(self) -> str:
        """Prefix of the documents of all attempts."""
        return f"{self.folder}documents/"

    def document(self, job: Job, document_format: DocumentFormat, token: str) -> str:
        """One document of the attempt *token* at a job."""
        *folders, name = document_name(job.document_stem, document_format).split("/")
        tree = "/".join(_storable(part) for part in folders)
        if len(tree.encode()) + len(_storable(name).encode()) > MAX_TREE_BYTES:
            tree = hashlib.sha256("/".join(folders).encode()).hexdigest()
        return f"{self.documents}{tree}{'/' if tree else ''}{token}/{_storable(name)}"

    @property
    def publications(self) -> str:
        """Prefix of the publications."""
        return f"{self.folder}published/"

    def publication(self, job_id: str) -> str:
        """The `Publication` of a job."""
        return f"{self.publications}{job_id}.json"

    @property
    def expiries(self) -> str:
        """Prefix of the notes that uploads have expired."""
        return f"{self.folder}expired/"

    def expiry(self, job_id: str) -> str:
        """The `Expiry` of a job."""
        return f"{self.expiries}{job_id}.json"


def attempt_token(flow_run_id: str, attempt: int) -> str:
    """Return the token of one attempt at a job: no other attempt of any run has it."""
    return f"attempt-{attempt}-{hashlib.sha256(f'{flow_run_id}/{attempt}'.encode()).hexdigest()[:12]}"


def _storable(part: str) -> str:
    """
    Return one part of a path as every store can hold it: at most 200 bytes, no control characters or backslashes.

    A part that had to be changed gets a digest of the original, so that different parts stay different.
    """
    kept = "".join("_" if not character.isprintable() or character in '\\:*?"<>|' else character for character in part)
    if kept == part and len(part.encode()) <= MAX_PART_BYTES and part[-1] not in " .":
        return part
    root, dot, ending = kept.rpartition(".")
    root, ending = (root, dot + ending) if dot and ending in tuple(DocumentFormat) else (kept, "")
    digest = hashlib.sha256(part.encode()).hexdigest()[:12]
    return f"{root.encode()[:170].decode(errors='ignore')}~{digest}{ending}"
