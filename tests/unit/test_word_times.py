from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.transcription.backend import Chunk, ChunkText, Decoding, TimedWord
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import Word
from tasks.transcription.vad import Span, Speech
from tasks.transcription.word_times import SegmentWriter

RANDOM = np.random.default_rng(1)
AIR = 0.4
SENTENCES = ((10.0, 12.0), (60.0, 63.0), (63.3, 65.0))
"""Times of the speech, in seconds. The last two sentences share the pause between them."""

TIMES = st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def speech() -> Speech:
    """A recording of 70 s with three sentences in it."""
    sound = np.zeros(70 * SAMPLE_RATE, dtype=np.int16)
    for start, end in SENTENCES:
        part = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
        sound[part] = RANDOM.normal(scale=3000, size=part.stop - part.start)
    return Speech(sound, _spans((9.6, 12.4), (59.6, 63.15), (63.15, 65.4)), (), _spans(*SENTENCES))


def _spans(*seconds: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in seconds)


def chunk(start: float = 0.0, length: float = 8.6) -> Chunk:
    """All three spans, or a piece of them: by the clock of the speech alone, they begin at 0, 2.8 and 6.35 s."""
    return Chunk(np.zeros((1, 1)), start, length, (0,), Decoding("en"))


def placed(speech: Speech, times: Sequence[tuple[str, float, float]], piece: Chunk | None = None) -> list[Word]:
    """Return words, whose times are those of the speech alone, at their times in the recording."""
    words = [Word(text=f" {text}", start=start, end=end, probability=1) for text, start, end in times]
    return list(SegmentWriter(speech)._place_words(piece or chunk(), words))


def test_a_sentence_begins_and_ends_with_its_sound(speech):
    first, last, second = placed(speech, [("Good", 0.0, 0.9), ("morning.", 0.9, 2.1), ("Now", 3.0, 3.6)])

    assert first.start == pytest.approx(10.0, abs=0.01)  # not 9.6, where the air before it begins
    assert first.end == last.start == pytest.approx(10.5)
    assert last.end == pytest.approx(12.0, abs=0.02)
    assert second.start == pytest.approx(60.0, abs=0.01)


def test_a_word_that_the_alignment_begins_in_the_air_behind_the_last_one_is_with_its_own_sentence(speech):
    before, after = placed(speech, [("end.", 1.5, 2.35), ("I", 2.55, 3.0)])

    assert before.end == pytest.approx(12.0, abs=0.02)
    assert after.start == pytest.approx(60.0, abs=0.01)


def test_a_word_far_from_the_start_of_the_sound_stays_where_it_is(speech):
    (word,) = placed(speech, [("later", 4.2, 4.6)])  # the words before it may be missing

    assert (word.start, word.end) == (pytest.approx(61.0), pytest.approx(61.4))


def test_the_words_of_a_piece_that_begins_amid_a_sentence_stay_in_it(speech):
    words = placed(speech, [("so", 4.0, 4.3), ("on", 4.3, 4.9)], chunk(start=4.0, length=0.8))

    assert words[0].start == pytest.approx(60.8)
    assert words[-1].end <= 61.6


def test_the_words_of_the_model_are_placed_so(speech):
    times = [(" one", 0.1, 1.0), (" two.", 1.0, 2.2), (" three", 2.9, 4.0)]
    words = tuple(TimedWord(text, (number,), start, end, 0.9) for number, (text, start, end) in enumerate(times))
    text = ChunkText(" one two. three", (0, 1, 2), words, -0.1, 0.0, 1.0)

    first = SegmentWriter(speech).write(chunk(), text)

    assert first is not None
    assert first.start == first.words[0].start
    assert [(word.start, word.end) for word in first.words] == [
        (pytest.approx(word.start, abs=0.01), pytest.approx(word.end, abs=0.01))
        for word in placed(speech, [(text.strip(), start, end) for text, start, end in times])
    ]


@given(TIMES)
def test_words_never_overlap_nor_run_backwards_nor_leave_what_is_heard(speech, times):
    words = placed(speech, [("word", start, start + length) for start, length in sorted(times)])

    assert len(words) == len(times)
    assert all(before.end <= after.start for before, after in pairwise(words))
    for word in words:
        assert word.end - word.start > 0.03
        assert any(start - 0.02 <= word.start and word.end <= end + 0.02 for start, end in SENTENCES)


@given(st.integers(1, 400))
def test_more_words_than_there_is_time_for_share_it(speech, count):
    words = placed(speech, [("word", 0.5, 0.5)] * count)

    assert all(before.end <= after.start for before, after in pairwise(words))
    assert all(10 - 0.02 <= word.start <= word.end <= 12.02 for word in words)


def test_words_that_noise_hides_stay_where_the_model_puts_them(speech):
    silent = Speech(np.zeros_like(speech.sound), speech.spans, (), speech.voices)
    words = placed(silent, [("some", 0.3, 0.6), ("words", 0.6, 2.2)])

    assert [(word.start, word.end) for word in words] == [
        (pytest.approx(9.9), pytest.approx(10.2)),
        (pytest.approx(10.2), pytest.approx(11.8)),
    ]
