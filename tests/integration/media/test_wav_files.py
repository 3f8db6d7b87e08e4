"""WAV files and their like with headers that say nothing, too little or too much, read by a real ffmpeg."""

import struct

import pytest

from tasks.errors import MediaRejected

RF64 = ("-rf64", "always")


def with_length(content: bytes, length: int) -> bytes:
    place = content.index(b"data") + 4
    return content[:place] + struct.pack("<I", length) + content[place + 4 :]


def with_ds64(content: bytes, length: int) -> bytes:
    place = content.index(b"ds64") + 16
    return with_length(content[:place] + struct.pack("<Q", length) + content[place + 8 :], 0xFFFFFFFF)


@pytest.mark.parametrize("length", [0, 44_100, 0x7FF00000, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF], ids=hex)
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8", "pcm_mulaw"])
def test_wav_whose_length_says_nothing_is_read_whole(zoo, work, length, codec):
    content = zoo.make("talk.wav", *zoo.tone, "-ac", "2", "-c:a", codec).read_bytes()
    conversion = work.convert(zoo.write("never closed.wav", with_length(content, length)), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.001)
    assert conversion.gaps == ()


@pytest.mark.parametrize("length", [0, 2**63, 2**64 - 1], ids=hex)
def test_rf64_whose_length_says_nothing_is_read_whole(zoo, work, length):
    content = zoo.make("talk.wav", *zoo.tone, *RF64).read_bytes()
    conversion = work.convert(zoo.write("piped.wav", with_ds64(content, length)))
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.001)


def test_compressed_wav_is_read_beyond_a_stale_length(zoo, work):
    content = zoo.make("talk.wav", *zoo.tone, "-c:a", "adpcm_ima_wav").read_bytes()
    conversion = work.convert(zoo.write("stale.wav", with_length(content, 20_000)))
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("codec", ["pcm_s16le", "adpcm_ima_wav"])
def test_joined_wavs_are_read_to_the_end_without_a_click(zoo, work, level_of, codec):
    quiet = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=3", "-c:a", codec)
    first = zoo.make("one.wav", *quiet).read_bytes()
    second = zoo.make("two.wav", *quiet, "-ac", "2", "-ar", "44100").read_bytes()
    conversion = work.convert(zoo.write("joined.wav", first + second + first), refuse_damaged=True)
    assert conversion.audio_seconds == pytest.approx(9.0, abs=0.2)
    assert level_of(work.target) < -80  # a header that is heard comes to -50 dB


def test_odd_chunk_that_was_not_padded_hides_no_sound(zoo, work):
    content = zoo.make("talk.wav", *zoo.tone, "-fflags", "+bitexact").read_bytes()
    place = content.index(b"data")
    upload = zoo.write("odd.wav", content[:place] + b"note\x05\0\0\0hello" + content[place:])
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=0.001)


@pytest.mark.parametrize("name", ["pipe.w64", "pipe.aiff", "pipe.au", "pipe.caf", "pipe.wav"])
def test_files_as_they_come_out_of_a_pipe_are_read_whole(zoo, work, name):
    written = zoo.make(name, *zoo.tone)
    content = bytearray(written.read_bytes())
    unknown = {
        "pipe.w64": (content.find(b"data\xf3\xac\xd3\x11") + 16, b"\xff" * 7 + b"\x7f"),
        "pipe.aiff": (content.find(b"SSND") + 4, bytes(4)),
        "pipe.au": (8, bytes(4)),
        "pipe.caf": (content.find(b"data") + 4, b"\xff" * 8),
        "pipe.wav": (content.find(b"data") + 4, b"\xff" * 4),
    }
    place, length = unknown[name]
    content[place : place + len(length)] = length
    conversion = work.convert(zoo.write(f"copied {name}", bytes(content)))
    assert conversion.audio_seconds == pytest.approx(5.0, abs=0.001)
    assert conversion.gaps == ()


def test_wav_longer_than_its_header_can_say_is_read_beyond_it(zoo, work):
    upload = zoo.make("day.wav", *zoo.tone)
    size = upload.stat().st_size  # the header says 5 s: the true length less 4 GiB
    with upload.open("r+b") as file:
        file.seek(size)
        file.write(b"junk\xff\xff\xff\xff")  # zeros would be four billion empty chunks, and ffmpeg looks at each
        file.truncate(size + 2**32)
    with pytest.raises(MediaRejected, match=r"longer than 10\.0 s"):
        work.convert(upload, max_audio_seconds=10)


@pytest.mark.parametrize("rate", [100, 999])
def test_rate_too_low_for_speech_is_refused(zoo, work, rate):
    upload = zoo.make("slow.wav", "-f", "lavfi", "-i", f"sine=frequency=20:sample_rate={rate}:duration=5")
    with pytest.raises(MediaRejected, match=rf"^slow\.wav has {rate} samples per second, too few for speech"):
        work.convert(upload)


def test_lowest_rates_that_hold_speech_are_read(zoo, work):
    upload = zoo.make("slow.wav", "-f", "lavfi", "-i", "sine=frequency=400:sample_rate=1000:duration=5")
    assert work.convert(upload).audio_seconds == pytest.approx(5.0, abs=0.1)
