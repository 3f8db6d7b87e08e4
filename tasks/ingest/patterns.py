"""
Ignore patterns: the names of an inbox that are ignored, and by which pattern.

A pattern fits one part of a path, a folder's name or the file's, without regard to case or to how accents are encoded.
One with a ``/`` fits the path below the inbox. Those of an inbox add to the built-in ones, which are always on.
"""

import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Sequence

BUILT_IN = (
    ".*",  # hidden: .DS_Store, .nfs*, .stversions, .syncthing.*.tmp, .~lock*, ._*, .Trash-1000
    *("*.part", "*.partial", "*.filepart", "*.crdownload", "*.download", "*.opdownload", "*.tmp", "*.temp"),
    *("*.octransferid*", "~syncthing~*", "~$*", "*~"),
    *("@eadir", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"),
    *("thumbs.db", "desktop.ini"),
    # What we write ourselves.
    *("*_refined.txt", "*_refined.srt", "*_refined.vtt", "*_refined.docx", "*_refined.md", "*.batchscribe-error.txt"),
)


class Patterns:
    """The patterns of an inbox."""

    def __init__(self, ignore: Iterable[str], include: Iterable[str]) -> None:
        self._spelling = {_folded(pattern).strip("/"): pattern for pattern in ignore}
        ignored = list(self._spelling)
        self._names = [*BUILT_IN, *(pattern for pattern in ignored if "/" not in pattern)]
        self._paths = [pattern for pattern in ignored if "/" in pattern]
        self._any_name = _any_of(self._names)
        self._include = [_folded(pattern).strip("/") for pattern in include]

    def ignoring(self, path: str) -> str:
        """Return the pattern, as it was spelled, that *path* or the name at its end fits; empty if there is none."""
        folded = _folded(path)
        name = folded.rpartition("/")[2]
        if self._any_name.fullmatch(name):
            fitting = next(pattern for pattern in self._names if fnmatch.fnmatchcase(name, pattern))
        else:
            fitting = next((pattern for pattern in self._paths if fnmatch.fnmatchcase(folded, pattern)), "")
        return self._spelling.get(fitting, fitting)

    def includes(self, path: str) -> bool:
        """Return whether a file may be ingested as far as ``include`` goes."""
        if not self._include:
            return True
        folded = _folded(path)
        name = folded.rpartition("/")[2]
        return any(fnmatch.fnmatchcase(folded if "/" in pattern else name, pattern) for pattern in self._include)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns))


def _folded(text: str) -> str:
    """Return *text* normalised so that equal-looking names are equal: NFC, without regard to case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
