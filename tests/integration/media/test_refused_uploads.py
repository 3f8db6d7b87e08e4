"""Uploads that cannot become a recording are refused with what they are and what to do about it."""

import pytest

from tasks.errors import MediaRejected, UploadMissing


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"\x03ds2" + bytes(2000),
            "is a dictation in the format DS2, which only its maker's programs can read. Export",
        ),
        (b"\x03enc" + bytes(2000), r"is an encrypted dictation \(DS2\). Export"),
        (b"MS_VOICE" + bytes(2000), "is a recording in Sony's voice format"),
        (bytes(4) + b"\x57\x90\x75\x36" + bytes(2000), r"is an Audible book, protected against copying \(DRM\)"),
    ],
)
def test_what_only_its_maker_reads_is_named_with_what_to_do(zoo, work, content, sentence):
    with pytest.raises(MediaRejected, match=rf"^memo\.ds2 {sentence}"):
        work.convert(zoo.write("memo.ds2", content))


@pytest.mark.parametrize("mark", [b"drms", b"enca", b"aavd"])
def test_protected_sound_is_called_so(zoo, work, mark):
    content = zoo.make("song.m4a", *zoo.tone).read_bytes()
    entry = content.index(b"mp4a", content.index(b"stsd"))
    upload = zoo.write("song.m4p", content[:entry] + mark + content[entry + 4 :])
    with pytest.raises(MediaRejected, match=r"^song\.m4p is protected against copying \(DRM\)"):
        work.convert(upload)


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


def test_nothing_is_left_of_a_rejected_upload(zoo, work):
    with pytest.raises(MediaRejected):
        work.convert(zoo.write("talk.mp3", b"no media"))
    assert work.contents == []
