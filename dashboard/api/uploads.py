"""Routes for uploads: check whether files would be accepted, send one, and go on with one that broke off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, status
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException

from dashboard.api.client import ClientOfProcess
from dashboard.client import Client
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_check import OfferedFile, RefusedFile, refusals
from dashboard.services.upload_file import UploadBody
from dashboard.services.uploads import FileIdentity
from tasks.batches import StoredModel, Upload
from tasks.storage.part_file import free_bytes

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

REST_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
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


class UploadArrived(StoredModel):
    """The part of a file that has arrived."""

    path: str
    size: int
    arrived: int = Field(description="bytes, from the first one on; the rest is sent with Upload-Offset: arrived")


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
    async with _body(request, client, batch_id) as body:
        return _received(await client.intake.receive(batch_id, path or "", body))


def _identity(
    path: Annotated[str, Query(description="path below the folder")],
    size: Annotated[int, Query(ge=0, description="bytes of the whole file")],
    fingerprint: Annotated[
        str,
        Query(
            min_length=8,
            max_length=200,
            description="what tells the file from another one of its path and size, say its time and a checksum",
        ),
    ],
) -> FileIdentity:
    return FileIdentity(path=path, size=size, fingerprint=fingerprint)


Identity = Annotated[FileIdentity, Depends(_identity)]


@router.get("/upload")
async def find_upload(client: ClientOfProcess, batch_id: str, identity: Identity) -> UploadArrived:
    """
    Tell how much of a file has arrived by ``PATCH``, over connections that broke off.

    423 while it is being received: ask again in a moment.
    """
    arrived = await client.intake.arrived(batch_id, identity)
    return UploadArrived(path=identity.path, size=identity.size, arrived=arrived)


@router.patch("/upload", status_code=status.HTTP_201_CREATED, openapi_extra=REST_BODY)
async def receive_rest_of_upload(
    request: Request,
    client: ClientOfProcess,
    batch_id: str,
    identity: Identity,
    upload_offset: Annotated[int, Header(ge=0, description="bytes that have arrived, as GET tells")],
) -> UploadReceived:
    """
    Receive the rest of a file as the raw body, from the first byte that has not arrived on; at first that is all of it.

    What arrives is kept if the connection breaks, for another ``PATCH``, until the batch is started or was left alone
    for as long as batches that are never started are kept. 409 if the file ends elsewhere, 423 while it is being
    received.
    """
    async with _body(request, client, batch_id) as body:
        return _received(await client.intake.receive_rest(batch_id, identity, upload_offset, body))


@asynccontextmanager
async def _body(request: Request, client: Client, batch_id: str) -> AsyncIterator[UploadBody]:
    """Yield the body of the request; a refused one that is large ends the connection."""
    body = UploadBody(
        request.stream(),
        length=_content_length(request),
        content_type=request.headers.get("content-type", ""),
        idle_seconds=client.settings.upload_idle_seconds,
    )
    try:
        yield body
    finally:
        request.state.body_refused = body.stalled or (body.left and body.length > REFUSED_BODY_BYTES)
        client.overview.forget(batch_id)


def _received(upload: Upload) -> UploadReceived:
    return UploadReceived(job_id=upload.job_id, path=upload.path, size=upload.size, sha256=upload.sha256)


def _content_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    if not declared.isascii() or not declared.isdigit():
        detail = "The size of the upload must be known before it is sent. Send it with Content-Length, not in chunks."
        raise HTTPException(status.HTTP_411_LENGTH_REQUIRED, detail)
    return int(declared)
