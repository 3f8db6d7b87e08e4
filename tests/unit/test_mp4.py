"""The frames of a recording, and the table an MP4 has of them."""

from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.mp4 import NotSeekable, find_frames, mp4_header

# Bytes of a frame of 16 kHz MPEG-2 layer III: 72 times the kilobits per second / 16, one more with padding.
SIZES = {1: 36, 2: 72, 6: 216, 14: 720}
ID3 = b"ID3\x04\0\0\0\0\x01\x02" + bytes(130)  # seven bits of the length in each byte: 130


def frame(kind: int, *, padded: bool = False) -> bytes:
    header = bytes((0xFF, 0xF3, kind << 4 | 8 | padded << 1, 0xC4))
    return header + b"\x55" * (SIZES[kind] + padded - 4)


def tag_frame(delay: int) -> bytes:
    content = bytearray(frame(6))
    content[13:17] = b"Info"
    content[154:157] = (delay << 12 | 1000).to_bytes(3)
    return bytes(content)


def cut(content: bytes, first: int, length: int) -> list[bytes]:
    """*content* in chunks, of which the first is long enough to tell what it is."""
    return [content[:first], *(content[at : at + length] for at in range(first, len(content), length))]


@given(
    st.lists(st.tuples(st.sampled_from(sorted(SIZES)), st.booleans()), min_size=1),
    st.integers(400, 900),
    st.integers(1, 900),
)
def test_frames_are_found_however_the_bytes_arrive(kinds, first, length):
    content = ID3 + tag_frame(576) + b"".join(frame(kind, padded=padded) for kind, padded in kinds)
    frames = find_frames(cut(content, first, length))
    assert frames.first == len(ID3) + SIZES[6]
    assert list(frames.sizes) == [SIZES[kind] + padded for kind, padded in kinds]
    assert frames.delay == 576 + 529


def test_an_mp3_without_a_tag_begins_with_its_sound():
    frames = find_frames([frame(2) + frame(1)])
    assert (frames.first, list(frames.sizes), frames.delay) == (0, [72, 36], 0)


BROKEN = {
    "nothing": b"",
    "no MP3": b"sound" * 100,
    "a tag and no sound": tag_frame(576),
    "a last frame that is cut off": frame(2) + frame(6)[:-1],
    "something behind the last frame": frame(2) + b"TAG" + bytes(125),
    "44.1 kHz": bytes((0xFF, 0xFB, 0x90, 0xC4)) + bytes(413),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_recording_is_refused(content):
    with pytest.raises(NotSeekable):
        find_frames([content])


@pytest.mark.parametrize("count", [1, 249, 250, 251, 1000])
def test_the_header_says_where_the_frames_are(count):
    frames = find_frames([frame(2) * count])
    header = mp4_header(frames)
    places = header.index(b"stco")
    (chunks,) = unpack_from(">I", header, places + 8)
    first = unpack_from(f">{chunks}I", header, places + 12)
    assert first == tuple(len(header) + 72 * at for at in range(0, count, 250))
    assert header.endswith((72 * count + 8).to_bytes(4) + b"mdat")
