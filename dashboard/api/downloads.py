"""Routes for downloads: one document, the recording for the player, all documents of a batch as a ZIP."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, status
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException

from dashboard.api.client import ClientOfProcess
from dashboard.api.ranges import RangeNotSatisfiable, requested_range
from dashboard.api.revisions import RevisionNumber
from dashboard.client import Client
from dashboard.services.revisions import RenderedDocument
from dashboard.services.threads import STORE_THREADS, in_thread
from dashboard.services.zip_export import JobOutcome, zip_results
from tasks.batches import Recording, batch_id_of
from tasks.errors import NotFound, RecordDamaged, WrongStage
from tasks.media.mp4 import NotSeekable
from tasks.names import DocumentFormat, attachment, display_name, media_type
from tasks.storage.records import read_recording

router = APIRouter(tags=["downloads"])

logger = logging.getLogger(__name__)

PRESIGNED_SECONDS = 3600
"""Lifetime of a presigned URL in the bucket: a download that breaks off starts again from our own URL."""


@router.get("/jobs/{job_id}/documents/{document_format}", response_class=Response)
async def download_document(
    request: Request,
    client: ClientOfProcess,
    job_id: str,
    document_format: DocumentFormat,
    revision: RevisionNumber = None,
) -> Response:
    """
    Return one document of a job that is done, of its newest revision unless another one is named.

    A format that the batch was started without, or that is damaged in the store, is written for this call.
    """
    found = await client.revisions.document(job_id, document_format, revision)
    if request.headers.get("if-none-match") == f'"{found.sha256}"':
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=_version(found.sha256))
    if isinstance(found, RenderedDocument):
        return _document(found.name, found.content, found.sha256)
    document, name = found, PurePosixPath(found.key).name
    if elsewhere := await _presigned(client, document.key, document.size, name=name):
        return elsewhere
    content = await in_thread(STORE_THREADS, client.store.read, document.key)
    if hashlib.sha256(content).hexdigest() == document.sha256:
        return _document(name, content, document.sha256)
    try:
        written = await client.revisions.render(job_id, document_format, revision)
    except NotFound as error:
        msg = f"The {document_format} document of job {job_id} is damaged in the store. Retry its batch."
        raise RecordDamaged(msg) from error
    logger.warning("%s is damaged in the store: it was written once more for a download", document.key)
    return _document(written.name, written.content, written.sha256)


@router.get("/jobs/{job_id}/audio", response_class=StreamingResponse)
async def play_recording(request: Request, client: ClientOfProcess, job_id: str) -> Response:
    """Return the recording of a job, or the part that the header Range asks for."""
    recording = await _recording(client, job_id)
    if elsewhere := await _presigned(client, recording.key, recording.size, name=f"{job_id}.mp3"):
        return elsewhere

    def read(start: int, stop: int) -> Iterator[bytes]:
        return client.store.read_range(recording.key, start, stop)

    return await _part(request, recording.size, f'"{recording.sha256}"', read, media_type="audio/mpeg")


@router.get("/jobs/{job_id}/audio.mp4", response_class=StreamingResponse)
async def play_mp4(request: Request, client: ClientOfProcess, job_id: str) -> Response:
    """Return the same audio as MP4, in which players seek exactly; Range works as for the recording."""
    recording = await _recording(client, job_id)
    try:
        mp4 = await client.reading.mp4(recording)
    except NotSeekable as error:
        msg = f"There is no MP4 of job {display_name(job_id)}: {error} Get the recording as it is, from …/audio."
        raise NotFound(msg) from error

    def read(start: int, stop: int) -> Iterator[bytes]:
        return mp4.read_range(client.store, start, stop)

    return await _part(request, mp4.size, f'"{recording.sha256}.mp4"', read, media_type="audio/mp4")


@router.get("/jobs/{job_id}/video", response_class=StreamingResponse)
async def play_video(request: Request, client: ClientOfProcess, job_id: str) -> Response:
    """Return the upload of a job while it is kept, if it is a video; Range works as for the recording."""
    video = await client.reading.video(job_id)
    etag = f'"{job_id}-{video.size}-{video.modified}"'
    return await _part(request, video.size, etag, video.read_range, media_type=video.media_type)


@router.get("/batch/{batch_id}/results.zip", response_class=StreamingResponse)
async def download_results(client: ClientOfProcess, batch_id: str) -> Response:
    """Return all documents that exist so far, in the folders of the uploads; the manifest lists every job."""
    return await _zipped(client, batch_id, None)


@router.post("/batch/{batch_id}/results.zip", response_class=StreamingResponse)
async def download_some_results(
    client: ClientOfProcess,
    batch_id: str,
    jobs: Annotated[str, Form(description="their ids, with spaces between them")],
) -> Response:
    """Return the documents of some jobs, as for all of them. A form, which a page can send to save what comes back."""
    return await _zipped(client, batch_id, frozenset(jobs.split()))


async def _zipped(client: Client, batch_id: str, chosen: frozenset[str] | None) -> Response:
    """Return the ZIP of the batch, or of the *chosen* jobs of it."""
    status_now = await client.overview.batch(batch_id)
    manifest = await client.records.manifest(batch_id)
    if manifest is None:
        msg = f"Batch {batch_id} has not been started, so there are no results."
        raise WrongStage(msg)
    publications = await client.records.publications(batch_id, reread=True)
    stages = {now.job_id: now for now in status_now.jobs if chosen is None or now.job_id in chosen}
    outcomes = [
        JobOutcome(
            job=job,
            stage=stages[job.job_id].stage,
            error=stages[job.job_id].error,
            publication=publications.get(job.job_id),
        )
        for job in manifest.jobs
        if job.job_id in stages
    ]
    if chosen is not None and not any(outcome.publication for outcome in outcomes):
        msg = f"None of these jobs of batch {batch_id} has documents yet, so there is nothing to download."
        raise WrongStage(msg)
    headers = {"Content-Disposition": attachment(f"{manifest.batch.name}.zip"), "Cache-Control": "no-store"}
    zipped = zip_results(client.store, manifest, outcomes)
    return StreamingResponse(zipped, media_type="application/zip", headers=headers)


async def _presigned(client: Client, key: str, size: int, *, name: str) -> Response | None:
    """Return a redirect to the object in its bucket, if browsers are to load files of this size from there."""
    if not client.settings.store_presign or size < client.settings.store_presign_bytes:
        return None
    stored = await in_thread(STORE_THREADS, client.store.stat, key)
    if stored is None or stored.size != size:
        return None  # told by whoever reads it
    url = client.store.presigned_url(key, name=name, seconds=PRESIGNED_SECONDS)
    headers = {"Cache-Control": "no-store"}
    return RedirectResponse(url, status.HTTP_307_TEMPORARY_REDIRECT, headers=headers) if url else None


async def _part(
    request: Request, size: int, etag: str, read: Callable[[int, int], Iterator[bytes]], *, media_type: str
) -> Response:
    """Return the part that the header Range asks for of a file of *size* bytes; *read* reads any part."""
    current = request.headers.get("if-range", etag) == etag
    try:
        part = requested_range(request.headers.get("range") if current else None, size)
    except RangeNotSatisfiable as error:
        detail = f"The recording has {size} bytes, and the range begins behind them."
        headers = {"Content-Range": f"bytes */{size}"}
        raise HTTPException(status.HTTP_416_RANGE_NOT_SATISFIABLE, detail, headers) from error
    start, stop = (part.start, part.stop) if part else (0, size)
    content = await in_thread(STORE_THREADS, read, start, stop)
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(stop - start), "ETag": etag}
    if part is None:
        return StreamingResponse(content, media_type=media_type, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return StreamingResponse(content, status.HTTP_206_PARTIAL_CONTENT, media_type=media_type, headers=headers)


def _document(name: str, content: bytes, sha256: str) -> Response:
    headers = {"Content-Disposition": attachment(name)} | _version(sha256)
    return Response(content, media_type=media_type(name), headers=headers)


def _version(sha256: str) -> dict[str, str]:
    """Return the headers with which browsers ask whether a document that they have was corrected meanwhile."""
    return {"ETag": f'"{sha256}"', "Cache-Control": "no-cache"}


async def _recording(client: ClientOfProcess, job_id: str) -> Recording:
    await client.records.check_stands(job_id)
    recording = await in_thread(STORE_THREADS, read_recording, client.store, batch_id_of(job_id), job_id)
    if recording is None:
        msg = f"There is no recording of job {display_name(job_id)}: it is not converted yet, or it was removed."
        raise NotFound(msg)
    return recording
