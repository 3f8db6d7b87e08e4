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

MAX_BOXES = 1_000_000
_HEAD_BYTES = 65_536
_STRH_BYTES = 48
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


@dataclass(frozen=True, slots=True)
class Announced:
    """The announcements of a container."""

    missing_bytes: int
    """Bytes that the file lacks by its own structure, or that follow where its structure breaks off."""
    sound_seconds: float | None = None
    """Length of the sound itself, without what is before it; None if only that of everything is stated."""
    broken_at: float | None = None
    """Seconds of sound before the first place where the structure breaks off, if ffmpeg passes over that in silence."""


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
        return _avi(content, size, audio_stream)
    if head[:3] == b"FLV":
        return _flv(content, size)
    return None


def joined_mp4s(content: Sliceable, size: int) -> list[int]:
    """Return the offset of each MP4 in a file of several that were put one behind the other; else nothing."""
    if content[4:8] != b"ftyp":
        return []
    boxes = [(name, start - 8) for name, start, _ in mp4_boxes(content, 0, size)]
    names = [name for name, _ in boxes]
    starts = [start for name, start in boxes if name == b"ftyp"]
    alone = len(starts) == 1 or names.count(b"moov") != len(starts) or b"moof" in names
    return [] if alone else starts


def _mp4(content: Sliceable, size: int, audio_stream: int) -> Announced:
    end, tracks = 0, []
    for name, start, end in mp4_boxes(content, 0, size):
        if name == b"moov":
            tracks = list(_mp4_sound_tracks(content, start, min(end, size)))
    track = tracks[audio_stream] if audio_stream < len(tracks) else None
    seconds = track.seconds if track else None
    if track and track.scale and seconds is None and end != size:
        seconds = _fragments_end(content, track, size)
    return Announced(abs(end - size), seconds)


@dataclass(frozen=True, slots=True)
class _Track:
    number: int
    scale: int
    """Ticks per second."""
    seconds: float | None


def mp4_boxes(content: Sliceable, position: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box, and the offsets of its content's start and end."""
    for _ in range(MAX_BOXES):
        head = content[position : position + 16]
        if position + 8 > stop or not head[4:8].isascii() or head[4:8] == bytes(4):
            return
        length, start = int.from_bytes(head[:4]), position + 8
        if length == 1:
            length, start = int.from_bytes(head[8:16]), position + 16
        end = stop if length == 0 else position + length
        if end < start:
            return
        yield head[4:8], start, end
        position = end


def _mp4_sound_tracks(content: Sliceable, start: int, stop: int) -> Iterator[_Track]:
    """Yield each track of sound."""
    movie_scale = 0
    for name, track, end in mp4_boxes(content, start, stop):
        number, heard = 0, None
        if name == b"mvhd":
            movie_scale, _ = _times(content[track:end], 12)
        for part, begin, part_end in mp4_boxes(content, track, end) if name == b"trak" else ():
            if part == b"tkhd":
                number, _ = _times(content[begin:part_end], 12)
                _, heard = _times(content[begin:part_end], 16)
            boxes = (
                {box: (place, to) for box, place, to in mp4_boxes(content, begin, part_end)} if part == b"mdia" else {}
            )
            (handler, _), (header, header_end) = boxes.get(b"hdlr", (0, 0)), boxes.get(b"mdhd", (0, 0))
            if header and handler and content[handler + 8 : handler + 12] == b"soun":
                scale, length = _times(content[header:header_end], 12)
                lengths = [ticks / per for ticks, per in ((length, scale), (heard, movie_scale)) if ticks and per]
                # Of a recording that was trimmed only a part is meant to be heard.
                yield _Track(number, scale, min(lengths) if length and lengths else None)


def _times(box: bytes, offset: int) -> tuple[int, int | None]:
    """
    Return the 32 bits at *offset* of a box whose times have 32 bits, and the length behind them; None if it is unknown.

    In a box of version 1 two times of 64 bits stand before, and the length has 64 bits.
    """
    wide = box[:1] == b"\1"
    place, count = (offset + 8, 8) if wide else (offset, 4)
    length = int.from_bytes(box[place + 4 : place + 4 + count])
    return int.from_bytes(box[place : place + 4]), None if length in (0, 2 ** (8 * count) - 1) else length


def _fragments_end(content: Sliceable, track: _Track, size: int) -> float | None:
    """Return the end of a track in fragments: that of its last one whose head is in the file."""
    last, place = None, 0
    while (place := content.find(b"moof", place)) >= 0:
        length = int.from_bytes(content[max(0, place - 4) : place])
        for name, start, end in mp4_boxes(content, place + 4, min(size, place - 4 + length)):
            boxes = {box: begin for box, begin, _ in mp4_boxes(content, start, end)} if name == b"traf" else {}
            if b"tfhd" in boxes and b"tfdt" in boxes:
                head, time = boxes[b"tfhd"], boxes[b"tfdt"]
                wide = content[time : time + 1] == b"\1"
                if int.from_bytes(content[head + 4 : head + 8]) == track.number:
                    begin = int.from_bytes(content[time + 4 : time + (12 if wide else 8)])
                    last = (begin + _run_ticks(content, start, end)) / track.scale
        place += 4
    return last


def _run_ticks(content: Sliceable, start: int, stop: int) -> int:
    """Return the length of the samples of a track's fragment, in its ticks."""
    ticks = usual = 0
    for name, begin, end in mp4_boxes(content, start, stop):
        flags = int.from_bytes(content[begin + 1 : begin + 4])
        if name == b"tfhd" and flags & 8:
            place = begin + 8 + 8 * (flags & 1) + 4 * (flags >> 1 & 1)
            usual = int.from_bytes(content[place : place + 4])
        if name == b"trun":
            samples = int.from_bytes(content[begin + 4 : begin + 8])
            place = begin + 8 + 4 * (flags & 1) + 4 * (flags >> 2 & 1)
            width = 4 * (flags >> 8 & 15).bit_count()
            if flags & 0x100 and place + width * samples <= end:
                ticks += sum(
                    int.from_bytes(content[at : at + 4]) for at in range(place, place + width * samples, width)
                )
            elif not flags & 0x100:
                ticks += samples * usual
    return ticks


def _matroska(content: Sliceable, size: int) -> Announced | None:
    header, start = vint(content, 4)
    if header is None or content[start + header : start + header + 4] != b"\x18\x53\x80\x67":
        return None
    length, segment = vint(content, start + header + 4)
    return None if length is None else Announced(max(0, segment + length - size))


def vint(content: Sliceable, position: int) -> tuple[int | None, int]:
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


def _avi(content: Sliceable, size: int, audio_stream: int) -> Announced:
    sound = _AviSound(audio_stream)
    position, end_of_file = 0, 0
    for _ in range(MAX_BOXES):
        name, start = content[position : position + 4], position + 8
        length = int.from_bytes(content[position + 4 : start], "little")
        if name == b"RIFF" and 0 < length < 2**32 - 1:
            end_of_file = start + length
        if start >= min(size, end_of_file or size) or not name.isascii() or name == bytes(4):
            break
        if name in (b"RIFF", b"LIST"):
            position = start + 4
            continue
        sound.take(name, content[start : start + _STRH_BYTES], length)
        position = start + length + length % 2
    broken = position + 8 < min(size, end_of_file or size)
    return Announced(max(0, end_of_file - size), sound.declared_seconds, sound.seconds if broken else None)


@dataclass(slots=True)
class _AviSound:
    """The sound of an AVI, counted chunk by chunk in units that its header defines."""

    audio_stream: int
    streams: int = 0
    audio_streams: int = 0
    number: int | None = None
    unit_seconds: float = 0.0
    unit_bytes: int = 0
    """Bytes of a unit; 0 if each chunk is one."""
    declared: int = 0
    units: int = 0

    def take(self, name: bytes, content: bytes, length: int) -> None:
        """Take a chunk: a stream's header, or a piece of its sound."""
        if name == b"strh" and len(content) == _STRH_BYTES:
            if content[:4] == b"auds":
                if self.audio_streams == self.audio_stream:
                    self._take_header(content)
                self.audio_streams += 1
            self.streams += 1
        elif self.number is not None and name == b"%02dwb" % self.number:
            self.units += length // self.unit_bytes if self.unit_bytes else 1

    def _take_header(self, content: bytes) -> None:
        scale, rate, _, self.declared = struct.unpack("<4I", content[20:36])
        self.unit_bytes = int.from_bytes(content[44:48], "little")
        self.number, self.unit_seconds = self.streams, scale / rate if rate else 0.0

    @property
    def declared_seconds(self) -> float | None:
        return self.declared * self.unit_seconds or None

    @property
    def seconds(self) -> float:
        return self.units * self.unit_seconds


def _flv(content: Sliceable, size: int) -> Announced:
    head = content[: min(size, _HEAD_BYTES)]
    return Announced(max(0, int(_flv_number(head, b"filesize")) - size), _flv_number(head, b"duration") or None)


def _flv_number(head: bytes, name: bytes) -> float:
    """Return the number of that name in the file's metadata, or 0."""
    place = head.find(bytes((0, len(name))) + name + b"\0")
    value = head[place + len(name) + 3 : place + len(name) + 11] if place >= 0 else b""
    number = struct.unpack(">d", value)[0] if len(value) == 8 else 0.0
    return number if 0 < number < 2**53 else 0.0
