"""Cutting speech into pieces."""

import numpy as np
import pytest

from tasks.transcription.gaps import Stretch
from tasks.transcription.pieces import joined, part_of, pieces_of
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.vad import Span, SpokenChunk


def spoken(*spans: tuple[float, float], start_seconds: float = 100.0, sound: np.ndarray | None = None) -> SpokenChunk:
    """Return a chunk of speech at these seconds of a recording, with 100 s of speech before it."""
    if sound is None:
        sound = np.zeros(60 * SAMPLE_RATE, dtype=np.int16)
    places = tuple(Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in spans)
    return SpokenChunk(sound, places, start_seconds)


def seconds_of(chunk: SpokenChunk) -> list[tuple[float, float]]:
    return [(span.start / SAMPLE_RATE, span.end / SAMPLE_RATE) for span in chunk.spans]


@pytest.mark.parametrize(
    ("spans", "pieces"),
    [
        ([(0, 5)], [[(0, 5)]]),
        ([(0, 3), (3.3, 6.3), (8, 11), (11.2, 14)], [[(0, 3), (3.3, 6.3)], [(8, 11), (11.2, 14)]]),  # longest pause
        ([(0, 3), (3, 6), (6, 9), (9, 12)], [[(0, 3), (3, 6)], [(6, 9), (9, 12)]]),  # equal pauses: in the middle
        ([(0, 1), (3, 9)], [[(0, 1), (3, 9)]]),  # a word alone is too little
        ([(0, 1), (1.2, 2.4), (5, 9)], [[(0, 1), (1.2, 2.4), (5, 9)]]),
    ],
)
def test_pieces_end_at_the_longest_pauses(spans, pieces):
    assert [seconds_of(piece) for piece in pieces_of(spoken(*spans))] == pieces


def test_pieces_follow_each_other_in_the_speech():
    first, second = pieces_of(spoken((0, 4), (20, 24)))

    assert (first.start_seconds, second.start_seconds) == (100, 104)
    assert seconds_of(joined([first, second])) == [(0, 4), (20, 24)]


def test_speech_without_a_pause_is_cut_where_it_is_quietest():
    sound = np.random.default_rng(5).normal(scale=3000, size=16 * SAMPLE_RATE).astype(np.int16)
    sound[7 * SAMPLE_RATE : round(7.3 * SAMPLE_RATE)] //= 100

    first, second = pieces_of(spoken((0, 16), sound=sound))

    assert first.spans[-1].end == second.spans[0].start
    assert first.speech_seconds == pytest.approx(7.15, abs=0.1)


def test_a_part_keeps_its_place_in_the_speech():
    part = part_of(spoken((10, 14), (20, 26)), [Stretch(12, 14), Stretch(20, 23)])

    assert seconds_of(part) == [(12, 14), (20, 23)]
    assert part.start_seconds == 102
