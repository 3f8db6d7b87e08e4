"""Routes for batches: create, list, read, start, retry, cancel, dismiss."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import ConfigDict, Field

from dashboard.api.client import ClientOfProcess
from dashboard.services.batch_filter import Wanted
from dashboard.services.prefect_links import flow_run_url
from tasks.batches import StoredModel
from tasks.options import TranscriptionOptions
from tasks.orchestration.status import BatchPage, BatchState, BatchStatus

router = APIRouter(prefix="/batch", tags=["batches"])


class NewBatch(StoredModel):
    """The name of a batch and the options for transcribing its uploads; all of it may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field(default="", max_length=200)
    options: TranscriptionOptions = TranscriptionOptions()


class BatchMade(StoredModel):
    """The id of a new batch."""

    batch_id: str


class BatchStarted(StoredModel):
    """The run that was started."""

    batch_id: str
    flow_run_id: str
    flow_run_url: str


class Start(StoredModel):
    """The uploads that the batch must hold when it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: frozenset[str] | None = Field(
        default=None, description="ids of all its uploads; if it holds others, or fewer, it is not started (409)"
    )


class Cancel(StoredModel):
    """The choice to keep or remove the uploads of a batch that is cancelled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: bool = Field(default=False, description="keep the uploads of what is not done, for a retry")


class BatchesWanted(StoredModel):
    """A page of the list of batches, and what they must have to be on it."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0)
    search: str = Field(default="", max_length=200, description="words in name or tags, or the beginning of the id")
    tag: str = Field(default="", max_length=200, description="a tag that they have; case does not matter")
    state: BatchState | None = Field(default=None, description="the state that they are in")


@router.post("", status_code=status.HTTP_201_CREATED)
async def make_batch(client: ClientOfProcess, new: NewBatch | None = None) -> BatchMade:
    """Create a batch. It takes uploads until it is started."""
    new = new or NewBatch()
    batch = await client.lifecycle.create(new.name, new.options)
    return BatchMade(batch_id=batch.batch_id)


@router.get("")
async def list_batches(client: ClientOfProcess, wanted: Annotated[BatchesWanted, Query()]) -> BatchPage:
    """Return batches with their summaries, newest first."""
    found = Wanted(wanted.search, wanted.tag, wanted.state)
    return await client.overview.batches(limit=wanted.limit, offset=wanted.offset, wanted=found)


@router.get("/{batch_id}", response_model=BatchStatus)
async def read_batch(client: ClientOfProcess, batch_id: str) -> Response:
    """Return the batch and the stage of each of its jobs."""
    status_now = await client.overview.batch(batch_id)
    return Response(status_now.as_json, media_type="application/json")


@router.post("/{batch_id}/start", status_code=status.HTTP_202_ACCEPTED)
async def start_batch(client: ClientOfProcess, batch_id: str, expected: Start | None = None) -> BatchStarted:
    """Start the batch. Starting it again changes nothing and returns the same run."""
    flow_run_id = await client.lifecycle.start(batch_id, expected.jobs if expected else None)
    return BatchStarted(batch_id=batch_id, flow_run_id=flow_run_id, flow_run_url=flow_run_url(flow_run_id))


@router.post("/{batch_id}/retry", status_code=status.HTTP_202_ACCEPTED)
async def retry_batch(client: ClientOfProcess, batch_id: str) -> BatchStatus:
    """Run the jobs that failed once more; those that are done stay."""
    await client.lifecycle.retry(batch_id)
    return await client.overview.batch(batch_id)


@router.post("/{batch_id}/cancel", status_code=status.HTTP_202_ACCEPTED)
async def cancel_batch(client: ClientOfProcess, batch_id: str, how: Cancel | None = None) -> BatchStatus:
    """Stop the batch; jobs that are done stay. The uploads of the rest are removed, unless they are to be kept."""
    await client.lifecycle.cancel(batch_id, keep=how is not None and how.keep)
    return await client.overview.batch(batch_id)


@router.delete("/{batch_id}", status_code=status.HTTP_204_NO_CONTENT)
async def dismiss_batch(client: ClientOfProcess, batch_id: str) -> None:
    """Remove the batch with its documents, recordings and uploads, for good. One that runs must be cancelled first."""
    await client.lifecycle.dismiss(batch_id)
