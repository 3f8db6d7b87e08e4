"""
Transcribe one recording: fetch it, let the engine of this process's device listen, write and publish the documents.

One run per job, on the GPU pool that the batch run chose, in a warm process that has the model loaded; hence async
and without ``log_prints``. Two of them share a device: while one holds the model, the other fetches or publishes.

A run whose job is already published does nothing, so that one that was killed after its last step is not done twice.
Failures end in one sentence for the user, without a traceback.

Requires: the recording in the store, ``BATCHSCRIBE_DEVICE``, the model on this machine or a way to fetch it.
"""

import asyncio
import contextlib
import math
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
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

from tasks.batches import ALREADY_PUBLISHED, REJECTED, Job, Recording
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
from tasks.orchestration.look_up import Found, look_up_job
from tasks.orchestration.prefect_runs import is_attempt_under_way, read_retry
from tasks.orchestration.progress import progress_shown
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.cancel_requests import forget_cancel
from tasks.storage.keys import attempt_token
from tasks.subtitles.spacing import text_length
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.fetch import fetch_recording
from tasks.transcription.gaps import told
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.models import AUTO, model_for
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcribe import load_engine, transcribe
from tasks.transcription.transcript import Transcript


def warm_up() -> None:
    """Load the model of this process's device, so that the first run finds it loaded. Raises `TranscriptionError`."""
    settings = Settings()
    if settings.device is not None:
        load_engine(_placed(settings, settings.device, TranscriptionOptions()))


@flow(name="transcribe-recording")
async def transcribe_recording(
    batch_id: str, job: Job, recording: Recording, options: TranscriptionOptions
) -> State[Any]:
    """Transcribe one recording and publish its documents."""
    folder = Settings().work_folder / f"{job.job_id}-{flow_run.get_id()}"
    try:
        async with progress_shown(job.path) as show:
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
    store, found = await unless_cancelled(look_up_job(settings, batch_id, job))
    if found is Found.PUBLISHED:
        return Completed(name=ALREADY_PUBLISHED, message="Its documents were already published.")
    if found is Found.CANCELLED and not await _was_retried(store, batch_id, job):
        return Cancelled(message="Cancelled in the moment in which it was dispatched.")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    local = folder / "recording.mp3"
    plan = await unless_cancelled(fetch_recording(store, recording, local))
    heard = await asyncio.to_thread(_listen, settings, job, recording, options, local, plan=plan, show=show)
    current_token().raise_if_cancelled()
    show(1.0)
    contents = await asyncio.to_thread(render_stored, heard, job, options.formats)
    await _check_still_ours()
    attempt = heard.processing.attempt
    token = attempt_token(flow_run.get_id() or "", attempt)
    publishing = publish_documents(store, batch_id, job, token=token, attempt=attempt, heard=heard, contents=contents)
    await unless_cancelled(publishing)
    return Completed(message=_told(heard.transcript, heard.processing.transcription_seconds))


async def _why_cancelled() -> str:
    asked_with = ""
    with contextlib.suppress(httpx.HTTPError):  # an outage: it has stopped all the same
        async with get_client() as client:
            run = await client.read_flow_run(UUID(flow_run.get_id() or ""))
            asked_with = (run.state.message or "") if run.state else ""
    return reason_told(asked_with, "Cancelled while it was being transcribed.")


async def _was_retried(store: Store, batch_id: str, job: Job) -> bool:
    """Return whether this run was started again since the job was cancelled: then it is cancelled no longer."""
    async with get_client() as client:
        retry = await read_retry(client, UUID(flow_run.get_id() or ""))
    if retry is None:
        return False
    return await asyncio.to_thread(forget_cancel, store, batch_id, job.job_id, before=retry.at)


async def _check_still_ours() -> None:
    """
    Raise `Abort`, which leaves the run's state alone, if the run was moved, cancelled or begun again meanwhile.

    Only a courtesy: `publish_documents` decides which documents count.
    """
    async with get_client() as client:
        if not await is_attempt_under_way(client, UUID(flow_run.get_id() or ""), flow_run.get_run_count()):
            msg = "Another attempt has this job now; what this one heard is dropped."
            raise Abort(msg)


def _listen(
    settings: Settings,
    job: Job,
    recording: Recording,
    options: TranscriptionOptions,
    local: Path,
    *,
    plan: SpeechPlan | None,
    show: Callable[[float], None],
) -> StoredTranscript:
    """Transcribe the file on the device of this process, and return the transcript with its processing details."""
    token = current_token()
    device = settings.device or Device(name="cpu:0", kind="cpu")
    began = time.monotonic()
    try:
        transcript = transcribe(
            _placed(settings, device, options),
            local,
            options,
            name=job.name,
            on_progress=show,
            cancelled=lambda: token.cancelled,
            plan=plan,
            initial_offset_seconds=recording.offset_seconds,
            unreadable=recording.gaps,
            channel_turns=recording.channel_turns,
        )
    except TranscriptionCancelled as stopped:
        raise RunCancelled from stopped
    except NoSpeech as silent:
        where = where_nothing_was_said(recording.audio_stream, recording.audio_streams)
        raise NoSpeech(str(silent) + where) from silent
    processing = Processing(
        task=options.task,
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


def _placed(settings: Settings, device: Device, options: TranscriptionOptions) -> PlacedModel:
    """Return the model that *options* ask for, on *device*, and how long it may take. Raises `ModelUnavailable`."""
    wanted = settings.model if options.model == AUTO else options.model
    model = model_for(wanted, device_kind=device.kind, task=options.task)
    # A CPU may be slow, but does not hang.
    call_seconds = settings.model_call_seconds if device.kind == "cuda" else math.inf
    return PlacedModel(device, model, settings.models_folder, call_seconds=call_seconds)


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
