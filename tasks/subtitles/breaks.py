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
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from tasks.subtitles.function_words import GIVEN_NAMES, FunctionWords, function_words
from tasks.subtitles.spaceless import phrase_starts
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
_INFLECTED = re.compile("e[mnrs]?$")
# Particles, measure words and words of place follow; prepositions, negations and degrees lead. In both spellings.
_CHINESE_SUFFIXES = frozenset("的了吗嗎呢吧啊着著过過们們地得个個上下里裡裏中内內后後前时時些")
_CHINESE_PREFIXES = frozenset(
    "在从從把被对對向给給跟和与與比很不没沒太最更再也都就才又还還会會要想能可将將这這那每各第另某是"
)
_CHINESE_NUMBER = re.compile("[一二三四五六七八九十百千万萬亿億两兩几幾半]$")
_HIRAGANA = re.compile("[\u3041-\u309f]")


class Border(IntEnum):
    """The border between two units, from the best place to end to the worst."""

    SENTENCE = 0
    CLAUSE = 1
    CONJUNCTION = 2
    PHRASE = 3
    NONE = 4
    CLOSE = 5
    BOUND = 6


@dataclass(frozen=True, slots=True)
class _Context:
    """The surroundings of a border, and the language of the text."""

    language: str
    words: FunctionWords
    opens_phrase: bool
    """In scripts without spaces: a phrase, or a word at least, begins behind the border."""
    opened_sentence: bool
    """The unit before the border is the first of a sentence, so its capital says nothing."""
    in_phrase: bool
    """The unit before the border is bound to the one before it."""
    in_name: bool
    """The unit before the border belongs to a name that began before it."""


def borders(units: Sequence[Unit], language: str) -> tuple[Border, ...]:
    """Return the border before each unit, and after the last; the first and the last are those of sentences."""
    if not units:
        return ()
    words = function_words(language)
    phrases = phrase_starts([unit.text for unit in units], [unit.spaced for unit in units], language)
    found = [Border.SENTENCE]
    in_name = False
    for place, (left, right) in enumerate(pairwise(units), start=1):
        before = found[-1]
        context = _Context(
            language, words, place in phrases, before is Border.SENTENCE, before is Border.BOUND, in_name
        )
        found.append(_border(left, right, context))
        begins_name = _plain(left.text) in words.titles or _is_given_name(left.text)
        in_name = found[-1] is Border.BOUND and _is_name(right.text) and (in_name or begins_name)
    return (*found, Border.SENTENCE)


def _border(left: Unit, right: Unit, context: _Context) -> Border:
    by_sign = _border_of_signs(left.text, right.text, context)
    if by_sign is not None:
        return by_sign
    if SPACELESS.match(left.text[-1]) or SPACELESS.match(right.text[0]):
        return Border.CLAUSE if right.spaced else _border_inside_script(left.text, right.text, context)
    if not right.spaced:
        return Border.BOUND
    found = _border_of_words(left.text, right.text, context)
    if found in (Border.NONE, Border.CLOSE) and context.in_phrase:
        return _border_in_phrase(left.text, right.text, context.language)
    return found


def _border_of_signs(left: str, right: str, context: _Context) -> Border | None:
    """Return the border that the punctuation between *left* and *right* marks, None if there is none."""
    bare = left.rstrip(_CLOSING_SIGNS)
    if not bare or bare[-1] not in _SENTENCE_SIGNS + _CLAUSE_SIGNS:
        return None
    if bare[-1] in _CLAUSE_SIGNS:
        return Border.CLAUSE
    word = bare.rpartition(" ")[2].lstrip(_OPENING_SIGNS)
    if bare[-1] == "." and not bare.endswith("..") and _is_abbreviation(word, context.language, context.words):
        return Border.BOUND
    return Border.CLAUSE if right.lstrip(_OPENING_SIGNS)[:1].islower() else Border.SENTENCE


def _is_abbreviation(word: str, language: str, words: FunctionWords) -> bool:
    if _ORDINAL.fullmatch(word):
        return language in _LANGUAGES_WITH_ORDINAL_POINTS
    # Capitals only: "p.m." may well be the end.
    is_initials = word.isupper() and _INITIALS.fullmatch(word) is not None
    return is_initials or word.casefold() in words.abbreviations


def _border_inside_script(left: str, right: str, context: _Context) -> Border:
    """Return the border between two words of a script without spaces."""
    if not context.opens_phrase or left[-1].isdecimal() or right[0].isdecimal():
        return Border.BOUND
    if _HIRAGANA.match(left[-1]) or context.language == "ja":
        return Border.PHRASE
    follows = right.strip(_CLAUSE_SIGNS + _SENTENCE_SIGNS + _CLOSING_SIGNS) in _CHINESE_SUFFIXES
    return Border.BOUND if follows or left in _CHINESE_PREFIXES or _CHINESE_NUMBER.search(left) else Border.NONE


def _border_of_words(left: str, right: str, context: _Context) -> Border:
    words, after = context.words, _plain(right)
    if _belong_together(left, right, context):
        return Border.BOUND
    if after in words.conjunctions:
        return Border.CONJUNCTION
    if after in words.prepositions:
        return Border.PHRASE
    before = _plain(left)
    if not before.strip("-") or words.binds(before) or words.binds(_after_elision(before)):
        return Border.BOUND
    capital_pair = _is_name(left) and _is_name(right) and not context.opened_sentence
    if capital_pair and context.language not in _LANGUAGES_WITH_CAPITAL_NOUNS:
        return Border.BOUND
    return Border.CLOSE if after in words.auxiliaries else Border.NONE


def _belong_together(left: str, right: str, context: _Context) -> bool:
    """Return whether the two words are one expression, whatever the right one is elsewhere."""
    words, before = context.words, _plain(left)
    leads = {before, _after_elision(before)} & (words.conjunctions | words.prepositions | words.numbers)
    begins_name = context.in_name or before in words.titles or _is_given_name(left)
    return (
        bool(leads)
        or words.pairs_up(before, _plain(right))
        or _is_quantity(left, right)
        or (begins_name and _is_name(right))
    )


def _after_elision(word: str) -> str:
    """Return of "jusqu'en" and "n'a" the second word, and any other as it is."""
    return word.rpartition("'")[2]


def _border_in_phrase(left: str, right: str, language: str) -> Border:
    """Return the border after the first word of a phrase: "the old | chargers", "die alten | Ladegeräte"."""
    is_adjective = language in _LANGUAGES_WITH_CAPITAL_NOUNS and _INFLECTED.search(left) and _is_name(right)
    return Border.BOUND if is_adjective and left.islower() else Border.CLOSE


def _plain(text: str) -> str:
    return text.strip(_OPENING_SIGNS + _CLOSING_SIGNS).replace("’", "'").casefold()


def _is_quantity(left: str, right: str) -> bool:
    """Return whether one is the number of the other: "20 percent", "Chapter 4"."""
    return left[-1].isdecimal() or left[-1] in "%$€£" or (right[0].isdecimal() and left[0].isupper())


def _is_given_name(text: str) -> bool:
    return _is_name(text) and _plain(text) in GIVEN_NAMES


def _is_name(text: str) -> bool:
    word = text.strip(_OPENING_SIGNS + _CLOSING_SIGNS)
    return len(word) > 1 and word[0].isupper() and not word.isupper()
