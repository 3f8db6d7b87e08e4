"""Routes for some jobs of a batch: cancel, retry, dismiss; what came of it is told for each."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import ConfigDict, Field

from dashboard.api.client import ClientOfProcess
from dashboard.services.jobs import ActionResult
from tasks.batches import StoredModel
from tasks.orchestration.status import BatchStatus

router = APIRouter(prefix="/batch/{batch_id}/jobs", tags=["jobs"])

MOST_JOBS = 100_000
JobId = Annotated[str, Field(max_length=100)]


class SomeJobs(StoredModel):
    """Jobs of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: tuple[JobId, ...] = Field(min_length=1, max_length=MOST_JOBS, description="their ids")

    @property
    def job_ids(self) -> list[str]:
        """The ids, each once."""
        return list(dict.fromkeys(self.jobs))


class JobsToCancel(SomeJobs):
    """Jobs of a batch that are to stop, and the choice to keep or remove their uploads."""

    keep: bool = Field(default=False, description="keep their uploads, for a retry")


@router.post("/cancel")
async def cancel_jobs(client: ClientOfProcess, batch_id: str, chosen: JobsToCancel) -> ActionResult:
    """Cancel these jobs; before the start of their batch, remove their uploads. The other jobs go on."""
    return await client.jobs.cancel(batch_id, chosen.job_ids, keep=chosen.keep)


@router.post("/retry")
async def retry_jobs(client: ClientOfProcess, batch_id: str, chosen: SomeJobs) -> ActionResult:
    """Run these jobs once more, of those that failed or were cancelled, and no others."""
    return await client.jobs.retry(batch_id, chosen.job_ids)


@router.post("/dismiss")
async def dismiss_jobs(client: ClientOfProcess, batch_id: str, chosen: SomeJobs) -> ActionResult:
    """Remove these jobs, which must have ended, with their documents, recordings and uploads, for good."""
    return await client.jobs.dismiss(batch_id, chosen.job_ids)


@router.delete(
    "/{job_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={202: {"model": BatchStatus, "description": "The batch had been started: the job is cancelled."}},
    response_model=None,
)
async def remove_job(
    client: ClientOfProcess,
    batch_id: str,
    job_id: str,
    response: Response,
    keep: Annotated[bool, Query(description="keep the upload of a job that is cancelled, for a retry")] = False,  # noqa: FBT002 - FastAPI's way
) -> BatchStatus | None:
    """Remove an upload before the start of its batch; cancel the job after it. The other jobs go on."""
    if await client.lifecycle.remove_upload(batch_id, job_id):
        return None
    await client.jobs.cancel_job(batch_id, job_id, keep=keep)
    response.status_code = status.HTTP_202_ACCEPTED
    return await client.overview.batch(batch_id)
