import numpy as np
import pytest

from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.vad import Span, Speech
from tasks.transcription.voice_edges import edges_of

SECONDS = 10
FROM, UNTIL = 4.0, 6.0
AXIS = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
RANDOM = np.random.default_rng(1)
WHITE = RANDOM.normal(size=len(AXIS))
HISS = np.diff(np.diff(RANDOM.normal(size=len(AXIS) + 2)))
HUM = np.sin(2 * np.pi * 50 * AXIS)
VOWEL = sum(np.sin(2 * np.pi * 120 * overtone * AXIS) / overtone for overtone in range(1, 20))


def during(start: float, end: float, sound: np.ndarray) -> np.ndarray:
    return np.where((start <= AXIS) & (end > AXIS), sound, 0.0)


def edges(sound: np.ndarray, *, voice: tuple[float, float] = (FROM + 0.05, UNTIL + 0.05), air: float = 0.4):
    """Return where the speech is heard, in seconds, if the voice detector found it at *voice*."""
    start, end = (round(time * SAMPLE_RATE) for time in voice)
    span = Span(round(start - air * SAMPLE_RATE), round(end + air * SAMPLE_RATE))
    (heard,) = edges_of(Speech(sound.astype(np.int16), (span,), (), (Span(start, end),)))
    return heard and (heard.start / SAMPLE_RATE, heard.end / SAMPLE_RATE)


WORD = during(FROM, UNTIL, VOWEL * 3000)
SOFT_START = during(FROM - 0.15, FROM, HISS * 60) + WORD
PLOSIVE = during(FROM, FROM + 0.05, HISS * 200) + during(FROM + 0.12, UNTIL, VOWEL * 3000)


@pytest.mark.parametrize(
    ("sound", "start", "end"),
    [
        (WORD, FROM, UNTIL),
        (WORD + WHITE * 30, FROM, UNTIL),
        (WORD + HUM * 600, FROM, UNTIL),
        (SOFT_START, FROM - 0.15, UNTIL),  # an "s" before the vowel, 30 dB quieter
        (SOFT_START + HUM * 600, FROM - 0.15, UNTIL),
        (PLOSIVE + WHITE * 10, FROM, UNTIL),  # the burst of a "t", then the vowel
        (WORD + during(3.6, 3.61, WHITE * 3000), FROM, UNTIL),  # a click before it
        (WORD + during(3.3, 3.7, HISS * 300), FROM, UNTIL),  # a breath, 0.3 s before it
    ],
)
def test_speech_begins_and_ends_where_its_sound_does(sound, start, end):
    assert edges(sound) == (pytest.approx(start, abs=0.015), pytest.approx(end, abs=0.015))


def test_a_soft_start_that_the_detector_missed_is_not_taken_for_noise():
    soft = during(FROM - 0.3, FROM, VOWEL * 400) + WORD

    assert edges(soft + WHITE * 10)[0] == pytest.approx(FROM - 0.3, abs=0.02)


def test_a_voice_that_noise_hides_has_no_edges():
    assert edges(WHITE * 300 + during(FROM, UNTIL, VOWEL * 20)) is None


def test_speech_at_both_ends_of_a_recording_has_its_edges_there():
    syllables = VOWEL * 1500 * (1 + np.cos(2 * np.pi * 4 * AXIS))

    assert edges(syllables, voice=(0, SECONDS), air=0) == (
        pytest.approx(0, abs=0.02),
        pytest.approx(SECONDS, abs=0.02),
    )


@pytest.mark.parametrize("samples", [100, 2 * SAMPLE_RATE])
def test_silence_and_a_moment_have_no_edges(samples):
    span = Span(0, samples)

    assert list(edges_of(Speech(np.zeros(samples, np.int16), (span,), (), (span,)))) == [None]
