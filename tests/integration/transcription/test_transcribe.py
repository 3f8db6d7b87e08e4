"""Transcribing real speech with real small models."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper import BatchedInferencePipeline, WhisperModel, decode_audio
from whisper_normalizer.basic import BasicTextNormalizer

from tasks.batches import Gap, GapReason
from tasks.devices import Device
from tasks.errors import MediaRejected, NoSpeech, TranscriptionError
from tasks.options import TranscriptionOptions, WhisperTask
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.sound import decode
from tasks.transcription.transcribe import transcribe
from tasks.transcription.transcript import Transcript
from tasks.transcription.vad import find_speech, plan_speech
from tasks.transcription.whisper import WhisperBackend, vocabulary_hint

TOLERANCE_SECONDS = 0.02
ENGLISH = TranscriptionOptions(language="en")


@pytest.fixture
def transcribed(device: Device, models_folder: Path) -> Callable[..., Transcript]:
    """Transcribe a file with nobody watching."""

    def run(
        audio_file: Path, options: TranscriptionOptions = ENGLISH, *, model: str = "tiny.en", **more: object
    ) -> Transcript:
        arguments = {"on_progress": lambda _: None, "cancelled": lambda: False, "name": audio_file.name} | more
        return transcribe(PlacedModel(device, model, models_folder), audio_file, options, **arguments)

    return run


# Languages other than what is spoken would be doubtful, and what is doubtful is tried again with chance.
TRANSLATED = TranscriptionOptions(language="en", task=WhisperTask.TRANSLATE)


@pytest.mark.parametrize(
    ("model", "together"),
    [
        (
            "tiny.en",
            [
                (("garden-podcast", "lecture-subtitles", "rain-report"), ENGLISH),
                (("library-tour",), TranscriptionOptions(language="en", vocabulary=("newspapers", "basement"))),
                (("lecture-welcome",), TranscriptionOptions(language="en", vocabulary=("silence",))),
                (("study-advice",), ENGLISH),
            ],
        ),
        ("base", [(("rain-report",), ENGLISH), (("garden-podcast",), TRANSLATED), (("short-answer",), ENGLISH)]),
    ],
)
def test_recordings_in_flight_together_come_out_as_from_the_batched_pipeline(
    recording, transcribed, models_folder, model, together
):
    jobs = [(recording(*stems), options) for stems, options in together]
    with ThreadPoolExecutor(len(jobs)) as threads:
        ours = list(threads.map(lambda job: transcribed(*job, model=model), jobs))

    pipeline_model = WhisperModel(str(models_folder / model), device="cpu", compute_type="int8", cpu_threads=2)
    for (file, options), transcript in zip(jobs, ours, strict=True):
        segments, _ = BatchedInferencePipeline(pipeline_model).transcribe(
            str(file),
            language=options.language,
            task=options.task.value,
            word_timestamps=True,
            hotwords=vocabulary_hint(options.vocabulary),
        )
        theirs = list(segments)
        assert [segment.text for segment in transcript.segments] == [segment.text for segment in theirs]
        words = [word for segment in theirs for word in segment.words]
        assert [word.text for word in transcript.words] == [word.word for word in words]
        # Where a sentence begins or ends ours are at the sound; within it they are the model's.
        ours_within = [word.start for before, word in pairwise(transcript.words) if word.start == before.end]
        theirs_within = [
            word.start
            for word, (before, ours) in zip(words[1:], pairwise(transcript.words), strict=True)
            if ours.start == before.end
        ]
        assert ours_within == pytest.approx(theirs_within, abs=TOLERANCE_SECONDS)
        assert len(ours_within) > len(words) / 2


def test_the_language_is_detected(recording, transcribed):
    transcript = transcribed(recording("garden-podcast", "lecture-subtitles"), TranscriptionOptions(), model="base")

    assert transcript.language == "en"
    assert {segment.language for segment in transcript.segments} == {"en"}
    assert 0.9 < transcript.language_probability <= 1


SPANISH = (
    "Buenos días. La biblioteca tiene tres pisos, y los periódicos viejos están en el sótano. "
    "Por favor, devuelvan los libros antes del viernes, porque el sábado está cerrado."
)


def test_each_part_of_a_recording_is_written_in_its_own_language(recording, clips, transcribed):
    garden = clips["garden-podcast.mp3"].text
    both = transcribed(recording("garden-podcast", "spanish-library"), TranscriptionOptions(), model="base")
    alone = [
        transcribed(recording(stem), TranscriptionOptions(), model="base")
        for stem in ("garden-podcast", "spanish-library")
    ]

    assert [dict.fromkeys(one.language for one in each.segments) for each in alone] == [{"en": None}, {"es": None}]
    assert list(dict.fromkeys(segment.language for segment in both.segments)) == ["en", "es"]
    assert both.gaps == both.removed == ()
    for language, said in (("en", garden), ("es", SPANISH)):
        written = " ".join(segment.text for segment in both.segments if segment.language == language)
        # What base writes of the synthetic Spanish voice differs a little with the processor's instructions.
        assert word_error_rate(said, written) <= (0.15 if language == "en" else 0.25)
        assert BasicTextNormalizer()(written).split()[:2] == BasicTextNormalizer()(said).split()[:2]
    assert word_error_rate(garden, alone[0].text) <= 0.15


def word_error_rate(said: str, written: str) -> float:
    normalized = BasicTextNormalizer()
    return jiwer.wer(normalized(said), normalized(written))


def test_a_model_that_knows_english_only_takes_every_recording_for_english(clip, transcribed):
    assert transcribed(clip("short-answer"), TranscriptionOptions()).language == "en"


def test_a_language_that_whisper_does_not_know_is_named(clip, transcribed):
    with pytest.raises(TranscriptionError, match="does not know the language xx"):
        transcribed(clip("short-answer"), TranscriptionOptions(language="xx"), model="base")


SECONDS = np.arange(8 * 16_000) / 16_000
CHORD = sum(np.sin(2 * np.pi * pitch * SECONDS) for pitch in (220, 277, 330)) / 6 * (1 - SECONDS % 1)
NOISE = np.random.default_rng(1).normal(scale=0.1, size=len(SECONDS))


@pytest.mark.parametrize("sound", [CHORD, NOISE, np.zeros(len(SECONDS))], ids=["chords", "noise", "silence"])
def test_sound_without_a_voice_is_no_speech(tmp_path, write_wav, transcribed, sound):
    write_wav(tmp_path / "recording.wav", sound)

    with pytest.raises(NoSpeech, match=r"^No speech detected$"):
        transcribed(tmp_path / "recording.wav")


def test_a_sentence_that_is_said_eight_times_is_written_eight_times(recording, transcribed):
    transcript = transcribed(recording(*["short-answer"] * 8), model="base")

    assert transcript.text.lower().count("the recording is running") == 8
    assert transcript.removed == transcript.gaps == ()


@pytest.fixture
def babble(clip) -> Callable[[int], np.ndarray]:
    """Return so many seconds of eighteen voices at once, all backwards."""
    stems = ("garden-podcast", "library-tour", "rain-report", "study-advice", "lecture-welcome", "short-answer")

    def mix(seconds: int) -> np.ndarray:
        voices = [decode_audio(str(clip(stem)))[::-1] for stem in stems]
        mixed = sum(np.resize(voice[shift:], seconds * 16_000) for voice in voices for shift in (0, 20_000, 40_000))
        return mixed / np.abs(mixed).max() / 2

    return mix


def test_speech_in_which_no_word_can_be_understood_is_no_speech(babble, tmp_path, write_wav, transcribed):
    write_wav(tmp_path / "recording.wav", babble(20))

    with pytest.raises(NoSpeech):
        transcribed(tmp_path / "recording.wav", TranscriptionOptions(), model="base")


def test_a_voice_among_words_that_cannot_be_understood_is_a_gap(babble, clip, tmp_path, write_wav, transcribed):
    voice = decode_audio(str(clip("short-answer")))
    write_wav(tmp_path / "recording.wav", np.concatenate([voice, babble(5), voice]))

    transcript = transcribed(tmp_path / "recording.wav", model="base")

    assert transcript.text.lower().count("the recording is running") == 2
    (gap,) = transcript.gaps
    start = len(voice) / 16_000
    assert (gap.start, gap.end) == pytest.approx((start, start + 5), abs=1)
    assert gap.reason is GapReason.NOT_UNDERSTOOD


def test_what_could_not_be_read_of_the_upload_is_a_gap(clip, transcribed):
    damaged = Gap(start=1.0, end=1.4, reason=GapReason.UNREADABLE)

    assert transcribed(clip("short-answer"), unreadable=(damaged,)).gaps == (damaged,)


def test_silence_is_found_without_loading_a_model(tmp_path, write_wav, device, models_folder):
    silence = tmp_path / "silence.wav"
    write_wav(silence, np.zeros(5 * 16_000, dtype=np.float32))
    not_here = PlacedModel(device, "not-on-this-machine", models_folder)

    with pytest.raises(NoSpeech):
        transcribe(not_here, silence, ENGLISH, name=silence.name, on_progress=print, cancelled=lambda: False)


def test_what_cannot_be_decoded_is_rejected_by_name(tmp_path, transcribed):
    broken = tmp_path / "recording.mp3"
    broken.write_bytes(b"no sound in here")

    with pytest.raises(MediaRejected, match=r"talk\.mp4 cannot be read"):
        transcribed(broken, name="talk.mp4")


def test_progress_rises_to_the_end(recording, transcribed):
    shown: list[float] = []
    four_chunks = recording("lecture-subtitles", "garden-podcast", "library-tour")

    transcribed(four_chunks, on_progress=shown.append)

    assert len(shown) >= 3
    assert shown == sorted(shown)
    assert shown[-1] == pytest.approx(1)


def test_the_speech_is_where_the_plan_says_unless_that_is_of_another_sound(clip, transcribed):
    file = clip("short-answer")
    plan = plan_speech(decode(file, name="", cancelled=lambda: False), cancelled=lambda: False)
    first = plan.model_copy(update={"voices": plan.voices[:1], "chunks": (plan.chunks[0][:1],)})
    of_another = first.model_copy(update={"samples": first.samples + 1})

    whole = transcribed(file)
    assert transcribed(file, plan=plan) == transcribed(file, plan=of_another) == whole
    words = transcribed(file, plan=first).words
    assert 0 < len(words) < len(whole.words)
    assert words[-1].end <= plan.chunks[0][0][1] / 16_000


def test_times_are_on_the_clock_of_the_upload(clip, transcribed):
    plain, later = transcribed(clip("short-answer")), transcribed(clip("short-answer"), initial_offset_seconds=1.5)

    assert later.segments[0].start == pytest.approx(plain.segments[0].start + 1.5)
    assert [word.start for word in later.words] == pytest.approx([word.start + 1.5 for word in plain.words])
    assert later.audio_seconds == plain.audio_seconds


def test_a_cancelled_recording_disturbs_no_other(recording, clip, transcribed):
    alone = transcribed(clip("short-answer"))
    cancel = threading.Event()
    long = recording("lecture-subtitles", "lecture-subtitles")
    with ThreadPoolExecutor(2) as threads:
        cancelled = threads.submit(transcribed, long, on_progress=lambda _: cancel.set(), cancelled=cancel.is_set)
        other = threads.submit(transcribed, clip("short-answer"))

        with pytest.raises(TranscriptionCancelled):
            cancelled.result()
        assert other.result() == alone


def test_expected_words_are_spelled_as_they_were_given(clip, transcribed):
    heard = transcribed(clip("garden-podcast"))
    helped = transcribed(clip("garden-podcast"), TranscriptionOptions(language="en", vocabulary=("colour", "apart")))

    assert "look at its color," in heard.text
    assert "look at its colour," in helped.text
    assert helped.text.startswith("Every garden begins")


def test_a_model_with_smaller_numbers_goes_on_with_the_same_recording(clip, models_folder):
    backend = WhisperBackend(Device(name="cpu:9", kind="cpu", compute_type="float32"), "tiny.en", models_folder)
    sound = decode(clip("short-answer"), name="", cancelled=lambda: False)
    (spoken,) = find_speech(sound, cancelled=lambda: False).chunks
    chunk = backend.chunk(spoken, backend.decoding("en", WhisperTask.TRANSCRIBE, ()))
    (before,) = backend.forward([chunk])

    assert backend.shrink()
    (after,) = backend.forward([chunk])

    assert after.text == before.text
    assert not backend.shrink()
    backend.close()
