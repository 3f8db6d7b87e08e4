"""Uploads with a voice in each channel."""

import random

import pytest

from tasks.media.channels import ChannelLevels, channel_turns, read_channel_levels

SILENCE = -90.0


def levels(plan: str, *, bleed: float = -40.0, gain: float = 0.0) -> ChannelLevels:
    """Return the levels of one second for each letter: L or R speaks, B both, a dot is silence."""
    noise = random.Random(1)  # noqa: S311 - the same every time
    left: list[float] = []
    right: list[float] = []
    for letter in plan:
        for _ in range(10):
            voice = -20 + noise.uniform(-6, 6)
            other = SILENCE if letter == "." else voice + bleed
            left.append(voice if letter in "LB" else other)
            right.append((voice if letter in "RB" else other) + gain)
    return ChannelLevels([max(level, SILENCE) for level in left], [max(level, SILENCE) for level in right])


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("LLLRRRLLL", (0.0, 3.0, 6.0)),
        ("RRRLLLR", (0.0, 0.0, 3.0, 6.0)),  # the right one begins
        ("LLL..RRR", (0.0, 4.0)),  # in the middle of the pause
        ("LL.LL.RRR", (0.0, 5.5)),
        ("LLLBRRRLLL", (0.0, 3.5, 7.0)),  # both at once
    ],
)
def test_the_voice_goes_over_where_the_other_channel_speaks(plan, expected):
    assert channel_turns(levels(plan)) == pytest.approx(expected)


def test_a_quiet_channel_counts_as_much_as_a_loud_one():
    assert channel_turns(levels("LLLRRR", gain=-20)) == pytest.approx((0.0, 3.0))


@pytest.mark.parametrize(
    ("plan", "bleed"),
    [
        ("BBBBBBBB", -40.0),  # mono in two channels
        ("LLLLLLLL", -40.0),  # one channel in use
        ("LLLRRR", -5.0),  # a room that two microphones hear
        ("LLLLLLLR", -40.0),  # hardly anything in one of them
        ("........", -40.0),
        ("", -40.0),
    ],
)
def test_other_stereo_has_no_turns(plan, bleed):
    assert channel_turns(levels(plan, bleed=bleed)) == ()


def test_levels_are_read_from_the_log_of_ffmpeg():
    log = [
        "[ametadata@channels @ 0x5581] [info] frame:0    pts:0       pts_time:0",
        "[ametadata@channels @ 0x5581] [info] lavfi.astats.1.RMS_level=-23.456",
        "[ametadata@channels @ 0x5581] [info] lavfi.astats.2.RMS_level=-inf",
        "      title           : [ametadata@channels @ 0x5581] [info] lavfi.astats.2.RMS_level=-1",
    ]
    found = read_channel_levels(log)
    assert (list(found.left), list(found.right)) == ([pytest.approx(-23.456)], [-200.0])
