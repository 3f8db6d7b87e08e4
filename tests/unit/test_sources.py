"""The place of the sound in an upload, and its announced end, by the bytes of the file."""

import struct

import pytest

from tasks.media.announced import Announced, find_announced
from tasks.media.mpeg_frames import Frame, announces_more, parse_frame, walk_frames
from tasks.media.samples import Samples
from tasks.media.sources import WHOLE_FILE, Source, find_layout

MONO = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
FORMAT = (b"fmt ", 16, MONO)
SPEECH = bytes(range(128, 256)) * 250  # a second that is no text
FORM = Samples("s16le", 16000, 1)


def wav(*chunks: tuple[bytes, int, bytes], kind: bytes = b"RIFF") -> bytes:
    return kind + struct.pack("<I", 0) + b"WAVE" + b"".join(n + struct.pack("<I", size) + c for n, size, c in chunks)


def speech(stated: int = 32000) -> tuple[bytes, int, bytes]:
    return (b"data", stated, SPEECH)


def ds64(length: int) -> tuple[bytes, int, bytes]:
    return (b"ds64", 28, struct.pack("<QQQI", 1, length, 1, 0))


LIST = (b"LIST", 4, b"INFO")
PLAIN = wav(FORMAT, speech())
ADPCM = (b"fmt ", 16, struct.pack("<HHIIHH", 17, 1, 16000, 8000, 256, 4))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        wav((b"bext", 3, bytes(4)), FORMAT, speech(), LIST),
        wav(FORMAT, speech(), (b"id3 ", 3, bytes(4)), LIST),  # odd chunks are padded
        wav(FORMAT, speech(), (b"LIST", 4000, b"INFO")),  # cut off behind the sound
        PLAIN + bytes(7),
        wav(FORMAT, speech(0)),  # recorders that lost power, or write into a pipe: ffmpeg reads to the end
        wav(FORMAT, speech(0xFFFFFFFF)),
        wav(FORMAT, speech(0x7FFFF000)),
        wav(FORMAT, speech(0x7FF00000)),
        wav(ds64(32000), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"),
        wav(ADPCM, speech()),
        b"",
        b"RIFF",
        b"ID3\x04" + bytes(100),
        wav(FORMAT),
        b"RIFF\0\0\0\0AVI LIST" + bytes(100),
        wav(FORMAT, (b"data", 0, b""), LIST),  # no sound at all
    ],
)
def test_ordinary_file_is_left_to_ffmpeg_and_lacks_nothing(content):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(1.0) == 0.0


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (wav(FORMAT, speech(16000)), [1.0]),  # stale: written when half of it was there
        (wav(FORMAT, speech(16000), LIST), [1.0 + 12 / 32000]),  # ... and then there is no telling where it ends
        (wav(ds64(0), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), [1.0]),
        (wav(ds64(2**64 - 1), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), [1.0]),
        (wav(ds64(2**63), FORMAT, speech(0xFFFFFFFF), kind=b"BW64"), [1.0]),
        (wav((b"bext", 3, bytes(3)), FORMAT, speech()), [1.0]),  # odd, without the byte that makes it even
        (PLAIN + PLAIN, [1.0, 1.0]),
        (PLAIN + wav(FORMAT, speech(0)), [1.0, 1.0]),
        (wav(FORMAT, speech(), LIST) + PLAIN + PLAIN, [1.0, 1.0, 1.0]),
        (wav(FORMAT, speech(16000)) + PLAIN, [1.0, 1.0]),
        (wav(FORMAT, speech(0)) + PLAIN, [1.0, 1.0]),
        (wav(FORMAT, speech(32050)) + PLAIN, [1.0, 1.0]),  # the first was cut off
    ],
)
def test_sound_that_the_header_does_not_know_of_is_read_as_samples(content, seconds):
    sources = find_layout(content, len(content)).sources
    assert [source.seconds for source in sources] == pytest.approx(seconds, abs=1e-4)
    assert {source.samples for source in sources} == {FORM}
    assert all(content[source.start : source.start + 128] == SPEECH[:128] for source in sources)


def test_sound_that_is_no_plain_samples_is_left_to_ffmpeg_beyond_its_header():
    stale, joined = wav(ADPCM, speech(8000)), wav(ADPCM, speech()) * 2
    assert find_layout(stale, len(stale)).sources == (Source(to_end_of_file=True),)
    assert find_layout(joined, len(joined)).sources == (Source(), Source(len(joined) // 2))
    both = stale + stale
    assert find_layout(both, len(both)).sources == (Source(), Source(len(stale), to_end_of_file=True))


def test_hundreds_of_joined_files_are_read_to_the_end():
    content = PLAIN * 300
    sources = find_layout(content, len(content)).sources
    assert len(sources) == 100
    assert sum(source.seconds for source in sources) == pytest.approx(300.0, abs=0.5)


class LongFile:
    """A header, and the same second of sound as often as it takes."""

    def __init__(self, header: bytes, size: int) -> None:
        self.header, self.size = header, size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self.size)
        return bytes(
            self.header[at] if at < len(self.header) else SPEECH[at % len(SPEECH)] for at in range(start, stop)
        )

    def find(self, sub: bytes, start: int) -> int:
        return self.header.find(sub, start)


@pytest.mark.parametrize("stated", [32000, 0, 0xFFFFFFFF])
def test_sound_longer_than_a_header_can_count_is_read_whole(stated):
    header = wav(FORMAT, (b"data", stated, b""))
    size = len(header) + 32000 + 2**32
    (source,) = find_layout(LongFile(header, size), size).sources
    assert source.seconds in (None, (32000 + 2**32) / 32000)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (wav(FORMAT, speech(96000)), 2.0),
        (wav(ds64(2**33), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), (2**33 - 32000) / 32000),
        (wav(ADPCM, speech(40000)), 1.0),
        (wav((b"fmt ", 16, struct.pack("<HHIIHH", 2, 1, 16000, 0, 256, 4)), speech(96000)), 200.0),  # by the share
    ],
)
def test_header_that_announces_more_than_there_is_tells_what_is_missing(content, missing):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(100.0) == pytest.approx(missing)


def w64(length: int) -> bytes:
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + bytes(8) + b"wave" + tail
    chunk = b"fmt " + tail + struct.pack("<Q", 40) + MONO
    return head + chunk + b"data" + tail + struct.pack("<Q", length) + SPEECH


def aiff(length: int, frames: int = 16000, kind: bytes = b"AIFF", coding: bytes = b"") -> bytes:
    rate = struct.pack(">HQ", 16383 + 13, int(16000 / 2**13 * 2**63))
    common = struct.pack(">HIH", 1, frames, 16) + rate + coding
    sound = b"SSND" + struct.pack(">III", length, 0, 0) + SPEECH
    return b"FORM" + bytes(4) + kind + b"COMM" + struct.pack(">I", len(common)) + common + sound


def au(length: int) -> bytes:
    return b".snd" + struct.pack(">5I", 24, length, 3, 16000, 1) + SPEECH


def caf(length: int) -> bytes:
    return (
        b"caff"
        + bytes(4)
        + b"desc"
        + struct.pack(">q", 32)
        + bytes(32)
        + b"data"
        + struct.pack(">qI", length, 0)
        + SPEECH
    )


@pytest.mark.parametrize(
    ("content", "form"),
    [
        *((w64(length), "s16le") for length in (0, 24, 2**63 - 1, 2**64 - 1)),
        *((aiff(length), "s16be") for length in (0, 8, 0x7FFFFFFF, 0xFFFFFFFF)),
        (aiff(32008, frames=0xFFFFFFFF), "s16be"),
        (aiff(0, kind=b"AIFC", coding=b"sowt"), "s16le"),
        *((au(length), "s16be") for length in (0, 0xFFFFFFFF)),
    ],
)
def test_other_files_of_samples_without_a_length_are_read_as_samples(content, form):
    (source,) = find_layout(content, len(content)).sources
    assert (source.seconds, source.samples) == (1.0, Samples(form, 16000, 1))
    assert content[source.start :] == SPEECH


@pytest.mark.parametrize("content", [w64(32024), aiff(32008), aiff(32008, frames=0), au(32000), caf(32004), caf(-1)])
def test_other_files_of_samples_are_left_to_ffmpeg_where_it_can_read_them(content):
    layout = find_layout(content, len(content))
    assert (layout.sources, layout.missing_bytes) == (WHOLE_FILE, 0)


@pytest.mark.parametrize("content", [w64(64024), aiff(64008), au(64000), caf(64004)])
def test_other_files_of_samples_that_were_cut_off_are_recognized(content):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(1.0) == pytest.approx(1.0)


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
    fragments = one + box(b"moof", b"") + one  # ffmpeg reads on by itself
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
