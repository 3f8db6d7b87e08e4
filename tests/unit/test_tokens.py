from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.subtitles.standards import SubtitleStandard, standard_for
from tasks.subtitles.tokens import text_of, timed_words, units_of
from tasks.transcription.transcript import Segment, Word

ENGLISH = SubtitleStandard()


def word(text: str, start: float = 0.0, end: float = 0.0) -> Word:
    return Word(text=text, start=start, end=end, probability=1)


@pytest.mark.parametrize(
    ("words", "language", "units"),
    [
        ([" two", " words"], "en", ["two", "words"]),
        ([" 50", "%", " off"], "en", ["50%", "off"]),
        ([" speech", "-to", "-text"], "en", ["speech-to-text"]),
        (["two ", "words"], "en", ["two", "words"]),  # the space at the other side
        ([" one text"], "en", ["one", "text"]),
        ([" quoi", " ?", " «", " rien", " »"], "fr", ["quoi ?", "« rien »"]),
        (["行", "く", "。", "「", "東", "京", "」", "に"], "ja", ["行く。", "「東京」", "に"]),
        (["カ", "ー", "ド"], "ja", ["カード"]),
        (["研究", "につ", "いて", "お話", "し"], "ja", ["研究", "について", "お話し"]),
        (["死", "者", "は"], "ja", ["死者", "は"]),
        (["我", "们", "谈", "到", "了", "上", "午", "十", "点"], "zh", ["我们", "谈到", "了", "上午", "十点"]),
        (["經", "濟", "學", "家", "認", "為"], "zh", ["經濟學家", "認為"]),
        ([" today?", " 今", "天", "天", "氣"], "en", ["today?", "今天", "天氣"]),
        (["เ", "ร", "า"], "th", ["เรา"]),
        ([" ", "", " a", "\n", "b"], "en", ["a", "b"]),
        ([" a\x00b", " \u200b"], "en", ["ab"]),  # control characters and invisible words
        ([" " + "x" * 60], "en", ["x" * 60]),  # no line holds it, but it is one word
    ],
)
def test_words_become_units_that_no_line_break_may_divide(words: list[str], language: str, units: list[str]):
    found = units_of([word(text, number, number + 0.5) for number, text in enumerate(words)], standard_for(language))

    assert [unit.text for unit in found] == units


def test_words_without_any_space_are_not_glued_beyond_a_line():
    units = units_of([word("word", number, number + 1) for number in range(100)], ENGLISH)

    assert max(unit.columns for unit in units) <= 42
    assert text_of(units) == "word" * 100


def test_a_word_of_a_spaceless_script_wider_than_a_line_is_divided_in_proportion():
    text = "今天我们来谈谈中国人民的历史" * 3
    units = units_of([word(text, 10, 10 + len(text) / 10)], standard_for("zh"))

    assert text_of(units) == text
    assert max(unit.columns for unit in units) <= 32
    before = 0
    for unit in units:
        assert unit.start == 10_000 + 100 * before
        before += len(unit.text)


@pytest.mark.parametrize(
    ("times", "starts"),
    [
        ([(0, 1), (1, 2)], [0, 1000]),
        ([(0, 3), (2, 4)], [0, 2000]),  # overlapping
        ([(1, 2), (0.99, 3)], [1000, 2000]),  # back by a hair: together, so they share
        ([(5, 5), (5, 5), (6, 7)], [5000, 5300, 6000]),  # no room taken beyond what speaking needs
        ([(5, 5), (5, 5), (5.2, 6)], [5000, 5100, 5200]),
        ([(-1, 1), (2, 3)], [0, 2000]),
        ([(3, 3), (3, 3)], [3000, 3300]),
    ],
)
def test_starts_rise_whatever_the_model_says(times: list[tuple[float, float]], starts: list[int]):
    units = units_of([word(" word", start, end) for start, end in times], ENGLISH)

    assert [unit.start for unit in units] == starts


@given(st.lists(st.tuples(st.floats(-5, 40), st.floats(-5, 40)), max_size=30))
def test_units_never_overlap(times: list[tuple[float, float]]):
    units = units_of([word(" word", start, end) for start, end in times], ENGLISH)

    assert all(unit.start < unit.end for unit in units)
    assert all(left.end <= right.start for left, right in pairwise(units))


def test_a_segment_without_words_shares_its_time_among_its_characters():
    words = timed_words([Segment(start=10, end=20, text=" A lovely day.")])

    assert [(found.text.strip(), round(found.start, 3), round(found.end, 3)) for found in words] == [
        ("A", 10, 10.909),
        ("lovely", 10.909, 16.364),
        ("day.", 16.364, 20),
    ]


@pytest.mark.parametrize(
    ("texts", "language", "joined"),
    [
        (["One.", "Two."], "en", "One. Two."),
        ([" One.", " Two."], "en", "One. Two."),
        (["一。", "二。"], "zh", "一。二。"),
        (["日本", "東京"], "ja", "日本東京"),
        (["", " One.", "  "], "en", "One."),
    ],
)
def test_segments_are_joined_as_their_script_is_written(texts: list[str], language: str, joined: str):
    segments = [Segment(start=number, end=number + 1, text=text) for number, text in enumerate(texts)]

    assert text_of(units_of(timed_words(segments), standard_for(language))) == joined


def test_a_segment_with_words_keeps_them():
    words = (word(" One.", 0, 1), word(" Two.", 1, 2))

    assert timed_words([Segment(start=0, end=2, text="ignored", words=words)]) == words
