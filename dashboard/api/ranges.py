"""Range requests: the part of a file that a player asks for (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class RangeNotSatisfiable(Exception):
    """The range begins behind the end of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from *start* up to but not including *stop*."""

    start: int
    stop: int


def requested_range(header: str | None, size: int) -> ByteRange | None:
    """
    Return the range that *header* asks for of a file of *size* bytes, or None for all of it.

    A header other than a single range of bytes is ignored, as the RFC wants: the answer is then the whole file. Raises
    `RangeNotSatisfiable`.
    """
    match = _ONE_RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        return _suffix(int(match[2]), size)
    start, stop = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    return ByteRange(start, stop)


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise RangeNotSatisfiable
    return ByteRange(max(0, size - length), size)
