"""
Tokenizer: the words of a text as the search compares them, and where each of them stands.

Case, accents, points of vowels and compatibility forms are folded, so that "Müller", "MULLER" and "muller" are equal,
as are "Straße" and "strasse", "İzmir" and "izmir". In scripts without spaces, and in Korean, whose words grow endings,
each character is a token of its own: any part of a text is then found, as a phrase.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tasks.subtitles.spacing import SPACELESS

VERSION = f"1/{unicodedata.unidata_version}"
"""Changes with anything that makes another token of the same text: an index of another version is of no use."""

_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_HANGUL = re.compile("[\uac00-\ud7af]")
_FIRST_ACCENT = 200
"""Lowest combining class of the marks above, below and beside letters of Latin, Greek and Cyrillic."""

_POINTS = range(10, 37)
"""Combining classes of the points of Hebrew, Arabic and Syriac, which texts mostly leave out."""

_SPELLINGS = str.maketrans(
    # Letters with strokes, which Unicode does not take apart, the Turkish i without its dot, and ligatures.
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ħ": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ŋ": "n",
    }
    # Arabic letters that are written one for the other, and the line that only makes words longer.
    | {"ى": "ي", "ة": "\N{ARABIC LETTER HEH}", "ی": "ي", "ک": "ك", "ـ": ""}
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it is compared, and the characters of the text from *start* up to *end* that it stands for."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Letter:
    """A character as it is compared: empty if it is left out."""

    folded: str
    in_word: bool
    stands_alone: bool = False


def tokens(text: str) -> list[Token]:
    """Return the tokens of *text* in order."""
    if text.isascii():
        return [Token(word[0].lower(), *word.span()) for word in _ASCII_WORD.finditer(text)]
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    folded, start = "", 0
    for position, character in enumerate(text):
        letter = _letter(character)
        if folded and (letter.stands_alone or not letter.in_word):
            yield Token(folded, start, position)
            folded = ""
        if letter.stands_alone:
            yield Token(letter.folded, position, position + 1)
        elif letter.in_word:
            start = start if folded else position
            folded += letter.folded
    if folded:
        yield Token(folded, start, len(text))


@cache
def _letter(character: str) -> _Letter:
    """Return the character as it is compared. There are a few thousand different ones in all transcripts together."""
    category = unicodedata.category(character)
    if category == "Cf":  # a soft hyphen, or a joiner of Persian and Hindi: it is in a word, and not seen
        return _Letter("", in_word=True)
    if category[0] not in "LMN":
        return _Letter("", in_word=False)
    folded = _folded(character)
    alone = bool(folded) and (SPACELESS.match(folded) or _HANGUL.match(folded)) is not None
    return _Letter(folded, in_word=True, stands_alone=alone)


def _folded(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    lower = unicodedata.normalize("NFKC", character).casefold().translate(_SPELLINGS)
    apart = unicodedata.normalize("NFKD", lower)
    kept = (each for each in apart if not _is_left_out(each))
    return "".join(each for each in unicodedata.normalize("NFC", "".join(kept)) if each.isalnum() or _is_mark(each))


def _is_left_out(character: str) -> bool:
    place = unicodedata.combining(character)
    return place >= _FIRST_ACCENT or place in _POINTS


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
