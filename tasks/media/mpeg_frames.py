"""
The frames of an MP3 or an ADTS file (raw AAC): how long they last, where there is something else between them.

Such a file has no clock: what is broken in it is only skipped. Its frames say how many bytes a second takes, so what
lies between them has a length in time. The Xing or VBRI header in the first frame of an MP3 states the bytes of the
sound: a file that holds them all was not cut off, whatever number of frames the header states.

Frames: ISO/IEC 11172-3 and 13818-3 (MP3), 13818-7 (ADTS). Headers: LAME's "Mp3 Info Tag", Fraunhofer's VBRI.
"""

import re
from dataclasses import dataclass, field

from tasks.media.samples import Sliceable

_SYNC = re.compile(rb"\xff[\xe0-\xff]")
_KILOBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
FRAMES_TO_BELIEVE = 3
"""Frames that must follow each other for a place to be taken for one where frames begin again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The header of a frame: its size in bytes, its length in samples, and the samples per second."""

    size: int
    samples: int
    rate: int
    mono: bool = False
    low_rate: bool = False
    """True for MPEG version 2 and 2.5."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes between frames that are no frames and no tags."""

    seconds_before: float
    """Length of all frames before."""
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FrameWalk:
    """The frames of a file."""

    seconds: float = 0.0
    frame_bytes: int = 0
    holes: tuple[Hole, ...] = ()
    """The last one may reach to the end of the file."""
    announced_bytes: int = 0
    """Bytes of the sound by the header in the first frame, counted from that frame; 0 if it says nothing."""
    announced_seconds: float = 0.0
    first: int = 0
    """Offset of the first frame."""
    size: int = 0

    @property
    def bytes_per_second(self) -> float:
        """Mean bytes of a second of the frames."""
        return self.frame_bytes / self.seconds if self.seconds else 0.0

    @property
    def missing_seconds(self) -> float:
        """Length of the sound that was cut off, by the bytes that the header announces and the file lacks."""
        missing_bytes = self.first + self.announced_bytes - self.size
        if missing_bytes <= 0 or not self.bytes_per_second:
            return 0.0
        by_bytes = missing_bytes / self.bytes_per_second
        by_frames = self.announced_seconds - self.seconds - sum(self._hole_seconds(hole) for hole in self.inner_holes)
        return by_frames if by_bytes / 3 < by_frames < by_bytes * 3 else by_bytes

    def lost(self) -> tuple[tuple[float, float], ...]:
        """
        Return the sound that is lost in holes: for each the seconds of frames before it, and its own length.

        What follows the last frame may be anything, unless the header counts it as sound.
        """
        return tuple((hole.seconds_before, self._hole_seconds(hole)) for hole in self.inner_holes)

    @property
    def inner_holes(self) -> list[Hole]:
        """The holes that have taken sound with them."""
        end_of_sound = self.first + self.announced_bytes
        return [
            hole
            for hole in self.holes
            if hole.offset + hole.bytes < self.size or hole.offset + hole.bytes / 2 < end_of_sound
        ]

    def _hole_seconds(self, hole: Hole) -> float:
        return hole.bytes / self.bytes_per_second if self.bytes_per_second else 0.0


def parse_frame(header: bytes) -> Frame | None:
    """Return the frame that *header*, seven bytes or more, begins, or None if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    if header[1] & 0xF6 == 0xF0:
        return _adts_frame(header)
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bits, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate_index == 3:
        return None
    low = version != 3
    rate = _RATES[rate_index] >> (0 if version == 3 else 1 if version == 2 else 2)
    bit_rate = _KILOBITS[2 if low else 1, layer][bits] * 1000
    mono = header[3] >> 6 == 3
    if layer == 1:
        return Frame((12 * bit_rate // rate + padding) * 4, 384, rate, mono, low)
    samples = 576 if low and layer == 3 else 1152
    return Frame(samples // 8 * bit_rate // rate + padding, samples, rate, mono, low)


def _adts_frame(header: bytes) -> Frame | None:
    rate_index, size = header[2] >> 2 & 15, (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    if rate_index >= len(_ADTS_RATES) or size < 7:
        return None
    return Frame(size, 1024 * ((header[6] & 3) + 1), _ADTS_RATES[rate_index])


def walk_frames(content: Sliceable, size: int) -> FrameWalk:
    """Return the frames in the file *content* of *size* bytes, an MP3 or an ADTS file."""
    walk = _Walk(content, size)
    walk.run()
    announced_bytes, announced_seconds = _announcement(content, walk.first) if walk.frames else (0, 0.0)
    return FrameWalk(
        walk.seconds,
        walk.frame_bytes,
        tuple(walk.holes),
        announced_bytes,
        announced_seconds,
        walk.first,
        size - _trailing_tags(content, size),
    )


def announces_more(content: Sliceable, size: int) -> bool:
    """Return whether the header in the first frame of an MP3 of *size* bytes states more bytes than there are."""
    walk = _Walk(content, size)
    position = walk.find_first()
    stated, _ = _announcement(content, position)
    return position + stated > size - _trailing_tags(content, size)


@dataclass(slots=True)
class _Walk:
    content: Sliceable
    size: int
    seconds: float = 0.0
    frame_bytes: int = 0
    frames: int = 0
    first: int = 0
    holes: list[Hole] = field(default_factory=list)

    def run(self) -> None:
        position = 0
        while position < self.size:
            frame = parse_frame(self.content[position : position + 7])
            if frame is not None and position + frame.size <= self.size and (self.frames or self._begins(position)):
                if not self.frames:
                    self.first = position
                self.frames += 1
                self.seconds += frame.samples / frame.rate
                self.frame_bytes += frame.size
                position += frame.size
                continue
            tag = tag_bytes(self.content, position)
            if tag:
                position += tag
                continue
            following = self._next_begin(position + 1)
            if self.frames and not (frame is not None and following == self.size):  # but for a last frame that was cut
                self.holes.append(Hole(self.seconds, position, following - position))
            position = following

    def find_first(self) -> int:
        """Return the offset of the first frame behind the tags at the beginning."""
        position = 0
        while tag := tag_bytes(self.content, position):
            position += tag
        return self._next_begin(position)

    def _next_begin(self, position: int) -> int:
        for match in _SYNC.finditer(self.content, position):  # type: ignore[call-overload]  # bytes or a map
            if self._begins(match.start()):
                return int(match.start())
        return self.size

    def _begins(self, position: int) -> bool:
        """Return whether frames of one kind follow each other from *position* on, or to the end."""
        first = parse_frame(self.content[position : position + 7])
        for number in range(FRAMES_TO_BELIEVE):
            frame = parse_frame(self.content[position : position + 7])
            if frame is None or first is None or frame.rate != first.rate:
                return number > 0 and (position == self.size or bool(tag_bytes(self.content, position)))
            position += frame.size
        return True


def tag_bytes(content: Sliceable, position: int) -> int:
    """Return the length of the tag (ID3, APE, Lyrics3) that begins at *position*, or 0."""
    head = content[position : position + 32]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        return 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10]))) + 10 * (head[5] >> 4 & 1)
    if head[:3] == b"TAG":
        return 227 if head[3:4] == b"+" else 128
    if head[:8] == b"APETAGEX":
        return int.from_bytes(head[12:16], "little") + 32 * (head[23] >> 5 & 1)
    return 0


def _trailing_tags(content: Sliceable, size: int) -> int:
    tags = 128 if content[max(0, size - 128) : size][:3] == b"TAG" else 0
    footer = content[max(0, size - tags - 32) : size - tags]
    if footer[:8] == b"APETAGEX":
        tags += int.from_bytes(footer[12:16], "little") + 32 * (footer[23] >> 7)
    return tags


def _announcement(content: Sliceable, first: int) -> tuple[int, float]:
    """Return the bytes and the seconds of sound that the header in the first frame states, 0 for what it doesn't."""
    frame = parse_frame(content[first : first + 7])
    if frame is None:
        return 0, 0.0
    side = (9 if frame.mono else 17) if frame.low_rate else (17 if frame.mono else 32)
    tag = content[first + 4 + side : first + 4 + side + 16]
    vbri = content[first + 36 : first + 36 + 18]
    frames = count = 0
    if tag[:4] in (b"Xing", b"Info"):
        flags, place = tag[7], 8
        if flags & 1:
            frames, place = int.from_bytes(tag[place : place + 4]), place + 4
        if flags & 2:
            count = int.from_bytes(tag[place : place + 4])
    elif vbri[:4] == b"VBRI":
        count, frames = int.from_bytes(vbri[10:14]), int.from_bytes(vbri[14:18])
    return count, (frames * frame.samples / frame.rate if count else 0.0)
