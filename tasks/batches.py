"""Batches and jobs: the records of uploads and of their outcomes, which cross process borders."""

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.errors import NotFound
from tasks.names import DocumentFormat, DocumentNames, display_name, document_stems
from tasks.options import JobOptions, TranscriptionOptions
from tasks.result_template import ResultTemplate

BATCH_ID = re.compile(r"\d{8}-\d{6}-[a-z2-7]{6}")
JOB_ID = re.compile(r"(?P<batch_id>\d{8}-\d{6}-[a-z2-7]{6})-[a-z2-7]{10}")


BATCH_FLOW = "transcribe-batch"
BATCH_POOL = "cpu"
"""Work pool of the flows that need no device."""

BATCH_DEPLOYMENT = f"{BATCH_FLOW}/{BATCH_POOL}"
RECORDING_FLOW = "transcribe-recording"
GPU_TAG = "gpu"
"""Tag of the deployments of `RECORDING_FLOW` whose work pools transcribe."""
BATCH_QUEUE = "batches"
"""Work queue of the batch runs in their pool. Its limit is what bounds them, so the pool has room for other flows."""

WEBHOOK_DEPLOYMENT = "send-webhook/cpu"
NOTICE_DEPLOYMENT = "send-notice/cpu"
INGEST_FLOW = "ingest-folder"
ROUTER_LIMIT = "gpu-router"
ALREADY_PUBLISHED = "Already published"
"""Name of the state of a completed run that found nothing to do: its duration tells no speed."""

SHARED = "Shared"
"""Name of the state of a completed run that did a part of a job, others the rest: its duration tells no speed."""

REJECTED = "Rejected"
"""Name of the state of a failed run whose upload no retry can help."""


def batch_tag(batch_id: str) -> str:
    """Return the tag that the batch's run and the runs of all its jobs carry in Prefect."""
    return f"batch:{batch_id}"


def job_tag(job_id: str) -> str:
    """Return the tag that a job's convert task run and its transcribe-recording run carry in Prefect."""
    return f"job:{job_id}"


def helps_tag(job_id: str) -> str:
    """Return the tag that a run which helps with the job carries in Prefect, in place of the job's and its batch's."""
    return f"helps:{job_id}"


def helpers_tag(batch_id: str) -> str:
    """Return the tag that all runs which help with jobs of the batch carry in Prefect."""
    return f"helpers:{batch_id}"


def inbox_tag(inbox: str) -> str:
    """Return the tag that the runs of batches ingested from an inbox carry in Prefect."""
    return f"inbox:{inbox}"


class StoredModel(BaseModel):
    """A value that crosses a process border; it never changes."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Stage(StrEnum):
    """The stage of a job. The last three are final."""

    UPLOADED = "uploaded"
    CONVERTING = "converting"
    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    STORING = "storing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if nothing more happens to the job unless a user asks for it."""
        return self in (Stage.DONE, Stage.FAILED, Stage.CANCELLED)


class Batch(StoredModel):
    """Uploads submitted together, by a user or by the scan of an inbox."""

    batch_id: str
    name: str
    created_at: datetime
    options: TranscriptionOptions = TranscriptionOptions()
    inbox: str = Field(default="", description="name of the inbox that it was ingested from; empty for a person's own")
    results: str = Field(default="", description="template of its documents' stable addresses; empty: they have none")
    names: DocumentNames = Field(default=DocumentNames.REFINED, description="how its documents are named")

    @field_validator("results")
    @classmethod
    def _is_template(cls, results: str) -> str:
        if results:
            ResultTemplate.parse(results)
        return results


class Upload(StoredModel):
    """A media file as received."""

    job_id: str
    path: str
    size: int = Field(ge=0, description="bytes")
    sha256: str
    uploaded_at: datetime
    options: JobOptions = JobOptions()


class Job(StoredModel):
    """The transcription of one upload."""

    job_id: str
    path: str
    size: int = Field(ge=0, description="bytes")
    sha256: str
    document_stem: str = Field(description="path of its documents below documents/, without their endings")
    result_stem: str = Field(default="", description="the same in their stable addresses, if it is another")
    names: DocumentNames = Field(default=DocumentNames.REFINED, description="those of its batch")
    options: JobOptions = Field(default=JobOptions(), description="what it has differently from its batch")

    @property
    def name(self) -> str:
        """The upload's own name, without its folders."""
        return PurePosixPath(self.path).name

    @property
    def displayed_path(self) -> str:
        """The upload's path for a message."""
        return display_name(self.path)


class Manifest(StoredModel):
    """The contents of a batch, from its start on."""

    batch: Batch
    jobs: tuple[Job, ...]
    started_at: datetime


class StartedRun(StoredModel):
    """The flow run of a batch. A batch with a manifest but without it was interrupted in the middle of its start."""

    flow_run_id: str
    created_at: datetime


class CancelMark(StoredModel):
    """The mark that a user cancelled this job, and not its batch: a retry of the batch leaves it cancelled."""

    job_id: str
    cancelled_at: datetime


class KeepMark(StoredModel):
    """The mark that a user wants the upload of a job that they cancel kept for a retry."""

    kept_at: datetime


class GapReason(StrEnum):
    """The reason why a stretch of a recording has no words in its transcript."""

    UNREADABLE = "unreadable"
    """The upload is damaged there."""

    NOT_UNDERSTOOD = "not understood"
    """A voice was heard there, but the model wrote nothing that can be trusted."""


class Gap(StoredModel):
    """A stretch of an upload that its transcript has no words for, in seconds on the clock of the transcript."""

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    reason: GapReason


class AudioStream(StoredModel):
    """One audio stream of an upload that has several, as the file names it."""

    number: int = Field(ge=1, description="counted from 1")
    title: str = ""
    language: str = Field(default="", description="as tagged in the file, mostly three letters")


class Recording(StoredModel):
    """An upload's 16 kHz mono MP3 in the store."""

    job_id: str
    key: str
    size: int
    sha256: str
    audio_seconds: float
    offset_seconds: float = Field(default=0.0, description="where the sound starts on the upload's own clock")
    gaps: tuple[Gap, ...] = Field(default=(), description="what could not be read of the upload, in order of time")
    audio_stream: int = Field(default=1, ge=1, description="audio stream of the upload that it was made of, from 1")
    audio_streams: tuple[AudioStream, ...] = Field(default=(), description="all of them, if there are several")
    is_cut_off: bool = Field(default=False, description="it breaks off at its end, and how much is missing is unknown")
    channel_turns: tuple[float, ...] = ()
    """Seconds at which the voice goes over to the other channel, from the left one; none: no channel has its own."""
    speech_sha256: str = Field(default="", description="checksum of its speech plan; empty: an older one without")
    video_type: str | None = None
    """Media type of the upload if it has a picture that browsers may show, else empty; None: an older one."""


class Document(StoredModel):
    """One document in the store."""

    format: DocumentFormat
    key: str
    size: int
    sha256: str


class Publication(StoredModel):
    """The documents of a job, complete and checked. A job without one is not done."""

    job_id: str
    attempt: int
    token: str = Field(default="", description="part of its documents' keys that no other attempt has")
    documents: tuple[Document, ...]
    language: str
    audio_seconds: float
    gaps: tuple[Gap, ...] = Field(default=(), description="those of the transcript")
    notes: tuple[str, ...] = Field(default=(), description="those of the transcript")
    transcript: str = Field(default="", description="key of what they were made of; empty in older records")
    published_at: datetime


def new_batch_id(now: datetime, randomness: bytes) -> str:
    """Return a batch id that sorts by time: date, time (UTC) and six characters of *randomness* (4 bytes or more)."""
    return f"{now:%Y%m%d-%H%M%S}-{_base32(randomness)[:6]}"


def job_id_for(batch_id: str, path: str) -> str:
    """Return the id of the job of *path*: the same path in the same batch is the same job, however often it is sent."""
    return f"{batch_id}-{_base32(hashlib.sha256(path.encode()).digest())[:10]}"


def batch_id_of(job_id: str) -> str:
    """Return the id of the batch that *job_id* belongs to. Raises `NotFound` if it is not a job id."""
    match = JOB_ID.fullmatch(job_id)
    if match is None:
        msg = f"There is no job {display_name(job_id)}."
        raise NotFound(msg)
    return match["batch_id"]


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower().rstrip("=")


def manifest_of(batch: Batch, uploads: Iterable[Upload], *, started_at: datetime) -> Manifest:
    """Return the manifest of *batch*: its uploads by path, each with a document stem of its own."""
    ordered = sorted(uploads, key=lambda upload: upload.path)
    stems = document_stems((upload.path for upload in ordered), batch.names)
    numbered = ResultTemplate.parse(batch.results).stems(stems.values(), batch.names) if batch.results else {}
    jobs = (
        Job(
            job_id=upload.job_id,
            path=upload.path,
            size=upload.size,
            sha256=upload.sha256,
            document_stem=stems[upload.path],
            result_stem=numbered.get(stems[upload.path], ""),
            names=batch.names,
            options=upload.options,
        )
        for upload in ordered
    )
    return Manifest(batch=batch, jobs=tuple(jobs), started_at=started_at)
