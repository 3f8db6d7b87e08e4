"""The convert task under a real Prefect server, with a real store and a real ffmpeg."""

import hashlib

import numpy as np
import pytest

from tasks.batches import GapReason, Job, Recording, job_id_for
from tasks.media.convert import convert
from tasks.outages import ask_the_error
from tasks.settings import Settings
from tasks.storage.keys import BatchKeys
from tasks.storage.open_store import open_store
from tasks.transcription.recorded_sound import RecordedSound
from tasks.transcription.sound import decode
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.vad import plan_speech

BATCH_ID = "20261122-101112-abcdef"
KEYS = BatchKeys.of(BATCH_ID)

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(_env_file=None, data=tmp_path / "data")


@pytest.fixture
def submit(settings, zoo):
    """Return a function that uploads *content* and returns its job."""

    def upload(content: bytes | None, path: str = "talks/talk.mp3") -> Job:
        if content is None:
            content = zoo.make("talk.mp3", *zoo.tone).read_bytes()
        job_id = job_id_for(BATCH_ID, path)
        file = settings.uploads_folder / BATCH_ID / job_id
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return Job(job_id=job_id, path=path, size=len(content), sha256=sha256, document_stem="talks/talk")

    return upload


def test_recording_and_its_record_are_in_the_store(submit, settings):
    job = submit(None)
    recording = convert(job, BATCH_ID, settings)
    store = open_store(settings)
    content = store.read(KEYS.recording(job.job_id))
    assert recording.audio_seconds == pytest.approx(5.0)
    assert (recording.key, recording.size) == (KEYS.recording(job.job_id), len(content))
    assert recording.sha256 == hashlib.sha256(content).hexdigest()
    assert Recording.model_validate_json(store.read(KEYS.recording_record(job.job_id))) == recording


def test_speech_is_found_with_the_conversion_in_the_very_sound_that_the_model_hears(submit, settings, clips, tmp_path):
    recording = convert(submit(clips["garden-podcast.mp3"].path.read_bytes()), BATCH_ID, settings)
    store = open_store(settings)
    plan = store.read(KEYS.speech_plan(recording.job_id))
    store.fetch(recording.key, tmp_path / "recording.mp3")
    sound = decode(tmp_path / "recording.mp3", name="", cancelled=lambda: False)
    seekable = RecordedSound(tmp_path / "recording.mp3", name="", cancelled=lambda: False)
    assert np.array_equal(seekable[:], sound)
    assert SpeechPlan.model_validate_json(plan) == plan_speech(sound, cancelled=lambda: False)
    assert recording.speech_sha256 == hashlib.sha256(plan).hexdigest()


def test_record_says_which_of_several_audio_streams_was_taken(submit, settings, zoo):
    both = zoo.make("both.mka", *zoo.tone, *zoo.tone, "-map", "0", "-map", "1", "-metadata:s:a:1", "title=Mic")
    recording = convert(submit(both.read_bytes()), BATCH_ID, settings, audio_stream=2)
    assert (recording.audio_stream, [stream.title for stream in recording.audio_streams]) == (2, ["", "Mic"])
    alone = convert(submit(None, "other.mp3"), BATCH_ID, settings)
    assert (alone.audio_stream, alone.audio_streams) == (1, ())


def test_gap_of_a_damaged_upload_is_in_its_record(submit, settings, zoo):
    cut = zoo.cut_off(zoo.make("talk.wav", *zoo.tone), 0.6).read_bytes()
    recording = convert(submit(cut), BATCH_ID, settings)
    (gap,) = recording.gaps
    assert (gap.start, gap.end) == pytest.approx((3.0, 5.0), abs=0.01)
    assert gap.reason == GapReason.UNREADABLE
    record = open_store(settings).read(KEYS.recording_record(recording.job_id))
    assert Recording.model_validate_json(record).gaps == (gap,)


def test_damaged_upload_fails_where_that_is_set(submit, settings, zoo):
    cut = zoo.cut_off(zoo.make("talk.wav", *zoo.tone), 0.6).read_bytes()
    state = convert(submit(cut), BATCH_ID, settings.model_copy(update={"refuse_damaged": True}), return_state=True)
    assert state.is_failed()
    assert state.message.startswith("talk.mp3 is damaged or cut off: only 3.0 s of 5.0 s could be read.")


def test_upload_is_never_converted_twice(submit, settings):
    job = submit(None)
    recording = convert(job, BATCH_ID, settings)
    (settings.uploads_folder / BATCH_ID / job.job_id).unlink()
    assert convert(job, BATCH_ID, settings) == recording


def test_upload_is_converted_again_when_its_recording_is_gone(submit, settings):
    job = submit(None)
    recording = convert(job, BATCH_ID, settings)
    store = open_store(settings)
    store.delete(recording.key)
    assert convert(job, BATCH_ID, settings) == recording
    assert store.stat(recording.key) is not None


def test_fault_of_the_media_is_the_whole_message_of_the_failed_run(submit, settings):
    state = convert(submit(b"no media"), BATCH_ID, settings, return_state=True)
    assert state.is_failed()
    assert state.message == (
        "talk.mp3 is not an audio or video file that can be read. Check that it plays, or export it as MP3 or WAV."
    )


def test_fault_of_the_media_is_not_tried_again_nor_remembered(submit, settings):
    job = submit(b"no media")
    assert convert(job, BATCH_ID, settings, return_state=True).is_failed()
    assert submit(None) != job
    assert convert(submit(None), BATCH_ID, settings).audio_seconds == pytest.approx(5.0)


def test_upload_that_is_gone_is_asked_for_again(submit, settings):
    job = submit(None)
    (settings.uploads_folder / BATCH_ID / job.job_id).unlink()
    state = convert(job, BATCH_ID, settings, return_state=True)
    assert state.message == "talk.mp3 is no longer on the server. Upload it again."


def test_interruption_is_tried_again(submit, settings):
    job = submit(None)
    settings.work_folder.write_text("in the way")

    def clear_the_way(task, task_run, state):
        settings.work_folder.unlink()
        return ask_the_error(task, task_run, state)

    stubborn = convert.with_options(retry_delay_seconds=0, retry_condition_fn=clear_the_way)
    assert stubborn(job, BATCH_ID, settings).audio_seconds == pytest.approx(5.0)


def test_nothing_is_left_in_the_work_folder_even_of_a_killed_try(submit, settings):
    job = submit(None)
    left = settings.work_folder / job.job_id / "convert-killed"
    left.mkdir(parents=True)
    (left / "recording.mp3").write_bytes(b"half")
    convert(job, BATCH_ID, settings)
    assert list(settings.work_folder.iterdir()) == []


def test_folder_of_another_task_of_the_job_is_left_alone(submit, settings):
    job = submit(None)
    other = settings.work_folder / job.job_id / "transcribe-1"
    other.mkdir(parents=True)
    convert(job, BATCH_ID, settings)
    assert other.is_dir()
