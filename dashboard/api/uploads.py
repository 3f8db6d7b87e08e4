"""Routes for uploads: check whether files would be accepted, and send one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request, status
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dashboard.api.client import ClientOfProcess
from dashboard.client import Client
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_file import OVERHEAD_BYTES, FormFile, boundary_of, receive
from dashboard.services.uploads import OfferedFile, OpenBatch, RefusedFile, media_path, refusals
from tasks.batches import StoredModel, Upload
from tasks.errors import UploadRejected
from tasks.storage.part_file import PartFile, free_bytes

router = APIRouter(tags=["uploads"])

UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}

REFUSED_BODY_BYTES = 64 * 2**20
"""
Largest refused body that is read to its end and thrown away, so that the answer surely arrives. The connection of a
larger one is ended instead: a client that is still sending may then see a broken connection in place of the answer.
"""


class UploadReceived(StoredModel):
    """An upload that counts."""

    job_id: str
    path: str
    size: int
    sha256: str


class OfferedFiles(StoredModel):
    """The files that a client wants to upload into a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    files: tuple[OfferedFile, ...] = Field(max_length=100_000)


class UploadCheck(StoredModel):
    """The files that would be accepted, and those that would not."""

    accepted: tuple[str, ...]
    rejected: tuple[RefusedFile, ...]
    free_bytes: int


@router.post("/upload/check")
async def check_uploads(client: ClientOfProcess, offered: OfferedFiles) -> UploadCheck:
    """Check which files would be accepted, before the first byte is sent."""
    free = await in_thread(WRITE_THREADS, free_bytes, client.settings)
    rejected = await refusals(client.intake, offered.batch_id, offered.files, free_bytes=free)
    rejected_paths = {file.path for file in rejected}
    accepted = tuple(file.path for file in offered.files if file.path not in rejected_paths)
    return UploadCheck(accepted=accepted, rejected=tuple(rejected), free_bytes=free)


@router.post("/upload", status_code=status.HTTP_201_CREATED, openapi_extra=UPLOAD_BODY)
async def receive_upload(
    request: Request,
    client: ClientOfProcess,
    batch_id: str,
    path: Annotated[str | None, Query(description="path below the folder; a form's file has its own name")] = None,
) -> UploadReceived:
    """
    Receive one file: as the raw body, or as the field ``file`` of a form.

    Sending the same file again is harmless and answered the same. An empty file is accepted; its job fails and says so.
    """
    length = _content_length(request)
    request.state.body_refused = length > REFUSED_BODY_BYTES
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        upload = await _receive_raw(request, client, batch_id, media_path(path or ""), length)
    else:
        upload = await _receive_form(request, client, batch_id, path, boundary=boundary, length=length)
    client.overview.forget(batch_id)
    return UploadReceived(job_id=upload.job_id, path=upload.path, size=upload.size, sha256=upload.sha256)


async def _receive_raw(request: Request, client: Client, batch_id: str, path: str, length: int) -> Upload:
    async with client.intake.arrival(batch_id, length, path) as batch, part_file(client, batch, length) as part:
        await _receive_body(request, client, part.write, length)
        received = await in_thread(WRITE_THREADS, part.complete)
        return await client.intake.commit(batch, path, part, received)


async def _receive_form(
    request: Request, client: Client, batch_id: str, path: str | None, *, boundary: bytes, length: int
) -> Upload:
    at_least = max(0, length - OVERHEAD_BYTES)
    async with client.intake.arrival(batch_id, at_least, None) as batch, part_file(client, batch, length) as part:
        form = FormFile(boundary, check_name=lambda name: media_path(path or name), write=part.write)
        await _receive_body(request, client, form.feed, length)
        form.finish()
        received = await in_thread(WRITE_THREADS, part.complete)
        return await client.intake.commit(batch, media_path(path or form.name), part, received)


@asynccontextmanager
async def part_file(client: Client, batch: OpenBatch, length: int) -> AsyncIterator[PartFile]:
    """Yield an open file with room for *length* bytes; it is gone afterwards unless it was committed."""
    part = client.intake.part_file(batch)
    try:
        await in_thread(WRITE_THREADS, part.open, length)
        yield part
    except Exception:
        await in_thread(WRITE_THREADS, part.close)  # removing 20 GB takes a while
        raise
    except BaseException:  # the process is being stopped, and waits for no thread
        part.close()
        raise
    await in_thread(WRITE_THREADS, part.close)


async def _receive_body(request: Request, client: Client, feed: Callable[[memoryview], None], length: int) -> None:
    idle_seconds = client.settings.upload_idle_seconds
    try:
        received = await receive(request.stream(), feed, idle_seconds=idle_seconds)
    except ClientDisconnect as error:
        detail = "The connection ended before the file was complete. Send the file again."
        raise HTTPException(status.HTTP_400_BAD_REQUEST, detail) from error
    except TimeoutError as error:
        request.state.body_refused = True
        detail = f"Nothing was received for {idle_seconds:g} seconds, so the upload was given up. Send the file again."
        raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT, detail) from error
    request.state.body_refused = False
    if received != length:
        msg = f"{received} bytes were received, and {length} were announced. Send the file again."
        raise UploadRejected(msg)


def _content_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    if not declared.isascii() or not declared.isdigit():
        detail = "The size of the upload must be known before it is sent. Send it with Content-Length, not in chunks."
        raise HTTPException(status.HTTP_411_LENGTH_REQUIRED, detail)
    return int(declared)
