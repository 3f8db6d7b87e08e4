"""
The sound in a WAV file: where it begins and ends, however stale its header is and however many files were joined.

What follows the stated sound decides. Chunks that follow each other to the end of the file (four letters and a
length that fits) are no sound. Anything else is sound that the header does not know of.
"""

import re
from dataclasses import dataclass, replace

from tasks.media.samples import MAX_CHUNKS, Part, Samples, Sliceable, wave_format

_RIFF_BYTES = 12
_CHUNK_BYTES = 8
_WRAP = 2**32
"""A plain header counts in 32 bits, and goes on from 0."""

MAX_PARTS = 100
"""ffmpeg opens each as an input. What follows further ones is read as one, in which their headers are short clicks."""

_NAME = re.compile(rb"[A-Za-z0-9_ \xa9-]{3}[A-Za-z0-9_ \x00-]")
_RIFF = re.compile(rb"(?:RIFF|RF64|BW64)....WAVE", re.DOTALL)
_KNOWN = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"fact", b"_PMX", b"PEAK", b"JUNK", b"axml")


def find_wav_parts(content: Sliceable, size: int) -> tuple[Part, ...]:
    """Return the sound of each header in the WAV file *content* of *size* bytes; nothing if there is none."""
    parts: list[Part] = []
    at: int | None = 0
    while at is not None and len(parts) < MAX_PARTS:
        header = _read_header(content, at, size)
        if header is None:
            break
        part, at = _measure(content, header, size)
        parts.append(part)
    if at is not None and len(parts) == MAX_PARTS:
        parts[-1] = replace(parts[-1], end=size, as_stated=False)
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class _Header:
    at: int
    start: int
    stated: int | None
    """Bytes of sound; None if that is a placeholder, as left by recorders that never came to write it."""
    samples: Samples | None
    byte_rate: int
    plain: bool
    """True if ffmpeg reads it the same way."""


def _read_header(content: Sliceable, at: int, size: int) -> _Header | None:
    if not _RIFF.match(content[at : at + _RIFF_BYTES]):
        return None
    position, long_length = at + _RIFF_BYTES, None
    samples, byte_rate, plain = None, 0, True
    for _ in range(MAX_CHUNKS):
        start = position + _CHUNK_BYTES
        if start > size:
            return None
        name, length = content[position : position + 4], int.from_bytes(content[position + 4 : start], "little")
        if name == b"ds64":
            long_length = int.from_bytes(content[start + 8 : start + 16], "little")
        elif name == b"fmt ":
            samples, byte_rate = wave_format(content[start : start + min(length, 40)])
        elif name == b"data":
            if long_length is not None and (long_length or length == _WRAP - 1):
                definite = 0 < long_length < 2**62
                stated = long_length if definite else None
                return _Header(at, start, stated, samples, byte_rate, plain and definite)
            stated = None if (_is_placeholder(length) and start + length > size) or not length else length
            return _Header(at, start, stated, samples, byte_rate, plain)
        position = start + length + length % 2
        if length % 2 and not _NAME.fullmatch(content[position : position + 4]):
            position, plain = position - 1, False  # written without the byte that makes it even
    return None


def _is_placeholder(length: int) -> bool:
    return 0x7FF0_0000 <= length <= 0x8000_0000 or length >= 0xFFFF_0000


def _measure(content: Sliceable, header: _Header, size: int) -> tuple[Part, int | None]:
    """Return the sound of *header*, and the offset of the next header if there is one."""

    def part(end: int, *, missing: int = 0, as_stated: bool = True) -> Part:
        sound = (header.samples, header.byte_rate, missing, as_stated and header.plain)
        return Part(header.at, header.start, end, *sound)

    if header.stated is not None and header.start + header.stated > size:
        missing = header.start + header.stated - size
        following = _next_header(content, header.start, size)
        return part(size, missing=missing) if following is None else part(following, as_stated=False), following
    stated = header.stated or 0
    wraps_at_most = 0 if header.stated is None else (size - header.start - stated) // _WRAP
    for wraps in range(1 + wraps_at_most):
        end = header.start + stated + wraps * _WRAP
        behind = _read_behind(content, end, size)
        if behind is not None and (end > header.start or size == header.start or behind.chunks):
            return part(end, as_stated=wraps == 0), behind.next_header
    following = _next_header(content, header.start, size)
    # ffmpeg itself reads to the end where nothing is stated.
    return part(following or size, as_stated=header.stated is None and following is None), following


@dataclass(frozen=True, slots=True)
class _Behind:
    chunks: int
    next_header: int | None


def _read_behind(content: Sliceable, end: int, size: int) -> _Behind | None:
    """Return what follows the sound that ends at *end*, or None if that is sound, too."""
    for position in (end + end % 2, end):
        behind = _read_chunks(content, position, size)
        if behind is not None:
            return behind
    return None


def _read_chunks(content: Sliceable, position: int, size: int) -> _Behind | None:
    for number in range(MAX_CHUNKS):
        if size - position < _CHUNK_BYTES:
            return _Behind(number, None)
        if _RIFF.match(content[position : position + _RIFF_BYTES]):
            return _Behind(number, position)
        name = content[position : position + 4]
        length = int.from_bytes(content[position + 4 : position + _CHUNK_BYTES], "little")
        end = position + _CHUNK_BYTES + length
        if name in _KNOWN and end > size:
            return _Behind(number + 1, None)
        if not _NAME.fullmatch(name) or end > size:
            return None
        padded = end + length % 2
        named = _NAME.fullmatch(content[padded : padded + 4])
        position = padded if length % 2 == 0 or named or padded >= size else end
    return None


def _next_header(content: Sliceable, start: int, size: int) -> int | None:
    """Return the offset of the next header behind *start*."""
    place = start
    while (place := content.find(b"WAVE", place)) >= 0:
        at = place - 8
        if at >= start and _read_header(content, at, size) is not None:
            return at
        place += 4
    return None
