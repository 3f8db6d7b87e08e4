"""Routes for names, tags and titles: change those of a batch or recording, list the tags in use."""

from typing import Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from dashboard.api.client import ClientOfProcess
from dashboard.services.labels import BatchLabels, RecordingLabels
from tasks.batches import StoredModel, batch_id_of

router = APIRouter(tags=["names and tags"])

MOST_TAGS_AT_ONCE = 20
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"description": "It has another name by now than *instead_of*."}}


class BatchChange(StoredModel):
    """Changes of a batch's name and tags; what is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, description="another name; empty: the one that it was made with")
    instead_of: str | None = Field(
        default=None, description="the name as it was seen; if it is another one by now: 409"
    )
    add_tags: tuple[str, ...] = Field(default=(), max_length=MOST_TAGS_AT_ONCE)
    remove_tags: tuple[str, ...] = Field(default=(), max_length=MOST_TAGS_AT_ONCE)


class RecordingChange(StoredModel):
    """Another title of a recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="empty: none, so that it is called by its path")
    instead_of: str | None = Field(default=None, description="the title as it was seen; if it is another by now: 409")


class TagInUse(StoredModel):
    """A tag, and the number of batches that have it."""

    tag: str
    batches: int


@router.patch("/batch/{batch_id}", responses=CONFLICT)
async def change_batch(client: ClientOfProcess, batch_id: str, change: BatchChange) -> BatchLabels:
    """
    Rename a batch, and add or remove tags, at any time.

    Its documents, its ZIP, their stable addresses and its runs in Prefect keep the name that it was made with.
    """
    labels = await client.labels.label_batch(
        batch_id, change.name, instead_of=change.instead_of, add=change.add_tags, remove=change.remove_tags
    )
    client.overview.forget(batch_id)
    return labels


@router.patch("/jobs/{job_id}", responses=CONFLICT)
async def change_recording(client: ClientOfProcess, job_id: str, change: RecordingChange) -> RecordingLabels:
    """Give a recording a title. Its path stays what it is, and so do the names of its documents."""
    labels = await client.labels.title_recording(job_id, change.title, instead_of=change.instead_of)
    client.overview.forget(batch_id_of(job_id))
    return labels


@router.get("/tags")
async def list_tags(client: ClientOfProcess) -> list[TagInUse]:
    """Return the tags in use, the most frequent first."""
    return [TagInUse(tag=tag, batches=batches) for tag, batches in await client.labels.tags_in_use()]
