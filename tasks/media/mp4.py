"""
A recording as MP4: the same MP3 frames, behind a header that says where each of them begins.

An MP3 of variable bit rate has no such table, only a hundred entries of eight bits, so browsers guess: measured in
Chromium, an hour of it is heard up to 13 s off the requested place. In an MP4 every frame has its place.

Boxes: ISO/IEC 14496-12 and 14496-14. Frames: ISO/IEC 13818-3. The tag in the first frame, which holds the encoder's
delay: LAME's "Mp3 Info Tag".
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, islice
from struct import pack
from typing import Final

SAMPLE_RATE: Final = 16_000
FRAME_SAMPLES: Final = 576
_KILOBITS: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# Sync, MPEG version 2, layer III; the sampling rate index of 16 kHz. The protection bit may be either.
_HEADER_MASK: Final = 0xFFFE0C00
_HEADER: Final = 0xFFF20800
_ID3_HEADER_BYTES: Final = 10
_TAG_OFFSET: Final = 13
"""Offset of the tag in a mono frame of MPEG version 2: after 4 bytes of header and 9 of side information."""

_DELAY_OFFSET: Final = _TAG_OFFSET + 141
DECODER_DELAY: Final = 529
"""Samples by which every MP3 decoder lags behind; they are cut off together with the encoder's."""

FRAMES_PER_CHUNK: Final = 250
_MPEG2_LAYER3: Final = 0x69
_UNITY: Final = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class NotSeekable(ValueError):
    """The bytes are not those of a recording as `tasks.media.convert` makes them."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of an MP3: the offset of the first, their sizes in bytes, the number of samples before the sound."""

    first: int
    sizes: "array[int]"
    delay: int

    @property
    def stop(self) -> int:
        """Offset of the end of the last frame."""
        return self.first + sum(self.sizes)


def find_frames(chunks: Iterable[bytes]) -> Frames:
    """
    Return the frames of the MP3 that comes in *chunks*, of which the first holds at least a whole frame.

    Raises `NotSeekable` for anything but a whole 16 kHz mono MP3.
    """
    rest, at, end = b"", 0, 0
    first, delay = -1, 0
    sizes = array("H")
    for chunk in chunks:
        end += len(chunk)
        rest, at = (rest[at:] + chunk, 0) if at <= len(rest) else (chunk, at - len(rest))
        if first < 0:
            first, delay = _start(rest)
            at = first
        while at + 4 <= len(rest):
            sizes.append(_frame_size(int.from_bytes(rest[at : at + 4])))
            at += sizes[-1]
    if first < 0 or not sizes or first + sum(sizes) != end:
        msg = "The recording does not end with a whole frame."
        raise NotSeekable(msg)
    return Frames(first, sizes, delay)


def _start(head: bytes) -> tuple[int, int]:
    """Return the offset of the first frame of sound and the number of samples before the sound."""
    at = 0
    if head[:3] == b"ID3":
        at = _ID3_HEADER_BYTES + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    size = _frame_size(int.from_bytes(head[at : at + 4]))
    if head[at + _TAG_OFFSET : at + _TAG_OFFSET + 4] not in (b"Xing", b"Info"):
        return at, 0
    delay = int.from_bytes(head[at + _DELAY_OFFSET : at + _DELAY_OFFSET + 3]) >> 12
    return at + size, delay + DECODER_DELAY


def _frame_size(header: int) -> int:
    kilobits = header >> 12 & 0xF
    if header & _HEADER_MASK != _HEADER or not 0 < kilobits < len(_KILOBITS):
        msg = "The recording is no sequence of 16 kHz MP3 frames."
        raise NotSeekable(msg)
    return _KILOBITS[kilobits] * 1000 // 8 * FRAME_SAMPLES // SAMPLE_RATE + (header >> 9 & 1)


def mp4_header(frames: Frames) -> bytes:
    """Return the part of an MP4 before the frames; the frames follow it as they are in the MP3."""
    start = _box(b"ftyp", b"isom", pack(">I", 0x200), b"isomiso2mp41")
    payload = sum(frames.sizes)
    length = len(start) + len(_movie(frames, 0)) + 8
    return start + _movie(frames, length) + pack(">I4s", payload + 8, b"mdat")


def _movie(frames: Frames, data_start: int) -> bytes:
    samples = len(frames.sizes) * FRAME_SAMPLES
    heard = max(0, samples - frames.delay)
    movie_times = pack(">4I", 0, 0, SAMPLE_RATE, heard)
    movie_header = _full_box(b"mvhd", movie_times, pack(">IHxx8x", 0x10000, 0x100), _UNITY, bytes(24), pack(">I", 2))
    track_times = pack(">5I", 0, 0, 1, 0, heard)
    track_header = _full_box(b"tkhd", track_times, pack(">8xHHHxx", 0, 1, 0x100), _UNITY, bytes(8), flags=3)
    edit = _full_box(b"elst", pack(">IIiI", 1, heard, frames.delay, 0x10000))
    return _box(b"moov", movie_header, _box(b"trak", track_header, _box(b"edts", edit), _media(frames, data_start)))


def _media(frames: Frames, data_start: int) -> bytes:
    samples = len(frames.sizes) * FRAME_SAMPLES
    undetermined_language = 0x55C4
    header = _full_box(b"mdhd", pack(">4IHxx", 0, 0, SAMPLE_RATE, samples, undetermined_language))
    handler = _full_box(b"hdlr", pack(">I4s12x", 0, b"soun"), b"\0")
    own_file = _full_box(b"url ", flags=1)
    references = _box(b"dinf", _full_box(b"dref", pack(">I", 1), own_file))
    sound = _full_box(b"smhd", bytes(4))
    return _box(b"mdia", header, handler, _box(b"minf", sound, references, _table(frames, data_start)))


def _table(frames: Frames, data_start: int) -> bytes:
    count = len(frames.sizes)
    whole, remaining = divmod(count, FRAMES_PER_CHUNK)
    runs = [(1, FRAMES_PER_CHUNK)] if whole else []
    runs += [(whole + 1, remaining)] if remaining else []
    places = list(islice(accumulate(frames.sizes, initial=data_start), 0, count, FRAMES_PER_CHUNK))
    return _box(
        b"stbl",
        _full_box(b"stsd", pack(">I", 1), _sound_entry(frames)),
        _full_box(b"stts", pack(">3I", 1, count, FRAME_SAMPLES)),
        _full_box(b"stsc", pack(">I", len(runs)), *(pack(">3I", chunk, length, 1) for chunk, length in runs)),
        _full_box(b"stsz", pack(f">{count + 2}I", 0, count, *frames.sizes)),
        _full_box(b"stco", pack(f">{len(places) + 1}I", len(places), *places)),
    )


def _sound_entry(frames: Frames) -> bytes:
    seconds = len(frames.sizes) * FRAME_SAMPLES / SAMPLE_RATE
    mean_bits = int(sum(frames.sizes) * 8 / seconds)
    audio_stream = 0x15
    decoder = _descriptor(4, pack(">BB3xII", _MPEG2_LAYER3, audio_stream, _KILOBITS[-1] * 1000, mean_bits))
    stream = _descriptor(3, pack(">HB", 1, 0), decoder, _descriptor(6, b"\2"))
    description = _full_box(b"esds", stream)
    return _box(b"mp4a", pack(">6xH8xHH4xI", 1, 1, 16, SAMPLE_RATE << 16), description)


def _descriptor(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return pack(">BB", tag, len(content)) + content


def _full_box(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, pack(">I", flags), *parts)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return pack(">I4s", len(content) + 8, name) + content
