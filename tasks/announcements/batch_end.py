"""
The end of a batch as reported to other programs: the payload of the Prefect event and the body of the webhook.

Both have a limit. Prefect takes events of 1,500,000 bytes and parameters of a run of 524,288; a batch of 10,000 jobs
would need more, so the jobs that did not end well come first and what does not fit is counted in ``jobs_left_out``.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from tasks.batches import Batch, Document, Job, Stage, StoredModel
from tasks.names import DocumentFormat
from tasks.orchestration.recovery import Retry
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import Ending, failures_by_cause

BATCH_FINISHED: Final = "batchscribe.batch.finished"
"""Name of the Prefect event, and type of the webhook."""

MAX_BYTES = 400_000
"""Largest payload, counted as JSON in ASCII: Prefect's server may keep it so, which makes one letter six bytes."""

MAX_CAUSES = 20


class EndedDocument(StoredModel):
    """A document of a job and its address."""

    format: DocumentFormat
    key: str = Field(description="key in the store")
    uri: str = Field(description="address for other programs: file:// or s3://")


class EndedJob(StoredModel):
    """The outcome of a job."""

    job_id: str
    path: str
    stage: Stage
    error: str = Field(default="", description="why it failed or was cancelled; empty if it is done")
    documents: tuple[EndedDocument, ...] = ()


class EndCause(StoredModel):
    """A reason why jobs failed, and their number."""

    reason: str = Field(description="one sentence or two; of several jobs, with … in place of their names")
    jobs: int


class EndCounts(StoredModel):
    """The number of jobs by outcome."""

    total: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


class BatchEnd(StoredModel):
    """The report that a batch run has ended."""

    type: Literal["batchscribe.batch.finished"] = BATCH_FINISHED
    batch_id: str
    name: str
    inbox: str = Field(default="", description="inbox that it was ingested from; empty for a person's own")
    state: BatchState
    message: str = Field(description="what became of it, in one sentence")
    finished_at: datetime
    batch_url: str = Field(description="the page of the batch")
    flow_run_id: str
    counts: EndCounts = EndCounts()
    causes: tuple[EndCause, ...] = Field(default=(), description=f"the most frequent first, at most {MAX_CAUSES}")
    jobs: tuple[EndedJob, ...] = Field(default=(), description="failed and cancelled ones first")
    jobs_left_out: int = Field(default=0, description="jobs that are not listed; the status of the batch has them all")


def batch_end(
    batch: Batch,
    endings: Sequence[Ending],
    *,
    state: BatchState,
    message: str,
    finished_at: datetime,
    batch_url: str,
    flow_run_id: str,
    uri_of: Callable[[Job, Document], str],
) -> BatchEnd:
    """Return the report of a batch whose jobs ended as *endings* say; *uri_of* gives the address of a document."""
    by_cause = failures_by_cause(endings)
    stages = [ending.stage for ending in endings]
    end = BatchEnd(
        batch_id=batch.batch_id,
        name=batch.name,
        inbox=batch.inbox,
        state=state,
        message=message,
        finished_at=finished_at,
        batch_url=batch_url,
        flow_run_id=flow_run_id,
        counts=EndCounts(
            total=len(stages),
            done=stages.count(Stage.DONE),
            failed=stages.count(Stage.FAILED),
            cancelled=stages.count(Stage.CANCELLED),
        ),
        causes=tuple(EndCause(reason=reason, jobs=len(alike)) for reason, alike in by_cause[:MAX_CAUSES]),
    )
    jobs = _as_many_as_fit(endings, MAX_BYTES - _size(end), uri_of)
    return end.model_copy(update={"jobs": jobs, "jobs_left_out": len(endings) - len(jobs)})


def end_id(flow_run_id: str, retry: Retry | None) -> uuid.UUID:
    """
    Return the id of one end of a batch run.

    It stays the same when the run is killed while it reports its end and comes back; a user's retry has another one.
    """
    began = retry.at.isoformat() if retry else "first"
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{BATCH_FINISHED}/{flow_run_id}/{began}")


def _as_many_as_fit(
    endings: Iterable[Ending], room: int, uri_of: Callable[[Job, Document], str]
) -> tuple[EndedJob, ...]:
    jobs = []
    for ending in sorted(endings, key=_urgency):
        job = _ended_job(ending, uri_of)
        room -= _size(job) + len(", ")
        if room < 0:
            break
        jobs.append(job)
    return tuple(jobs)


def _urgency(ending: Ending) -> int:
    return (Stage.FAILED, Stage.CANCELLED, Stage.DONE).index(ending.stage)


def _ended_job(ending: Ending, uri_of: Callable[[Job, Document], str]) -> EndedJob:
    return EndedJob(
        job_id=ending.job.job_id,
        path=ending.job.path,
        stage=ending.stage,
        error=ending.error,
        documents=tuple(
            EndedDocument(format=document.format, key=document.key, uri=uri_of(ending.job, document))
            for document in ending.documents
        ),
    )


def _size(record: StoredModel) -> int:
    return len(json.dumps(record.model_dump(mode="json")))
