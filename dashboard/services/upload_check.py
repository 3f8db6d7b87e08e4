"""Files that a client wants to send: would they be accepted, before their first byte."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from dashboard.services.uploads import UploadService
from tasks.batches import StoredModel
from tasks.errors import UploadRejected
from tasks.names import clean_path, file_size

SizeOfFile = Annotated[int, Field(ge=0, le=2**63 - 1, description="bytes of the whole file")]


class OfferedFile(StoredModel):
    """A file that a client offers for upload."""

    path: str = Field(max_length=10_000)
    size: SizeOfFile


class RefusedFile(StoredModel):
    """A file that would be refused, and why."""

    path: str
    reason: str


async def refusals(
    intake: UploadService, batch_id: str, files: Iterable[OfferedFile], *, free_bytes: int
) -> list[RefusedFile]:
    """
    Return the files that would be refused if all were sent in this order and nothing else happened.

    Whether one whose name tells nothing is media is only seen when it is sent.
    """
    batch = await intake.rehearsal(batch_id)
    refused: list[RefusedFile] = []
    for file in files:
        try:
            intake.open_batches.check_room(batch, file.size, clean_path(file.path))
        except UploadRejected as error:
            refused.append(RefusedFile(path=file.path, reason=str(error)))
            continue
        if batch.arriving_bytes + file.size > free_bytes:
            reason = f"The server's disk has room for {file_size(free_bytes)}, which the files before this one need."
            refused.append(RefusedFile(path=file.path, reason=reason))
            continue
        batch.arriving += 1
        batch.arriving_bytes += file.size
    return refused
