import pytest

from tasks.subtitles.standards import SubtitleStandard, columns, standard_for


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("word", 4),
        ("naïve", 5),
        ("nai\u0308ve", 5),  # the mark is a character of its own
        ("日本語", 6),
        ("ABC日", 5),
        ("ที่นี่", 2),  # Thai vowels and tones above the letter take no room
        ("한국", 4),
        ("a\u200bb", 2),  # zero-width space
    ],
)
def test_width_is_counted_in_columns(text: str, width: int):
    assert columns(text) == width


@pytest.mark.parametrize(
    ("language", "line_columns", "columns_per_second"),
    [
        ("en", 42, 20),
        ("de", 42, 20),
        ("ja", 26, 14),  # 13 full-width characters, 7 a second
        ("zh", 32, 22),
        ("ko", 32, 28),
        ("th", 35, 20),
        ("xx", 42, 20),  # not in any list
    ],
)
def test_every_language_has_its_standard(language: str, line_columns: int, columns_per_second: int):
    limits = standard_for(language).limits

    assert (limits.line_columns, limits.columns_per_second) == (line_columns, columns_per_second)
    assert standard_for(language).language == language


def test_what_may_not_be_shorter_is_rounded_up_to_milliseconds():
    limits = SubtitleStandard().limits

    assert (limits.shortest, limits.longest, limits.gap) == (834, 7000, 83)
