"""Which of many files would be accepted: asked before the first byte, when a refusal costs nothing."""

from collections.abc import Iterable

from dashboard.intake import Intake, media_path
from tasks.core.batches import Record
from tasks.core.errors import UploadRejected


class OfferedFile(Record):
    """A file that somebody wants to upload."""

    path: str
    size: int


class RefusedFile(Record):
    """A file that would be refused, and why."""

    path: str
    reason: str


async def refusals(
    intake: Intake, batch_id: str, files: Iterable[OfferedFile], *, free_bytes: int
) -> list[RefusedFile]:
    """Return the files that would be refused if all were sent in this order and nothing else happened."""
    batch = await intake.rehearsal(batch_id)
    refused: list[RefusedFile] = []
    for file in files:
        try:
            intake.check_room(batch, file.size, media_path(file.path))
        except UploadRejected as error:
            refused.append(RefusedFile(path=file.path, reason=str(error)))
            continue
        if batch.arriving_bytes + file.size > free_bytes:
            reason = f"The server's disk has room for {free_bytes} bytes, which the files before this one need."
            refused.append(RefusedFile(path=file.path, reason=reason))
            continue
        batch.arriving += 1
        batch.arriving_bytes += file.size
    return refused
