"""Names as they are shown."""

import json
from pathlib import Path

import pytest

from tasks.names import display_name, shown_name

ODD_NAMES = json.loads((Path(__file__).parents[1] / "support" / "odd_names.json").read_text(encoding="utf-8"))
"""Names, and how they are shown; the tests of the pages' scripts read them as well."""


@pytest.mark.parametrize(("name", "shown"), ODD_NAMES)
def test_a_name_turns_no_word_round_it_and_hides_nothing(name, shown):
    assert shown_name(name) == shown


def test_the_middle_of_a_long_name_is_left_out_and_its_direction_ends_with_it():
    assert display_name("a" * 60 + "b" * 60) == "a" * 40 + "…" + "b" * 39
    assert (
        display_name("א" * 81) == "\N{FIRST STRONG ISOLATE}" + "א" * 40 + "…" + "א" * 39 + "\N{POP DIRECTIONAL ISOLATE}"
    )
    assert display_name("a" * 80) == shown_name("a" * 80) == "a" * 80
