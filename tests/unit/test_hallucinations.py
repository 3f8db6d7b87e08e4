"""Texts that are doubted, and the better one of two tries."""

import pytest

from tasks.transcription.hallucinations import (
    Hypothesis,
    Suspicion,
    Verdict,
    WrittenWord,
    agrees,
    find_loop,
    fits_its_time,
    is_credible,
    judge,
    repeated_phrase,
    says_again,
    suspicion_of,
)


def writing(
    text: str,
    *,
    speech_seconds: float = 30.0,
    spoken_seconds: float | None = None,
    log_probability: float = -0.2,
    ratio: float = 1.5,
    no_speech: float = 0.0,
    language: float = 1.0,
    probability: float = 0.9,
) -> Hypothesis:
    """Return *text* with its words evenly over the speech, or over its first *spoken_seconds*."""
    words = text.split()
    each = (speech_seconds if spoken_seconds is None else spoken_seconds) / max(len(words), 1)
    return Hypothesis(
        words=tuple(
            WrittenWord(f" {word}", place * each, (place + 1) * each, probability) for place, word in enumerate(words)
        ),
        speech_seconds=speech_seconds,
        average_log_probability=log_probability,
        compression_ratio=ratio,
        no_speech_probability=no_speech,
        language_probability=language,
    )


SENTENCE = (
    "read the chapter before you come to class and bring your question with you so that we can talk about it then"
)
LOOP = "so I am going to show you " + "what is going on " * 5
NOTHING = writing("")


@pytest.mark.parametrize(
    ("written", "suspicion"),
    [
        (writing(SENTENCE), None),
        (writing(LOOP), Suspicion.LOOP),
        (writing(SENTENCE, ratio=2.5), Suspicion.REPETITIVE),
        (writing(SENTENCE * 4, speech_seconds=6), Suspicion.TOO_FAST),
        (writing(SENTENCE, log_probability=-1.1), Suspicion.UNSURE),
        (writing("you", log_probability=-1.6, no_speech=0.81), Suspicion.NO_SPEECH),
        (writing("all right", log_probability=-0.9, no_speech=0.55, spoken_seconds=1), Suspicion.NO_SPEECH),
        (writing(SENTENCE, log_probability=-0.9, no_speech=0.55), None),  # unsure, but there is a voice for the words
        (writing(SENTENCE, no_speech=0.9), None),  # a pause at the start, then clear words
        (writing(SENTENCE, log_probability=-0.7, language=0.19), Suspicion.UNKNOWN_LANGUAGE),
        (writing(SENTENCE, log_probability=-0.2, language=0.19), None),  # an accent, or a rare language
        (writing("hey", log_probability=-0.7, language=0.19, speech_seconds=1), None),  # too short to tell a language
        (NOTHING, None),  # its speech is looked for by the words it lacks
        (writing("no", speech_seconds=0.1), None),  # short speech is not fast speech
    ],
)
def test_a_text_is_doubted_for_its_own_reason(written, suspicion):
    assert suspicion_of(written) == suspicion


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("row row row your boat", None),
        ("no no no no no", None),
        ("ha " * 8, (1, 8)),
        ("well, thank you. Thank you! thank you thank you thank you thank you", (3, 13)),
        ("one two three four five six seven eight nine ten", None),
        ("a b c a b c a b c a b c and so on", (3, 12)),
        ("zero zero one zero zero one zero zero one", None),  # three times is how people count and sing
        ("", None),
    ],
)
def test_a_loop_is_a_phrase_that_comes_too_often_in_a_row(text, loop):
    assert find_loop(text.split()) == (slice(*loop) if loop else None)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a b c a b c a b c a b c and so on", "abc"),
        ("Well, thank you. Thank you! thank you thank you thank you thank you", "thankyou"),
        ("one two three", ""),
    ],
)
def test_the_phrase_of_a_loop(text, phrase):
    assert repeated_phrase(text.split()) == phrase


ONES = writing("one " * 10, speech_seconds=8.5)
"""Ten words in the time that ten words take."""

NO_TIME = writing("so it is " + "one " * 40, speech_seconds=28, spoken_seconds=2)


TIMELESS = Hypothesis(
    tuple(WrittenWord(" ten", start, start + (0.0 if start % 3 == 0 else 0.5)) for start in range(12)), 12.0, -0.5, 1.5
)
"""A third of its words have no time at all."""


@pytest.mark.parametrize(
    ("written", "fits"), [(ONES, True), (NO_TIME, False), (TIMELESS, False), (writing(SENTENCE), True)]
)
def test_words_that_were_made_up_have_no_time_to_be_said(written, fits):
    assert fits_its_time(written) is fits


@pytest.mark.parametrize(
    ("piece", "credible"),
    [
        (writing("ask what you can do for your country", speech_seconds=3), True),
        (writing("no no no no", speech_seconds=4), True),
        (writing("", speech_seconds=4), False),
        (writing("you", speech_seconds=5, spoken_seconds=0.3, probability=0.5), False),  # one guess in 5 s of sound
        (writing("yes", speech_seconds=1.4, spoken_seconds=0.4), True),
        (writing("I don't think so", speech_seconds=7, log_probability=-0.98), False),  # babble
        (writing("ten thousand dollars", speech_seconds=5, log_probability=-0.64, no_speech=0.63), False),
        (writing("three one four", speech_seconds=3, log_probability=-0.18, no_speech=0.54), True),
        (writing(SENTENCE, speech_seconds=6, spoken_seconds=1), False),  # no time to say it
    ],
)
def test_a_piece_that_was_heard_alone_is_written_if_it_is_sure(piece, credible):
    assert is_credible(piece) is credible


@pytest.mark.parametrize(
    ("piece", "again"),
    [
        (writing("One.", speech_seconds=0.9, log_probability=-0.9, probability=0.4), True),
        (writing("one, one", speech_seconds=1.8, log_probability=-0.9), True),
        (writing("two", speech_seconds=0.9, log_probability=-0.9), False),  # another word is a guess
        (writing("on", speech_seconds=0.9, log_probability=-0.9), False),  # so is a part of one
        (writing("", speech_seconds=0.9), False),
        (writing("one", speech_seconds=0.9, log_probability=-1.1), False),
        (writing("one", speech_seconds=0.9, log_probability=-0.9, no_speech=0.6), False),
        (writing("one", speech_seconds=9, spoken_seconds=0.3), False),  # a word for a lot of sound
        (writing("one one one one", speech_seconds=0.9, spoken_seconds=0.1), False),
    ],
)
def test_a_word_of_a_repetition_that_was_left_out_is_written_if_a_piece_says_it_again(piece, again):
    assert not is_credible(piece) or not again
    assert says_again(piece, "One. One. One.") is again


def pieces(*texts: str, seconds: float = 4.0, log_probability: float = -0.2) -> list[Hypothesis]:
    return [writing(text, speech_seconds=seconds, log_probability=log_probability) for text in texts]


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (ONES, pieces("one one one one one", "one one one one one"), Verdict.SECOND),  # a count, said
        (ONES, pieces("one one one one one", ""), Verdict.SHORTENED),
        (ONES, pieces("one one one one one", "one one", seconds=2.5), Verdict.FIRST),  # a part of it at least
        (ONES, pieces("", ""), Verdict.SHORTENED),  # in no piece of it is there such a word
        (ONES, pieces("one one one one one", "one one one", log_probability=-1.2), Verdict.SHORTENED),
        (NO_TIME, pieces("so it is one", "one one one", "one one"), Verdict.SECOND),  # said, but not so often
        (NO_TIME, pieces("", "", ""), Verdict.SHORTENED),
        (writing(LOOP, speech_seconds=20), pieces(*[SENTENCE] * 5), Verdict.SECOND),  # another text
        (writing(LOOP, speech_seconds=20), pieces("so I am going to", *["what is going on"] * 4), Verdict.SECOND),
        (writing(SENTENCE, log_probability=-1.1, probability=0.4), pieces(*[SENTENCE] * 8), Verdict.SECOND),
        (writing(SENTENCE, log_probability=-1.1, probability=0.4), pieces("so", "", ""), Verdict.FIRST),
        (writing(SENTENCE, log_probability=-1.1, probability=0.4), pieces("", ""), Verdict.FIRST),
    ],
)
def test_what_the_words_account_for_decides_between_two_tries(first, second, verdict):
    doubt = suspicion_of(first)
    assert doubt is not None

    assert judge(first, doubt, second) is verdict


COUNT = writing("one two three four five six seven eight nine ten", speech_seconds=10)


@pytest.mark.parametrize(
    ("start", "alone", "says_the_same"),
    [
        (6, "Seven, eight, nine.", True),
        (6, "seven eight nine ten", True),  # a word at the edge is on the other side of it
        (0, "seven eight nine", False),  # those are not the words that stand there
        (6, "", False),
        (20, "seven eight nine", False),  # no words stand there
        (20, "", False),
    ],
)
def test_a_piece_agrees_with_the_words_at_its_place(start, alone, says_the_same):
    assert agrees(COUNT, start, writing(alone, speech_seconds=3)) is says_the_same
