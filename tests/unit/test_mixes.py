"""The choice among the mixes of a recording's channels."""

import pytest

from tasks.media.ffmpeg_log import Report, Sound
from tasks.media.mixes import CENTRE, SIDE, Heard, all_channels, cancels, has_centre, is_better, rival_mixes


def report(channels: int, mixed: float, *, layout: str = "", guessed: bool = False, decoded: float = -20.0) -> Report:
    return Report(
        channels=channels,
        layout=layout,
        layout_guessed=guessed,
        decoded=Sound(60.0, decoded),
        written=Sound(60.0, mixed),
    )


@pytest.mark.parametrize(
    ("given", "cancelled"),
    [
        (report(1, -20.0), False),
        (report(2, -20.0), False),  # the same on both
        (report(2, -23.0), False),  # two voices, one on each; or one channel in use
        (report(2, -24.7), False),
        (report(2, -24.8), True),  # the difference is 3 dB louder than the sum
        (report(2, -91.0), True),
        (report(6, -28.0), False),  # one of six in use
        (report(6, -30.0), True),
        (report(16, -32.1), False),
        (report(2, -110.0, decoded=-91.0), False),  # silence
    ],
)
def test_channels_cancel_each_other_out_when_their_mix_lacks_power(given, cancelled):
    assert cancels(given) is cancelled


@pytest.mark.parametrize(
    ("layout", "channels", "guessed", "centre"),
    [
        ("stereo", 2, False, False),
        ("mono", 1, False, False),
        ("2.1", 3, False, False),
        ("3.0", 3, False, True),
        ("quad", 4, False, False),
        ("4.0", 4, False, True),
        ("5.1", 6, False, True),
        ("5.1(side)", 6, False, True),
        ("5.1", 6, True, False),  # six microphones
        ("6.0(front)", 6, False, False),
        ("7.1", 8, False, True),
        ("6 channels", 6, False, False),
        ("4 channels (FL+FR+FC+LFE)", 4, False, True),
        ("4 channels (FL+FR+LFE+BC)", 4, False, False),
        ("", 6, False, False),
    ],
)
def test_the_centre_is_known_by_the_layout_that_the_file_states(layout, channels, guessed, centre):
    assert has_centre(report(channels, -20.0, layout=layout, guessed=guessed)) is centre


def test_only_what_is_suspect_is_compared():
    assert rival_mixes(report(2, -22.0, layout="stereo")) == ()
    assert rival_mixes(report(2, -40.0, layout="stereo")) == (SIDE,)
    assert rival_mixes(report(6, -25.0, layout="5.1")) == (CENTRE,)
    assert rival_mixes(report(4, -60.0, layout="4.0", guessed=True)) == ("c0", "c1", "c2", "c3")
    assert len(rival_mixes(report(64, -90.0))) == 8


@pytest.mark.parametrize(
    ("mix", "heard", "than", "better"),
    [
        (SIDE, Heard(10.0, -14.0), Heard(0.0, -38.0), True),
        (
            SIDE,
            Heard(9.0, -14.0),
            Heard(10.0, -38.0),
            True,
        ),  # the rest of a voice in the noise is a voice to the detector
        (SIDE, Heard(3.0, -14.0), Heard(10.0, -38.0), False),  # a hum with opposite signs is louder than the voice
        (SIDE, Heard(10.0, -22.0), Heard(10.0, -22.0), False),  # two voices, one on each channel
        (SIDE, Heard(0.0, -20.0), Heard(0.0, -91.0), True),
        (CENTRE, Heard(10.0, -40.0), Heard(0.0, -20.0), True),  # drowned by music
        (CENTRE, Heard(8.0, -40.0), Heard(10.0, -20.0), True),  # music with singing
        (CENTRE, Heard(5.0, -30.0), Heard(10.0, -20.0), False),  # half of it is said elsewhere
        (CENTRE, Heard(0.0, -91.0), Heard(0.0, -20.0), False),
    ],
)
def test_the_better_mix_has_the_voice(mix, heard, than, better):
    assert is_better(mix, heard, than) is better


def test_microphones_count_alike():
    assert all_channels(2) == "0.500000*c0+0.500000*c1"
