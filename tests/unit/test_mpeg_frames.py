"""The frames of MP3 and AAC files, the holes between them, and the bytes that a header announces."""

import struct

import pytest

from tasks.media.mpeg_frames import Frame, announces_more, parse_frame, walk_frames

FRAME_HEADER = b"\xff\xfb\x90\xc4"  # 128 kbit/s, 44.1 kHz, mono
MP3_FRAME = FRAME_HEADER + bytes(413)
SECONDS = 1152 / 44100
ADTS_FRAME = bytes.fromhex("fff1506008fffc") + bytes(64)  # 71 bytes at 44.1 kHz


def info(tag: bytes) -> bytes:
    return (FRAME_HEADER + bytes(17) + tag).ljust(len(MP3_FRAME), b"\0")


@pytest.mark.parametrize(
    ("header", "frame"),
    [
        (FRAME_HEADER + bytes(3), Frame(417, 1152, 44100, mono=True)),
        (b"\xff\xf3\x40\xc0" + bytes(3), Frame(104, 576, 22050, mono=True, low_rate=True)),
        (b"\xff\xfd\x80\x00" + bytes(3), Frame(417, 1152, 44100)),
        (ADTS_FRAME[:7], Frame(71, 1024, 44100)),
        (b"\xff\xfb\xf0\x00" + bytes(3), None),  # no such bit rate
        (b"\xff\xfb\x9c\x00" + bytes(3), None),  # nor sampling rate
        (b"\xff\xeb\x90\x00" + bytes(3), None),  # nor version
        (FRAME_HEADER, None),
        (bytes(7), None),
    ],
)
def test_frames_of_all_kinds_are_measured(header, frame):
    assert parse_frame(header) == frame


ID3 = b"ID3\x04\0\0\0\0\x01\x00" + b"\xff\xfb" * 64
"""A tag whose picture looks like sound."""


@pytest.mark.parametrize(
    "content",
    [
        MP3_FRAME * 20,
        ID3 + MP3_FRAME * 20,
        MP3_FRAME * 10 + ID3 + MP3_FRAME * 10,  # joined
        MP3_FRAME * 20 + b"TAG" + bytes(125),
        MP3_FRAME * 20 + MP3_FRAME[:300],  # a last frame that was cut
    ],
)
def test_frames_without_a_hole_are_counted(content):
    walk = walk_frames(content, len(content))
    assert walk.holes == ()
    assert walk.seconds == pytest.approx(20 * SECONDS)


@pytest.mark.parametrize(
    ("frame", "junk", "seconds"),
    [
        (MP3_FRAME, bytes(41_700), 100 * SECONDS),
        (MP3_FRAME, b" and so on\xff\xfb\x90\xc4" * 4170, 140 * SECONDS),  # like frames, but none follows another
        (ADTS_FRAME, bytes(7_100), 100 * 1024 / 44100),
    ],
)
def test_bytes_between_frames_are_a_hole_of_their_length(frame, junk, seconds):
    content = frame * 20 + junk + frame * 20
    ((before, length),) = walk_frames(content, len(content)).lost()
    assert (before, length) == pytest.approx(
        (20 * 1024 / 44100 if frame is ADTS_FRAME else 20 * SECONDS, seconds), rel=0.02
    )


@pytest.mark.parametrize(
    ("tag", "missing_frames"),
    [
        (b"Xing" + struct.pack(">III", 3, 20, 21 * 417), 0),
        (b"Info" + struct.pack(">III", 3, 40, 21 * 417), 0),  # a wrong number of frames; the bytes are all there
        (b"Info" + struct.pack(">III", 3, 10, 21 * 417), 0),
        (b"Xing" + struct.pack(">III", 3, 60, 61 * 417), 40),
        (b"Xing" + struct.pack(">III", 3, 6000, 61 * 417), 40),  # both wrong and cut off
        (b"Xing" + struct.pack(">II", 1, 60), 0),  # no bytes: nothing is proved
        (b"Xing" + struct.pack(">II", 2, 61 * 417), 40),
    ],
)
def test_bytes_in_the_header_of_an_mp3_tell_whether_it_was_cut_off(tag, missing_frames):
    for content in (info(tag) + MP3_FRAME * 20, ID3 + info(tag) + MP3_FRAME * 20 + b"TAG" + bytes(125)):
        missing = walk_frames(content, len(content)).missing_seconds
        assert missing == pytest.approx(missing_frames * SECONDS, abs=2 * SECONDS)
        assert announces_more(content, len(content)) is (missing_frames > 0)


def test_vbri_header_counts_bytes_too():
    tag = b"VBRI" + bytes(6) + struct.pack(">II", 61 * 417, 60)
    content = (FRAME_HEADER + bytes(32) + tag).ljust(417, b"\0") + MP3_FRAME * 20
    assert walk_frames(content, len(content)).missing_seconds == pytest.approx(40 * SECONDS, abs=2 * SECONDS)
