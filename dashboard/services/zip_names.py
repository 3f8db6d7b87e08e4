"""
The names of a ZIP's members: those that users gave, as every system can unpack them inside the folder it was told.

Windows refuses some characters, the names of its devices, and dots and spaces at the end of a name; file systems hold
255 bytes in a name; Windows' own unpacker holds 260 characters in a path, its target folder included.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import PurePosixPath

from tasks.batches import Job
from tasks.names import DocumentFormat, clashes

MANIFEST_NAME = "manifest.json"

LONGEST_NAME_BYTES = 255
LONGEST_PATH = 200
"""UTF-16 units, which Windows counts; some 60 are left for the folder that a ZIP is unpacked into."""

_LONGEST_ENDING = max(len(each.ending) for each in DocumentFormat)
_LONGEST_NUMBER = len(" (99999)")
_TURNING = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that change the direction of writing, or end a line: a name with them looks like another."""

_NOT_UNPACKED = [*map(chr, (*range(32), *range(0x7F, 0xA0))), *'\\:*?"<>|', *_TURNING]
_REPLACED = str.maketrans(dict.fromkeys(_NOT_UNPACKED, "_"))
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "clock$", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_CUT = "~"


def member_stems(jobs: Sequence[Job]) -> dict[str, str]:
    """
    Return for each job id the path of its documents in the ZIP, without their endings.

    That is the job's document stem without what some system could not unpack. Names that are equal then, and the name
    of the manifest, are numbered. A name or a path that is too long loses what is in the middle of its longest names.
    """
    stems: dict[str, str] = {}
    taken = {MANIFEST_NAME.removesuffix(".json")}
    wanted = _short_enough({job.job_id: _unpackable(job.document_stem) for job in jobs})
    folders = {str(folder).casefold() for stem in wanted.values() for folder in PurePosixPath(stem).parents}
    names = {job.job_id: job.names for job in jobs}
    for job_id, stem in wanted.items():
        chosen = next(
            candidate
            for candidate in _numbered(stem)
            if candidate.casefold() not in taken and not clashes(candidate, folders, names[job_id])
        )
        taken.add(chosen.casefold())
        stems[job_id] = chosen
    return stems


def _numbered(stem: str) -> Iterator[str]:
    """Yield *stem*, then the same with a number behind it."""
    yield stem
    number = 2
    while True:
        yield f"{stem} ({number})"
        number += 1


def _unpackable(stem: str) -> str:
    *folders, name = stem.translate(_REPLACED).split("/")
    folders = [_no_device(folder.rstrip(" .") or "_") for folder in folders]
    if folders and folders[0].casefold() == MANIFEST_NAME:
        folders[0] += "_"  # no document can have this name, so it is a folder whatever else there is
    return "/".join([*folders, _no_device(name)])


def _no_device(part: str) -> str:
    """Return *part* as no name of a Windows device, which is one whatever follows its first dot."""
    base, dot, rest = part.partition(".")
    return f"{base}_{dot}{rest}" if base.rstrip(" ").casefold() in _DEVICES else part


def _short_enough(stems: dict[str, str]) -> dict[str, str]:
    """
    Return the stems with the parts cut that are too long, or make the path too long.

    A folder is cut as far as the longest path below it demands, so it has one name for all that is in it.
    """
    most: dict[str, int] = {}
    for stem in stems.values():
        limit = _limit_of_parts(stem)
        for prefix in _prefixes(stem):
            most[prefix] = min(limit, most.get(prefix, limit))
    return {job_id: _cut_parts(stem, most) for job_id, stem in stems.items()}


def _prefixes(stem: str) -> Iterable[str]:
    """Return the paths of the folders that lead to *stem*, and its own."""
    return accumulate(stem.split("/"), lambda folder, part: f"{folder}/{part}")


def _limit_of_parts(stem: str) -> int:
    """Return the length to which the parts of *stem* are cut, so that its path is short enough."""
    lengths = sorted(map(_units, stem.split("/")))
    room = LONGEST_PATH - _LONGEST_ENDING - _LONGEST_NUMBER - (len(lengths) - 1)
    for position, length in enumerate(lengths):
        share = room // (len(lengths) - position)
        if length > share:
            return share
        room -= length
    return LONGEST_PATH


def _cut_parts(stem: str, most: dict[str, int]) -> str:
    *folders, name = zip(stem.split("/"), _prefixes(stem), strict=True)
    parts = [_cut(part, most[prefix], LONGEST_NAME_BYTES) for part, prefix in folders]
    own, prefix = name
    return "/".join([*parts, _cut(own, most[prefix], LONGEST_NAME_BYTES - _LONGEST_ENDING - _LONGEST_NUMBER)])


def _cut(part: str, most_units: int, most_bytes: int) -> str:
    """Return *part* with as little taken out of its middle as needed: names often differ by what is at their ends."""
    if _units(part) <= most_units and len(part.encode()) <= most_bytes:
        return part
    head, tail = part[: len(part) // 2], part[len(part) // 2 :]
    while _units(head + _CUT + tail) > most_units or len((head + _CUT + tail).encode()) > most_bytes:
        head, tail = (head[:-1], tail) if len(head) > len(tail) else (head, tail[1:])
    return head.rstrip() + _CUT + _without_marks(tail)


def _without_marks(tail: str) -> str:
    """Return *tail* without marks at its start that belong to a letter that is gone."""
    return tail[next((at for at, letter in enumerate(tail) if not unicodedata.combining(letter)), len(tail)) :]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
