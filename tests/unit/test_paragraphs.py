import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.documents.paragraphs import LONGEST, paragraphs
from tasks.subtitles.standards import SubtitleStandard, standard_for
from tasks.transcription.transcript import Word

ENGLISH = SubtitleStandard()
SENTENCE = "Each sentence has exactly fifty characters in it."


def spoken(*sentences: str, pause: float, language: str = "en") -> list[Word]:
    """Return the sentences as words, with *pause* seconds between the sentences and none within."""
    words, clock = [], 0.0
    for sentence in sentences:
        for piece in sentence if language in ("ja", "zh") else [f" {word}" for word in sentence.split()]:
            words.append(Word(text=piece, start=clock, end=clock + 0.3, probability=1))
            clock += 0.3
        clock += pause
    return words


def texts(words: list[Word], standard: SubtitleStandard = ENGLISH, turns: frozenset[int] = frozenset()) -> list[str]:
    return [found.text for found in paragraphs(words, standard, turns=turns)]


def with_pauses(script: str, *, usual: float = 0.4) -> list[Word]:
    """Return *script* as words; sentences are *usual* seconds apart, or as many as stand behind them in brackets."""
    words, clock = [], 0.0
    for piece in script.split():
        if piece.startswith("["):
            clock += float(piece.strip("[]")) - usual
            continue
        words.append(Word(text=f" {piece}", start=clock, end=clock + 0.3, probability=1))
        clock += 0.3 + (usual if piece[-1] in ".?!" else 0)
    return words


def reading(*lengths: int, pause: float = 1.0, usual: float = 0.4) -> list[Word]:
    """Return paragraphs of so many sentences, with *pause* seconds between them."""
    return with_pauses(f" [{pause}] ".join(" ".join([SENTENCE] * length) for length in lengths), usual=usual)


def test_sentences_stay_together_while_the_speaker_goes_on():
    assert texts(spoken("One.", "Two.", "Three.", pause=0.5)) == ["One. Two. Three."]


def test_a_long_pause_after_a_sentence_begins_a_paragraph():
    assert texts(spoken("One.", "Two.", pause=2.5)) == ["One.", "Two."]


def test_a_pause_within_a_sentence_does_not():
    assert texts(spoken("One moment", "please.", pause=2.5)) == ["One moment please."]


@pytest.mark.parametrize(
    ("usual", "pause"),
    [
        (0.4, 1.0),
        (0.3, 0.7),
        (0.6, 1.2),  # as long as the longest of the first
        (1.2, 2.4),  # a slow speaker
        (0.9, 1.5),
    ],
)
def test_pauses_are_long_or_short_beside_the_others_of_the_recording(usual: float, pause: float):
    lengths = [4, 3, 5, 2, 6, 3, 4, 4]

    found = paragraphs(reading(*lengths, pause=pause, usual=usual), ENGLISH)

    assert [paragraph.text.count(".") for paragraph in found] == lengths


def test_a_short_paragraph_needs_a_clearer_pause_than_a_long_one():
    text = " ".join([SENTENCE] * 4)
    script = f"{SENTENCE[:-1]}, no more. [0.74] {text} [0.74] {text}"

    assert [found.count(".") for found in texts(with_pauses(script, usual=0.6))] == [5, 4]


@pytest.mark.parametrize(
    ("opening", "pause", "paragraph_count"),
    [
        ("Finally, there is this sentence.", 0.7, 2),
        ("Somewhere there is this sentence.", 0.7, 1),
        ("Somewhere there is this sentence.", 0.75, 2),
        ("And there is this sentence.", 0.75, 1),
    ],
)
def test_the_first_words_of_a_sentence_tip_the_scales(opening: str, pause: float, paragraph_count: int):
    text = " ".join([SENTENCE] * 3)

    assert len(texts(with_pauses(f"{text} [{pause}] {opening} {text}", usual=0.6))) == paragraph_count


def test_without_pauses_a_paragraph_ends_before_it_gets_too_long():
    found = texts(spoken(*[SENTENCE] * 60, pause=0.0))

    assert len(found) > 2
    assert all(len(text) <= LONGEST for text in found)


def test_without_punctuation_paragraphs_end_at_pauses():
    found = texts(spoken(*["so many words without an end to their sentence"] * 50, pause=0.8))

    assert len(found) > 1
    assert all(text.endswith("sentence") for text in found)


def test_a_turn_ends_a_paragraph_even_within_a_sentence():
    words = with_pauses("it's like... Ladies and gentlemen, good evening.")

    assert texts(words, turns=frozenset([2])) == ["it's like...", "Ladies and gentlemen, good evening."]


def test_a_heading_stands_apart():
    text = " ".join([SENTENCE] * 4)
    words = with_pauses(f"Decline and transformation. [1.2] {text} [1.1] The city walls. [1.2] {text} [1.1] {text}")

    found = paragraphs(words, ENGLISH)

    assert [(each.text, each.is_heading) for each in found] == [
        ("Decline and transformation.", True),
        (text, False),
        ("The city walls.", True),
        (text, False),
        (text, False),
    ]


@pytest.mark.parametrize("last", ["Really?", "Yes.", f"{SENTENCE} and still it goes on and on.", "and so it went."])
def test_not_all_that_is_short_or_stands_apart_is_a_heading(last: str):
    text = " ".join([SENTENCE] * 4)

    found = paragraphs(with_pauses(f"{text} [1.3] {last} [1.3] {text} [1.3] {text}"), ENGLISH)

    assert not any(each.is_heading for each in found)


def test_few_sentences_have_no_headings():
    words = with_pauses("Welcome back. [0.7] In this lecture we look at how a computer turns sound into text.")
    assert [each.is_heading for each in paragraphs(words, ENGLISH)] == [False]


def test_a_paragraph_has_the_times_of_its_words():
    found = paragraphs(with_pauses("One. [2.5] Two three."), ENGLISH)

    assert [(each.start, each.end, each.words_before) for each in found] == [(0, 0.3, 0), (2.8, 3.4, 1)]


def test_chinese_is_written_without_spaces():
    words = spoken("你好。", "再见。", pause=0.5, language="zh")

    assert texts(words, standard_for("zh")) == ["你好。再见。"]


def test_nothing_said_is_no_paragraph():
    assert paragraphs([], ENGLISH) == ()


@given(
    st.lists(st.tuples(st.text("ab.!, \n", max_size=8), st.floats(0, 900)), max_size=40),
    st.frozensets(st.integers(0, 40)),
)
def test_every_word_is_in_one_paragraph(pieces: list[tuple[str, float]], turns: frozenset[int]):
    words = [Word(text=f" {text}", start=start, end=start + 0.2, probability=1) for text, start in pieces]

    found = texts(words, turns=turns)

    assert " ".join(found).split() == " ".join(text for text, _ in pieces).split()
    assert not any("\n" in text or text != text.strip() for text in found)
