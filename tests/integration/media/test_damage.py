"""Uploads that are damaged or cut off, read by a real ffmpeg of both kinds: gaps where their sound is lost."""

from collections.abc import Callable

import pytest

from tasks.errors import MediaRejected
from tests.integration.media.conftest import BEEP, TOLERANCE_SECONDS, gaps_of, near

ENDLESS = {
    "talk.ogg": ("-c:a", "libvorbis"),
    "talk.opus": ("-c:a", "libopus"),
    "talk.aac": (),
    "talk.amr": ("-ar", "8000", "-ac", "1", "-c:a", "amr_nb"),
    "talk.ts": ("-c:a", "aac"),
    "talk.m2ts": ("-c:a", "aac"),
    "live.webm": ("-c:a", "libopus", "-live", "1"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_that_states_no_length_says_if_it_breaks_off(zoo, work, name):
    whole = zoo.make(name, *zoo.tone, *ENDLESS[name])
    assert not work.convert(whole).is_cut_off
    content = whole.read_bytes()
    cut = work.convert(zoo.write(f"cut {name}", content[: len(content) * 6 // 10 - 1]))
    assert (cut.is_cut_off, cut.gaps) == (True, ())


def test_a_stream_in_fragments_lacks_the_rest_of_its_last_one(zoo, work):
    fragments = ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "2000000")
    conversion = work.convert(zoo.cut_off(zoo.make("live.mp4", *zoo.tone, *fragments), 0.5))
    assert gaps_of(conversion) == near((2.5, 4.1))


CUT_OFF = {
    "wav": (),
    "aiff": (),
    "au": (),
    "w64": (),
    "caf": (),
    "flac": (),
    "mp3": (),
    "wv": (),
    "webm": ("-c:a", "libopus"),
    "mka": ("-c:a", "aac"),
    "m4a": ("-movflags", "faststart"),
    "wma": (),
    "flv": ("-c:a", "aac"),
    "avi": (),
}


@pytest.mark.parametrize("ending", CUT_OFF)
def test_upload_that_was_cut_off_has_a_gap_to_its_declared_end(zoo, work, ending):
    upload = zoo.cut_off(zoo.make(f"talk.{ending}", *zoo.tone, *CUT_OFF[ending]), 0.6)
    conversion = work.convert(upload)
    assert conversion.audio_seconds == pytest.approx(3.0, abs=0.3)
    assert gaps_of(conversion) == near((conversion.audio_seconds, 5.0), within=0.1)


@pytest.mark.parametrize("ending", ["mp3", "flac", "wav"])
def test_last_second_of_a_minute_is_missed_too(zoo, work, ending):
    minute = zoo.make(f"talk.{ending}", "-f", "lavfi", "-i", "sine=frequency=440:duration=60")
    conversion = work.convert(zoo.cut_off(minute, 0.98))
    assert gaps_of(conversion) == near((58.8, 60.0))


@pytest.mark.parametrize("ending", ["mp3", "flac", "webm", "avi"])
def test_download_that_stopped_and_left_zeros_has_a_gap_at_its_end(zoo, work, ending):
    whole = zoo.make(f"talk.{ending}", *BEEP[:4], *CUT_OFF[ending]).read_bytes()
    done = len(whole) * 6 // 10
    conversion = work.convert(zoo.write(f"half.{ending}", whole[:done] + bytes(len(whole) - done)))
    assert gaps_of(conversion) == near((4.8, 8.0))


@pytest.mark.parametrize("name", ["talk.wav", "talk.mp3", "talk.flac", "talk.webm"])
def test_upload_that_was_cut_off_is_refused_where_that_is_set(zoo, work, name):
    codec = ("-c:a", "libopus") if name.endswith("webm") else ()
    upload = zoo.cut_off(zoo.make(name, *zoo.tone, *codec), 0.6)
    with pytest.raises(
        MediaRejected, match=rf"^cut {name} is damaged or cut off: only [23]\.\d s of 5\.0 s could be read"
    ):
        work.convert(upload, refuse_damaged=True)
    assert work.contents == []


def test_film_that_was_cut_off_lacks_sound_only_as_far_as_it_had_any(zoo, work):
    whole = zoo.make("film.mp4", *zoo.film, *zoo.tone, "-movflags", "faststart", "-c:v", "mpeg4")
    assert gaps_of(work.convert(zoo.cut_off(whole, 0.5)))[0][1] == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    late = zoo.make("late.mp4", *zoo.film, "-itsoffset", "2", *zoo.tone, "-movflags", "faststart", "-c:v", "mpeg4")
    conversion = work.convert(zoo.cut_off(late, 0.6))
    assert conversion.offset_seconds == pytest.approx(2.0, abs=TOLERANCE_SECONDS)
    assert gaps_of(conversion)[0][1] == pytest.approx(7.0, abs=TOLERANCE_SECONDS)


HOLES = {
    "mp3": ("-b:a", "64k"),
    "rip.mp3": ("-b:a", "64k", "-write_xing", "0"),
    "aac": ("-b:a", "64k"),
    "m4a": ("-b:a", "64k"),
    "flac": (),
    "ogg": ("-c:a", "libvorbis", "-page_duration", "100000"),
    "opus": ("-c:a", "libopus", "-vbr", "off", "-page_duration", "100000"),
    "webm": ("-c:a", "libopus", "-vbr", "off", "-cluster_time_limit", "500"),
    "ts": ("-c:a", "aac", "-b:a", "64k"),
    "flv": ("-c:a", "aac", "-b:a", "64k"),
    "wma": (),
    "avi": ("-b:a", "64k"),
    "mp3.wav": ("-c:a", "libmp3lame", "-b:a", "64k"),
    "flac.ogg": ("-c:a", "flac", "-page_duration", "100000"),
}


@pytest.mark.parametrize("ending", HOLES)
def test_hole_is_a_gap_with_silence_and_later_times_stay_right(zoo, work, level_of: Callable[..., float], ending):
    whole = zoo.make(f"talk.{ending}", *BEEP, *HOLES[ending])
    conversion = work.convert(zoo.damaged(whole))
    ((start, end),) = gaps_of(conversion)
    assert 2.0 <= start < 4.0 < end < 6.0
    assert end - start == pytest.approx(1.6, abs=0.8)
    assert conversion.audio_seconds == pytest.approx(8.0, abs=0.35)
    assert level_of(work.target, start + 0.2, end - start - 0.4) < -60
    assert level_of(work.target, 6.25, 0.5) > level_of(work.target, 5.0, 0.7) + 20
    with pytest.raises(
        MediaRejected, match=rf"^damaged talk\.{ending} is damaged or cut off: only [567]\.\d s of [78]"
    ):
        work.convert(zoo.damaged(whole), refuse_damaged=True)


def test_mp4_in_fragments_is_read_up_to_its_hole(zoo, work):
    fragments = ("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000", "-b:a", "64k")
    whole = zoo.make("browser.mp4", *BEEP, "-c:a", "aac", *fragments)
    assert work.convert(whole, refuse_damaged=True).gaps == ()
    conversion = work.convert(zoo.damaged(whole))
    assert gaps_of(conversion) == near((conversion.audio_seconds, 8.0), within=0.6)


def test_hole_at_the_beginning_moves_no_later_time(zoo, work):
    content = bytearray(zoo.make("talk.m4a", *BEEP, "-b:a", "64k").read_bytes())
    content[60 : len(content) // 4] = bytes(len(content) // 4 - 60)
    conversion = work.convert(zoo.write("scratched.m4a", bytes(content)))
    ((start, end),) = gaps_of(conversion)
    assert (start, end) == pytest.approx((0.0, 2.2), abs=0.5)
    assert conversion.offset_seconds == pytest.approx(end)
    assert conversion.offset_seconds + conversion.audio_seconds == pytest.approx(8.0, abs=TOLERANCE_SECONDS)


def test_pause_and_hole_in_one_file_are_told_apart(zoo, work):
    pause = ("-af", "aselect=lt(t\\,1)+gt(t\\,3)")
    codec = ("-c:a", "libopus", "-vbr", "off", "-cluster_time_limit", "200")
    upload = zoo.make("call.webm", *BEEP[:4], *pause, *codec)
    content = bytearray(upload.read_bytes())
    content[len(content) * 6 // 10 : len(content) * 7 // 10] = bytes(len(content) // 10)
    conversion = work.convert(zoo.write("scratched.webm", bytes(content)))
    ((start, end),) = gaps_of(conversion)
    assert 4.0 < start < end < 7.5


def test_upload_whose_every_packet_is_broken_is_refused(zoo, work):
    content = bytearray(zoo.make("talk.m4a", *zoo.tone, "-movflags", "faststart").read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    with pytest.raises(MediaRejected, match=r"^broken\.m4a (holds no sound that can be decoded|is damaged or cut off)"):
        work.convert(zoo.write("broken.m4a", bytes(content)))
