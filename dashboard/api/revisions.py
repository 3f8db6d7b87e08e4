"""Routes for corrected transcripts: read one word by word, save a correction, list the revisions."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from dashboard.api.client import ClientOfProcess
from dashboard.services.revisions import RevisionEntry, TranscriptContent
from tasks.documents.content import Correction

router = APIRouter(prefix="/jobs/{job_id}", tags=["corrections"])

RevisionNumber = Annotated[
    int | None, Query(ge=0, description="number of the revision; 0: as the model heard it; absent: the newest")
]


@router.get("/transcript", response_model=TranscriptContent)
async def read_transcript(client: ClientOfProcess, job_id: str, revision: RevisionNumber = None) -> Response:
    """Return the transcript of a job that is done, word by word, to correct it."""
    content = await client.revisions.transcript(job_id, revision)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get("/revisions")
async def list_revisions(client: ClientOfProcess, job_id: str) -> list[RevisionEntry]:
    """Return the corrections of a job's transcript, newest first."""
    return await client.revisions.revisions(job_id)


@router.post(
    "/revisions",
    status_code=status.HTTP_201_CREATED,
    responses={
        409: {"description": "Another revision was saved since *base*, by whom and when; or no transcript was kept."},
        422: {"description": "It cannot be a transcript of this recording, or nothing was changed: one sentence why."},
    },
)
async def save_revision(client: ClientOfProcess, job_id: str, correction: Correction) -> RevisionEntry:
    """
    Save a corrected transcript as its next revision; all documents are written once more.

    It is refused (409) if another revision than *base* is the newest one by now. Words that stay are sent with their
    times; those that were written are sent with null, and placed between their neighbours.
    """
    return await client.revisions.save(job_id, correction)
