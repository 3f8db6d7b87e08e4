"""Uploads of all kinds, read by a real ffmpeg of both kinds."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tasks.errors import MediaRejected, UploadMissing

TOLERANCE_SECONDS = 0.1

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


def test_recording_is_mono_mp3_at_16_khz_without_the_uploads_titles(zoo, work):
    upload = zoo.make("talk.wav", *zoo.tone, "-ac", "2", "-metadata", "title=Secret")
    conversion = work.convert(upload)
    with av.open(work.target) as recording:
        stream = recording.streams.audio[0]
        samples = sum(frame.samples for frame in recording.decode(stream))
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("mp3float", 16000, 1)
        assert "title" not in recording.metadata
    assert samples / 16000 == pytest.approx(conversion.audio_seconds, abs=TOLERANCE_SECONDS)


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
    assert conversion.plan.channel == 0
    assert level_of(work.target) == pytest.approx(level_of(upload), abs=1.0)


@pytest.mark.parametrize("layout", ["stereo|c1=c0", "5.1|c2=c0", "16c|c7=c0"])
def test_sound_on_one_of_many_channels_is_heard(zoo, work, level_of: Callable[..., float], layout):
    upload = zoo.make("recorder.wav", *zoo.tone, "-af", f"pan={layout}")
    assert work.convert(upload).plan.channel is None
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


def test_mp4_without_its_index_is_called_cut_off(zoo, work):
    upload = zoo.cut_off(zoo.make("lecture.mp4", *zoo.film, *zoo.tone), 0.8)
    with pytest.raises(MediaRejected, match=r"^cut lecture\.mp4 is cut off: its index \(moov\) is missing"):
        work.convert(upload)


def test_film_without_sound_is_rejected_with_what_it_holds(zoo, work):
    upload = zoo.make("lecture3.mp4", *zoo.film, "-c:v", "libx264")
    with pytest.raises(MediaRejected) as rejection:
        work.convert(upload)
    assert str(rejection.value) == "lecture3.mp4 has no audio stream; found: video/h264. Upload a file with sound."


def test_sound_longer_than_allowed_is_rejected_as_soon_as_it_is(zoo, work):
    upload = zoo.make("bomb.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=7200")
    with pytest.raises(MediaRejected, match=r"^bomb\.flac is longer than 0:10:00, "):
        work.convert(upload, max_audio_seconds=600)


def test_sound_of_just_the_allowed_length_is_not(zoo, work):
    assert work.convert(zoo.make("talk.wav", *zoo.tone), max_audio_seconds=5).audio_seconds == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: 0 bytes"),
        (b"Dear diary, today I recorded nothing.\n" * 200, "is not an audio or video file"),
        (bytes(range(256)) * 400, "is not an audio or video file"),
        (b"\xff\xfb\x90\x00", "is not an audio or video file"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            "is not an audio or video",
        ),
    ],
    ids=["empty", "text", "bytes", "frame header", "svg"],
)
def test_what_holds_no_media_is_rejected(zoo, work, content, sentence):
    with pytest.raises(MediaRejected, match=rf"^notes\.mp3 {sentence}"):
        work.convert(zoo.write("notes.mp3", content))


def test_picture_is_rejected(zoo, work):
    with pytest.raises(MediaRejected, match=r"^slide\.png is not an audio or video file"):
        work.convert(zoo.make("slide.png", *zoo.film, "-frames:v", "1"))


def test_wav_without_samples_is_rejected(zoo, work):
    content = zoo.make("talk.wav", *zoo.tone).read_bytes()
    header = zoo.write("header.wav", content[: content.index(b"data") + 8])
    with pytest.raises(MediaRejected, match=r"^header\.wav (is a WAV header without any sound|holds no sound)"):
        work.convert(header)


@pytest.mark.parametrize(
    "name",
    ["with space.mp3", "Überraschung 🎤.mp3", "quote'\".mp3", "-i.mp3", "http:evil.mp3", "%03d.mp3", "line\nbreak.mp3"],
)
def test_sentence_begins_with_the_name_on_one_line(zoo, work, name):
    with pytest.raises(MediaRejected) as rejection:
        work.convert(zoo.write(name, b"no media"))
    sentence = str(rejection.value)
    assert sentence.startswith(name.replace("\n", "\N{REPLACEMENT CHARACTER}"))
    assert sentence.isprintable()


def test_upload_with_any_name_is_converted(zoo, work):
    upload = zoo.make("talk.mp3", *zoo.tone).rename(zoo.folder / "-i http:a 'b' %03d\n.mp3")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0)


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile {other}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{other}\n#EXT-X-ENDLIST\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{other}</BaseURL></MPD>",
        "[playlist]\nFile1={other}\n",
    ],
    ids=["ffconcat", "hls", "dash", "pls"],
)
def test_upload_cannot_have_another_file_read_to_it(zoo, work, playlist):
    other = zoo.make("other.wav", *zoo.tone)
    upload = zoo.write("talk.mp4", playlist.format(other=other).encode())
    with pytest.raises(MediaRejected, match=r"^talk\.mp4 is not an audio or video file"):
        work.convert(upload)


def test_missing_upload_is_asked_for_again(zoo, work):
    with pytest.raises(UploadMissing, match=r"^talk\.mp3 is no longer on the server\. Upload it again\.$"):
        work.convert(zoo.folder / "talk.mp3")


def test_nothing_is_left_beside_the_recording(zoo, work):
    work.convert(zoo.make("talk.mp3", *zoo.tone))
    assert work.contents == ["recording.mp3"]


def test_nothing_is_left_of_a_rejected_upload(zoo, work):
    with pytest.raises(MediaRejected):
        work.convert(zoo.write("talk.mp3", b"no media"))
    assert work.contents == []


def test_upload_is_not_touched(zoo, work):
    upload: Path = zoo.make("talk.mp3", *zoo.tone)
    before = upload.read_bytes()
    work.convert(upload)
    assert upload.read_bytes() == before
