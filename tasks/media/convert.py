"""
Convert a job's upload to its recording: 16 kHz mono MP3, which is what the model hears and the page plays.

Where its speech is, is found at the same time, so that no device waits for that.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled, Failed

from tasks.batches import REJECTED, Job, Recording
from tasks.cancellation import RunCancelled, current_token
from tasks.errors import ConversionInterrupted, MediaRejected, TranscriptionError, UploadMissing
from tasks.media.conversion_slots import current_turn
from tasks.media.ffmpeg import convert_file
from tasks.media.plan import SOUND_NAME, ConversionLimits
from tasks.media.validation import clock
from tasks.media.voice import plan_speech_in
from tasks.outages import ask_the_error
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.expiries import expired, read_expiry
from tasks.storage.keys import BatchKeys
from tasks.storage.open_store import open_store
from tasks.storage.records import read_recording


@task(
    name="convert",
    task_run_name="convert {job.displayed_path}",
    retries=5,
    retry_delay_seconds=[5, 30, 60, 120, 300],
    retry_condition_fn=ask_the_error,
    cache_policy=NO_CACHE,
)
def convert(
    job: Job, batch_id: str, settings: Settings, audio_stream: int = 0, *, measure_channels: bool = False
) -> Recording:
    """
    Return the recording of the job's upload, made and put into the store with its speech plan, unless it is there.

    *audio_stream* counts from 1; 0 takes the one with speech. *measure_channels* is for telling speakers apart.

    The store keeps the result, not Prefect: what Prefect remembers stays when the recording is gone, and would be
    returned where converting again is what is needed. A job's id stands for the content of its upload, which never
    changes once the batch has started.

    The task run fails with the error's sentence alone. A raised error would stand behind Prefect's own words.
    """
    try:
        with current_turn():
            return _convert(job, batch_id, settings, audio_stream, measure_channels=measure_channels)
    except RunCancelled:
        return Cancelled(message="Cancelled while it was being converted.")  # type: ignore[return-value]  # as below
    except TranscriptionError as error:
        name = REJECTED if isinstance(error, MediaRejected) else "Failed"
        return Failed(message=str(error), data=error, name=name)  # type: ignore[return-value]  # Prefect takes a state as the end


def _convert(job: Job, batch_id: str, settings: Settings, audio_stream: int, *, measure_channels: bool) -> Recording:
    current_token().raise_if_cancelled()
    store, logger = open_store(settings), get_run_logger()
    recording = read_recording(store, batch_id, job.job_id)
    if recording is not None:
        logger.info("Recording of job %s is in the store already", job.job_id)
        return recording
    expiry = read_expiry(store, batch_id, job.job_id)
    if expiry is not None:
        raise UploadMissing(expired([job.name], expiry))
    limits = ConversionLimits(max_audio_seconds=settings.max_audio_hours * 3600)
    with _work_folder(settings, job.job_id) as folder:
        target, sound = folder / "recording.mp3", folder / SOUND_NAME
        upload = settings.uploads_folder / batch_id / job.job_id
        conversion = convert_file(
            upload,
            name=job.name,
            target=target,
            limits=limits,
            audio_stream=audio_stream,
            refuse_damaged=settings.refuse_damaged,
            measure_channels=measure_channels,
            sound=sound,
        )
        plan = plan_speech_in(sound).model_dump_json().encode()
        logger.info(
            "Converted job %s: %.1f s of audio in %.1f s%s",
            job.job_id,
            conversion.audio_seconds,
            conversion.wall_seconds,
            "".join(f"; {clock(gap.start)} to {clock(gap.end)} could not be read" for gap in conversion.gaps),
        )
        return _store(
            store,
            BatchKeys.of(batch_id),
            target,
            plan,
            Recording(
                job_id=job.job_id,
                key=BatchKeys.of(batch_id).recording(job.job_id),
                size=target.stat().st_size,
                sha256=_sha256(target),
                audio_seconds=conversion.audio_seconds,
                offset_seconds=conversion.offset_seconds,
                audio_stream=conversion.plan.stream + 1,
                audio_streams=conversion.streams if len(conversion.streams) > 1 else (),
                gaps=conversion.gaps,
                channel_turns=conversion.channel_turns,
                speech_sha256=hashlib.sha256(plan).hexdigest(),
                is_cut_off=conversion.is_cut_off,
                video_type=conversion.video_type,
            ),
        )


def _store(store: Store, keys: BatchKeys, target: Path, plan: bytes, recording: Recording) -> Recording:
    """Store the MP3, its speech plan and then its record: a record without its MP3 would be taken for a recording."""
    store.put_file(recording.key, target)
    store.write(keys.speech_plan(recording.job_id), plan)
    store.write(keys.recording_record(recording.job_id), recording.model_dump_json(indent=2).encode())
    return recording


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _work_folder(settings: Settings, job_id: str) -> Iterator[Path]:
    """Make a folder for this try, and remove it in all cases. What a killed try of the job left goes first."""
    job_folder = settings.work_folder / job_id
    try:
        job_folder.mkdir(parents=True, exist_ok=True)
        for left in job_folder.glob("convert-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="convert-", dir=job_folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as exc:
        msg = f"The folder {job_folder} can't be used: {exc.strerror}. Free some space or allow writing, then retry."
        raise ConversionInterrupted(msg) from exc
    finally:
        with contextlib.suppress(OSError):  # another task of the job works there
            job_folder.rmdir()
