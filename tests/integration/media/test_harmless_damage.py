"""Uploads that only look damaged lose nothing: joined files, junk, pauses, odd lengths, a single bad packet."""

import pytest

from tests.integration.media.conftest import BEEP, TOLERANCE_SECONDS, gaps_of, near

JUNK = bytes((byte * byte + 7 * byte) % 251 for byte in range(6000))
WHOLE = {
    "mp3": (),
    "aac": (),
    "flac": (),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "webm": ("-c:a", "libopus"),
    "m4a": ("-movflags", "faststart"),
    "ts": ("-c:a", "aac"),
    "wma": (),
    "flv": ("-c:a", "aac"),
    "wv": (),
}


@pytest.mark.parametrize("ending", WHOLE)
def test_junk_behind_the_sound_is_no_loss(zoo, work, ending):
    content = zoo.make(f"talk.{ending}", *zoo.tone, *WHOLE[ending]).read_bytes()
    conversion = work.convert(zoo.write(f"junk.{ending}", content + JUNK), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    assert conversion.gaps == ()


@pytest.mark.parametrize("ending", ["mp3", "aac", "flac", "ogg", "opus", "ts", "m4a"])
def test_files_put_one_behind_the_other_lose_nothing(zoo, work, ending):
    content = zoo.make(f"talk.{ending}", *zoo.tone, *WHOLE[ending]).read_bytes()
    conversion = work.convert(zoo.write(f"joined.{ending}", content * 3), refuse_damaged=True)
    silence = 2.0 if ending == "opus" else 0.0  # ffmpeg 5 takes the headers of joined Ogg files for sound
    assert 14.8 <= conversion.audio_seconds <= 15.2 + silence
    assert conversion.gaps == ()


@pytest.mark.parametrize("ending", ["mp3", "aac", "flac", "m4a", "ts", "wma", "flv"])
def test_one_bad_packet_is_let_pass(zoo, work, ending):
    upload = zoo.overwritten(zoo.make(f"talk.{ending}", *zoo.tone, *WHOLE[ending]), 0.5, 40)
    conversion = work.convert(upload, refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.15)
    assert conversion.gaps == ()


BAD_PACKET = (0.62, 40)


@pytest.mark.parametrize("scratched", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("late.m4a", ("-itsoffset", "5", "TONE", "-movflags", "faststart")),  # an edit list
        ("late.mka", ("-itsoffset", "5", "TONE", "-c:a", "aac")),
        ("late.webm", ("-itsoffset", "5", "TONE", "-c:a", "libopus")),
        ("book.m4b", ("TONE", "-i", "CHAPTERS", "-map_chapters", "1", "-movflags", "faststart", "-f", "mp4")),
        ("book.mka", ("TONE", "-i", "CHAPTERS", "-map_chapters", "1", "-c:a", "aac")),
        ("film.mkv", ("TONE", "-i", "SUBTITLES", "-map", "0", "-map", "1", "-c:a", "aac", "-c:s", "srt")),
        ("film.mp4", ("FILM", "TONE", "-map", "0", "-map", "1", "-movflags", "faststart")),
        ("film.mov", ("FILM", "TONE", "-map", "0", "-map", "1", "-movflags", "faststart", "-c:v", "mpeg4")),
        ("film.flv", ("FILM", "TONE", "-map", "0", "-map", "1", "-c:a", "aac")),
        (
            "song.m4a",
            ("TONE", "-i", "COVER", "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"),
        ),
    ],
)
def test_length_of_something_else_is_not_that_of_the_sound(zoo, work, name, arguments, scratched):
    chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=4\n[CHAPTER]\nTIMEBASE=1/1\nSTART=4\nEND=60\n"
    subtitles = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:50,000 --> 00:01:00,000\nTwo\n"
    sources = {
        "TONE": zoo.tone,
        "FILM": zoo.film,
        "CHAPTERS": (str(zoo.write("chapters.txt", chapters.encode())),),
        "SUBTITLES": (str(zoo.write("words.srt", subtitles.encode())),),
        "COVER": (str(zoo.make("cover.png", *zoo.film, "-frames:v", "1")),),
    }
    upload = zoo.make(name, *(word for argument in arguments for word in sources.get(argument, (argument,))))
    conversion = work.convert(
        zoo.overwritten(upload, *BAD_PACKET) if scratched else upload, refuse_damaged=not scratched
    )
    assert conversion.audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    assert all(gap.end - gap.start < 3 and gap.end <= 5.1 for gap in conversion.gaps)
    assert scratched or conversion.gaps == ()


@pytest.mark.parametrize(
    ("name", "codec"), [("call.webm", "libopus"), ("call.mka", "aac"), ("call.ts", "aac"), ("call.m4a", "aac")]
)
@pytest.mark.parametrize("cut", [0, 150])
def test_pause_is_none_of_the_damage_at_the_end(zoo, work, name, codec, cut):
    fast = ("-movflags", "faststart") if name.endswith("m4a") else ()
    upload = zoo.make(name, *BEEP[:4], "-af", "aselect=lt(t\\,2)+gt(t\\,5)", "-c:a", codec, *fast)
    content = upload.read_bytes()
    conversion = work.convert(zoo.write(f"cut {name}", content[: len(content) - cut]), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(8.0, abs=0.15)
    assert conversion.gaps == ()


@pytest.mark.parametrize("frames", [0.3, 1.0, 3.0])
def test_wrong_number_of_frames_in_an_mp3_is_no_loss_and_hides_none(zoo, work, frames):
    content = bytearray(zoo.make("talk.mp3", *zoo.tone).read_bytes())
    place = content.index(b"Xing" if b"Xing" in content else b"Info") + 8
    count = int.from_bytes(content[place : place + 4])
    content[place : place + 4] = int(count * frames).to_bytes(4)
    conversion = work.convert(zoo.write("wrong.mp3", bytes(content)), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=TOLERANCE_SECONDS)
    cut = work.convert(zoo.write("cut.mp3", bytes(content[: len(content) * 6 // 10])))
    assert gaps_of(cut) == near((3.0, 5.0))


def test_mp3_without_a_header_is_read_with_junk_at_its_end(zoo, work):
    quiet = "volume=volume='if(lt(t,6),0,1)':eval=frame"
    arguments = (*BEEP[:4], "-af", quiet, "-q:a", "4", "-write_xing", "0")
    content = zoo.make("rip.mp3", *arguments).read_bytes()
    conversion = work.convert(zoo.write("junk.mp3", content + JUNK), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(8.0, abs=TOLERANCE_SECONDS)
    assert conversion.gaps == ()


def test_damage_that_nobody_hears_is_let_pass(zoo, work):
    content = bytearray(zoo.make("talk.mp3", *zoo.tone, "-b:a", "128k").read_bytes())
    content[40_000:40_400] = bytes(400)  # 25 ms
    conversion = work.convert(zoo.write("scratched.mp3", bytes(content)), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.1)
    assert conversion.gaps == ()


def test_samples_that_are_no_numbers_are_no_lack_of_memory(zoo, work):
    content = bytearray(zoo.make("float.wav", *zoo.tone, "-c:a", "pcm_f32le").read_bytes())
    content[400_000:400_008] = b"\xff\xff\xff\x7f\0\0\x80\x7f"
    assert work.convert(zoo.write("nan.wav", bytes(content))).audio_seconds == pytest.approx(5.0)
