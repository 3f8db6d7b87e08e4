"""Text of other people in the pages' Markdown."""

import pytest

from dashboard.pages.markdown import code, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.mp3", "` a.mp3 `"),
        ("week  1/\nb.mp3", "` week 1/ b.mp3 `"),
        ("`c`.mp3", "`` `c`.mp3 ``"),  # the fence is longer than any in the name
        ("``.mp3", "``` ``.mp3 ```"),
    ],
)
def test_a_path_is_shown_as_it_is(text, shown):
    assert code(text) == shown


def test_signs_of_markdown_in_a_sentence_are_escaped():
    assert plain("*a*\n[b]") == r"\*a\* \[b\]"
