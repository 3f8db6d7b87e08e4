"""Media file formats: the names that are accepted."""

from pathlib import PurePosixPath

MEDIA_ENDINGS = frozenset(
    (
        *("mp3", "mp2", "mpga", "wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "au", "snd", "caf"),
        *("m4a", "m4b", "mp4", "m4v", "mov", "qt", "3gp", "3gpp", "3g2", "aac", "adts", "f4a", "f4v"),
        *("flac", "wv", "ogg", "oga", "ogv", "ogx", "opus", "spx", "webm", "weba", "mkv", "mka"),
        *("wma", "wmv", "asf", "amr", "awb", "ac3", "eac3", "avi", "flv", "ts", "mts", "m2ts", "mpg", "mpeg", "vob"),
    )
)
"""Endings of the audio and video files that can be read, in lower case and without the dot."""


def is_media(path: str) -> bool:
    """Return whether the name at the end of *path* is that of an audio or video file. Its content is not looked at."""
    return PurePosixPath(path).suffix.lower().removeprefix(".") in MEDIA_ENDINGS
