"""Speech without words and doubtful text are transcribed again in pieces."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from tasks.transcription.backend import Chunk, ChunkText, Decoding, TimedWord
from tasks.transcription.languages import LanguageVote
from tasks.transcription.review import Heard, Reviewed, Reviewer
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.transcript import Segment
from tasks.transcription.vad import Span, Speech, SpokenChunk
from tasks.transcription.word_times import SegmentWriter

SILENCE_BEFORE = 60
SPANS = ((60, 65), (66, 71), (72, 77))
"""Three sentences, in seconds of the recording."""

LOOP = "so this is " + "what is going on " * 5
SENTENCE = "so this is what the reading room looks like"


def evenly(text: str, start: float, end: float, probability: float = 0.9) -> tuple[TimedWord, ...]:
    words = text.split()
    each = (end - start) / max(len(words), 1)
    return tuple(
        TimedWord(f" {word}", (place,), start + place * each, start + (place + 1) * each, probability)
        for place, word in enumerate(words)
    )


def written(words: Sequence[TimedWord], log_probability: float = -0.2, **more: object) -> ChunkText:
    text = "".join(word.text for word in words)
    return ChunkText(
        text, tuple(range(len(words))), tuple(words), log_probability, 0.0, 1.5, **({"language": "en"} | more)
    )


class ScriptedListener:
    """Stands for the model: it has a text and a language for what begins at a second of the recording."""

    def __init__(
        self, texts: dict[int, str], languages: dict[int, str] | None = None, *, log_probability: float = -0.2
    ) -> None:
        self.heard: list[tuple[float, float, str]] = []
        self.votes = 0
        self._texts, self._languages, self._log_probability = texts, languages or {}, log_probability

    def hear(self, pieces: Iterable[tuple[SpokenChunk, Decoding]]) -> list[Heard]:
        return [self._hear(piece, decoding) for piece, decoding in pieces]

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        self.votes += 1
        language = self._languages[round(piece.spans[0].start / SAMPLE_RATE)]
        return LanguageVote(piece.speech_seconds, {language: 0.99})

    def _hear(self, piece: SpokenChunk, decoding: Decoding) -> Heard:
        start = piece.spans[0].start / SAMPLE_RATE
        self.heard.append((start, piece.spans[-1].end / SAMPLE_RATE, decoding.language))
        text = self._texts.get(round(start), "")
        chunk = Chunk(np.zeros((1, 1)), piece.start_seconds, piece.speech_seconds, (0,), decoding)
        words = evenly(text, 0.1, piece.speech_seconds - 0.1)
        return chunk, written(words, self._log_probability, language=decoding.language)


class Bench:
    """A recording of three sentences behind a minute of silence."""

    def __init__(self, spans: Sequence[tuple[float, float]] = SPANS) -> None:
        sound = np.zeros(round((spans[-1][1] + 1) * SAMPLE_RATE), dtype=np.int16)
        self.spans = tuple(Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in spans)
        self.spoken = SpokenChunk(sound, self.spans, 0.0)
        self.speech = Speech(sound, self.spans, (self.spoken,))

    def reviewer(self, listener: ScriptedListener, *, offset_seconds: float = 0.0) -> Reviewer:
        return Reviewer(
            listener,
            SegmentWriter(self.speech, offset_seconds=offset_seconds),
            offset_seconds=offset_seconds,
        )

    def review(self, listener: ScriptedListener, text: ChunkText, *, offset_seconds: float = 0.0) -> Reviewed:
        chunk = Chunk(np.zeros((1, 1)), 0.0, self.spoken.speech_seconds, (0,), Decoding("en", any_language=True))
        return self.reviewer(listener, offset_seconds=offset_seconds).review(self.spoken, chunk, text)


def texts(segments: Iterable[Segment]) -> list[str]:
    return [segment.text.strip() for segment in segments]


def test_a_text_without_fault_is_not_tried_again():
    listener = ScriptedListener({60: "something else"})

    assert texts(Bench().review(listener, written(evenly(SENTENCE, 0, 15))).segments) == [SENTENCE]
    assert not listener.heard


@pytest.mark.parametrize("offset_seconds", [0.0, 1.5])
def test_a_sentence_that_was_left_out_is_heard_alone_and_stands_in_its_place(offset_seconds):
    first_and_last = evenly("the first sentence", 0.1, 4.9) + evenly("the last one", 10.1, 14.9)
    listener = ScriptedListener({66: "the one in between"})

    outcome = Bench().review(listener, written(first_and_last), offset_seconds=offset_seconds)

    assert texts(outcome.segments) == ["the first sentence", "the one in between", "the last one"]
    ((start, end, _),) = listener.heard
    assert (start, end) == (66, 71)
    assert outcome.segments[1].words[0].start == pytest.approx(66.1 + offset_seconds, abs=0.05)


def test_what_is_not_understood_in_the_second_try_either_stays_without_words():
    listener = ScriptedListener({})

    outcome = Bench().review(listener, written(evenly("the first sentence", 0.1, 4.9)))

    assert texts(outcome.segments) == ["the first sentence"]
    assert len(listener.heard) == 2


def test_a_loop_is_replaced_by_what_its_pieces_say():
    listener = ScriptedListener({60: SENTENCE, 66: SENTENCE, 72: SENTENCE})

    outcome = Bench().review(listener, written(evenly(LOOP, 0, 1)))

    assert texts(outcome.segments) == [SENTENCE] * 3
    assert [(removed.text, removed.reason) for removed in outcome.removed] == [
        (LOOP.strip(), "the same words again and again")
    ]


def test_a_loop_that_is_heard_in_no_piece_is_written_once():
    outcome = Bench().review(ScriptedListener({}), written(evenly(LOOP, 0, 15)))

    assert texts(outcome.segments) == ["so this is what is going on"]
    assert outcome.removed[0].text == ("what is going on " * 4).strip()
    assert outcome.segments[0].words[-1].end <= outcome.removed[0].start


def test_words_that_were_said_many_times_stay():
    said = "no no no no no no no no no"
    listener = ScriptedListener({60: "no no no", 66: "no no no", 72: "no no no"})

    outcome = Bench().review(listener, written(evenly(said, 0, 15)))

    assert "".join(segment.text for segment in outcome.segments).split() == said.split()
    assert not outcome.removed


@pytest.mark.parametrize(("last", "count"), [("no", 6), ("", 5), ("thanks", 5)])
def test_each_word_of_a_repetition_that_was_left_out_may_have_been_said(last, count):
    short_words = tuple((60 + at, 60.9 + at) for at in range(6))
    listener = ScriptedListener({61: "no no no no", 63: last}, log_probability=-0.9)

    outcome = Bench(short_words).review(listener, written(evenly("no", 0, 0.9) + evenly("no " * 8, 0.9, 1.2)))

    assert [word.text.strip() for one in outcome.segments for word in one.words] == ["no"] * count
    assert listener.heard[-1][:2] == (63.0, 63.9), "the one in which no word of the second try lies"


def test_a_word_that_is_missing_in_a_repetition_is_heard_alone():
    short_words = tuple((60 + at, 60.9 + at) for at in range(10))
    listener = ScriptedListener({60: "no " * 5, 65: "no " * 4, 67: "no"}, log_probability=-0.6)

    outcome = Bench(short_words).review(listener, written(evenly("no " * 10, 0, 9)))

    assert [word.text.strip() for one in outcome.segments for word in one.words] == ["no"] * 10
    assert [start for start, _, _ in listener.heard] == [60, 65, 67]
    assert not outcome.removed


SIX_SENTENCES = tuple((start, start + 4) for start in range(60, 90, 5))


def test_a_repetition_is_believed_when_its_middle_and_its_end_are_heard_alone():
    said = "go forward ten meters " * len(SIX_SENTENCES)
    listener = ScriptedListener({start: "Go forward ten meters." for start, _ in SIX_SENTENCES})

    outcome = Bench(SIX_SENTENCES).review(listener, written(evenly(said, 0, 24)))

    assert texts(outcome.segments) == [said.strip()]
    assert [start for start, _, _ in listener.heard] == [75, 85]


def test_a_repetition_that_its_end_does_not_bear_out_is_heard_whole():
    said = "go forward ten meters " * len(SIX_SENTENCES)
    listener = ScriptedListener({start: "go forward ten meters" for start, _ in SIX_SENTENCES} | {85: "and then stop"})

    outcome = Bench(SIX_SENTENCES).review(listener, written(evenly(said, 0, 24)))

    assert texts(outcome.segments) == [*["go forward ten meters"] * 5, "and then stop"]


def test_a_guess_at_sound_without_speech_is_taken_out():
    guess = ChunkText(" you", (0,), evenly("you", 0, 0.4, 0.02), -1.6, 0.81, 1.0, language="en")

    outcome = Bench(((60, 60.9),)).review(ScriptedListener({}), guess)

    assert outcome.segments == ()
    assert [removed.text for removed in outcome.removed] == ["you"]


def test_passages_are_written_each_in_its_language():
    listener = ScriptedListener(
        {60: "this is english", 66: "das ist deutsch und noch ein satz"}, languages={60: "en", 66: "de", 72: "de"}
    )

    outcome = Bench().review(
        listener, written(evenly("this is english and an invented translation", 0, 15), mixed=True)
    )

    assert [(segment.language, segment.text.strip()) for segment in outcome.segments] == [
        ("en", "this is english"),
        ("de", "das ist deutsch und noch ein satz"),
    ]
    assert [(start, end) for start, end, _ in listener.heard] == [(60, 65), (66, 77)]


def test_a_chunk_that_turns_out_to_be_in_one_language_keeps_its_text():
    listener = ScriptedListener({}, languages={60: "en", 66: "en", 72: "en"})

    outcome = Bench().review(listener, written(evenly(SENTENCE, 0, 15), mixed=True))

    assert texts(outcome.segments) == [SENTENCE]
    assert (listener.votes, listener.heard) == (3, [])


def test_second_tries_that_find_nothing_end():
    bench = Bench()
    listener = ScriptedListener({})
    reviewer = bench.reviewer(listener)
    chunk = Chunk(np.zeros((1, 1)), 0.0, bench.spoken.speech_seconds, (0,), Decoding("en"))
    for _ in range(5):
        reviewer.review(bench.spoken, chunk, written(()))

    assert len(listener.heard) == 3  # those of the first chunk have used up what they may cost
    assert round(reviewer.left_alone_seconds) == 60
