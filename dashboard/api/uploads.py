"""Routes for uploads: check whether files would be accepted, send one, and go on with one that broke off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, status
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from dashboard.api.client import ClientOfProcess
from dashboard.client import Client
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_check import OfferedFile, RefusedFile, SizeOfFile, refusals
from dashboard.services.upload_file import UploadBody
from dashboard.services.uploads import FileIdentity
from tasks.batches import StoredModel, Upload
from tasks.options import JobOptions
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


class SentFile(JobOptions):
    """The batch and the path of a file that is sent, and the options that it has differently from its batch."""

    batch_id: str
    path: str = Field(default="", description="path below the folder; a form's file has its own name")


PathOfFile = Annotated[str, Field(description="path below the folder")]
Fingerprint = Annotated[
    str,
    Field(
        min_length=8,
        max_length=200,
        description="what tells the file from another one of its path and size, say its time and a checksum",
    ),
]


class SoughtFile(BaseModel):
    """The batch and the identity of a file of which a part may have arrived."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    path: PathOfFile
    size: SizeOfFile
    fingerprint: Fingerprint


class RestOfFile(JobOptions):
    """The batch and the identity of a file whose rest is sent, and its options as in `SentFile`."""

    batch_id: str
    path: PathOfFile
    size: SizeOfFile
    fingerprint: Fingerprint


class UploadReceived(StoredModel):
    """An upload that counts."""

    job_id: str
    path: str
    size: int
    sha256: str
    options: JobOptions = Field(description="those that differ from its batch")


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
    """
    Check which files would be accepted, before the first byte is sent.

    Whether one whose name does not tell that it is audio or video is, is only seen when it is sent.
    """
    free = await in_thread(WRITE_THREADS, free_bytes, client.settings)
    rejected = await refusals(client.intake, offered.batch_id, offered.files, free_bytes=free)
    rejected_paths = {file.path for file in rejected}
    accepted = tuple(file.path for file in offered.files if file.path not in rejected_paths)
    return UploadCheck(accepted=accepted, rejected=tuple(rejected), free_bytes=free)


@router.post("/upload", status_code=status.HTTP_201_CREATED, openapi_extra=UPLOAD_BODY)
async def receive_upload(
    request: Request, client: ClientOfProcess, sent: Annotated[SentFile, Query()]
) -> UploadReceived:
    """
    Receive one file: as the raw body, or as the field ``file`` of a form.

    Sending the same file again is harmless and answered the same; its options are then those of the last time. An empty
    file is accepted; its job fails and says so.
    """
    async with _body(request, client, sent.batch_id) as body:
        return received(await client.intake.receive(sent.batch_id, sent.path, body, sent))


def _identity(file: SoughtFile | RestOfFile) -> FileIdentity:
    return FileIdentity(path=file.path, size=file.size, fingerprint=file.fingerprint)


@router.get("/upload")
async def find_upload(client: ClientOfProcess, sought: Annotated[SoughtFile, Query()]) -> UploadArrived:
    """
    Tell how much of a file has arrived by ``PATCH``, over connections that broke off.

    423 while it is being received: ask again in a moment.
    """
    arrived = await client.intake.arrived(sought.batch_id, _identity(sought))
    return UploadArrived(path=sought.path, size=sought.size, arrived=arrived)


@router.patch("/upload", status_code=status.HTTP_201_CREATED, openapi_extra=REST_BODY)
async def receive_rest_of_upload(
    request: Request,
    client: ClientOfProcess,
    rest: Annotated[RestOfFile, Query()],
    upload_offset: Annotated[int, Header(ge=0, description="bytes that have arrived, as GET tells")],
) -> UploadReceived:
    """
    Receive the rest of a file as the raw body, from the first byte that has not arrived on; at first that is all of it.

    What arrives is kept if the connection breaks, for another ``PATCH``, until the batch is started or was left alone
    for as long as batches that are never started are kept. 409 if the file ends elsewhere, 423 while it is being
    received.
    """
    async with _body(request, client, rest.batch_id) as body:
        return received(await client.intake.receive_rest(rest.batch_id, _identity(rest), upload_offset, body, rest))


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


def received(upload: Upload) -> UploadReceived:
    """Return the answer about an upload that counts."""
    return UploadReceived(
        job_id=upload.job_id, path=upload.path, size=upload.size, sha256=upload.sha256, options=upload.options
    )


def _content_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    if not declared.isascii() or not declared.isdigit():
        detail = "The size of the upload must be known before it is sent. Send it with Content-Length, not in chunks."
        raise HTTPException(status.HTTP_411_LENGTH_REQUIRED, detail)
    return int(declared)
