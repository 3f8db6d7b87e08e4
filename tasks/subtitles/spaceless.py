"""
Words and phrases of scripts without spaces: where a line of Japanese, Chinese or Thai may break.

The models are BudouX's, which come with it: for Japanese one of words and one of phrases (a noun with its particles, a
verb with its endings), for Chinese in both spellings and for Thai one of words.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate, groupby

import budoux

from tasks.subtitles.spacing import SPACELESS

_KANA = re.compile("[\u3041-\u30ff]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff々]")
_THAI = re.compile("[\u0e01-\u0e5b]")

CHINESE_MARGIN = 1500
"""
How much surer than even a model of Chinese must be of a border, on its own scale.

At even odds one border in twenty is inside of a word (人|工智能); a missed one costs a line nothing but a choice.
"""

_Divide = Callable[[str, str], Sequence[str] | None]


def word_starts(texts: Sequence[str], spaced: Sequence[bool], language: str) -> frozenset[int]:
    """
    Return the indexes of those *texts*, pieces of words in order, with which a word begins.

    *spaced* says of each whether a space is before it. In scripts that no model knows, each begins a word.
    """
    return _starts(texts, spaced, language, _words)


def phrase_starts(texts: Sequence[str], spaced: Sequence[bool], language: str) -> frozenset[int]:
    """Return the indexes of those *texts* with which a phrase begins; where phrases are unknown, a word."""
    return _starts(texts, spaced, language, _phrases)


def _starts(texts: Sequence[str], spaced: Sequence[bool], language: str, divide: _Divide) -> frozenset[int]:
    starts: set[int] = set()
    for run in _runs(spaced):
        text = "".join(texts[index] for index in run)
        parts = divide(text, language) if SPACELESS.search(text) else None
        if parts is None:
            starts.update(run)
            continue
        borders = set(accumulate(map(len, parts), initial=0))
        positions = accumulate((len(texts[index]) for index in run), initial=0)
        starts.update(index for index, position in zip(run, positions, strict=False) if position in borders)
    return frozenset(starts)


def _runs(spaced: Sequence[bool]) -> Iterator[list[int]]:
    """Yield the indexes of the pieces that follow each other without a space."""
    for _, run in groupby(enumerate(accumulate(spaced)), key=lambda numbered: numbered[1]):
        yield [index for index, _ in run]


def _words(text: str, language: str) -> Sequence[str] | None:
    name = _model_of(text, language)
    return _model("ja_word" if name == "ja" else name).parse(text) if name else None


def _phrases(text: str, language: str) -> Sequence[str] | None:
    name = _model_of(text, language)
    return _model(name).parse(text) if name else None


def _model_of(text: str, language: str) -> str:
    """Return the name of the model for *text*, from a transcript in *language*; empty if there is none."""
    if _KANA.search(text) or (language == "ja" and _HAN.search(text)):
        return "ja"
    if _HAN.search(text):
        return "zh-hans" if _encodable(text, "gb2312") >= _encodable(text, "big5") else "zh-hant"
    return "th" if _THAI.search(text) else ""


def _encodable(text: str, character_set: str) -> int:
    """Return the number of bytes of *text* in a character set of one spelling, without what it has no sign for."""
    return len(text.encode(character_set, errors="ignore"))


@cache
def _model(name: str) -> budoux.Parser:
    weights = json.loads((files("budoux") / "models" / f"{name}.json").read_text(encoding="utf-8"))
    if name.startswith("zh"):
        weights["margin"] = {"": 2 * CHINESE_MARGIN}  # half the sum of all weights is the score at even odds
    return budoux.Parser(weights)
