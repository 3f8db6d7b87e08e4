"""Doubted chunks get a second try, and what nobody can have said is taken out."""

import numpy as np
import pytest

from tasks.transcription.backend import Chunk, ChunkText, Decoding, TimedWord
from tasks.transcription.review import review
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import Segment, Word
from tasks.transcription.vad import Span, Speech, SpokenChunk
from tasks.transcription.word_times import SegmentWriter

LOOP = "so this is " + "what is going on " * 5
SENTENCE = "so this is what the reading room looks like in the evening"


class SlowListener:
    """Stands for the model: its second try is given."""

    def __init__(self, second_try: str) -> None:
        self.asked = 0
        self._second_try = second_try

    def decode_again(self, spoken: SpokenChunk, _: Decoding) -> tuple[Segment, ...]:
        self.asked += 1
        words = tuple(
            Word(text=text, start=start, end=end, probability=0.9)
            for text, start, end in evenly(self._second_try, spoken.speech_seconds)
        )
        return (Segment(start=0, end=spoken.speech_seconds, text=f" {self._second_try}", words=words, temperature=0.2),)


def evenly(text: str, seconds: float) -> list[tuple[str, float, float]]:
    words = text.split()
    each = seconds / len(words)
    return [(f" {word}", place * each, (place + 1) * each) for place, word in enumerate(words)]


@pytest.fixture
def reviewed():
    """Review the text of a recording that starts with 60 s of silence, followed by 10 s of speech."""

    def run(listener: SlowListener, text: str):
        sound = np.zeros(70 * SAMPLE_RATE, dtype=np.int16)
        span = Span(60 * SAMPLE_RATE, 70 * SAMPLE_RATE)
        spoken = SpokenChunk(sound, (span,), 0.0)
        chunk = Chunk(np.zeros((1, 1)), 0.0, 10.0, (0,), Decoding("en"))
        words = tuple(
            TimedWord(word, (place,), start, end, 0.9) for place, (word, start, end) in enumerate(evenly(text, 10))
        )
        written = ChunkText(f" {text}", tuple(range(len(words))), words, -0.2, 0.0, 1.5)
        writer = SegmentWriter(Speech(sound, (span,), (spoken,)))
        return review(listener.decode_again, writer, spoken, chunk, written)

    return run


def test_a_text_without_fault_is_not_tried_again(reviewed):
    listener = SlowListener("something else")

    assert [segment.text for segment in reviewed(listener, SENTENCE).segments] == [f" {SENTENCE}"]
    assert listener.asked == 0


def test_a_better_second_try_is_taken_and_the_first_is_kept_as_removed(reviewed):
    outcome = reviewed(SlowListener(SENTENCE), LOOP)

    assert [segment.text for segment in outcome.segments] == [f" {SENTENCE}"]
    assert outcome.segments[0].temperature == 0.2
    assert [(removed.text, removed.reason) for removed in outcome.removed] == [
        (LOOP.strip(), "the same words again and again")
    ]


def test_the_words_of_the_second_try_are_at_their_time_in_the_recording(reviewed):
    words = reviewed(SlowListener(SENTENCE), LOOP).segments[0].words

    assert words[0].start == pytest.approx(60)
    assert words[-1].end == pytest.approx(70, abs=0.02)


def test_a_loop_that_comes_again_is_written_once(reviewed):
    outcome = reviewed(SlowListener(LOOP), LOOP)

    assert [segment.text for segment in outcome.segments] == [" so this is what is going on"]
    assert outcome.removed[0].text == ("what is going on " * 4).strip()
    assert outcome.segments[0].words[-1].end <= outcome.removed[0].start
