"""The HTTP API's models of batches, jobs, work pools and the installation itself."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pydantic import Field

from tasks.batches import Stage, StoredModel
from tasks.devices import DeviceLoad, Quarantine
from tasks.names import DocumentFormat
from tasks.options import JobOptions


class BatchState(StrEnum):
    """The state of a batch. The last three are final."""

    UPLOADING = "uploading"
    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if nothing more happens to the batch unless a user asks for it."""
        return self in (BatchState.COMPLETED, BatchState.FAILED, BatchState.CANCELLED)


class DocumentLink(StoredModel):
    """A document of a job and where to get it."""

    format: DocumentFormat
    name: str = Field(description="file name for people")
    size: int = Field(description="bytes")
    url: str
    uri: str = Field(default="", description="address in the store, file:// or s3://, for other programs")


class AttemptStatus(StoredModel):
    """One try of a job on a device, or of a batch."""

    started_at: datetime
    ended_at: datetime | None = Field(default=None, description="null while it lasts")
    ended_as: str | None = Field(default=None, description="completed, failed, crashed, cancelled, or scheduled again")
    work_pool: str = ""


class JobStatus(StoredModel):
    """The stage of a job, and its outcome."""

    job_id: str
    path: str
    title: str = Field(default="", description="what users call the recording; empty if nothing but its path")
    size: int = Field(description="bytes of the upload")
    options: JobOptions = Field(default=JobOptions(), description="what it has differently from its batch")
    stage: Stage
    progress: float = Field(ge=0, le=1, description="share of the audio that is transcribed")
    work_pool: str | None = None
    queue_position: int | None = Field(default=None, description="1 is the next one to start")
    eta_seconds: float | None = Field(default=None, description="time until the job is done, where it can be told")
    attempt: int = Field(default=0, description="tries begun; 0 before the job is dispatched")
    error: str | None = None
    note: str = Field(default="", description="the stretches of a job that is done which have no words, and why")
    audio_seconds: float | None = None
    language: str | None = None
    documents: tuple[DocumentLink, ...] = ()
    runs_again: bool = Field(
        default=False, description="a retry of its batch takes it up: it failed, or was cancelled with the batch"
    )
    unusable: bool = Field(
        default=False, description="it failed because of what the file holds: a retry comes to the same end"
    )
    upload_removed: bool = Field(default=False, description="it is not done and cannot be retried: upload it again")
    flow_run_id: str | None = None
    flow_run_url: str | None = None
    started_at: datetime | None = Field(default=None, description="when its latest attempt on a device began")
    ended_at: datetime | None = None
    attempts: tuple[AttemptStatus, ...] = Field(default=(), description="its tries on devices, the oldest first")
    helpers: tuple[AttemptStatus, ...] = Field(
        default=(), description="when other devices helped with its recording, the earliest first"
    )


class BatchSummary(StoredModel):
    """The number of jobs at each stage; a job that is storing its documents counts as transcribing."""

    total: int
    uploaded: int = 0
    converting: int = 0
    queued: int = 0
    transcribing: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    audio_seconds: float = Field(default=0.0, description="sum over the jobs whose audio is measured")
    eta_seconds: float | None = Field(default=None, description="time until the last job is done; null while unknown")
    progress: float = Field(
        default=0.0, ge=0, le=1, description="share of the audio that is transcribed, or whose job has ended otherwise"
    )
    progress_failed: float = Field(default=0.0, ge=0, le=1, description="the part of progress that has failed")
    progress_cancelled: float = Field(default=0.0, ge=0, le=1, description="the part of progress that was cancelled")
    progress_done: float = Field(default=0.0, ge=0, le=1, description="the part of progress whose jobs are done")
    retrying: int = Field(default=0, description="jobs under way that a retry of the batch has taken up")


class Cause(StoredModel):
    """A cause of failures, with its jobs: one entry for all that failed for the same reason."""

    reason: str = Field(description="one sentence or two; of several jobs, with … in place of their names")
    job_ids: tuple[str, ...]


class BatchListEntry(StoredModel):
    """One batch in a list of batches."""

    batch_id: str
    name: str
    first_name: str = Field(default="", description="the one it was made with: documents, ZIP and runs keep it")
    tags: tuple[str, ...] = ()
    state: BatchState
    created_at: datetime
    summary: BatchSummary


class BatchPage(StoredModel):
    """A page of the list of batches, newest first."""

    batches: tuple[BatchListEntry, ...]
    total: int = Field(description="batches there are on all pages")
    problems: tuple[str, ...] = Field(default=(), description="why batches of this page are missing, a sentence each")


class BatchStatus(BatchListEntry):
    """One batch with its jobs."""

    flow_run_id: str | None = None
    flow_run_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    notice: str = Field(default="", description="why the batch does not go on and what to do; empty while it does")
    attempts: tuple[AttemptStatus, ...] = Field(default=(), description="the tries of the batch, the oldest first")
    causes: tuple[Cause, ...] = Field(default=(), description="of the failed jobs, the most frequent first")
    partial_files: int = Field(default=0, description="uploads that broke off, and can go on where they ended")
    partial_bytes: int = Field(default=0, description="what has arrived of these")
    jobs: tuple[JobStatus, ...] = ()

    @cached_property
    def as_json(self) -> bytes:
        """The batch as the API returns it; written once for all readers, since 1,000 jobs take 10 ms."""
        # By Pydantic itself: FastAPI would make 1,000 dicts first, which takes five times as long.
        return self.model_dump_json().encode()

    @property
    def entry(self) -> BatchListEntry:
        """The batch as a list shows it."""
        return BatchListEntry(
            batch_id=self.batch_id,
            name=self.name,
            first_name=self.first_name,
            tags=self.tags,
            state=self.state,
            created_at=self.created_at,
            summary=self.summary,
        )


class PoolRun(StoredModel):
    """The run of a job on a GPU work pool that has not ended."""

    job_id: str
    batch_id: str
    batch_name: str = Field(description="empty where the batch cannot be read")
    name: str = Field(description="the upload, as the run is named in Prefect")
    running: bool = Field(description="holds a slot; otherwise it is queued here")
    helps: bool = Field(default=False, description="helps with the job, which another pool works on")
    progress: float = Field(ge=0, le=1)
    audio_seconds: float
    attempt: int
    note: str = Field(default="", description="why it is tried again")
    flow_run_url: str


class PoolFailure(StoredModel):
    """A run that failed on a GPU work pool and was not tried again."""

    name: str
    batch_id: str
    ended_at: datetime
    reason: str
    flow_run_url: str


class PoolStatus(StoredModel):
    """A GPU work pool and the work on it."""

    work_pool: str
    device: str = Field(description="what people call the device")
    device_kind: str = Field(default="cpu", description="cuda or cpu")
    condition: str = Field(description="online, offline, paused or quarantined")
    slots: int
    running: int = Field(description="runs that hold a slot, those that help with a job of another pool included")
    queued: int
    pending_audio_seconds: float
    seconds_until_free: float | None = Field(description="null where nothing is transcribed")
    real_time_factor: float = Field(description="processing time ÷ audio duration")
    speed_measured: bool = Field(default=True, description="false as long as the real-time factor is an assumption")
    worker_online: bool
    machine: str = Field(default="", description="where the device is")
    problem: str = Field(default="", description="what keeps jobs away and what to do; empty if nothing does")
    quarantine: Quarantine | None = None
    load: DeviceLoad | None = Field(default=None, description="of a GPU whose driver tells; null otherwise")
    runs: tuple[PoolRun, ...] = Field(default=(), description="those that hold a slot first, then in their order")
    failures: tuple[PoolFailure, ...] = Field(default=(), description="the latest ones, newest first")
    work_pool_url: str = Field(default="", description="the pool in Prefect's UI")


class Health(StoredModel):
    """The health of the installation: whether its parts answer."""

    detail: str = Field(description="what is wrong and what to do, or that all is well")
    prefect_server: bool
    store: bool
    worker: bool = Field(description="both of the following")
    batch_worker: bool = Field(default=False, description="a worker of the batch runs' work pool answers")
    gpu_worker: bool = Field(default=False, description="a worker of at least one GPU work pool answers")

    @property
    def well(self) -> bool:
        """True if everything that a batch needs answers."""
        return self.prefect_server and self.store and self.worker
