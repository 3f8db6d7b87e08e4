"""Sizes, as the pages write them."""

import pytest

from tests.support.stack import PROJECT

FORMATS = PROJECT / "dashboard" / "frontend" / "shared" / "formats.js"

SIZES = [
    (0, "0 bytes"),
    (999, "999 bytes"),
    (1_000, "1.0 kB"),
    (99_949, "99.9 kB"),
    (99_950, "100 kB"),
    (999_499, "999 kB"),
    (999_500, "1.0 MB"),  # not 1000 kB
    (12_345_678, "12.3 MB"),
    (999_999_999, "1.0 GB"),
    (2_000_000_000_000_000, "2000 TB"),
]


@pytest.fixture(scope="module")
def file_size(browser):
    page = browser.new_page()
    page.add_script_tag(content=FORMATS.read_text(encoding="utf-8"))
    yield lambda size: page.evaluate("size => fileSize(size)", size)
    page.close()


@pytest.mark.parametrize(("size", "text"), SIZES)
def test_a_size_has_one_unit_and_three_digits_at_most(file_size, size, text):
    assert file_size(size) == text
