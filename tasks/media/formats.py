"""Media file formats: the names that are accepted, and what files begin with whose names tell nothing."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from tasks.batches import Recording

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


def video_type(path: str, recording: Recording | None) -> str:
    """
    Return the media type of an upload with a picture that browsers may show; empty for others.

    Its recording says what the file is. Without one, or by an older one, the name at the end of *path* decides.
    """
    if recording is not None and recording.video_type is not None:
        return recording.video_type
    return VIDEO_TYPES.get(PurePosixPath(path).suffix.lower().removeprefix("."), "")


LONGEST_START = 16
"""Bytes from the start of a file that tell such a format."""


def why_unreadable(start: bytes) -> str:
    """Return what is to be said of a file with this start after its name; empty unless its format can't be read."""
    told = (said for offset, mark, said in UNREADABLE_STARTS if start[offset:].startswith(mark))
    return next(told, "")


START_BYTES = 512
"""Bytes from the start of a file that tell whether it is media."""

_MPEG_SYNCS = (
    "fffb",
    "fffa",
    "fff3",
    "fff2",
    "ffe3",
    "ffe2",
    "fffd",
    "fffc",
    "fff5",
    "fff4",
    "fff1",
    "fff0",
    "fff9",
    "fff8",
)
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ")

MEDIA_STARTS: tuple[tuple[tuple[int, bytes], ...], ...] = (
    *(
        ((0, b"RIFF"), (8, b"WAVE")),
        ((0, b"RIFF"), (8, b"AVI ")),
        ((0, b"RIFF"), (8, b"CDXA")),
        ((0, b"RIFX"), (8, b"WAVE")),
        ((0, b"RF64"), (8, b"WAVE")),
        ((0, b"BW64"), (8, b"WAVE")),
    ),
    *(((0, b"FORM"), (8, b"AIFF")), ((0, b"FORM"), (8, b"AIFC"))),
    *(
        ((0, mark),)
        for mark in (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11", b"caff")
    ),
    *(
        ((0, mark),)
        for mark in (b".snd", b"wvpk", b"TTA1", b"DSD ", b"riff.\x91\xcf\x11", b"#!AMR", b"\x02dss", b"\x03dss")
    ),
    *(((0, mark),) for mark in (b"\x0bw", b"\x00\x00\x01\xba", b"\x06\x0e+4\x02\x05\x01", b"\x1f\x07\x00")),
    *(((0, bytes.fromhex(sync)),) for sync in _MPEG_SYNCS),
    *(((4, atom),) for atom in _ATOMS),
    ((0, b"G"), (188, b"G"), (376, b"G")),  # MPEG transport stream
    ((4, b"G"), (196, b"G"), (388, b"G")),  # of a camera or a disc: with a time before each packet
    *(((offset, mark),) for offset, mark, _ in UNREADABLE_STARTS),
)
"""For each kind of media offsets and bytes of its start, all of which a file of it has."""

OTHER_STARTS = tuple(((4, b"ftyp"), (8, brand)) for brand in _PICTURES)
"""Starts of pictures whose containers are those of films."""


def begins_like_media(start: bytes) -> bool:
    """Return whether a file with this start, of `START_BYTES` if it is that long, may be audio or video."""
    return any(_has(start, marks) for marks in MEDIA_STARTS) and not any(_has(start, marks) for marks in OTHER_STARTS)


def _has(start: bytes, marks: Iterable[tuple[int, bytes]]) -> bool:
    return all(start[offset : offset + len(mark)] == mark for offset, mark in marks)
