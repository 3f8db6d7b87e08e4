"""
Phrase borders: how well a line or a cue may end between two units.

Broadcasters agree on the order: best after a sentence, then after a clause, then before a conjunction, then before a
phrase; never between words that belong together (article and noun, pronoun and verb, number and unit, first and last
name). Netflix's timed text guide and the BBC's subtitle guidelines list those pairs; `function_words` holds the words
that tell them, for the languages that have a list.
"""

# ruff: noqa: RUF001 - punctuation of many scripts; signs that look like ASCII ones are meant

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from tasks.subtitles.function_words import FunctionWords, function_words
from tasks.subtitles.spacing import SPACELESS
from tasks.subtitles.tokens import Unit

_CLOSING_SIGNS = "\"'”’»›)]}」』）】》〉"
_OPENING_SIGNS = "\"'“‘„‚«‹([{「『（【《〈¿¡"
_SENTENCE_SIGNS = ".!?…。！？｡．؟۔।॥།"
_CLAUSE_SIGNS = ",;:，、；：､،؛–—"
_INITIALS = re.compile(r"([^\W\d_]\.)+")
_ORDINAL = re.compile(r"\d{1,2}\.")
_LANGUAGES_WITH_ORDINAL_POINTS = frozenset(
    ("cs", "da", "de", "et", "fi", "hr", "hu", "is", "lb", "lv", "nn", "no", "pl", "sk", "sl", "sr", "tr")
)
_LANGUAGES_WITH_CAPITAL_NOUNS = frozenset(("de", "lb"))
_CHINESE_SUFFIXES = frozenset("的了吗呢吧着过们地得个")
_HIRAGANA = re.compile("[\u3041-\u309f]")
_KATAKANA = re.compile("[\u30a0-\u30ff]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff々]")


class Border(IntEnum):
    """The border between two units, from the best place to end to the worst."""

    SENTENCE = 0
    CLAUSE = 1
    CONJUNCTION = 2
    PHRASE = 3
    NONE = 4
    BOUND = 5


def borders(units: Sequence[Unit], language: str) -> tuple[Border, ...]:
    """Return the border before each unit, and after the last; the first and the last are those of sentences."""
    if not units:
        return ()
    words = function_words(language)
    found = [Border.SENTENCE]
    for left, right in pairwise(units):
        opens_sentence = found[-1] is Border.SENTENCE
        found.append(_border(left, right, language, words, left_opens_sentence=opens_sentence))
    return (*found, Border.SENTENCE)


def _border(left: Unit, right: Unit, language: str, words: FunctionWords, *, left_opens_sentence: bool) -> Border:
    by_sign = _border_of_signs(left.text, right.text, language, words)
    if by_sign is not None:
        return by_sign
    if SPACELESS.match(left.text[-1]) or SPACELESS.match(right.text[0]):
        return Border.CLAUSE if right.spaced else _border_inside_script(left.text, right.text)
    if not right.spaced:
        return Border.BOUND
    return _border_of_words(left.text, right.text, language, words, left_opens_sentence=left_opens_sentence)


def _border_of_signs(left: str, right: str, language: str, words: FunctionWords) -> Border | None:
    """Return the border that the punctuation between *left* and *right* marks, None if there is none."""
    bare = left.rstrip(_CLOSING_SIGNS)
    if not bare or bare[-1] not in _SENTENCE_SIGNS + _CLAUSE_SIGNS:
        return None
    if bare[-1] in _CLAUSE_SIGNS:
        return Border.CLAUSE
    word = bare.rpartition(" ")[2].lstrip(_OPENING_SIGNS)
    if bare[-1] == "." and not bare.endswith("..") and _is_abbreviation(word, language, words):
        return Border.BOUND
    return Border.CLAUSE if right.lstrip(_OPENING_SIGNS)[:1].islower() else Border.SENTENCE


def _is_abbreviation(word: str, language: str, words: FunctionWords) -> bool:
    if _ORDINAL.fullmatch(word):
        return language in _LANGUAGES_WITH_ORDINAL_POINTS
    # Capitals only: "p.m." may well be the end.
    is_initials = word.isupper() and _INITIALS.fullmatch(word) is not None
    return is_initials or word.casefold() in words.abbreviations


def _border_inside_script(left: str, right: str) -> Border:
    """
    Return the border between two units of a script without spaces.

    Japanese phrases mostly begin where hiragana (endings, particles) gives way to kanji or katakana.
    """
    last, first = left[-1], right[0]
    if first in _CHINESE_SUFFIXES or last.isdecimal() or first.isdecimal():
        return Border.BOUND
    if _KATAKANA.match(last) and _KATAKANA.match(first):
        return Border.BOUND
    if _HIRAGANA.match(first):
        return Border.BOUND if _HAN.match(last) or _KATAKANA.match(last) else Border.NONE
    return Border.PHRASE if _HIRAGANA.match(last) else Border.NONE


def _border_of_words(
    left: str, right: str, language: str, words: FunctionWords, *, left_opens_sentence: bool
) -> Border:
    before, after = _plain(left), _plain(right)
    if before in words.conjunctions or before in words.prepositions:
        return Border.BOUND
    if after in words.conjunctions:
        return Border.CONJUNCTION
    if after in words.prepositions:
        return Border.PHRASE
    if not before.strip("-") or words.binds(before) or _is_quantity(left, right):
        return Border.BOUND
    capital_pair = _is_name(left) and _is_name(right) and not left_opens_sentence
    return Border.BOUND if capital_pair and language not in _LANGUAGES_WITH_CAPITAL_NOUNS else Border.NONE


def _plain(text: str) -> str:
    return text.strip(_OPENING_SIGNS + _CLOSING_SIGNS).replace("’", "'").casefold()


def _is_quantity(left: str, right: str) -> bool:
    """Return whether one is the number of the other: "20 percent", "Chapter 4"."""
    return left[-1].isdecimal() or left[-1] in "%$€£" or (right[0].isdecimal() and left[0].isupper())


def _is_name(text: str) -> bool:
    word = text.strip(_OPENING_SIGNS + _CLOSING_SIGNS)
    return len(word) > 1 and word[0].isupper() and not word.isupper()
