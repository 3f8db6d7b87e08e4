"""Uploads with a voice of its own in each of two channels."""

import pytest

LEFT, RIGHT = "0.3*sin(2*PI*440*t)", "0.1*sin(2*PI*300*t)"


def call(zoo, name: str, left: str, right: str, *arguments: str):
    return zoo.make(name, "-f", "lavfi", "-i", f"aevalsrc=exprs={left}|{right}:s=16000:d=9", *arguments)


@pytest.mark.parametrize(("name", "delay"), [("call.wav", ()), ("call.mkv", ("-output_ts_offset", "4"))])
def test_conversion_says_when_the_voice_goes_over_to_the_other_channel(zoo, work, name, delay):
    upload = call(zoo, name, f"{LEFT}*lt(t\\,3)", f"{RIGHT}*between(t\\,3\\,6)", *delay)
    assert work.convert(upload, measure_channels=True).channel_turns == pytest.approx((0.0, 3.0), abs=0.2)


def test_channels_are_measured_only_for_telling_speakers_apart(zoo, work):
    upload = call(zoo, "call.wav", f"{LEFT}*lt(t\\,3)", f"{RIGHT}*between(t\\,3\\,6)")
    assert work.convert(upload).channel_turns == ()


@pytest.mark.parametrize("channels", ["1", "2", "6"])
def test_other_uploads_have_no_such_turns(zoo, work, channels):
    upload = zoo.make("talk.wav", *zoo.tone, "-ac", channels)
    assert work.convert(upload, measure_channels=True).channel_turns == ()
