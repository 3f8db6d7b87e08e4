"""Uploads whose voice is in one stream or mix of several, or nearly too low to be heard."""

from pathlib import Path

import pytest

from tasks.errors import MediaRejected
from tasks.media.mixes import CENTRE, SIDE
from tasks.media.voice import voice_seconds

SILENCE = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=10")
MUSIC = (
    *("-f", "lavfi", "-i"),
    "aevalsrc=exprs=0.3*sin(2*PI*220*t)*(1+sin(2*PI*3*t))/2+0.3*sin(2*PI*330*t)*(1+sin(2*PI*2*t))/2:s=16000:d=10",
)


@pytest.fixture
def voice(clips) -> tuple[str, str]:
    """A voice that speaks for eight seconds, as ffmpeg's input."""
    return ("-i", str(clips["library-tour.mp3"].path))


@pytest.fixture
def heard(work, clips):
    """Return a function that says how much of that voice is in the recording, from 0 to 1 and a little more."""
    spoken = voice_seconds(clips["library-tour.mp3"].path)
    return lambda: voice_seconds(work.target) / spoken


@pytest.mark.parametrize(("first", "ending"), [(SILENCE, "mkv"), (MUSIC, "mp4"), (SILENCE, "ts")])
def test_stream_with_the_voice_is_taken(zoo, work, voice, heard, first, ending):  # noqa: PLR0917
    upload = zoo.make(f"screen.{ending}", *first, *voice, "-map", "0", "-map", "1", "-c:a", "aac")
    conversion = work.convert(upload)
    assert (conversion.plan.stream, len(conversion.streams)) == (1, 2)
    assert heard() > 0.9


def test_first_of_several_streams_with_a_voice_is_taken(zoo, work, voice, clips):
    other = ("-i", str(clips["garden-podcast.mp3"].path))
    upload = zoo.make("dubbed.mkv", *voice, *other, "-map", "0", "-map", "1", "-c:a", "aac")
    assert work.convert(upload).plan.stream == 0


def test_commentary_comes_after_the_sound_that_it_is_about(zoo, work, voice, clips):
    other = ("-i", str(clips["garden-podcast.mp3"].path))
    told = ("-disposition:a:0", "comment", "-disposition:a:1", "0")
    upload = zoo.make("film.mkv", *other, *voice, "-map", "0", "-map", "1", "-c:a", "aac", *told)
    assert work.convert(upload).plan.stream == 1


def test_stream_that_no_decoder_knows_is_passed_over(zoo, work, voice):
    both = zoo.make("both.mkv", *voice, *voice, "-map", "0", "-map", "1", "-c:a:0", "ac3", "-c:a:1", "aac")
    upload = zoo.write("unknown.mkv", both.read_bytes().replace(b"A_AC3", b"A_XX3", 1))
    assert work.convert(upload).plan.stream == 1


def test_chosen_stream_is_taken_and_a_missing_one_named(zoo, work, voice):
    names = ("-metadata:s:a:0", "title=Desktop", "-metadata:s:a:1", "title=Mic", "-metadata:s:a:1", "language=eng")
    upload = zoo.make("screen.mkv", *SILENCE, *voice, "-map", "0", "-map", "1", "-c:a", "aac", *names)
    assert work.convert(upload, audio_stream=1).plan.stream == 0
    assert [(stream.title, stream.language) for stream in work.convert(upload, audio_stream=2).streams] == [
        ("Desktop", ""),
        ("Mic", "eng"),
    ]
    with pytest.raises(MediaRejected, match=r"^screen\.mkv has no audio stream 3\. It has 2: 1 \(“Desktop”\) and 2 "):
        work.convert(upload, audio_stream=3)


def test_nothing_is_left_of_the_takes(zoo, work, voice):
    work.convert(zoo.make("screen.mkv", *SILENCE, *voice, "-map", "0", "-map", "1", "-c:a", "aac"))
    assert work.contents == ["recording.mp3"]


@pytest.mark.parametrize(
    ("decibels", "form"),
    [
        (-45, ("quiet.flac",)),
        (-50, ("quiet.m4a",)),
        (-60, ("quiet.wav", "-c:a", "pcm_s24le")),
        (-90, ("quiet.wav", "-c:a", "pcm_f32le")),
        (25, ("loud.wav", "-c:a", "pcm_f32le")),
    ],
)
def test_voice_at_any_level_is_heard(zoo, work, voice, heard, level_of, decibels, form):  # noqa: PLR0917
    name, *codec = form
    upload = zoo.make(name, *voice, "-af", f"volume={decibels}dB:precision=float", *codec)
    assert work.convert(upload).plan.gain_decibels != 0
    assert heard() > 0.9
    assert -26 < level_of(work.target) < -12


@pytest.mark.parametrize("until", [2.001, 2.2], ids=["click", "door"])
def test_single_noise_keeps_no_voice_from_being_amplified(zoo, work, voice, heard, until):
    noise = f"if(between(t\\,2\\,{until})\\,0.9*sin(2000*t)\\,val(0))"
    upload = zoo.make("click.wav", *voice, "-af", f"volume=-50dB:precision=double,aeval={noise}", "-c:a", "pcm_s24le")
    assert work.convert(upload).plan.gain_decibels > 20
    assert heard() > 0.8


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
def test_amplified_noise_is_no_voice(zoo, work, colour):
    upload = zoo.make("room.wav", "-f", "lavfi", "-i", f"anoisesrc=r=16000:a=0.001:d=20:c={colour}:seed=1")
    assert work.convert(upload).plan.gain_decibels > 20
    assert voice_seconds(work.target) == 0


def test_silence_is_not_amplified(zoo, work):
    upload = zoo.make("silence.wav", "-f", "lavfi", "-i", "anoisesrc=r=16000:a=0.00003:d=5:seed=1")
    assert work.convert(upload).plan.gain_decibels == 0


def test_offset_is_removed_and_hides_no_level(zoo, work, voice, heard):
    form = ("-af", "volume=-50dB:precision=float,dcshift=0.3", "-c:a", "pcm_s24le")
    conversion = work.convert(zoo.make("offset.wav", *voice, *form))
    assert (conversion.plan.high_pass, conversion.plan.gain_decibels > 20) == (True, True)
    assert heard() > 0.9


NOISES = tuple(
    part
    for seed in (1, 2)
    for part in ("-f", "lavfi", "-i", f"anoisesrc=r=16000:a={10 ** (-12 / 20) * 0.2:.4f}:d=10:c=pink:seed={seed}")
)


def mixed(*channels: str) -> tuple[str, str]:
    """A filter that makes *channels* of the voice (c0) and of two noises (c1, c2)."""
    sums = "|".join(f"c{number}={channel}" for number, channel in enumerate(channels))
    layout = {2: "stereo", 4: "quad"}[len(channels)]
    inputs = "[0:a]aresample=16000,aformat=channel_layouts=mono[v];[v][1:a][2:a]amerge=inputs=3"
    return ("-filter_complex", f"{inputs},pan={layout}|{sums}")


@pytest.mark.parametrize(
    ("channels", "mix"),
    [
        (("c0+c1", "-1*c0+c2"), SIDE),  # each with a noise of its own
        (("c0+c1", "-1*c0+c1"), SIDE),  # with the same noise
        (("c0+c1", "-0.8*c0+c2"), SIDE),
        (("c0+c1", "0.8*c0+c2"), ""),
        (("c0", "c1"), ""),
        (("0.3*c0+c1", "0.3*c0-c1"), ""),  # it is the noise that has opposite signs
        (("c0+c1", "-1*c0+c2", "c0+c2", "-1*c0+c1"), "one"),
    ],
)
def test_voice_that_the_mix_cancels_is_taken_from_elsewhere(zoo, work, voice, heard, channels, mix):  # noqa: PLR0917
    conversion = work.convert(zoo.make("cable.flac", *voice, *NOISES, *mixed(*channels)))
    assert conversion.plan.mix == mix or (mix == "one" and conversion.plan.mix in ("c0", "c1", "c2", "c3"))
    assert heard() > 0.8


@pytest.mark.parametrize(("music", "ending"), [(-30, "wav"), (8, "wav"), (8, "ac3"), (8, "mka")])
def test_voice_in_the_centre_is_heard_whatever_plays_around_it(zoo, work, voice, heard, music, ending):  # noqa: PLR0917
    graph = (
        "[0:a]aresample=48000,aformat=channel_layouts=mono,volume=-10dB[v];"
        f"[1:a]aresample=48000,aformat=channel_layouts=mono,volume={music}dB[m];[v][m]amerge=inputs=2,pan=5.1|FL=c1|FR=c1|FC=c0|BL=0.5*c1|BR=0.5*c1"
    )
    conversion = work.convert(zoo.make(f"film.{ending}", *voice, *MUSIC, "-filter_complex", graph))
    assert conversion.plan.mix == CENTRE
    assert heard() > 0.9


def test_centre_that_says_nothing_is_mixed_with_the_rest(zoo, work, voice, heard):
    upload = zoo.make("film.wav", *voice, "-af", "aformat=channel_layouts=mono,pan=5.1|FL=c0|FR=c0")
    assert work.convert(upload).plan.mix == ""
    assert heard() > 0.9


def test_every_microphone_of_a_recorder_is_heard(zoo, work, voice, heard):
    """A file of six channels that doesn't say what they are: the fourth is no subwoofer."""
    form = ("-af", "aformat=channel_layouts=mono,pan=5.1|LFE=c0", "-ar", "16000")
    content = zoo.make("labelled.wav", *voice, *form).read_bytes()
    body = content[content.index(b"data") :]
    plain = b"WAVEfmt " + (16).to_bytes(4, "little") + wave_format(channels=6, rate=16000) + body
    upload = zoo.write("recorder.wav", b"RIFF" + len(plain).to_bytes(4, "little") + plain)
    work.convert(upload)
    assert heard() > 0.9


def wave_format(*, channels: int, rate: int) -> bytes:
    fields = ((1, 2), (channels, 2), (rate, 4), (rate * channels * 2, 4), (channels * 2, 2), (16, 2))
    return b"".join(value.to_bytes(size, "little") for value, size in fields)


def test_ordinary_stereo_is_converted_once(zoo, work, voice, monkeypatch):
    from tasks.media import ffmpeg as module

    runs = []
    run = module.Ffmpeg.run
    monkeypatch.setattr(module.Ffmpeg, "run", lambda self, arguments: (runs.append(arguments), run(self, arguments))[1])
    work.convert(zoo.make("talk.m4a", *voice, "-ac", "2"))
    assert sum(Path(arguments[-1]).suffix == ".mp3" for arguments in runs) == 1
    assert len(runs) == 2  # and once more to check the recording
