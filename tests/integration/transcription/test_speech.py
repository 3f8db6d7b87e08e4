"""Finding speech in recordings, long and quiet ones too."""

import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from faster_whisper import decode_audio
from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

from tasks.media.ffmpeg import ffmpeg_program
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.sound import SAMPLE_RATE, decode
from tasks.transcription.vad import CHUNK_SECONDS, find_speech

NOTHING = np.zeros(0, dtype=np.int16)
RANDOM = np.random.default_rng(1)


@pytest.fixture(scope="module")
def sound_of(clip) -> Callable[[str], np.ndarray]:
    """Return the sound of a clip by its name."""
    return lambda stem: decode(clip(stem), name=stem, cancelled=lambda: False)


@pytest.fixture(scope="module")
def yes(sound_of) -> np.ndarray:
    """The word "Yes" alone."""
    return sound_of("short-answer")[round(0.5 * SAMPLE_RATE) : round(1.1 * SAMPLE_RATE)]


@pytest.fixture
def recorded(tmp_path) -> Callable[[np.ndarray], np.ndarray]:
    """Code a sound as recordings are coded: in the MP3 silence is faint noise."""

    def code(sound: np.ndarray) -> np.ndarray:
        file = tmp_path / "recording.mp3"
        read = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
        arguments = [ffmpeg_program(), "-v", "error", "-y", *read, "-c:a", "libmp3lame", "-q:a", "2", str(file)]
        subprocess.run(arguments, input=sound.astype("<i2").tobytes(), check=True)
        return decode(file, name="", cancelled=lambda: False)

    return code


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.int16)


def noise(decibels: float, *, pink: bool = False) -> np.ndarray:
    """Return 16 s of noise."""
    spectrum = np.fft.rfft(RANDOM.normal(size=2**18))
    if pink:
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    once = np.fft.irfft(spectrum)
    return once / once.std() * 32768 * 10 ** (decibels / 20)


def over(bed: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Return *sound* over a bed of noise, which is repeated as often as it takes."""
    return np.clip(np.round(sound + np.resize(bed, len(sound))), -32768, 32767).astype(np.int16)


def found(sound: np.ndarray, start_seconds: float = 0.0) -> list[tuple[float, float]]:
    """Return start and end of the voices from *start_seconds* on, counted from there."""
    voices = find_speech(sound, cancelled=lambda: False).voices
    times = [(voice.start / SAMPLE_RATE - start_seconds, voice.end / SAMPLE_RATE - start_seconds) for voice in voices]
    return [(max(start, 0.0), end) for start, end in times if end > 0]


def voiced_seconds(spans: list[tuple[float, float]]) -> float:
    return sum(end - start for start, end in spans)


def test_the_sound_is_that_of_faster_whispers_decoder(clip):
    ours = decode(clip("garden-podcast"), name="garden-podcast", cancelled=lambda: False)

    assert np.array_equal(ours.astype(np.float32) / 32768, decode_audio(str(clip("garden-podcast"))))


def test_speech_is_packed_as_the_batched_pipeline_packs_it(clip):
    sound = decode(clip("lecture-subtitles"), name="", cancelled=lambda: False)
    theirs = decode_audio(str(clip("lecture-subtitles")))
    settings = VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    samples, places = collect_chunks(theirs, get_speech_timestamps(theirs, settings), max_duration=CHUNK_SECONDS)

    chunks = find_speech(sound, cancelled=lambda: False).chunks

    assert [(chunk.start_seconds, chunk.speech_seconds) for chunk in chunks] == [
        (place["offset"], place["duration"]) for place in places
    ]
    assert all(np.array_equal(chunk.samples, theirs) for chunk, theirs in zip(chunks, samples, strict=True))


def test_talk_without_long_pauses_is_heard_as_in_one_piece(sound_of):
    stems = ("garden-podcast", "lecture-subtitles", "short-answer")
    talk = np.tile(np.concatenate([sound_of(stem) for stem in stems]), 4)
    settings = VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    whole = get_speech_timestamps(talk.astype(np.float32) / 32768, settings)

    spans = find_speech(talk, cancelled=lambda: False).spans

    assert [(span.start, span.end) for span in spans] == [(span["start"], span["end"]) for span in whole]


BEDS = {"silence": NOTHING, "pink noise": noise(-50, pink=True), "white noise": noise(-40)}


@pytest.mark.parametrize("bed", BEDS)
@pytest.mark.parametrize("pause_seconds", [1, 13, 30, 120, 300])
def test_nothing_is_missed_after_a_pause(sound_of, recorded, pause_seconds, bed):
    def heard(before_seconds: float) -> list[tuple[float, float]]:
        sound = np.concatenate([silence(before_seconds), sound_of("rain-report")])
        return found(recorded(over(BEDS[bed], sound) if len(BEDS[bed]) else sound), before_seconds)

    at_once, later = heard(0), heard(pause_seconds)

    assert voiced_seconds(later) > 0.95 * voiced_seconds(at_once)
    assert later[0][0] == pytest.approx(at_once[0][0], abs=0.1)


@pytest.mark.parametrize("decibels", [0, -20])
@pytest.mark.parametrize("pause_seconds", [0.6, 12, 130])
def test_a_short_word_is_heard_after_a_pause(sound_of, yes, recorded, pause_seconds, decibels):
    before = np.concatenate([sound_of("rain-report"), silence(pause_seconds)])
    quiet = (yes * 10 ** (decibels / 20)).astype(np.int16)
    sound = over(noise(-65, pink=True), np.concatenate([before, quiet, silence(2)]))

    (word,) = found(recorded(sound), len(before) / SAMPLE_RATE)

    assert word == (pytest.approx(0.05, abs=0.12), pytest.approx(0.55, abs=0.15))


@pytest.mark.parametrize("decibels", [-10, -20, -30])
@pytest.mark.parametrize("pause_seconds", [0.4, 0.8, 10])
def test_quiet_speech_is_heard_after_loud_speech(sound_of, recorded, pause_seconds, decibels):
    loud, quiet = sound_of("garden-podcast"), sound_of("rain-report") * 10 ** (decibels / 20)
    before = np.concatenate([loud, silence(pause_seconds)])

    heard = found(recorded(np.concatenate([before, quiet.astype(np.int16), silence(1)])), len(before) / SAMPLE_RATE)

    assert voiced_seconds(heard) > 0.95 * voiced_seconds(found(sound_of("rain-report")))


def test_coughs_in_a_pause_are_neither_speech_nor_do_they_hide_what_follows(sound_of, recorded):
    speech, pause_seconds = sound_of("rain-report"), 60
    cough = (RANDOM.normal(size=SAMPLE_RATE // 5) * 6000 * np.hanning(SAMPLE_RATE // 5)).astype(np.int16)
    pause = silence(pause_seconds)
    for second in range(3, pause_seconds - 1, 4):
        pause[second * SAMPLE_RATE :][: len(cough)] = cough
    sound = recorded(over(noise(-60, pink=True), np.concatenate([speech, pause, speech])))

    first, second = found(sound), found(sound, len(speech) / SAMPLE_RATE + pause_seconds)

    assert voiced_seconds(second) > 0.95 * voiced_seconds(found(speech))
    assert voiced_seconds(first) == pytest.approx(2 * voiced_seconds(found(speech)), rel=0.05)


def test_speech_is_heard_to_the_first_and_the_last_sample(sound_of):
    sentence = sound_of("rain-report")
    (start, *_, end) = (edge for span in found(sentence) for edge in span)
    sound = sentence[round((start + 0.05) * SAMPLE_RATE) : round((end - 0.15) * SAMPLE_RATE)]

    spans = find_speech(np.concatenate([sound, silence(40), sound]), cancelled=lambda: False).spans

    assert spans[0].start == 0
    assert spans[-1].end == 2 * len(sound) + 40 * SAMPLE_RATE


SECONDS = np.arange(30 * SAMPLE_RATE) / SAMPLE_RATE
SWEEP = np.sin(2 * np.pi * np.cumsum(200 + 150 * np.sin(2 * np.pi * SECONDS / 4)) / SAMPLE_RATE)
MELODY = np.sin(2 * np.pi * np.cumsum(220 * 2 ** (np.floor(SECONDS * 3) % 12 / 12)) / SAMPLE_RATE)
SOUNDS = {
    "whale": SWEEP * (np.sin(2 * np.pi * SECONDS / 3) > 0),
    "melody": MELODY * (1 - SECONDS * 3 % 1),
    "dial tone": np.sin(2 * np.pi * 350 * SECONDS) + np.sin(2 * np.pi * 440 * SECONDS),
    "metronome": np.sin(2 * np.pi * 1000 * SECONDS) * (SECONDS % 0.5 < 0.02),
    "typing": RANDOM.normal(size=len(SECONDS)) * np.exp(-(SECONDS % 0.31) * 200),
    "hum": np.sin(2 * np.pi * 50 * SECONDS),
}


@pytest.mark.parametrize("peak", [6000, 300])
@pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS)
def test_what_sounds_like_no_voice_is_none_however_quiet(recorded, sound, peak):
    assert not found(recorded(over(noise(-70), sound / np.abs(sound).max() * peak)))


def test_an_empty_recording_has_no_speech():
    assert not find_speech(NOTHING, cancelled=lambda: False).spans


def test_the_search_can_be_cancelled_every_few_seconds_of_sound():
    answers = iter([False, False, True])

    with pytest.raises(TranscriptionCancelled):
        find_speech(silence(16), cancelled=lambda: next(answers))
