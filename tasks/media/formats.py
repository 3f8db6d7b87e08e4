"""Media file formats: the names that are accepted."""

from pathlib import PurePosixPath

MEDIA_ENDINGS = frozenset(
    (
        *("mp3", "mp2", "mpga", "mpa", "wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "au", "snd", "caf"),
        *("m4a", "m4b", "m4r", "mp4", "m4v", "f4a", "f4v", "mov", "qt", "qta", "3gp", "3gpp", "3g2", "3ga"),
        *("aac", "adts"),
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


def is_media(path: str) -> bool:
    """Return whether the name at the end of *path* is that of an audio or video file. Its content is not looked at."""
    return PurePosixPath(path).suffix.lower().removeprefix(".") in MEDIA_ENDINGS


VIDEO_TYPES = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/mp4",  # browsers that don't know QuickTime's own type play what is in it all the same
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "ogv": "video/ogg",
}
"""Media types of the videos that browsers may play, by ending."""


def video_type(path: str) -> str:
    """Return the media type of a video that browsers may play, by the name at the end of *path*; empty for others."""
    return VIDEO_TYPES.get(PurePosixPath(path).suffix.lower().removeprefix("."), "")


LONGEST_START = 16
"""Bytes from the start of a file that tell such a format."""


def why_unreadable(start: bytes) -> str:
    """Return what is to be said of a file with this start after its name; empty unless its format can't be read."""
    told = (said for offset, mark, said in UNREADABLE_STARTS if start[offset:].startswith(mark))
    return next(told, "")
