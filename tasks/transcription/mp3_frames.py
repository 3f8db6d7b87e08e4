"""
The frames of a recording as our conversion writes it: an MP3, mono at 16 kHz.

Frames: ISO/IEC 13818-3. The first one has no sound but Xing's header, in which LAME's "Mp3 Info Tag" says how many
samples the encoder has added at both ends.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap

from tasks.transcription.backend import TranscriptionCancelled

FRAME_SAMPLES = 576

_FIRST, _SECOND = 0xFF, (0xF2, 0xF3)
"""First two bytes of a frame of MPEG-2, layer III, with a checksum and without."""

_RATE_MASK, _RATE = 0b1100, 0b1000
_MONO = 0b11
_KILOBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)


def _size(third: int) -> int:
    if third & _RATE_MASK != _RATE or not _KILOBITS[third >> 4]:
        return 0
    padding = third >> 1 & 1
    return 72 * _KILOBITS[third >> 4] // 16 + padding


_SIZES = tuple(_size(third) for third in range(256))
"""Bytes of a frame by the third byte of its header; 0 if there is no such frame."""

_ID3V1_BYTES = 128
_ID3V2_HEADER_BYTES = 10
_TAG_BYTES = 192
"""The first frame as far as the end of LAME's tag, and more."""

_ALL_XING_FIELDS = 0xF
_PADDING = slice(141, 144)
"""Where, after Xing's header with all fields, LAME's tag has two numbers of 12 bits."""

_DECODER_DELAY = 529
"""Samples by which every decoder is late."""

_FRAMES_BETWEEN_CANCEL_CHECKS = 200_000


class NotSeekable(Exception):
    """The file is no MP3 as our conversion writes it."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of sound, by the offsets of their bytes, and the samples to drop at both ends."""

    offsets: "array[int]"
    skipped_samples: int
    discarded_samples: int

    @property
    def samples(self) -> int:
        """Length of the sound."""
        return max(len(self.offsets) * FRAME_SAMPLES - self.skipped_samples - self.discarded_samples, 0)


def find_frames(content: mmap, *, cancelled: Callable[[], bool]) -> Frames:
    """Return the frames of sound in *content*, a whole file. Raises `NotSeekable` or `TranscriptionCancelled`."""
    offsets = array("q")
    for offset in _walk(content, _start(content), _end(content)):
        offsets.append(offset)
        if len(offsets) % _FRAMES_BETWEEN_CANCEL_CHECKS == 0 and cancelled():
            raise TranscriptionCancelled
    if not offsets:
        raise NotSeekable
    skipped, discarded = _added_samples(content[offsets[0] : offsets[0] + _TAG_BYTES])
    return Frames(offsets[1:], skipped, discarded)


def frame_at(content: mmap, offset: int) -> bytes:
    """Return the frame that begins at *offset*."""
    return content[offset : offset + _SIZES[content[offset + 2]]]


def _walk(content: mmap, start: int, end: int) -> Iterator[int]:
    offset = start
    while offset + 3 < end:
        size = _SIZES[content[offset + 2]]
        if content[offset] != _FIRST or content[offset + 1] not in _SECOND or content[offset + 3] >> 6 != _MONO:
            raise NotSeekable
        if not size or offset + size > end:
            raise NotSeekable
        yield offset
        offset += size
    if offset != end:
        raise NotSeekable


def _start(content: mmap) -> int:
    """Return the offset after an ID3v2 tag at the start: each byte of its size has seven bits."""
    if content[:3] != b"ID3":
        return 0
    size = 0
    for byte in content[6:_ID3V2_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return _ID3V2_HEADER_BYTES + size


def _end(content: mmap) -> int:
    """Return the offset of an ID3v1 tag, or else of the end."""
    tag = len(content) - _ID3V1_BYTES
    return tag if tag >= 0 and content[tag : tag + 3] == b"TAG" else len(content)


def _added_samples(first_frame: bytes) -> tuple[int, int]:
    """Return the samples to drop at the start and at the end."""
    header = first_frame[max(first_frame.find(b"Xing"), first_frame.find(b"Info"), 0) :]
    fields, both = int.from_bytes(header[4:8]), int.from_bytes(header[_PADDING])
    if header[:4] not in (b"Xing", b"Info") or fields != _ALL_XING_FIELDS or not both:
        raise NotSeekable
    return (both >> 12) + _DECODER_DELAY, max((both & 0xFFF) - _DECODER_DELAY, 0)
