"""Files without a stated length: what proves that one breaks off, and what does not."""

import pytest

from tasks.media.endings import breaks_off


def ogg(*flags: int) -> bytes:
    """Pages of 300 bytes of content each, with these flags."""
    return b"".join(b"OggS\0" + bytes([flag]) + bytes(20) + bytes([2, 255, 45]) + b"x" * 300 for flag in flags)


def element(name: str, content: bytes, *, unknown: bool = False) -> bytes:
    length = b"\x01" + b"\xff" * 7 if unknown else (len(content) | 1 << 56).to_bytes(8)
    return bytes.fromhex(name) + length + content


BLOCK = element("e7", b"\1") + element("a3", bytes(50)) * 3
LIVE = element("1a45dfa3", bytes(20)) + element(
    "18538067",
    element("1549a966", bytes(9)) + element("1f43b675", BLOCK, unknown=True) + element("1f43b675", BLOCK),
    unknown=True,
)
ADTS = b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + (b"\xff\xf1\x50\x80\x0c\x9f\xfc" + bytes(93)) * 5
AMR = b"#!AMR\n" + (b"\x3c" + bytes(31) + b"\x7c") * 4
AMR_WB = b"#!AMR-WB\n" + (b"\x1c" + bytes(36)) * 4
PACKETS = (b"G" + bytes(187)) * 6
TIMED_PACKETS = (bytes(4) + b"G" + bytes(187)) * 6
JUNK = b"TAG" + b"junk" * 40
WHOLE = {
    "Ogg": ogg(2, 0, 0, 4),
    "two Oggs in one": ogg(2, 4, 2, 0, 4),
    "AAC": ADTS,
    "AMR": AMR,
    "AMR wideband": AMR_WB,
    "MPEG TS": PACKETS,
    "MPEG TS with times": TIMED_PACKETS,
    "live Matroska": LIVE,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_does_not_break_off_and_nor_does_one_with_junk_behind_it(kind):
    whole = WHOLE[kind]
    assert not breaks_off(whole, len(whole))
    assert not breaks_off(whole + JUNK, len(whole + JUNK))


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("missing", [3, 20])
def test_a_file_that_ends_in_the_middle_of_something_breaks_off(kind, missing):
    cut = WHOLE[kind][:-missing]
    assert breaks_off(cut, len(cut))


def test_an_ogg_without_the_mark_at_its_end_breaks_off():
    assert breaks_off(ogg(2, 0, 0), len(ogg(2, 0, 0)))


def test_nothing_is_known_of_what_is_cut_off_between_two_frames():
    for whole, frame in ((ADTS, 100), (AMR, 33), (PACKETS, 188)):
        assert not breaks_off(whole[:-frame], len(whole) - frame)


@pytest.mark.parametrize("other", [b"", b"ID3", b"RIFF", b"\xff\xfb\x90\x64" + bytes(900), b"OggS", bytes(500), JUNK])
def test_other_files_are_left_alone(other):
    assert breaks_off(other, len(other)) is (other == b"OggS")


def test_a_matroska_of_known_length_is_left_alone():
    known = element("1a45dfa3", bytes(20)) + element("18538067", element("1549a966", bytes(90)))
    assert not breaks_off(known[:-50], len(known) - 50)
