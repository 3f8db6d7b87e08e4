from collections.abc import Iterable

import faster_whisper.vad
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.vad import (
    CHUNK_SECONDS,
    Span,
    find_speech,
    plan_speech,
    planned_speech,
    voiced_spans,
    with_air,
)
from tasks.transcription.voice_detector import WINDOW_SAMPLES, _without_blips

VOICE, DOUBT, QUIET = 0.9, 0.4, 0.1
RUNS = st.tuples(st.sampled_from([QUIET, 0.34, 0.36, DOUBT, 0.49, 0.5, VOICE]), st.integers(1, 12))
LONG_RUNS = st.tuples(st.sampled_from([VOICE, DOUBT, QUIET]), st.integers(1, 1200))


def windows(runs: Iterable[tuple[float, int]]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.full(length, value) for value, length in runs)]).astype(np.float32)


def spans(probabilities: np.ndarray, samples: int) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in with_air(tuple(voiced_spans(probabilities, samples)), samples)]


@given(st.lists(st.one_of(RUNS, RUNS, LONG_RUNS), min_size=1, max_size=60), st.integers(0, WINDOW_SAMPLES - 1))
def test_the_same_probabilities_make_the_same_spans_as_in_faster_whisper(runs, samples_in_the_last_window):
    probabilities = windows(runs)
    samples = (len(probabilities) - 1) * WINDOW_SAMPLES + samples_in_the_last_window
    settings = faster_whisper.vad.VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faster_whisper.vad, "get_vad_model", lambda: lambda _: probabilities)
        theirs = faster_whisper.vad.get_speech_timestamps(np.zeros(samples, np.float32), settings)

    assert spans(probabilities, samples) == [(span["start"], span["end"]) for span in theirs]


def test_air_around_a_voice_is_shared_where_the_pause_is_short():
    half_a_second, ten_seconds = SAMPLE_RATE // 2, 10 * SAMPLE_RATE
    near = with_air(
        [Span(ten_seconds, 2 * ten_seconds), Span(2 * ten_seconds + half_a_second, 40 * SAMPLE_RATE)], 10**7
    )

    assert near[0].start == ten_seconds - 0.4 * SAMPLE_RATE
    assert near[0].end == near[1].start == 2 * ten_seconds + half_a_second // 2


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ([(QUIET, 300), (0.7, 4), (QUIET, 300)], False),  # a bird
        ([(QUIET, 300), (0.85, 4), (QUIET, 300)], True),  # short, but a voice for certain
        ([(QUIET, 300), (0.6, 10), (QUIET, 300)], True),  # long enough for a word
        ([(QUIET, 300), (0.7, 4), (QUIET, 100), (VOICE, 50)], True),  # near other words
        ([(0.7, 4)], False),
    ],
)
def test_a_voice_that_stands_alone_is_long_or_certain(runs, kept):
    assert np.array_equal(_without_blips(windows(runs)), windows(runs)) == kept


@pytest.fixture(scope="module")
def heard():
    """Minutes in which voices of all lengths are heard, and their plan as it comes back from the store."""
    lengths = np.random.default_rng(1).integers(1, 200, size=120)
    probabilities = windows((VOICE if number % 2 else QUIET, length) for number, length in enumerate(lengths))
    sound = np.arange((len(probabilities) - 1) * WINDOW_SAMPLES).astype(np.int16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.transcription.vad.voice_probabilities", lambda *_, **__: probabilities)
        plan = plan_speech(sound, cancelled=lambda: False)
        found = find_speech(sound, cancelled=lambda: False)
    return found, SpeechPlan.model_validate_json(plan.model_dump_json())


def test_speech_by_its_plan_is_the_speech_that_was_found(heard):
    found, plan = heard
    again = planned_speech(found.sound, plan)

    assert (again.spans, again.voices, again.language_windows) == (found.spans, found.voices, found.language_windows)
    assert len(found.chunks) > len(found.language_windows) == 5
    for ours, theirs in zip(again.chunks, found.chunks, strict=True):
        assert (ours.spans, ours.start_seconds) == (theirs.spans, theirs.start_seconds)
        assert np.array_equal(ours.samples, theirs.samples)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"version": 2}, "version"),
        ({"samples": 1000}, "beyond the end"),
        ({"voices": ((5, 3),)}, "ends before it begins"),
        ({"voices": ((0, 300), (200, 400))}, "overlap"),
        ({"voices": ((0, 300),)}, "do not belong together"),
        ({"voices": (), "chunks": ((),)}, "do not belong together"),
        ({"language_windows": (1000,)}, "chunk that there is not"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(heard, changed, fault):
    _, plan = heard

    with pytest.raises(ValidationError, match=fault):
        SpeechPlan.model_validate(plan.model_dump() | changed)
