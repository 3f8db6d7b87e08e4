"""Media file formats: the accepted names, and the length that a WAV file's own header gives."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

MEDIA_ENDINGS = frozenset(
    (
        *("mp3", "mp2", "mpga", "mpa", "wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "au", "snd", "caf"),
        *(
            "m4a",
            "m4b",
            "m4r",
            "mp4",
            "m4v",
            "mov",
            "qt",
            "qta",
            "3gp",
            "3gpp",
            "3g2",
            "3ga",
            "aac",
            "adts",
            "f4a",
            "f4v",
        ),
        *("flac", "wv", "tta", "dsf", "ogg", "oga", "ogv", "ogx", "opus", "spx", "webm", "weba", "mkv", "mka"),
        *("wma", "wmv", "asf", "amr", "awb", "gsm", "dss", "ac3", "eac3", "avi", "divx", "flv", "dv", "mxf"),
        *("ts", "mts", "m2ts", "m2t", "trp", "tod", "mpg", "mpeg", "mpe", "mod", "vob", "vro", "lrv"),
        *("m4p", "aax", "aa", "ds2", "dvf", "msv"),  # see below
    )
)
"""
Endings of the audio and video files that are accepted, in lower case and without the dot.

The last few are those of recordings that can't be read, or mostly not. They are accepted so that their conversion can
say why, and what to do: without that a folder of dictations would be left out as if it held no sound.
"""

_EXPORT = "Export it as MP3 or WAV with the maker's own program and upload that."
UNREADABLE_STARTS: tuple[tuple[int, bytes, str], ...] = (
    (1, b"ds2", f"is a dictation in the format DS2, which only its maker's programs can read. {_EXPORT}"),
    (1, b"enc", f"is an encrypted dictation (DS2). {_EXPORT}"),
    (
        0,
        b"MS_VOICE",
        f"is a recording in Sony's voice format (DVF, MSV), which only Sony's programs can read. {_EXPORT}",
    ),
    (
        4,
        b"\x57\x90\x75\x36",
        "is an Audible book, protected against copying (DRM). Upload a version without protection.",
    ),
)
"""Offset and bytes by which formats that can't be read are told, and what is said of them."""

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


LONGEST_START = 16
"""Bytes from the start of a file that tell such a format."""


def why_unreadable(start: bytes) -> str:
    """Return what is to be said of a file with this start after its name; empty unless its format can't be read."""
    told = (said for offset, mark, said in UNREADABLE_STARTS if start[offset:].startswith(mark))
    return next(told, "")


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
