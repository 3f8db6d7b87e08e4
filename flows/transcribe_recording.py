"""
Transcribe one recording: fetch it, let the engine of this process's device listen, write and publish the documents.

One run per job, on the GPU pool that the batch run chose, in a warm process that has the model loaded; hence async
and without ``log_prints``. Two of them share a device: while one holds the model, the other fetches or publishes.

A long recording is heard part by part (`tasks.transcription.shared_parts`). With ``helps`` the run hears parts of one
whose job has a run of its own elsewhere, and publishes nothing.

A run whose job is already published does nothing, so that one that was killed after its last step is not done twice.
Failures end in one sentence for the user, without a traceback.

Requires: the recording in the store, ``BATCHSCRIBE_DEVICE``, the model on this machine or a way to fetch it.
"""

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from tasks.batches import ALREADY_PUBLISHED, REJECTED, SHARED, Job, Recording
from tasks.cancellation import DeviceLost, RunCancelled, current_token, reason_told, unless_cancelled
from tasks.devices import Device
from tasks.documents.formats import render_stored
from tasks.documents.json_document import Processing
from tasks.documents.publish import publish_documents
from tasks.documents.stored_transcript import StoredTranscript
from tasks.errors import DeviceFailed, MediaRejected, ModelUnavailable, NoSpeech, TranscriptionError
from tasks.media.endings import CUT_OFF
from tasks.media.streams import where_nothing_was_said
from tasks.options import TranscriptionOptions
from tasks.orchestration.fetch_job import Found, fetch_job
from tasks.orchestration.prefect_runs import is_attempt_under_way, read_retry, still_helps
from tasks.orchestration.progress import progress_shown
from tasks.orchestration.shown_as_task import shown_as_task
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import forget_cancel
from tasks.storage.keys import attempt_token
from tasks.subtitles.spacing import text_length
from tasks.transcription.gaps import told
from tasks.transcription.local_recording import LocalRecording, placed_model
from tasks.transcription.models import AUTO
from tasks.transcription.shared_parts import SharedParts, forget_parts
from tasks.transcription.transcribe import load_engine
from tasks.transcription.transcript import Transcript

RECORDING_NAME = "recording.mp3"

SECONDS_BETWEEN_LOOKS = 5.0
"""Interval at which a run that helps looks whether it is to give way."""


def warm_up() -> None:
    """Load the model of this process's device, so that the first run finds it loaded. Raises `TranscriptionError`."""
    settings = Settings()
    if settings.device is not None:
        load_engine(placed_model(settings, TranscriptionOptions()))


@flow(name="transcribe-recording")
async def transcribe_recording(
    batch_id: str,
    job: Job,
    recording: Recording,
    options: TranscriptionOptions,
    helps: bool = False,  # noqa: FBT001, FBT002 - Prefect passes parameters by name
) -> State[Any]:
    """Transcribe one recording and publish its documents, or help with that."""
    folder = Settings().work_folder / f"{job.job_id}-{_run_id()}"
    try:
        async with progress_shown(job.path) as show:
            if helps:
                return await _help(job, recording, options, folder, show=show)
            return await _transcribe(batch_id, job, recording, options, folder, show=show)
    except RunCancelled:
        return Cancelled(message=await _why_cancelled())
    except DeviceFailed as error:
        raise DeviceLost(str(error)) from error
    except ModelUnavailable as error:
        if options.model == AUTO:  # it is the model of this machine's own choice, which another machine may have
            raise DeviceLost(str(error)) from error
        return Failed(message=str(error))
    except MediaRejected as error:
        return Failed(name=REJECTED, message=str(error))
    except TranscriptionError as error:
        return Failed(message=str(error))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _transcribe(
    batch_id: str,
    job: Job,
    recording: Recording,
    options: TranscriptionOptions,
    folder: Path,
    *,
    show: Callable[[float], None],
) -> State[Any]:
    settings = Settings()
    file = folder / RECORDING_NAME
    fetched = await unless_cancelled(fetch_job(settings, job, recording, file))
    store = fetched.store
    if fetched.found is Found.CANCELLED and await _was_retried(store, batch_id, job):
        fetched = await unless_cancelled(fetch_job(settings, job, recording, file))
    if fetched.found is Found.PUBLISHED:
        return Completed(name=ALREADY_PUBLISHED, message="Its documents were already published.")
    if fetched.found is Found.CANCELLED:
        return Cancelled(message="Cancelled in the moment in which it was dispatched.")
    local = LocalRecording(recording, file, fetched.plan, options, placed_model(settings, options))
    shared = local.parts(store, from_seconds=60 * settings.parts_from_minutes, owner=_run_id())
    heard = await shown_as_task("transcribe", partial(_listen, job, local, shared, show=show))
    current_token().raise_if_cancelled()
    show(1.0)
    contents = await asyncio.to_thread(render_stored, heard, job, options.formats)
    await _check_still_ours()
    attempt = heard.processing.attempt
    token = attempt_token(_run_id(), attempt)
    publishing = publish_documents(store, batch_id, job, token=token, attempt=attempt, heard=heard, contents=contents)
    await unless_cancelled(publishing)
    told = _told(heard.transcript, heard.processing.transcription_seconds)
    if shared is None:
        return Completed(message=told)
    await asyncio.to_thread(forget_parts, store, batch_id, job.job_id)
    return Completed(name=SHARED, message=told) if shared.shared else Completed(message=told)


async def _help(
    job: Job, recording: Recording, options: TranscriptionOptions, folder: Path, *, show: Callable[[float], None]
) -> State[Any]:
    """Hear parts of the recording until none is left, the job's own run has ended, or this pool has a job to do."""
    settings = Settings()
    file = folder / RECORDING_NAME
    fetched = await unless_cancelled(fetch_job(settings, job, recording, file))
    if fetched.found is not Found.TO_BE_DONE:
        return Completed(name=SHARED, message="Its job had come to an end.")
    local = LocalRecording(recording, file, fetched.plan, options, placed_model(settings, options))
    given_way = threading.Event()
    from_seconds = 60 * settings.parts_from_minutes
    shared = local.parts(fetched.store, from_seconds=from_seconds, owner=_run_id(), gives_way=given_way.is_set)
    if shared is None or not await asyncio.to_thread(shared.is_begun):
        return Completed(name=SHARED, message="There is no part that this device could hear as its job's own does.")
    watching = asyncio.create_task(_give_way(job.job_id, given_way))
    try:
        await shown_as_task("transcribe", partial(local.help_transcribe, job.name, shared, on_progress=show))
    finally:
        watching.cancel()
    return Completed(name=SHARED, message=f"Heard {shared.heard} of the recording's {shared.count} parts.")


async def _give_way(job_id: str, given_way: threading.Event) -> None:
    """Set *given_way* once this run is to leave the rest to others."""
    async with get_client() as client:
        while not given_way.is_set():
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            if not await still_helps(client, UUID(_run_id()), job_id):
                given_way.set()


def _run_id() -> str:
    return flow_run.get_id() or ""


async def _why_cancelled() -> str:
    asked_with = ""
    with contextlib.suppress(httpx.HTTPError):  # an outage: it has stopped all the same
        async with get_client() as client:
            run = await client.read_flow_run(UUID(_run_id()))
            asked_with = (run.state.message or "") if run.state else ""
    return reason_told(asked_with, "Cancelled while it was being transcribed.")


async def _was_retried(store: Store, batch_id: str, job: Job) -> bool:
    """Return whether this run was started again since the job was cancelled: then it is cancelled no longer."""
    async with get_client() as client:
        retry = await read_retry(client, UUID(_run_id()))
    if retry is None:
        return False
    return await asyncio.to_thread(forget_cancel, store, batch_id, job.job_id, before=retry.at)


async def _check_still_ours() -> None:
    """
    Raise `Abort`, which leaves the run's state alone, if the run was moved, cancelled or begun again meanwhile.

    Only a courtesy: `publish_documents` decides which documents count.
    """
    async with get_client() as client:
        if not await is_attempt_under_way(client, UUID(_run_id()), flow_run.get_run_count()):
            msg = "Another attempt has this job now; what this one heard is dropped."
            raise Abort(msg)


def _listen(
    job: Job, local: LocalRecording, shared: SharedParts | None, *, show: Callable[[float], None]
) -> StoredTranscript:
    """Transcribe the recording on the device of this process, and return its transcript with how it was made."""
    recording, device = local.recording, local.engine.device
    began = time.monotonic()
    try:
        transcript = local.transcribe(job.name, shared, on_progress=show)
    except NoSpeech as silent:
        where = where_nothing_was_said(recording.audio_stream, recording.audio_streams)
        raise NoSpeech(str(silent) + where) from silent
    processing = Processing(
        task=local.options.task,
        device=device.title or device.name,
        compute_type=transcript.compute_type,
        batch_size=transcript.batch_size,
        transcription_seconds=round(time.monotonic() - began, 3),
        attempt=flow_run.get_run_count(),
        audio_stream=recording.audio_stream,
        audio_streams=recording.audio_streams,
        versions={library: version(library) for library in ("batchscribe", "faster-whisper", "ctranslate2")},
        finished_at=datetime.now(UTC),
    )
    _tell_of_setback(device, processing)
    if recording.is_cut_off:
        transcript = transcript.model_copy(update={"notes": (*transcript.notes, CUT_OFF)})
    return StoredTranscript(transcript=transcript, processing=processing)


def _tell_of_setback(device: Device, processing: Processing) -> None:
    """Say in the run's log if the device ran out of memory, since then it is slower, or less exact, from there on."""
    planned, really = (device.compute_type, device.batch_size), (processing.compute_type, processing.batch_size)
    if really != planned:
        get_run_logger().warning(
            "Out of memory on %s: it went on with %s in batches of %d, not with %s in batches of %d",
            *(processing.device, *really, *planned),
        )


def _told(transcript: Transcript, seconds: float) -> str:
    audio = transcript.audio_seconds
    message = f"{audio:.1f} s of audio in {seconds:.1f} s (RTF {seconds / audio:.2f}), {text_length(transcript.text)}"
    if transcript.gaps:
        message += f", {told(transcript.gaps)}"
    for note in transcript.notes:
        get_run_logger().warning("%s", note)
    get_run_logger().info("%s, language %s, model %s", message, transcript.language, transcript.model)
    return message
