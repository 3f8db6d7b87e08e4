"""Uploads of all kinds, read by a real ffmpeg of both kinds."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tasks.media.mixes import SIDE
from tests.integration.media.conftest import TOLERANCE_SECONDS

TONE = ("-f", "lavfi", "-i", "sine=duration=2")
FILM = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=2")

FORMATS = {
    "mp3": ("-c:a", "libmp3lame"),
    "mp2": ("-c:a", "mp2"),
    "wav": (),
    "w64": (),
    "flac": (),
    "aiff": (),
    "au": (),
    "caf": (),
    "m4a": (),
    "mov": (),
    "3gp": ("-c:a", "aac"),
    "aac": (),
    "ac3": (),
    "eac3": (),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "webm": ("-c:a", "libopus"),
    "mka": ("-c:a", "flac"),
    "wma": (),
    "wv": (),
    "tta": (),
    "amr": ("-ar", "8000", "-c:a", "libopencore_amrnb"),
    "avi": (),
    "flv": ("-c:a", "aac"),
    "ts": ("-c:a", "aac"),
    "mpg": ("-c:a", "mp2"),
}


@pytest.mark.parametrize("ending", FORMATS)
def test_sound_of_every_format_is_kept_whole(zoo, work, ending):
    upload = zoo.make(f"talk.{ending}", *zoo.tone, *FORMATS[ending])
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)


@pytest.mark.parametrize("ending", ["mxf", "dv"])
def test_sound_of_broadcasters_and_camcorders_is_kept_whole(zoo, work, ending):
    form = ("-c:v", "mpeg2video", "-r", "25") if ending == "mxf" else ("-target", "pal-dv")
    upload = zoo.make(f"tape.{ending}", *zoo.film, *zoo.tone, *form, "-ar", "48000", "-t", "5")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)


def dictation() -> bytes:
    """A DSS file of 60 blocks, which hold noise in frames of 42 bytes and 24 ms."""
    header = bytearray(2 * 512)
    header[:4] = b"\x02dss"
    header[0x26:0x32], header[0x32:0x3E] = b"261101101112", b"261101101129"
    noise = random.Random(1)  # noqa: S311 - noise
    return bytes(header) + b"".join(bytes(6) + noise.randbytes(506) for _ in range(60))


def answering_machine() -> bytes:
    """Five seconds of GSM 06.10: frames of 33 bytes and 20 ms."""
    noise = random.Random(1)  # noqa: S311 - noise
    return b"".join(bytes((0xD0 | noise.randrange(16),)) + noise.randbytes(32) for _ in range(250))


def one_bit_recorder() -> bytes:
    """Half a second of DSF: one channel of single bits at 2.8 MHz, which alternate."""
    rate = 2_822_400
    sound = bytes((0b01101001,)) * (rate // 16 // 4096 * 4096)
    chunk = struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, rate, 1, len(sound) * 8, 4096, 0)
    body = b"fmt " + chunk + b"data" + struct.pack("<Q", 12 + len(sound)) + sound
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(body), 0) + body


@pytest.mark.parametrize(
    ("content", "seconds"), [(dictation(), 17.7), (answering_machine(), 5.0), (one_bit_recorder(), 0.5)]
)
def test_sound_of_dictation_machines_is_kept_whole(zoo, work, content, seconds):
    upload = zoo.write("dictation", content)
    assert work.convert(upload).audio_seconds == pytest.approx(seconds, abs=TOLERANCE_SECONDS)


def test_recording_is_mono_mp3_at_16_khz_without_the_uploads_titles(zoo, work):
    upload = zoo.make("talk.wav", *zoo.tone, "-ac", "2", "-metadata", "title=Secret")
    conversion = work.convert(upload)
    with av.open(work.target) as recording:
        stream = recording.streams.audio[0]
        samples = sum(frame.samples for frame in recording.decode(stream))
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("mp3float", 16000, 1)
        assert "title" not in recording.metadata
    assert samples / 16000 == pytest.approx(conversion.audio_seconds, abs=TOLERANCE_SECONDS)


@pytest.mark.parametrize(
    ("ending", "arguments", "video_type"),
    [
        ("mp4", (*FILM, *TONE), "video/mp4"),
        ("m4a", (*FILM, *TONE, "-f", "mp4"), "video/mp4"),
        ("mov", (*FILM, *TONE), "video/mp4"),
        ("webm", (*FILM, *TONE, "-c:v", "libvpx", "-c:a", "libopus"), "video/webm"),
        ("mkv", (*FILM, *TONE), "video/x-matroska"),
        ("avi", (*FILM, *TONE), ""),
        ("mp4", TONE, ""),
        ("webm", (*TONE, "-c:a", "libopus"), ""),
    ],
)
def test_a_video_that_browsers_may_play_is_told_by_what_is_in_it(zoo, work, ending, arguments, video_type):
    upload = zoo.make(f"talk.{ending}", *arguments)
    nameless = upload.rename(zoo.folder / "20261122-101112-abcdef-abcdefghij")
    assert work.convert(nameless, name="talk").video_type == video_type


def test_a_cover_makes_no_video(zoo, work):
    cover = zoo.make("cover.png", *zoo.film, "-frames:v", "1")
    song = zoo.make("song.m4a", *zoo.tone, "-i", str(cover), "-c:v", "copy", "-disposition:v", "attached_pic")
    assert work.convert(song).video_type == ""


def test_content_decides_and_not_the_name(zoo, work):
    upload = zoo.make("talk.flac", *zoo.tone)
    nameless = upload.rename(zoo.folder / "20261122-101112-abcdef-abcdefghij")
    assert work.convert(nameless, name="talk.mp4").audio_seconds == pytest.approx(5.0)


def test_only_the_sound_of_a_film_is_taken(zoo, work):
    upload = zoo.make("film.mp4", *zoo.film, *zoo.tone)
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_sound_that_starts_late_keeps_its_time(zoo, work, ending):
    upload = zoo.make(f"film.{ending}", *zoo.film, "-itsoffset", "3", *zoo.tone, "-c:a", "aac")
    conversion = work.convert(upload)
    assert conversion.offset_seconds == pytest.approx(3.0, abs=TOLERANCE_SECONDS)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)


def test_clock_that_does_not_start_at_zero_is_no_offset(zoo, work):
    upload = zoo.make("capture.ts", *zoo.film, *zoo.tone, "-c:a", "aac", "-output_ts_offset", "3600")
    assert work.convert(upload).offset_seconds == pytest.approx(0.0, abs=TOLERANCE_SECONDS)


def test_pause_in_the_stream_becomes_silence_of_the_same_length(zoo, work, level_of: Callable[..., float]):
    upload = zoo.make("call.webm", *zoo.tone, "-af", "aselect=lt(t\\,1)+gt(t\\,4)", "-c:a", "libopus")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    assert level_of(work.target, 2.0, 1.0) < -60
    assert level_of(work.target, 4.3, 0.5) > -40


def test_sound_whose_clock_runs_back_is_put_end_to_end(zoo, work):
    upload = zoo.make("joined.webm", *zoo.tone, "-af", "asetpts=PTS-if(gt(T\\,3)\\,2/TB)", "-c:a", "libopus")
    conversion = work.convert(upload)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    assert not conversion.plan.keep_times


def test_files_put_one_behind_the_other_are_read_to_the_end(zoo, work):
    mono = zoo.make("one.ts", *zoo.tone, "-c:a", "aac", "-ac", "1").read_bytes()
    stereo = zoo.make("two.ts", *zoo.tone, "-c:a", "aac", "-ac", "2").read_bytes()
    assert work.convert(zoo.write("both.ts", mono + stereo)).audio_seconds == pytest.approx(10.0, abs=0.2)


@pytest.mark.parametrize("second", ["-1*c0", "-0.97*c0"])
def test_channels_that_cancel_each_other_out_are_not_mixed(zoo, work, level_of: Callable[..., float], second):
    upload = zoo.make("stage.wav", *zoo.tone, "-af", f"pan=stereo|c0=c0|c1={second}")
    conversion = work.convert(upload)
    assert conversion.plan.mix == SIDE
    assert level_of(work.target) == pytest.approx(level_of(upload), abs=1.0)


@pytest.mark.parametrize("layout", ["stereo|c1=c0", "5.1|c2=c0", "16c|c7=c0"])
def test_sound_on_one_of_many_channels_is_heard(zoo, work, level_of: Callable[..., float], layout):
    upload = zoo.make("recorder.wav", *zoo.tone, "-af", f"pan={layout}")
    assert work.convert(upload).plan.mix != SIDE
    assert level_of(work.target) > -60


def test_silence_is_left_to_the_voice_detector(zoo, work):
    upload = zoo.make("silence.wav", "-f", "lavfi", "-i", "anullsrc=duration=5")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0)


def test_picture_on_the_cover_is_no_film(zoo, work):
    cover = zoo.make("cover.png", *zoo.film, "-frames:v", "1")
    upload = zoo.make(
        "song.mp3", *zoo.tone, "-i", str(cover), "-map", "0", "-map", "1", "-disposition:v", "attached_pic"
    )
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)


def test_upload_with_any_name_is_converted(zoo, work):
    upload = zoo.make("talk.mp3", *zoo.tone).rename(zoo.folder / "-i http:a 'b' %03d\n.mp3")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0)


def test_nothing_is_left_beside_the_recording(zoo, work):
    work.convert(zoo.make("talk.mp3", *zoo.tone))
    assert work.contents == ["recording.mp3"]


def test_upload_is_not_touched(zoo, work):
    upload: Path = zoo.make("talk.mp3", *zoo.tone)
    before = upload.read_bytes()
    work.convert(upload)
    assert upload.read_bytes() == before
