"""
Files of plain samples: where the sound lies in WAV, W64, AIFF, AU and CAF, whatever their headers say of its length.

ffmpeg reads as much sound as a header states, and says nothing of what lies behind. Recorders that write into a pipe,
lose power or run over 4 GiB state 0, -1 or something stale; files are joined by putting one behind the other. So the
header is read here too: a file whose length can't be trusted is read as what it is, samples to where they end.

Sources: Microsoft's "Multiple channel audio data and WAVE files", EBU Tech 3306 (RF64), Sony's W64, Apple's AIFF-C and
CAF, Sun's AU.
"""

import struct
from dataclasses import dataclass
from typing import Protocol

MAX_CHUNKS = 1000


class Sliceable(Protocol):
    """Bytes in memory, or a map of a file."""

    def __getitem__(self, part: slice, /) -> bytes:
        """Return the bytes of *part*."""
        ...

    def find(self, sub: bytes, start: int, /) -> int:
        """Return the first place of *sub* from *start* on, or -1."""
        ...


@dataclass(frozen=True, slots=True)
class Samples:
    """The form of plain samples, as ffmpeg names it: ``s16le``, samples per second, channels."""

    codec: str
    rate: int
    channels: int

    @property
    def bytes_per_second(self) -> int:
        """Bytes of a second of sound."""
        return _BYTES[self.codec] * self.channels * self.rate


_BYTES = (
    dict.fromkeys(("u8", "s8", "alaw", "mulaw"), 1)
    | dict.fromkeys(("s16le", "s16be"), 2)
    | dict.fromkeys(("s24le", "s24be"), 3)
    | dict.fromkeys(("s32le", "s32be", "f32le", "f32be"), 4)
    | dict.fromkeys(("f64le", "f64be"), 8)
)


def samples_of(codec: str, rate: int, channels: int) -> Samples | None:
    """Return the form of samples, or None if it is no plain one."""
    return Samples(codec, rate, channels) if codec in _BYTES and rate > 0 and 0 < channels <= 64 else None


@dataclass(frozen=True, slots=True)
class Part:
    """The sound of one header in a file. A file has several of them if files were put one behind the other."""

    header: int
    """Offset of the header in bytes."""
    start: int
    """Offset of the sound."""
    end: int
    """Offset of its end in the file."""
    samples: Samples | None
    """None if the sound is not of plain samples."""
    byte_rate: int
    """Bytes per second by the header; 0 if unknown."""
    missing_bytes: int = 0
    """Bytes that the header announces and the file lacks."""
    as_stated: bool = True
    """True if ffmpeg finds just this sound by the header."""


def find_part(content: Sliceable, size: int) -> Part | None:
    """Return the sound in a W64, AIFF, AU or CAF file of *size* bytes, or None for any other kind of file."""
    reader = {b"riff": _w64, b"FORM": _aiff, b".snd": _au, b"caff": _caf}.get(content[:4])
    return reader(content, size) if reader else None


def _part(start: int, stated: int | None, size: int, samples: Samples | None, *, readable: bool) -> Part:
    """Return the part at *start* of a file with one header. *readable*: ffmpeg copes where nothing is stated."""
    end = size if stated is None else min(size, start + stated)
    rate = samples.bytes_per_second if samples else 0
    missing = 0 if stated is None else max(0, start + stated - size)
    return Part(0, start, end, samples, rate, missing, as_stated=stated is not None or readable or samples is None)


def _w64(content: Sliceable, size: int) -> Part | None:
    guid_tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    position, samples = 40, None
    for _ in range(MAX_CHUNKS):
        start = position + 24
        if start > size:
            return None
        name, length = content[position : position + 4], int.from_bytes(content[position + 16 : start], "little")
        if content[position + 4 : position + 16] == guid_tail:
            if name == b"fmt ":
                samples, _ = wave_format(content[start : start + 40])
            if name == b"data":
                definite = 24 < length < 2**62
                return _part(start, length - 24 if definite else None, size, samples, readable=False)
        position += max(24, (length + 7) & ~7)
    return None


def wave_format(chunk: bytes) -> tuple[Samples | None, int]:
    """Return the form of samples by a ``fmt `` chunk and the bytes per second that it states."""
    if len(chunk) < 16:
        return None, 0
    tag, channels, rate, byte_rate, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == 0xFFFE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    integers = {8: "u8", 16: "s16le", 24: "s24le", 32: "s32le"}
    names = {1: integers, 3: {32: "f32le", 64: "f64le"}, 6: {8: "alaw"}, 7: {8: "mulaw"}}
    return samples_of(names.get(tag, {}).get(bits, ""), rate, channels), byte_rate


def _aiff(content: Sliceable, size: int) -> Part | None:
    kind = content[8:12]
    if kind not in (b"AIFF", b"AIFC"):
        return None
    position, samples, frames = 12, None, 0
    for _ in range(MAX_CHUNKS):
        start = position + 8
        if start > size:
            return None
        name, length = content[position : position + 4], int.from_bytes(content[position + 4 : start])
        if name == b"COMM":
            chunk = content[start : start + 22]
            samples, frames = _aiff_format(chunk, kind), int.from_bytes(chunk[2:6])
        if name == b"SSND":
            definite = 8 < length < 0x7FFF_0000 and frames < 0x7FFF_0000
            return _part(start + 8, length - 8 if definite else None, size, samples, readable=False)
        position = start + length + length % 2
    return None


def _aiff_format(chunk: bytes, kind: bytes) -> Samples | None:
    if len(chunk) < 18:
        return None
    channels, bits = int.from_bytes(chunk[:2]), int.from_bytes(chunk[6:8])
    exponent, mantissa = struct.unpack(">HQ", chunk[8:18])
    rate = int(mantissa * 2.0 ** (exponent - 16383 - 63)) if 16383 <= exponent < 16383 + 32 else 0
    coding = chunk[18:22] if kind == b"AIFC" else b"NONE"
    orders = {b"NONE": "be", b"twos": "be", b"sowt": "le"}
    fixed = {b"fl32": "f32be", b"FL32": "f32be", b"fl64": "f64be", b"alaw": "alaw", b"ulaw": "mulaw"}
    if coding in orders:
        width = (bits + 7) // 8 * 8
        return samples_of("s8" if width == 8 else f"s{width}{orders[coding]}", rate, channels)
    return samples_of(fixed.get(coding, ""), rate, channels)


def _au(content: Sliceable, size: int) -> Part | None:
    if size < 24:
        return None
    start, length, coding, rate, channels = struct.unpack(">5I", content[4:24])
    names = {1: "mulaw", 2: "s8", 3: "s16be", 4: "s24be", 5: "s32be", 6: "f32be", 7: "f64be", 27: "alaw"}
    definite = 0 < length < 0xFFFF_0000
    samples = samples_of(names.get(coding, ""), rate, channels)
    return _part(start, length if definite else None, size, samples, readable=False)


def _caf(content: Sliceable, size: int) -> Part | None:
    position = 8
    for _ in range(MAX_CHUNKS):
        start = position + 12
        if start > size:
            return None
        name, length = content[position : position + 4], int.from_bytes(content[position + 4 : start])
        if name == b"data":
            definite = 4 < length < 2**62
            return _part(start + 4, length - 4 if definite else None, size, None, readable=True)
        position = start + length
    return None
