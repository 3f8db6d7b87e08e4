"""The bytes and seconds that containers announce, also of joined files and of headers that were cut."""

import struct

import pytest

from tasks.media.announced import Announced, find_announced
from tasks.media.sources import WHOLE_FILE, Source, find_layout
from tests.support.sample_files import PLAIN, aiff, au, w64


def box(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(content) + 8 if size is None else size) + name + content


def movie(kind: bytes = b"soun", length: int = 5000, heard: int = 0) -> bytes:
    header = box(b"mdhd", bytes(12) + struct.pack(">II", 1000, length) + bytes(4))
    track = box(b"tkhd", bytes(12) + struct.pack(">III", 1, 0, heard) + bytes(60))
    return box(b"trak", track + box(b"mdia", header + box(b"hdlr", bytes(8) + kind + bytes(12))))


MOVIE = box(b"mvhd", bytes(12) + struct.pack(">II", 600, 0) + bytes(80))


def wide(name: bytes, scale: int, length: int) -> bytes:
    return box(name, b"\1" + bytes(19) + struct.pack(">IQ", scale, length) + bytes(60))


def mp4(tracks: bytes, data_size: int = 1008) -> bytes:
    return box(b"ftyp", b"M4A ") + box(b"moov", tracks) + box(b"mdat", bytes(1000), data_size)


def matroska(size: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67" + size + bytes(1000)


def asf(size: int, *, live: bool = False) -> bytes:
    numbers = struct.pack("<6QI", size, 0, 0, 65_000_000, 0, 1500, live)
    properties = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365") + struct.pack("<Q", 104) + bytes(16) + numbers
    return bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + struct.pack("<QIH", 0, 1, 0) + properties + bytes(500)


def avi(size: int | None = None, *, unit_bytes: int = 0, hole: int = 0) -> bytes:
    header = b"auds" + bytes(16) + struct.pack("<4I", 1, 100, 0, 500) + struct.pack("<3I", 0, 0, unit_bytes) + bytes(8)
    pieces = [(b"01wb" if unit_bytes else b"00wb") + struct.pack("<I", 10) + bytes(10)] * 500
    pieces[200 : 200 + hole] = [bytes(len(piece)) for piece in pieces[200 : 200 + hole]]
    picture = b"strh" + struct.pack("<I", 48) + b"vids" + bytes(44) if unit_bytes else b""
    streams = picture + b"strh" + struct.pack("<I", 56) + header
    movie = b"LIST" + struct.pack("<I", 4) + b"movi" + b"".join(pieces)
    content = b"AVI " + b"LIST" + struct.pack("<I", 4 + len(streams)) + b"hdrl" + streams + movie
    return b"RIFF" + struct.pack("<I", len(content) if size is None else size) + content


def flv(size: float) -> bytes:
    numbers = b"".join(
        bytes((0, len(name))) + name + b"\0" + struct.pack(">d", number)
        for name, number in ((b"duration", 5.0), (b"filesize", size))
    )
    return b"FLV\1" + numbers + bytes(1000)


@pytest.mark.parametrize(
    ("content", "announced"),
    [
        (mp4(movie()), Announced(0, 5.0)),
        (mp4(movie(), 3008), Announced(2000, 5.0)),
        (mp4(movie(b"vide", 9000) + movie() + movie(length=8000), 0), Announced(0, 5.0)),  # to the end of the file
        (mp4(movie(length=0)), Announced(0, None)),  # in fragments
        (mp4(MOVIE + movie(heard=1800)), Announced(0, 3.0)),  # trimmed: the rest is there and not to be heard
        (mp4(MOVIE + movie(heard=6000)), Announced(0, 5.0)),  # with silence before it
        (mp4(box(b"trak", box(b"mdia", wide(b"mdhd", 10, 70) + box(b"hdlr", bytes(8) + b"soun")))), Announced(0, 7.0)),
        (mp4(box(b"trak", box(b"mdia", box(b"mdhd", b"") + box(b"hdlr", bytes(8) + b"soun")))), Announced(0, None)),
        (mp4(movie(b"text")), Announced(0, None)),
        (matroska(b"\x43\xe8"), Announced(0)),
        (matroska(b"\x4b\xb8"), Announced(2000)),
        (matroska(b"\x01" + b"\xff" * 7), None),  # live
        (asf(10), Announced(0, 5.0)),
        (asf(2000), Announced(2000 - len(asf(0)), 5.0)),
        (asf(2000, live=True), None),
        (avi(), Announced(0, 5.0)),
        (avi(len(avi()) - 8 + 2000), Announced(2000, 5.0)),
        (avi(hole=50), Announced(0, 5.0, broken_at=2.0)),
        (avi(unit_bytes=10, hole=50), Announced(0, 5.0, broken_at=2.0)),
        (avi(0), Announced(0, 5.0)),
        (flv(0.0), Announced(0, 5.0)),
        (flv(5000.0), Announced(5000 - len(flv(0.0)), 5.0)),
        (b"OggS" + bytes(100), None),
        (b"", None),
    ],
)
def test_containers_count_their_bytes(content, announced):
    assert find_announced(content, len(content)) == announced


def test_mp4s_that_were_joined_are_sources_of_their_own():
    one = mp4(movie())
    assert find_layout(one, len(one)).sources == WHOLE_FILE
    assert find_layout(one * 3, 3 * len(one)).sources == (Source(), Source(len(one)), Source(2 * len(one)))
    fragments = one + box(b"moof", b"") + one  # ffmpeg goes on to the next
    assert find_layout(fragments, len(fragments)).sources == WHOLE_FILE


def test_each_track_of_sound_has_its_own_length():
    content = mp4(movie() + movie(b"vide", 9000) + movie(length=8000), 3008)
    lengths = [find_announced(content, len(content), audio_stream=stream).sound_seconds for stream in range(3)]
    assert lengths == [5.0, 8.0, None]


@pytest.mark.parametrize(
    "whole", [mp4(MOVIE + movie()), PLAIN, w64(32024), aiff(32008), au(32000), asf(10), avi(), flv(0.0)]
)
def test_headers_that_were_cut_anywhere_are_no_error(whole):
    for size in range(min(len(whole), 700)):
        find_layout(whole[:size], size)
        find_announced(whole[:size], size)
