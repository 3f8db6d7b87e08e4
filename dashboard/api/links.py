"""Routes for links: the recordings that one leads to, and their download into a batch."""

import asyncio
import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from dashboard.api.client import ClientOfProcess
from dashboard.api.errors import status_of, unforeseen
from dashboard.api.uploads import UploadReceived, received
from dashboard.client import Client
from dashboard.links.service import LinkProgress
from tasks.batches import StoredModel
from tasks.errors import TranscriptionError
from tasks.options import JobOptions

logger = logging.getLogger(__name__)

router = APIRouter(tags=["uploads"])

SECONDS_BETWEEN_LINES = 0.5
LINES = {
    "content": {
        "application/x-ndjson": {
            "schema": {"type": "string"},
            "example": '{"received": 65536, "size": 1048576}\n{"upload": {"job_id": "…", "path": "talk.m4a", …}}\n',
        }
    }
}


class SoughtLink(StoredModel):
    """A link: the address of a page with a recording or a list of them, of a feed, or of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: str


class LinkedFile(StoredModel):
    """A recording that a link leads to; *size* in bytes and *seconds* as they are told there, if they are."""

    link: str
    path: str = Field(description="the name that it would have in a batch")
    title: str
    size: int | None
    seconds: float | None


class LinkedFiles(StoredModel):
    """The recordings that a link leads to; *title* is that of a list."""

    title: str
    recordings: tuple[LinkedFile, ...]
    more: bool = Field(description="true if the list has more than these")


class SentLink(JobOptions):
    """The batch and the link of a recording, and the options that it has differently from its batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    link: str
    path: str = Field(default="", description="path in the batch; without one it is called by its title")


@router.post("/link")
async def look_into_link(client: ClientOfProcess, sought: SoughtLink) -> LinkedFiles:
    """Tell which recordings a link leads to, with yt-dlp. 501 where that is not installed, 422 if it can't be read."""
    found = await client.links.look(sought.link)
    recordings = tuple(
        LinkedFile(link=each.link, path=name, title=each.title, size=each.size, seconds=each.seconds)
        for each, name in found.recordings
    )
    return LinkedFiles(title=found.title, recordings=recordings, more=found.more)


@router.post("/upload/link", responses={200: LINES}, response_class=StreamingResponse)
async def receive_link(client: ClientOfProcess, sent: SentLink) -> StreamingResponse:
    """
    Download the recording of a link into a batch, and tell how far it is, in lines of JSON.

    Each line has the bytes that were ``received`` and, once it is known, the ``size``; the last one has either the
    ``upload``, as ``POST /upload`` answers it, or the ``problem`` with its ``status`` and ``detail``. The download
    ends with the connection.
    """
    await client.records.batch(sent.batch_id)
    return StreamingResponse(_lines(client, sent), media_type="application/x-ndjson")


async def _lines(client: Client, sent: SentLink) -> AsyncIterator[str]:
    progress = LinkProgress()
    download = asyncio.create_task(client.links.receive(sent.batch_id, sent.link, sent.path, sent, progress))
    try:
        while not download.done():
            yield LinkLine(received=progress.received, size=progress.size).line
            await asyncio.wait([download], timeout=SECONDS_BETWEEN_LINES)
        yield LinkLine(upload=received(download.result())).line
    except TranscriptionError as error:
        yield LinkLine(problem=LinkProblem(status=status_of(error), detail=str(error))).line
    except Exception as error:
        logger.exception("the download of a link failed")
        yield LinkLine(problem=LinkProblem(status=500, detail=unforeseen(error))).line
    finally:
        download.cancel()
        await asyncio.wait([download])
        client.overview.forget(sent.batch_id)


class LinkProblem(StoredModel):
    """Why a recording was not taken, as an answer of this status would say it."""

    status: int
    detail: str


class LinkLine(StoredModel):
    """A line about a download."""

    received: int | None = None
    size: int | None = None
    upload: UploadReceived | None = None
    problem: LinkProblem | None = None

    @property
    def line(self) -> str:
        """The line as JSON, without what it does not tell."""
        return self.model_dump_json(exclude_none=True) + "\n"
