"""Names of uploads and of their documents: kept for display, never used as paths of this machine; and sizes."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import quote

from tasks.errors import UploadRejected

MAX_PATH_CHARACTERS = 1024
MAX_PATH_DEPTH = 16
MAX_DISPLAY_CHARACTERS = 80
MOST_MARKS = 6
"""Combining marks on one letter that are shown; more of them would cover the lines above and below."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
_ODD = re.compile(r'[\\:*?"<>|]')
"""Characters that not every file system can have in a name."""

MAX_PART_BYTES = 200
"""Longest part of a key in the store; file systems allow 255 and a temporary name needs some of them."""


class DocumentNames(StrEnum):
    """The way in which documents are named after their upload."""

    REFINED = "refined"
    """``talk_refined.srt``, ``talk_formatted_refined.txt``, ``talk.json``."""

    PLAIN = "plain"
    """``talk.srt``, ``talk.txt``: players find subtitles that are called like the recording."""


class DocumentFormat(StrEnum):
    """
    The documents a transcript is written as.

    A member has all that is known of a format but how it is written: that is in `tasks.documents.formats`.
    """

    label: str
    """Its name on a button."""
    description: str
    """Its name where there is room for it."""
    ending: str
    """Suffix of a document's file name, after the stem, unless names are plain (`document_name`)."""
    media_type: str

    def __new__(cls, value: str, label: str, description: str, ending: str, media_type: str) -> Self:
        """Make a member whose value in the API and in records is *value*."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label, member.description, member.ending, member.media_type = label, description, ending, media_type
        return member

    TXT = "txt", "Text", "Text", "_formatted_refined.txt", "text/plain; charset=utf-8"
    SRT = "srt", "SRT", "SubRip subtitles", "_refined.srt", "application/x-subrip; charset=utf-8"
    VTT = "vtt", "VTT", "WebVTT subtitles", "_refined.vtt", "text/vtt; charset=utf-8"
    JSON = "json", "JSON", "JSON with word times", ".json", "application/json"
    DOCX = (
        *("docx", "Word", "Word document", "_formatted_refined.docx"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    )
    MD = "md", "Markdown", "Markdown", "_formatted_refined.md", "text/markdown; charset=utf-8"


DEFAULT_FORMATS = (DocumentFormat.TXT, DocumentFormat.SRT, DocumentFormat.VTT, DocumentFormat.JSON)
"""The documents of a batch that names none."""


def clean_path(raw: str) -> str:
    """
    Return an upload's relative path as it is kept: NFC, with ``/`` between its parts.

    Any name a file system can hold is allowed. Raises `UploadRejected` for what is not a relative path below the
    folder that was dropped.
    """
    path = unicodedata.normalize("NFC", raw)
    named = display_name(path)
    if not path:
        msg = "The upload has no name. Send the file's name, or its path below the folder, as path=…"
        raise UploadRejected(msg)
    if path.endswith("/"):
        msg = f"{named} names no file. Send the file's name, or its path below the folder, as path=…"
        raise UploadRejected(msg)
    if len(path) > MAX_PATH_CHARACTERS:
        msg = (
            f"{named} has {len(path)} characters; {MAX_PATH_CHARACTERS} are possible. Shorten the names of its folders."
        )
        raise UploadRejected(msg)
    if "\0" in path or not is_unicode(path):
        msg = f"{named} holds a character that no file name can have. Rename the file."
        raise UploadRejected(msg)
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        msg = f"{named} is not a path below the folder that was uploaded. Send it without leading /, // or .. parts."
        raise UploadRejected(msg)
    if len(parts) > MAX_PATH_DEPTH:
        msg = f"{named} is {len(parts)} folders deep; {MAX_PATH_DEPTH} are possible. Upload a folder further down."
        raise UploadRejected(msg)
    return path


def is_unicode(text: str) -> bool:
    """Check whether *text* can be written as UTF-8: JSON can hold halves of characters, lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def display_name(path: str, most: int = MAX_DISPLAY_CHARACTERS) -> str:
    """Return *path* for a message: as `shown_name`, and what is longer than *most* characters without its middle."""
    shown = _visible(path)
    if len(shown) > most:
        shown = f"{shown[: most // 2]}…{shown[-((most - 1) // 2) :]}"
    return _isolated(shown)


def shown_name(name: str) -> str:
    """
    Return a name as it is shown in a text: on one line, and turning no word round it. *shared/names.js* does the same.

    What can't be seen is shown as �: control characters, those that change the direction of writing, zero-width ones
    that join nothing, and combining marks beyond a number that no language needs. A name with letters that are written
    from right to left is put between isolates.
    """
    return _isolated(_visible(name))


def _visible(name: str) -> str:
    if name.isascii() and name.isprintable():
        return name
    shown, marks, before = [], 0, ""
    for letter in name:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS + 1:
            shown.append(letter if marks <= MOST_MARKS and _is_visible(letter, before) else _REPLACEMENT)
        before = letter
    return "".join(shown)


def _is_visible(letter: str, before: str) -> bool:
    if letter in _JOINERS:
        return not before.isascii()
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _isolated(shown: str) -> str:
    return f"\N{FIRST STRONG ISOLATE}{shown}\N{POP DIRECTIONAL ISOLATE}" if _RIGHT_TO_LEFT.search(shown) else shown


def file_size(size: int) -> str:
    """Return a number of bytes for display, as the pages write it: ``812 bytes``, ``3.4 MB``, ``123 GB``."""
    if size < 1000:  # noqa: PLR2004 - bytes of a kilobyte
        return f"{size} bytes"
    value = size / 1000
    for unit in ("kB", "MB", "GB"):
        if value < 999.5:  # noqa: PLR2004 - would be written as 1000
            return f"{value:.{_decimals(value)}f} {unit}"
        value /= 1000
    return f"{value:.{_decimals(value)}f} TB"


def _decimals(value: float) -> int:
    return 1 if value < 99.95 else 0  # noqa: PLR2004 - would be written as 100.0


def told_apart(size: int, limit: int) -> tuple[str, str]:
    """Return two sizes for display: in bytes, if they would read the same otherwise."""
    sizes = file_size(size), file_size(limit)
    return sizes if sizes[0] != sizes[1] else (f"{size:,} bytes", f"{limit:,} bytes")


def document_stems(paths: Iterable[str], names: DocumentNames = DocumentNames.REFINED) -> dict[str, str]:
    """
    Return for each upload path the path of its documents without their endings: ``talks/a.mp3`` → ``talks/a``.

    Uploads that differ only in their ending keep it (``a.mp3`` and ``a.wav`` → ``a.mp3`` and ``a.wav``), and so does
    one next to a folder named like one of its documents (``a.json/``). Two paths count as equal if a file system that
    ignores case would mix them up; what is still equal then is numbered.
    """
    ordered = sorted(paths)
    folders = {str(folder).casefold() for path in ordered for folder in PurePosixPath(path).parents}
    short = {path: _without_ending(path) for path in ordered}
    users = Counter(stem.casefold() for stem in short.values())
    unique = {
        stem.casefold() for stem in short.values() if users[stem.casefold()] == 1 and not clashes(stem, folders, names)
    }
    chosen: dict[str, str] = {}
    taken = set(unique)
    for path in ordered:
        stem = short[path]
        if stem.casefold() not in unique:
            stem = _first_free(path, taken, folders, names)
            taken.add(stem.casefold())
        chosen[path] = stem
    return chosen


def _without_ending(path: str) -> str:
    """Return *path* without the ending of its name, which stays where nothing but dots would be left: ``..mp3``."""
    stem = path.rpartition(".")[0]
    return stem if stem.rpartition("/")[2].strip(".") else path


def clashes(stem: str, folders: set[str], names: DocumentNames) -> bool:
    """Return whether one of the documents of *stem* would have the name of one of the *folders*."""
    return any(document_name(stem, each, names).casefold() in folders for each in DocumentFormat)


def _first_free(stem: str, taken: set[str], folders: set[str], names: DocumentNames) -> str:
    number, candidate = 1, stem
    while candidate.casefold() in taken or clashes(candidate, folders, names):
        number += 1
        candidate = f"{stem} ({number})"
    return candidate


def document_name(stem: str, document_format: DocumentFormat, names: DocumentNames = DocumentNames.REFINED) -> str:
    """Return a document's path for display: ``talks/a`` as srt → ``talks/a_refined.srt``, or plain ``talks/a.srt``."""
    return stem + (document_format.ending if names is DocumentNames.REFINED else f".{document_format.value}")


MEDIA_TYPES = {"mp3": "audio/mpeg"} | {each.value: each.media_type for each in DocumentFormat}


def media_type(name: str) -> str:
    """Return the media type of the file or key *name*, by its ending."""
    return MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def storable(part: str, max_bytes: int = MAX_PART_BYTES) -> str:
    """
    Return one part of a path as every store can hold it: of at most *max_bytes*, no control characters or backslashes.

    A part that had to be changed gets a digest of the original, so that different parts stay different.
    """
    if part.isprintable() and not _ODD.search(part) and len(part.encode()) <= max_bytes and part[-1] not in " .":
        return part
    kept = "".join(character if character.isprintable() else "_" for character in _ODD.sub("_", part))
    root, dot, ending = kept.rpartition(".")
    root, ending = (root, dot + ending) if dot and ending in tuple(DocumentFormat) else (kept, "")
    digest = hashlib.sha256(part.encode()).hexdigest()[:12]
    return f"{root.encode()[: max_bytes - 30].decode(errors='ignore')}~{digest}{ending}"


def attachment(name: str) -> str:
    """Return the Content-Disposition under which a browser saves a file as *name* (RFC 6266)."""
    name = name.replace("/", "_")
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
