"""The level of a recording, and its correction."""

import math

import pytest

from tasks.media.levels import Levels

HOUR = 4 * 3600  # windows


@pytest.mark.parametrize(
    ("windows", "loud"),
    [
        ({-20: HOUR}, -20),
        ({-20: HOUR // 2, -70: HOUR // 2}, -20),  # pauses
        ({0: 1, -60: 43}, -60),  # a click in eleven seconds
        ({-5: 4, -60: 40}, -60),  # a door in eleven seconds
        ({-5: 5, -60: 40}, -5),
        ({-5: 12, -60: HOUR}, -60),
        ({-20: 40, -70: HOUR}, -20),  # ten seconds of speech in an hour
        ({-30: 1}, -30),
        ({}, -math.inf),
    ],
)
def test_a_recording_is_as_loud_as_its_loud_parts_and_not_as_a_click(windows, loud):
    assert Levels(windows).loud_decibels == loud


@pytest.mark.parametrize(
    ("level", "fine", "gain"),
    [
        (-20, False, 0.0),
        (-36, False, 0.0),
        (-37, False, 19.0),
        (-60, False, 42.0),
        (-84, False, 66.0),
        (-85, False, 0.0),  # the rounding of silence
        (-85, True, 67.0),
        (-120, True, 0.0),
        (-4, False, 0.0),
        (-3, False, -15.0),
        (10, True, -28.0),
    ],
)
def test_quiet_sound_is_amplified_and_silence_is_not(level, fine, gain):
    assert Levels({level: 100}).gain_decibels(fine=fine) == gain


def test_nothing_measured_needs_no_gain():
    assert Levels().gain_decibels(fine=True) == 0.0
    assert not Levels().is_offset(-10.0)


def test_mean_is_that_of_the_power():
    assert Levels({-10: 1, -20: 9}).mean_decibels == pytest.approx(-17.2, abs=0.1)
    assert Levels({-400: 1000}).mean_decibels < -300


@pytest.mark.parametrize(
    ("mean", "sound", "offset"),
    [
        (-20.0, -20, False),
        (-20.0, -22, False),
        (-10.0, -30, True),
        (-55.0, -80, False),  # too low to matter
    ],
)
def test_an_offset_is_removed_where_it_is_more_than_the_sound(mean, sound, offset):
    assert Levels({sound: 10}).is_offset(mean) is offset
