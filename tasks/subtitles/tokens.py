"""
Units, from which subtitles and paragraphs are laid out. A unit is one word, or several that no border may separate.

Here the peculiarities of the model's words end: words without spaces between them, times that stand still, overlap or
run backwards by a hair, segments that came without word times.
"""

import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from types import MappingProxyType

from tasks.subtitles.spaceless import word_starts
from tasks.subtitles.spacing import SPACELESS, spaced_sentences
from tasks.subtitles.standards import SubtitleStandard, columns, milliseconds
from tasks.transcription.transcript import Segment, Word

_OPENING = ("Ps", "Pi")
# Signs that French, among others, sets apart by a space, and which belong to the word before nevertheless.
_CLOSING = frozenset("?!:;.,…»–—%)]}")  # noqa: RUF001 - the en dash is meant
# Letters that may not begin a line: small kana, length and repetition marks (JIS X 4051), Thai vowels and marks that
# follow their consonant. Thai vowels that are written before theirs may not end one.
_NEVER_FIRST = frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞヽヾ々〻ｰะาำๅๆฯ")
_NEVER_LAST = frozenset("เแโใไ")
NO_VOICES: Mapping[int, str] = MappingProxyType({})
"""Speakers who begin, by their first word or unit, where speakers are not told apart."""

_ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Unit:
    """Text that stays in one piece, with its times (milliseconds) and its width (columns)."""

    text: str
    start: int
    end: int
    columns: int
    spaced: bool
    """True if a space separates it from the unit before."""
    words_before: int = 0
    """Number of words that began before it."""


def timed_words(segments: Sequence[Segment]) -> tuple[Word, ...]:
    """Return the words of all segments as they are written in every document (`written_words`)."""
    return tuple(word for words in written_words(segments) for word in words)


def written_words(segments: Sequence[Segment]) -> tuple[tuple[Word, ...], ...]:
    """
    Return for each segment its words; those without words get some with times in proportion to their characters.

    A space is put between segments where the script has spaces, and between sentences that the model glued together.
    """
    written: list[tuple[Word, ...]] = []
    last = ""
    for segment in segments:
        spoken = spaced_sentences([word for word in segment.words if word.text.strip()] or _estimated_words(segment))
        if last and spoken and space_is_missing(last, spoken[0].text):
            spoken = (spoken[0].model_copy(update={"text": f" {spoken[0].text}"}), *spoken[1:])
        last = spoken[-1].text if spoken else last
        written.append(spoken)
    return tuple(written)


def space_is_missing(left: str, right: str) -> bool:
    """Return whether words of two segments lack the space that their script sets between words."""
    has_space = left[-1].isspace() or right[0].isspace()
    return not (has_space or SPACELESS.match(left[-1]) or SPACELESS.match(right[0]))


def _estimated_words(segment: Segment) -> list[Word]:
    pieces = [
        (text, part > 0 and position == 0)
        for part, word in enumerate(_cleaned(segment.text))
        for position, text in enumerate(_graphemes(word) if SPACELESS.search(word) else [word])
    ]
    times = _shared_out([text for text, _ in pieces], segment.start, segment.end)
    # How sure the model was of each word is not known; what it thought of the segment is no probability of a word.
    return [
        Word(text=f" {text}" if spaced else text, start=start, end=end, probability=0.0)
        for (text, spaced), (start, end) in zip(pieces, times, strict=True)
    ]


def units_of(words: Sequence[Word], standard: SubtitleStandard) -> tuple[Unit, ...]:
    """
    Return *words* as units in the order given, every character that can be seen exactly once.

    Their starts rise by a millisecond or more and they don't overlap. A unit is wider than a line only if it is one
    word of a script that is written with spaces. A word of a script without spaces is divided only if no line holds it.
    """
    limits = standard.limits
    drafts: list[Unit] = []
    pieces = list(_pieces(words, limits.line_columns))
    starts = word_starts([piece.text for piece in pieces], [piece.spaced for piece in pieces], standard.language)
    for place, piece in enumerate(pieces):
        before = drafts[-1] if drafts else None
        if before is None or _may_part(before.text, piece, starts_word=place in starts):
            drafts.append(piece)
            continue
        joined = _joined(before, piece)
        if joined.columns <= limits.line_columns:
            drafts[-1] = joined
        else:
            drafts.append(piece)
    # People speak at about two thirds of the speed at which the standard lets them read.
    return _in_time(drafts, milliseconds_per_column=1500 // limits.columns_per_second)


def first_unit(units: Sequence[Unit], word: int) -> int:
    """Return the number of the unit with which the word of this index begins, or of the next one if none does."""
    after = bisect_right(units, word, key=lambda unit: unit.words_before)
    return after - 1 if after and units[after - 1].words_before == word else after


def voices_of(count: int, voices: Mapping[int, str]) -> tuple[str, ...]:
    """Return the speaker of each of so many units, from those who begin, by the number of their first unit."""
    found = [""] * count
    for first, after in pairwise([*sorted(voices), count]):
        found[first:after] = [voices[first]] * (after - first)
    return tuple(found)


def with_labels(units: Sequence[Unit], voices: Mapping[int, str], standard: SubtitleStandard) -> tuple[Unit, ...]:
    """Return *units*, those with which a speaker begins behind their name, which is cut to half a line."""
    labelled = list(units)
    for place, voice in voices.items():
        if voice and place < len(units):
            text = f"{_cut(voice, standard.limits.line_columns // 2)}: {units[place].text}"
            labelled[place] = replace(units[place], text=text, columns=columns(text))
    return tuple(labelled)


def _cut(name: str, most_columns: int) -> str:
    while columns(name) > most_columns:
        name = f"{name.removesuffix('…')[:-1].rstrip()}…"
    return name


def _pieces(words: Sequence[Word], line_columns: int) -> Iterator[Unit]:
    """Yield the words without the spaces around and in them; those of spaceless scripts that fill a line, divided."""
    after_space = True
    for index, word in enumerate(words):
        parts = _cleaned(word.text)
        pieces = [(text, position == 0) for part in parts for position, text in enumerate(_divided(part, line_columns))]
        times = _shared_out([text for text, _ in pieces], word.start, word.end)
        for position, ((text, opens_part), (start, end)) in enumerate(zip(pieces, times, strict=True)):
            spaced = opens_part if position else after_space or word.text[0].isspace()
            width = max(1, columns(text))
            yield Unit(text, milliseconds(start), milliseconds(end), width, spaced, index + (position > 0))
        after_space = word.text[-1:].isspace() or (after_space and not pieces)


def _cleaned(text: str) -> list[str]:
    """Return the parts of *text* between its spaces, without control characters, which no document can show."""
    if text.isprintable():  # nearly every word, in a tenth of the time
        return text.split()
    kept = "".join(character for character in text if character.isspace() or unicodedata.category(character) != "Cc")
    return [part for part in kept.split() if any(unicodedata.category(character) != "Cf" for character in part)]


def _divided(text: str, line_columns: int) -> list[str]:
    return _graphemes(text) if columns(text) > line_columns and SPACELESS.search(text) else [text]


def _graphemes(text: str) -> list[str]:
    """Return the characters of *text*, each with the marks and joiners that belong to it."""
    graphemes: list[str] = []
    for character in text:
        if graphemes and (_is_mark(character) or graphemes[-1].endswith(_ZERO_WIDTH_JOINER)):
            graphemes[-1] += character
        else:
            graphemes.append(character)
    return graphemes


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def _shared_out(texts: Sequence[str], start: float, end: float) -> list[tuple[float, float]]:
    """Return the times of *texts* between *start* and *end*, in proportion to their characters."""
    total = sum(map(len, texts))
    borders = [start + (end - start) * done / total for done in accumulate(map(len, texts), initial=0)] if total else []
    return list(pairwise(borders))


def _may_part(left: str, right: Unit, *, starts_word: bool) -> bool:
    """Return whether a line may end between *left* and *right*: never before a closing sign or after an opening one."""
    first, last = right.text[0], left[-1]
    if unicodedata.category(last) in _OPENING or last in _NEVER_LAST:
        return False
    if right.spaced:
        return not _CLOSING.issuperset(right.text)
    if first in _NEVER_FIRST or _is_mark(first):
        return False
    if not first.isalnum() and unicodedata.category(first) not in _OPENING:
        return False
    return starts_word and bool(SPACELESS.match(last) or SPACELESS.match(first))


def text_of(units: Sequence[Unit]) -> str:
    """Return the units as one line, with the spaces that stand between them."""
    return "".join(f" {unit.text}" if unit.spaced and position else unit.text for position, unit in enumerate(units))


def _joined(left: Unit, right: Unit) -> Unit:
    return Unit(
        text=f"{left.text} {right.text}" if right.spaced else left.text + right.text,
        start=left.start,
        end=max(left.end, right.end),
        columns=left.columns + right.columns + right.spaced,
        spaced=left.spaced,
        words_before=left.words_before,
    )


def _in_time(drafts: Sequence[Unit], *, milliseconds_per_column: int) -> tuple[Unit, ...]:
    """
    Return the units with starts that rise and ends before the next start.

    Units that start together (the model could not tell them apart) share the time until the next start, but no more
    than it takes to speak them.
    """
    starts = list(accumulate((max(0, unit.start) for unit in drafts), max))
    first = 0
    while first < len(drafts):
        after = first + 1
        while after < len(drafts) and starts[after] == starts[first]:
            after += 1
        together = drafts[first:after]
        widths = [unit.columns for unit in together]
        time = max(max(unit.end for unit in together) - starts[first], sum(widths) * milliseconds_per_column)
        if after < len(drafts):
            time = min(time, starts[after] - starts[first])
        for position, done in enumerate(accumulate(widths[:-1], initial=0), start=first):
            starts[position] = starts[first] + time * done // sum(widths)
        first = after
    rising = list(accumulate(starts, lambda before, start: max(before + 1, start)))
    return tuple(
        replace(unit, start=start, end=min(max(unit.end, start + 1), following))
        for unit, start, following in zip(drafts, rising, [*rising[1:], sys.maxsize], strict=False)
    )
