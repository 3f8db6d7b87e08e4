"""
Queries: the words and "phrases in quotes" that are looked for, and where they stand in a text.

All of them must be found; the last word may be the beginning of one. Nothing that a user types is ever read as FTS5's
own query language: an expression is made of tokens, which hold letters and digits only.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from dashboard.search.words import Token, tokens
from tasks.errors import SearchInvalid

MAX_CHARACTERS = 200
MAX_TERMS = 16
SHORTEST_BEGINNING = 2
"""A single letter as the beginning of a word would find nearly every sentence."""

_QUOTED = re.compile('["“”„«»]([^"“”„«»]*)["“”„«»]|([^"“”„«»\\s]+)')
_SNIPPET_CHARACTERS = 320
_SNIPPET_BEFORE = 100
_NEAR = 40
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens that must follow each other; with *begins*, the last of them may go on."""

    tokens: tuple[str, ...]
    begins: bool = False

    @property
    def expression(self) -> str:
        """The term in FTS5's query language."""
        return f'"{" ".join(self.tokens)}"{" *" if self.begins else ""}'

    def spans(self, spoken: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Yield where the term stands among the tokens of a text, as spans of its characters."""
        *firsts, last = self.tokens
        for index in range(len(spoken) - len(firsts)):
            end = spoken[index + len(firsts)]
            if not (end.text.startswith(last) if self.begins else end.text == last):
                continue
            if all(spoken[index + offset].text == first for offset, first in enumerate(firsts)):
                yield spoken[index].start, end.end


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text, or a part of it, with the spans of its characters (Unicode code points) that are to be marked."""

    text: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """The terms of a search: each must be found."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, typed: str) -> Self:
        """Return the query that a user typed. Raises `SearchInvalid`."""
        text = unicodedata.normalize("NFC", typed).strip()
        if len(text) > MAX_CHARACTERS:
            msg = f"The search has {len(text)} characters; {MAX_CHARACTERS} are possible. Look for fewer words."
            raise SearchInvalid(msg)
        words = [(match[1], True) if match[1] is not None else (match[2], False) for match in _QUOTED.finditer(text)]
        found = [(parts, quoted) for word, quoted in words if (parts := tuple(each.text for each in tokens(word)))]
        if not found:
            msg = "There is no word to look for. Type a word, or several, or “a phrase in quotes”."
            raise SearchInvalid(msg)
        if len(found) > MAX_TERMS:
            msg = f"The search has {len(found)} words; {MAX_TERMS} are possible. Put a sentence in quotes."
            raise SearchInvalid(msg)
        terms = [Term(parts) for parts, _ in found]
        last, quoted = found[-1]
        terms[-1] = Term(last, begins=not quoted and len(last[-1]) >= SHORTEST_BEGINNING)
        return cls(tuple(dict.fromkeys(terms)))

    @property
    def expression(self) -> str:
        """The query in FTS5's query language."""
        return " AND ".join(term.expression for term in self.terms)

    def marks(self, text: str) -> tuple[tuple[int, int], ...]:
        """Return the spans of *text* in which a term stands, in order; those that overlap are one."""
        spoken = tokens(text)
        merged: list[tuple[int, int]] = []
        for start, end in sorted(span for term in self.terms for span in term.spans(spoken)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return tuple(merged)

    def snippet(self, text: str) -> Snippet:
        """Return *text* with its marks: of a long one the part around the first mark, with … where it is cut."""
        marks = self.marks(text)
        if len(text) <= _SNIPPET_CHARACTERS:
            return Snippet(text, marks)
        wanted = max(0, marks[0][0] - _SNIPPET_BEFORE) if marks else 0
        start = _next_word(text, wanted) if wanted else 0
        end = min(start + _SNIPPET_CHARACTERS, len(text))
        if end < len(text):
            space = text.rfind(" ", end - _NEAR, end)
            end = space if space > 0 else end
        before, after = ("… " if start else ""), (" …" if end < len(text) else "")
        shift = len(before) - start
        inside = [(max(first, start), min(last, end)) for first, last in marks if first < end and last > start]
        kept = tuple((first + shift, last + shift) for first, last in inside)
        return Snippet(f"{before}{text[start:end]}{after}", kept)


def _next_word(text: str, wanted: int) -> int:
    """Return the next place after a space, if there is one near, else *wanted* itself."""
    space = _SPACE.search(text, wanted, wanted + _NEAR)
    return space.end() if space else wanted
