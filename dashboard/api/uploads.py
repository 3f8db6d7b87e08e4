"""Routes for uploads: check whether files would be accepted, and send one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, status
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException

from dashboard.api.client import ClientOfProcess
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_file import UploadBody
from dashboard.services.uploads import OfferedFile, RefusedFile, refusals
from tasks.batches import StoredModel
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
    body = UploadBody(
        request.stream(),
        length=_content_length(request),
        content_type=request.headers.get("content-type", ""),
        idle_seconds=client.settings.upload_idle_seconds,
    )
    try:
        upload = await client.intake.receive(batch_id, path or "", body)
    finally:
        request.state.body_refused = body.stalled or (body.left and body.length > REFUSED_BODY_BYTES)
    client.overview.forget(batch_id)
    return UploadReceived(job_id=upload.job_id, path=upload.path, size=upload.size, sha256=upload.sha256)


def _content_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    if not declared.isascii() or not declared.isdigit():
        detail = "The size of the upload must be known before it is sent. Send it with Content-Length, not in chunks."
        raise HTTPException(status.HTTP_411_LENGTH_REQUIRED, detail)
    return int(declared)
