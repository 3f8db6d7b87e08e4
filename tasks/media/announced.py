"""
The end that a container announces: whether the file is shorter than its own structure says, and how long its sound is.

Only what the file counts in bytes proves that its end is missing. Lengths in seconds are often those of something
else: pictures, chapters, subtitles.

Sources: ISO/IEC 14496-12 (MP4), RFC 9559 (Matroska), Microsoft's ASF and AVI, Adobe's FLV.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.media.samples import Sliceable

MAX_BOXES = 100_000
_HEAD_BYTES = 65_536
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


@dataclass(frozen=True, slots=True)
class Announced:
    """The announcements of a container."""

    missing_bytes: int
    """Bytes that the file lacks by its own structure."""
    sound_seconds: float | None = None
    """Length of the sound itself, without what is before it; None if only that of everything is stated."""


def find_announced(content: Sliceable, size: int, *, audio_stream: int = 0) -> Announced | None:
    """
    Return the end that the file *content* of *size* bytes announces, or None if it announces none.

    *audio_stream* is the place of the stream that is read among those with sound, from 0.
    """
    head = content[:16]
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _mp4(content, size, audio_stream)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska(content, size)
    if head == _ASF_HEADER:
        return _asf(content, size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _avi(content, size)
    if head[:3] == b"FLV":
        return _flv(content, size)
    return None


def _mp4(content: Sliceable, size: int, audio_stream: int) -> Announced:
    missing, lengths = 0, []
    for name, start, end in _boxes(content, 0, size):
        missing = max(missing, end - size)
        if name == b"moov":
            lengths = list(_mp4_sound_lengths(content, start, min(end, size)))
    return Announced(missing, lengths[audio_stream] if audio_stream < len(lengths) else None)


def _boxes(content: Sliceable, position: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box, and the offsets of its content's start and end."""
    for _ in range(MAX_BOXES):
        head = content[position : position + 16]
        if position + 8 > stop or not head[4:8].isascii():
            return
        length, start = int.from_bytes(head[:4]), position + 8
        if length == 1:
            length, start = int.from_bytes(head[8:16]), position + 16
        end = stop if length == 0 else position + length
        if end < start:
            return
        yield head[4:8], start, end
        position = end


def _mp4_sound_lengths(content: Sliceable, start: int, stop: int) -> Iterator[float | None]:
    """Yield the length of each track of sound."""
    for name, track, end in _boxes(content, start, stop):
        if name != b"trak":
            continue
        for part, media, media_end in _boxes(content, track, end):
            boxes = {box: begin for box, begin, _ in _boxes(content, media, media_end)} if part == b"mdia" else {}
            if b"hdlr" in boxes and content[boxes[b"hdlr"] + 8 : boxes[b"hdlr"] + 12] == b"soun" and b"mdhd" in boxes:
                yield _mdhd_seconds(content[boxes[b"mdhd"] : boxes[b"mdhd"] + 36])


def _mdhd_seconds(box: bytes) -> float | None:
    scale, length = struct.unpack(">IQ", box[20:32]) if box[:1] == b"\1" else struct.unpack(">II", box[12:20])
    unknown = length in (0, 2**32 - 1, 2**64 - 1) or scale == 0
    return None if unknown else length / scale


def _matroska(content: Sliceable, size: int) -> Announced | None:
    header, start = _vint(content, 4)
    if header is None or content[start + header : start + header + 4] != b"\x18\x53\x80\x67":
        return None
    length, segment = _vint(content, start + header + 4)
    return None if length is None else Announced(max(0, segment + length - size))


def _vint(content: Sliceable, position: int) -> tuple[int | None, int]:
    """Return the number at *position*, None if it is the one for unknown, and where it ends."""
    first = content[position : position + 1]
    if not first or not first[0]:
        return None, position
    length = 9 - first[0].bit_length()
    number = int.from_bytes(content[position : position + length]) & ((1 << 7 * length) - 1)
    return (None if number == (1 << 7 * length) - 1 else number), position + length


def _asf(content: Sliceable, size: int) -> Announced | None:
    position = 30
    for _ in range(int.from_bytes(content[24:28], "little") % 1000):
        length = int.from_bytes(content[position + 16 : position + 24], "little")
        if content[position : position + 16] == _ASF_FILE_PROPERTIES and position + 104 <= size:
            properties = content[position + 40 : position + 92]
            file_bytes, _, _, play, _, preroll, flags = struct.unpack("<6QI", properties)
            live = flags & 1
            return None if live else Announced(max(0, file_bytes - size), max(0.0, play / 1e7 - preroll / 1e3) or None)
        position += max(24, length)
    return None


def _avi(content: Sliceable, size: int) -> Announced:
    position = 0
    while content[position : position + 4] == b"RIFF":
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        if not 0 < length < 2**32 - 1:
            break
        position += 8 + length
    head = content[: min(size, _HEAD_BYTES)]
    place = head.find(b"auds")
    scale, rate, _, length = (
        struct.unpack("<4I", head[place + 20 : place + 36]) if 0 < place < len(head) - 36 else [0] * 4
    )
    return Announced(max(0, position - size), length * scale / rate if rate and length else None)


def _flv(content: Sliceable, size: int) -> Announced:
    head = content[: min(size, _HEAD_BYTES)]
    return Announced(max(0, int(_flv_number(head, b"filesize")) - size), _flv_number(head, b"duration") or None)


def _flv_number(head: bytes, name: bytes) -> float:
    """Return the number of that name in the file's metadata, or 0."""
    place = head.find(bytes((0, len(name))) + name + b"\0")
    value = head[place + len(name) + 3 : place + len(name) + 11] if place >= 0 else b""
    number = struct.unpack(">d", value)[0] if len(value) == 8 else 0.0
    return number if 0 < number < 2**53 else 0.0
