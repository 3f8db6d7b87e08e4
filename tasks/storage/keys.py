"""
The keys of the store.

A batch is a flow run plus its folder in the store. The keys of that folder are named here and nowhere else:

::

    batches/<batch id>/batch.json                    Batch: made by POST /api/batch
    batches/<batch id>/uploads/<job id>.json         Upload: written last, so an upload without it does not count
    batches/<batch id>/manifest.json                 Manifest: written once, by the start; from then on nothing is added
    batches/<batch id>/run.json                      StartedRun: written when Prefect has the batch's run
    batches/<batch id>/recordings/<job id>.mp3       what the model hears
    batches/<batch id>/recordings/<job id>.speech    SpeechPlan: where the speech is in it
    batches/<batch id>/recordings/<job id>.json      Recording: written after the MP3 and its plan
    batches/<batch id>/parts/<job id>/<fingerprint>/…
                                                     what was heard of a long recording, part by part, until it is done:
                                                     NNNN.taken and the PartText NNNN.json, and the SettledLanguage
    batches/<batch id>/cancelled/<job id>.json       CancelMark: a user cancelled this job alone
    batches/<batch id>/kept/<job id>.json            KeepMark: what the job uploaded stays though it is cancelled;
                                                     batch.json instead of a job's: that of all its jobs
    batches/<batch id>/documents/<tree>/<token>/…    the documents of one attempt, in the folder tree of the uploads
    batches/<batch id>/transcripts/<job id>/<token>.json
                                                     StoredTranscript: what the documents of this token are made of
    batches/<batch id>/published/<job id>.json       Publication: written last, so documents without it do not count
    batches/<batch id>/revisions/<job id>/<number>.json
                                                     Revision: a user's correction; written after its documents
    batches/<batch id>/expired/<job id>.json         Expiry: written before the upload of a job that isn't done goes
    edits/<batch id>/<number>.json                   BatchEdits: name, tags, titles and dismissed jobs; in a folder of
                                                     their own, so that one listing tells of all batches' newest

No two attempts of a job write the same key: each has a token of its own, and the publication says whose documents
count. It is created, not written, so the first of two attempts that end at the same time wins. So it is with revisions,
which have tokens, too: of two users who correct the same transcript, the first to save wins.

Once they count, documents are kept a second time, under stable, readable addresses (`result_key`).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Self

from pydantic import field_validator

from tasks.batches import BATCH_ID, Batch, Job, Manifest, StoredModel
from tasks.errors import NotFound
from tasks.names import DocumentFormat, display_name, document_name, storable
from tasks.result_template import BatchLabels, ResultTemplate

BATCHES = "batches/"
"""Prefix of the folders of all batches."""

EDITS = "edits/"
"""Prefix of the edits of all batches."""

MAX_TREE_BYTES = 800
"""Longest path below ``documents/``, its token aside; keys have room for 900 bytes (`MAX_KEY_BYTES`)."""


_REVISION_KEY = re.compile(r"/(?P<of>[^/]+)/(?P<number>\d{6})\.json$")


class BatchKeys(StoredModel):
    """The keys of one batch's folder in the store."""

    batch_id: str

    @field_validator("batch_id")
    @classmethod
    def _is_batch_id(cls, batch_id: str) -> str:
        if not BATCH_ID.fullmatch(batch_id):
            msg = f"There is no batch {display_name(batch_id)}."
            raise NotFound(msg)
        return batch_id

    @classmethod
    def of(cls, batch_id: str) -> Self:
        """Return the keys of the batch. Raises `NotFound` if *batch_id* is not a batch id."""
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

    def speech_plan(self, job_id: str) -> str:
        """The `SpeechPlan` of a job's recording."""
        return f"{self.recordings}{job_id}.speech"

    @property
    def parts(self) -> str:
        """Prefix of what was heard of long recordings, part by part."""
        return f"{self.folder}parts/"

    def parts_of(self, job_id: str) -> str:
        """Prefix of the parts of a job's recording, as far as they were heard."""
        return f"{self.parts}{job_id}/"

    @property
    def cancel_marks(self) -> str:
        """Prefix of the marks of cancelled jobs."""
        return f"{self.folder}cancelled/"

    def cancel_mark(self, job_id: str) -> str:
        """The mark of a job that a user cancelled before it had a run."""
        return f"{self.cancel_marks}{job_id}.json"

    @property
    def keep_marks(self) -> str:
        """Prefix of the marks that uploads are kept."""
        return f"{self.folder}kept/"

    def keep_mark(self, job_id: str = "batch") -> str:
        """The `KeepMark` of a job, or of the whole batch."""
        return f"{self.keep_marks}{job_id}.json"

    @property
    def documents(self) -> str:
        """Prefix of the documents of all attempts."""
        return f"{self.folder}documents/"

    def document(self, job: Job, document_format: DocumentFormat, token: str) -> str:
        """One document of the attempt *token* at a job."""
        *folders, name = document_name(job.document_stem, document_format, job.names).split("/")
        tree = "/".join(storable(part) for part in folders)
        if len(tree.encode()) + len(storable(name).encode()) > MAX_TREE_BYTES:
            tree = hashlib.sha256("/".join(folders).encode()).hexdigest()
        return f"{self.documents}{tree}{'/' if tree else ''}{token}/{storable(name)}"

    @property
    def transcripts(self) -> str:
        """Prefix of what the documents of all attempts and revisions are made of."""
        return f"{self.folder}transcripts/"

    def transcripts_of(self, job_id: str) -> str:
        """Prefix of what the documents of a job are made of."""
        return f"{self.transcripts}{job_id}/"

    def transcript(self, job_id: str, token: str) -> str:
        """The `StoredTranscript` of the attempt or revision *token* at a job."""
        return f"{self.transcripts_of(job_id)}{token}.json"

    @property
    def revisions(self) -> str:
        """Prefix of the revisions of all jobs."""
        return f"{self.folder}revisions/"

    def revisions_of(self, job_id: str) -> str:
        """Prefix of the revisions of a job; their keys are in the order of their numbers."""
        return f"{self.revisions}{job_id}/"

    def revision(self, job_id: str, number: int) -> str:
        """The `Revision` of this number of a job."""
        return f"{self.revisions_of(job_id)}{number:06}.json"

    @property
    def publications(self) -> str:
        """Prefix of the publications."""
        return f"{self.folder}published/"

    def publication(self, job_id: str) -> str:
        """The `Publication` of a job."""
        return f"{self.publications}{job_id}.json"

    @property
    def edits(self) -> str:
        """Prefix of the batch's edits; their keys are in the order of their numbers."""
        return f"{EDITS}{self.batch_id}/"

    def edit(self, number: int) -> str:
        """The `BatchEdits` of this number."""
        return f"{self.edits}{number:06}.json"

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


def revision_token(number: int, randomness: bytes) -> str:
    """Return the token of a revision that is being saved: that of another one of this number is another."""
    return f"revision-{number}-{hashlib.sha256(randomness).hexdigest()[:12]}"


def is_revision_token(token: str) -> bool:
    """Check whether a token is one of a revision, and not of an attempt."""
    return token.startswith("revision-")


def newest_revisions(keys: Iterable[str]) -> dict[str, int]:
    """
    Return the number of the newest revision of each job that has any; *keys* are those below the revisions.

    Of edits, it is the number of each batch's newest.
    """
    newest: dict[str, int] = {}
    for found in filter(None, map(_REVISION_KEY.search, keys)):
        newest[found["of"]] = max(int(found["number"]), newest.get(found["of"], 0))
    return newest


def result_key(batch: Batch, job: Job, document_format: DocumentFormat) -> str:
    """Return the stable address of a document; empty if the batch has none (`tasks.result_template`)."""
    if not batch.results:
        return ""
    template = ResultTemplate.parse(batch.results)
    return template.key(_labels(batch), job.result_stem or job.document_stem, document_format, job.names)


def result_folders(batch: Batch) -> tuple[str, ...]:
    """Return the prefixes of all stable addresses of the batch; of no other batch is anything below them."""
    return ResultTemplate.parse(batch.results).folders(_labels(batch)) if batch.results else ()


def result_keys(batch: Batch, job: Job) -> tuple[str, ...]:
    """Return the stable addresses of all documents of the job."""
    return tuple(result_key(batch, job, each) for each in dict.fromkeys(batch.options.formats)) if batch.results else ()


def jobs_without_results(
    manifest: Manifest, published: Mapping[str, datetime], held: Mapping[str, datetime]
) -> Iterator[Job]:
    """
    Yield the jobs that are published, but of which a document is not held under its stable address, or an older one.

    Both mappings are of keys in the store, with the time of their last change; *published* are publications and
    revisions.
    """
    keys, batch = BatchKeys.of(manifest.batch.batch_id), manifest.batch
    revised = newest_revisions(key for key in published if key.startswith(keys.revisions))
    for job in manifest.jobs:
        since = published.get(keys.publication(job.job_id))
        if since is None:
            continue
        if job.job_id in revised:
            since = max(since, published[keys.revision(job.job_id, revised[job.job_id])])
        if any(key not in held or held[key] < since for key in result_keys(batch, job)):
            yield job


def _labels(batch: Batch) -> BatchLabels:
    return BatchLabels(batch.batch_id, batch.name, f"{batch.created_at.astimezone(UTC):%Y-%m-%d}")
