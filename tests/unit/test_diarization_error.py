"""The score of the benchmark of speakers."""

from pathlib import Path

import pytest

from tasks.transcription.speakers import Turn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRUE = [Turn(0, 10, 0), Turn(10, 20, 1)]


@pytest.fixture
def score(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import diarization_error

    return diarization_error.score


@pytest.mark.parametrize(
    ("found", "missed", "invented", "confused"),
    [
        ([Turn(0, 10, 5), Turn(10, 20, 2)], 0, 0, 0),  # names don't matter
        ([Turn(0, 10.2, 0), Turn(10.2, 20, 1)], 0, 0, 0),  # nor do edges
        ([Turn(0, 4.8, 0), Turn(5.2, 10, 0), Turn(10, 20, 1)], 0, 0, 0),  # nor short pauses
        ([Turn(0, 20, 0)], 0, 0, 950),
        ([Turn(0, 10, 0), Turn(15, 20, 1)], 475, 0, 0),
        ([Turn(0, 10, 0), Turn(10, 20, 1), Turn(2, 4, 2)], 0, 200, 0),
        ([], 1900, 0, 0),
    ],
)
def test_frames_are_missed_invented_or_confused(score, found, missed, invented, confused):
    result = score(found, TRUE)
    assert (result.spoken, result.missed, result.invented, result.confused) == pytest.approx(
        (1900, missed, invented, confused), abs=2
    )
