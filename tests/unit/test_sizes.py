"""Sizes as sentences tell them, in the words of the pages."""

import pytest

from tasks.names import file_size, told_apart


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),  # not 1000 kB
        (4_700_000_000, "4.7 GB"),
        (5 * 10**12, "5.0 TB"),
        (10**16, "10000 TB"),
    ],
)
def test_a_size_has_one_unit_and_three_digits_at_most(size, words):
    assert file_size(size) == words


def test_a_size_that_is_just_over_its_limit_is_told_to_the_byte():
    assert told_apart(2_147_483_649, 1_000_000_000) == ("2.1 GB", "1.0 GB")
    assert told_apart(2_147_483_649, 2_147_483_648) == ("2,147,483,649 bytes", "2,147,483,648 bytes")
