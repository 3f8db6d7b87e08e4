from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.subtitles.formats import Cue, compliance
from tasks.subtitles.layout import _Candidates, _cheapest_path, lay_out
from tasks.subtitles.standards import SubtitleStandard, columns, standard_for
from tasks.subtitles.tokens import units_of
from tasks.transcription.transcript import Word

ENGLISH = SubtitleStandard()
TIMES = st.tuples(st.floats(-1, 60), st.floats(-0.5, 9))


def spoken(text: str, *, characters_per_second: float = 13, start: float = 0.0) -> list[Word]:
    """Return *text* as words at an even speed; each ``/`` in it is half a second of silence."""
    words, clock = [], start
    for piece in text.split():
        if piece == "/":
            clock += 0.5
            continue
        length = (len(piece) + 1) / characters_per_second
        words.append(Word(text=f" {piece}", start=clock, end=clock + length, probability=1))
        clock += length
    return words


def lines(text: str, **speed: float) -> list[str]:
    return [cue.text.replace("\n", " | ") for cue in lay_out(spoken(text, **speed), ENGLISH)]


@st.composite
def oddly_timed(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[Word]:
    found = draw(st.lists(st.tuples(texts, TIMES), max_size=40))
    return [Word(text=text, start=start, end=start + length, probability=1) for text, (start, length) in found]


LATIN = st.text("abcdeXYZ0189äß.,!?&<>-", min_size=1, max_size=60).map(lambda text: f" {text}")
ANY = st.text("ab 09\n,.。「」日本はカー字\u0301👍🏽", max_size=12)


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("Hello.", ["Hello."]),
        ("A cue that fits one line stays on it.", ["A cue that fits one line stays on it."]),
        (
            "Once the test is complete, indicated by the change of its status, you will find the results.",
            ["Once the test is complete, | indicated by the change of its status,", "you will find the results."],
        ),
        (
            "We had been waiting for the train for two hours and then somebody told us that it had been cancelled.",
            [
                "We had been waiting for the train | for two hours and then somebody told us",
                "that it had been cancelled.",
            ],
        ),
        ("It was late. / / / / Nobody came.", ["It was late.", "Nobody came."]),  # 2 s of silence
        ("Yes. / I do.", ["Yes. I do."]),  # alone, "Yes." would be too short to read
        ("The answer the committee gave to us was 1984", ["The answer the committee gave | to us was 1984"]),
    ],
)
def test_cues_and_lines_end_where_phrases_do(text: str, cues: list[str]):
    assert lines(text) == cues


@given(oddly_timed(LATIN))
def test_every_word_is_shown_once_and_in_order(words: list[Word]):
    shown = " ".join(line for cue in lay_out(words, ENGLISH) for line in cue.lines)

    assert shown.split() == [word.text.strip() for word in words]


@given(oddly_timed(ANY), st.sampled_from(["en", "ja", "zh", "th"]))
def test_every_character_is_shown_once_whatever_the_script(words: list[Word], language: str):
    shown = "".join(line for cue in lay_out(words, standard_for(language)) for line in cue.lines)

    assert "".join(shown.split()) == "".join("".join(word.text for word in words).split())


@given(oddly_timed(st.one_of(LATIN, ANY)), st.sampled_from(["en", "ja"]))
def test_cues_are_in_order_and_never_overlap(words: list[Word], language: str):
    cues = lay_out(words, standard_for(language))

    assert [cue.number for cue in cues] == list(range(1, len(cues) + 1))
    assert all(0 <= cue.start < cue.end <= cue.start + 7.0005 for cue in cues)
    assert all(before.end <= after.start for before, after in pairwise(cues))


@given(oddly_timed(st.one_of(LATIN, ANY)))
def test_only_a_single_word_is_wider_than_a_line(words: list[Word]):
    for cue in lay_out(words, ENGLISH):
        assert 1 <= len(cue.lines) <= 2
        for line in cue.lines:
            assert line
            assert columns(line) <= 42 or (len(cue.lines) == 1 and " " not in line)


@given(oddly_timed(st.sampled_from([" 1984", " 7", " " + "x" * 41, " word"])))
def test_no_cue_of_two_lines_has_a_line_of_digits(words: list[Word]):
    cues = lay_out(words, ENGLISH)

    assert not any(line.isdecimal() for cue in cues if len(cue.lines) == 2 for line in cue.lines)


@given(oddly_timed(st.one_of(LATIN, ANY)))
def test_the_same_words_give_the_same_cues(words: list[Word]):
    assert lay_out(words, ENGLISH) == lay_out(list(words), ENGLISH.model_copy())


@given(
    oddly_timed(st.sampled_from([" and", " the", " house.", " is", " beautiful,", " so"])).map(lambda found: found[:8])
)
@settings(max_examples=40)
def test_no_other_division_of_the_words_costs_less(words: list[Word]):
    units = units_of(words, ENGLISH)
    candidates = _Candidates.of(units, ENGLISH)

    def total(cuts: list[tuple[int, int]]) -> float:
        costs = [candidates.cost(first, after) for first, after in cuts]
        return float("inf") if None in costs else sum(filter(None, costs))

    def divisions(first: int) -> Iterator[list[tuple[int, int]]]:
        if first == len(units):
            yield []
        for after in range(first + 1, len(units) + 1):
            for rest in divisions(after):
                yield [(first, after), *rest]

    assert total(_cheapest_path(candidates)) == min(map(total, divisions(0)))


@given(st.lists(st.sampled_from(["a", "house,", "wonderful", "and", "we", "said.", "/"]), min_size=1, max_size=60))
@settings(max_examples=50)
def test_unhurried_speech_meets_every_rule(pieces: list[str]):
    cues = lay_out(spoken(" ".join(pieces), characters_per_second=12), ENGLISH)

    assert compliance(cues, ENGLISH).percent_within_all == 100


def test_speech_too_fast_to_read_is_kept_and_reported():
    words = spoken("nobody can read what is said so fast " * 20, characters_per_second=40)

    cues = lay_out(words, ENGLISH)

    assert " ".join(line for cue in cues for line in cue.lines) == "".join(word.text for word in words).strip()
    figures = compliance(cues, ENGLISH)
    assert figures.within_reading_speed < figures.cues
    assert figures.within_line_length == figures.within_max_duration == figures.within_gap == figures.cues


def test_a_cue_starts_with_its_first_word_and_stays_half_a_second_after_its_last():
    cue, _ = lay_out([*spoken("One sentence.", start=3.0), *spoken("Another.", start=20.0)], ENGLISH)

    assert cue.start == 3.0
    assert cue.end == pytest.approx(3.0 + 14 / 13 + 0.5, abs=0.001)


def test_a_cue_stays_longer_for_slow_readers_but_not_for_ever():
    (cue,) = lay_out(spoken("Eight words in a second take their time", characters_per_second=40), ENGLISH)
    (hasty,) = lay_out(spoken("Eight words in no time take their time", characters_per_second=400), ENGLISH)

    assert cue.end == pytest.approx(39 / 20, abs=0.001)
    assert hasty.end == pytest.approx(39 / 400 + 1.5, abs=0.001)


def test_a_gap_too_small_to_be_noticed_as_one_is_closed_to_two_frames():
    first, second = lay_out(
        [
            *spoken("This sentence fills its line quite well.", start=0),
            *spoken("So does this one, and no less.", start=4),
        ],
        ENGLISH,
    )

    assert second.start - first.end == pytest.approx(0.083)


def test_a_word_said_to_last_for_ten_seconds_is_shown_for_seven():
    (cue,) = lay_out([Word(text=" Aaaah", start=1, end=11, probability=1)], ENGLISH)

    assert (cue.start, cue.end) == (1, 8)


@pytest.mark.parametrize(
    ("end_seconds", "cue_ends"),
    [(20.0, 2.5), (2.2, 2.2), (2.0625, 2.062), (1.5, 1.5), (0.5, 1.001)],  # the last: its words end after it
)
def test_no_cue_ends_after_the_recording(end_seconds: float, cue_ends: float):
    (cue,) = lay_out([Word(text=" Goodbye.", start=1, end=2, probability=1)], ENGLISH, end_seconds=end_seconds)

    assert (cue.start, cue.end) == (1, cue_ends)


@given(oddly_timed(LATIN), st.floats(0, 60))
def test_what_holds_for_cues_holds_at_the_end_of_the_recording_too(words: list[Word], end_seconds: float):
    cues = lay_out(words, ENGLISH, end_seconds=end_seconds)

    assert all(before.end <= after.start for before, after in pairwise(cues))
    assert all(cue.start < cue.end <= max(end_seconds, cue.start + 0.0011) for cue in cues)


def test_one_line_is_possible_too():
    cues = lay_out(
        spoken("two lines are two lines too many for a very narrow screen, they say"), SubtitleStandard(lines=1)
    )

    assert {len(cue.lines) for cue in cues} == {1}


def test_japanese_lines_hold_thirteen_full_width_characters():
    text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
    words = [Word(text=sign, start=place / 6, end=(place + 1) / 6, probability=1) for place, sign in enumerate(text)]

    cues = lay_out(words, standard_for("ja"))

    assert [cue.lines for cue in cues] == [
        ("吾輩は猫である。", "名前はまだ無い。"),
        ("どこで生れたかとんと", "見当がつかぬ。"),
    ]


def test_nothing_said_gives_no_cues():
    assert lay_out([], ENGLISH) == ()
    assert lay_out([Word(text=" ", start=0, end=1, probability=1)], ENGLISH) == ()


def test_cues_are_values():
    assert lay_out(spoken("Hello."), ENGLISH) == (Cue(1, 0.0, 1.038, ("Hello.",)),)
