"""Routes for downloads: one document, the recording for the player, all documents of a batch as a ZIP."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException

from dashboard.api.client import ClientOfProcess
from dashboard.api.ranges import RangeNotSatisfiable, requested_range
from dashboard.client import Client
from dashboard.services.threads import STORE_THREADS, in_thread
from dashboard.services.zip_export import JobOutcome, zip_results
from tasks.batches import Publication, Recording, batch_id_of
from tasks.errors import NotFound, RecordDamaged, WrongStage
from tasks.media.mp4 import NotSeekable
from tasks.names import DocumentFormat, attachment, display_name, media_type
from tasks.storage.records import read_publication, read_recording

router = APIRouter(tags=["downloads"])

PRESIGNED_SECONDS = 3600
"""Lifetime of a presigned URL in the bucket: a download that breaks off starts again from our own URL."""


@router.get("/jobs/{job_id}/documents/{document_format}", response_class=Response)
async def download_document(client: ClientOfProcess, job_id: str, document_format: DocumentFormat) -> Response:
    """Return one document of a job that is done."""
    publication = await _publication(client, job_id)
    document = next((document for document in publication.documents if document.format is document_format), None)
    if document is None:
        msg = f"Job {job_id} has no {document_format} document: its batch was started without this format."
        raise NotFound(msg)
    name = PurePosixPath(document.key).name
    if elsewhere := await _presigned(client, document.key, document.size, name=name):
        return elsewhere
    content = await in_thread(STORE_THREADS, client.store.read, document.key)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        msg = f"The {document_format} document of job {job_id} is damaged in the store. Retry its batch."
        raise RecordDamaged(msg)
    headers = {"Content-Disposition": attachment(name), "ETag": f'"{document.sha256}"'}
    return Response(content, media_type=media_type(document.key), headers=headers)


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


@router.get("/batch/{batch_id}/results.zip", response_class=StreamingResponse)
async def download_results(client: ClientOfProcess, batch_id: str) -> Response:
    """Return all documents that exist so far, in the folders of the uploads; the manifest lists every job."""
    manifest = await client.records.manifest(batch_id)
    status_now = await client.overview.batch(batch_id)
    if manifest is None:
        msg = f"Batch {batch_id} has not been started, so there are no results."
        raise WrongStage(msg)
    publications = await client.records.publications(batch_id, anew=True)
    outcomes = [
        JobOutcome(job=job, stage=now.stage, error=now.error, publication=publications.get(job.job_id))
        for job, now in zip(manifest.jobs, status_now.jobs, strict=True)
    ]
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


async def _publication(client: ClientOfProcess, job_id: str) -> Publication:
    await client.records.batch(batch_id_of(job_id))  # what is left of a dismissed batch is nobody's
    publication = await in_thread(STORE_THREADS, read_publication, client.store, batch_id_of(job_id), job_id)
    if publication is None:
        msg = f"There are no documents of job {display_name(job_id)}: it is not done, or they were removed."
        raise NotFound(msg)
    return publication


async def _recording(client: ClientOfProcess, job_id: str) -> Recording:
    await client.records.batch(batch_id_of(job_id))
    recording = await in_thread(STORE_THREADS, read_recording, client.store, batch_id_of(job_id), job_id)
    if recording is None:
        msg = f"There is no recording of job {display_name(job_id)}: it is not converted yet, or it was removed."
        raise NotFound(msg)
    return recording
