"""Which texts are doubted, and which of two tries counts."""

import pytest

from tasks.transcription.hallucinations import (
    Hypothesis,
    Suspicion,
    WrittenWord,
    find_loop,
    prefer_second,
    suspicion_of,
)


def writing(
    text: str, *, speech_seconds: float = 30.0, log_probability: float = -0.2, ratio: float = 1.5
) -> Hypothesis:
    """Return *text* with its words evenly over the speech."""
    words = text.split()
    each = speech_seconds / max(len(words), 1)
    return Hypothesis(
        words=tuple(WrittenWord(f" {word}", place * each, (place + 1) * each) for place, word in enumerate(words)),
        speech_seconds=speech_seconds,
        average_log_probability=log_probability,
        compression_ratio=ratio,
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
        (NOTHING, Suspicion.SKIPPED),
        (writing("", speech_seconds=4), None),  # a cough
        (writing("no", speech_seconds=0.1), None),  # short speech is not fast speech
    ],
)
def test_a_text_is_doubted_for_its_own_reason(written, suspicion):
    assert suspicion_of(written) == suspicion


@pytest.mark.parametrize(
    "words",
    [
        [WrittenWord(" so", 12, 13)],  # before the first word
        [WrittenWord(" so", 0, 1), WrittenWord(" then", 19, 20)],  # between words
        [WrittenWord(" so", 0, 1), WrittenWord(" then", 1, 2)],  # after the last word
        [WrittenWord(" so", 0, 15), WrittenWord(" then", 15, 20)],  # under a word that the alignment stretched
    ],
)
def test_speech_without_words_is_found_wherever_it_is(words):
    assert suspicion_of(Hypothesis(tuple(words), 20.0, -0.2, 1.0)) is Suspicion.SKIPPED


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
    ("first", "second", "taken"),
    [
        (writing(LOOP), writing(SENTENCE), True),
        (writing(LOOP), NOTHING, False),  # both tries skipped or made up what was said
        (writing(LOOP, speech_seconds=5), writing("", speech_seconds=5), True),  # nobody spoke
        (writing(LOOP), writing(LOOP), False),
        (writing(LOOP), writing(SENTENCE, log_probability=-1.2), True),
        (NOTHING, writing(SENTENCE), True),
        (NOTHING, writing(LOOP), False),
        (writing(SENTENCE, log_probability=-1.5), writing(SENTENCE, log_probability=-1.1), True),
        (writing(SENTENCE, log_probability=-1.1), writing(SENTENCE, log_probability=-1.5), False),
        (writing(SENTENCE, log_probability=-1.1, speech_seconds=5), writing("", speech_seconds=5), False),
    ],
)
def test_the_second_try_counts_if_it_is_the_better_one(first, second, taken):
    assert prefer_second(first, second) is taken
