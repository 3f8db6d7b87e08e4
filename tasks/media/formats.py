"""Media file formats: the accepted names, and the length that a WAV file's own header gives."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

MEDIA_ENDINGS = frozenset(
    (
        *("mp3", "mp2", "mpga", "wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "au", "snd", "caf"),
        *("m4a", "m4b", "mp4", "m4v", "mov", "qt", "3gp", "3gpp", "3g2", "aac", "adts", "f4a", "f4v"),
        *("flac", "wv", "ogg", "oga", "ogv", "ogx", "opus", "spx", "webm", "weba", "mkv", "mka"),
        *("wma", "wmv", "asf", "amr", "awb", "ac3", "eac3", "avi", "flv", "ts", "mts", "m2ts", "mpg", "mpeg", "vob"),
    )
)
"""Endings of the audio and video files that can be read, in lower case and without the dot."""

UNKNOWN_WAV_LENGTH = 0x7FFF_F000
"""Recorders that write into a pipe, or lose power, leave 0 or a length from here on in the header: it says nothing."""

_RIFF_BYTES = 12
_CHUNK_BYTES = 8
_MAX_CHUNKS = 1000
_WRAP = 2**32
"""A plain WAV header counts in 32 bits."""


def is_media(path: str) -> bool:
    """Return whether the name at the end of *path* is that of an audio or video file. Its content is not looked at."""
    return PurePosixPath(path).suffix.lower().removeprefix(".") in MEDIA_ENDINGS


class Sliceable(Protocol):
    """Bytes in memory, or a map of a file."""

    def __getitem__(self, part: slice, /) -> bytes:
        """Return the bytes of *part*."""
        ...


@dataclass(frozen=True, slots=True)
class WavHeader:
    """
    The header of a WAV file: the start and the announced length of its sound, in bytes.

    ffmpeg reads such a file to where it ends and does not say that more was announced, nor that there is more.
    """

    start: int
    announced: int | None
    """None if the header says nothing definite."""

    def share_present(self, size: int) -> float:
        """Return the share of the announced sound that a file of *size* bytes holds, from 0 to 1."""
        if self.announced is None:
            return 1.0
        return min(1.0, max(0, size - self.start) / self.announced)

    def overflowed(self, size: int) -> bool:
        """Return whether the file is so long that its header's count of bytes wrapped around to 0."""
        return self.announced is not None and size - self.start - self.announced >= _WRAP


def read_wav_header(content: Sliceable, size: int) -> WavHeader | None:
    """Return the header of a WAV file of *size* bytes, or None for any other. *content* is the file, or a map of it."""
    if content[:4] not in (b"RIFF", b"RF64", b"BW64") or content[8:_RIFF_BYTES] != b"WAVE":
        return None
    position, long_length = _RIFF_BYTES, 0
    for _ in range(_MAX_CHUNKS):
        start = position + _CHUNK_BYTES
        if start > size:
            return None
        name, length = content[position : position + 4], int.from_bytes(content[position + 4 : start], "little")
        if name == b"ds64":
            long_length = int.from_bytes(content[start + 8 : start + 16], "little")
        if name == b"data":
            definite = 0 < length < UNKNOWN_WAV_LENGTH
            return WavHeader(start, long_length or (length if definite else None))
        position = start + length + length % 2
    return None
