"""
Paragraphs of a transcript: found by the pauses between sentences, by turns, and by the words that sentences begin with.

Speakers pause longer where something else begins, but how long that is differs from one to the next. So pauses are
compared with the others of the recording. A paragraph's cost depends on its own length and its end, so that the best
division is a shortest path over the ends of sentences, as that of cues is (`tasks.subtitles.layout`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median
from typing import Self

from pydantic import Field

from tasks.batches import StoredModel
from tasks.documents.discourse import connects, opens_topic
from tasks.subtitles.breaks import Border, borders
from tasks.subtitles.standards import SubtitleStandard
from tasks.subtitles.tokens import NO_VOICES, Unit, first_unit, text_of, units_of
from tasks.transcription.transcript import Word

# Pauses in milliseconds, lengths in columns (characters, full-width ones twice), costs in whole numbers.
LONG_PAUSE = 2000
"""After a sentence, this ends the paragraph, unless the speaker pauses about as long between most sentences."""

SHORT_PAUSE = 600
"""Length of a pause at which a paragraph may end without punctuation."""

LONGEST = 1000
"""A paragraph that is longer ends at the next occasion."""

LONG = 300
"""From here on a pause that says so less clearly will do, and less and less clearly."""

SHORT = 160
"""A shorter paragraph takes a pause that says so clearly."""

LONGEST_HEADING = 50

_USUAL_PAUSES = (250, 400, 500, 600, 800)
"""Pauses assumed before any was heard; the pauses of a long recording outweigh them."""

_LONGER_PAUSE = 100
_MOST_BY_PAUSE = 250
_TOPIC = 40
_WITHOUT_SENTENCE = 250
_TOO_SHORT = 60
_COLUMNS_PER_COST = 10
_PER_COLUMN_TOO_LONG = 1
_FORCED = 100_000


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text without line breaks, with its times in seconds."""

    text: str
    start: float
    end: float
    is_heading: bool
    words_before: int
    """Number of words of the transcript before it."""
    voice: str = ""
    """The speaker who begins with it; empty if the one before goes on, or speakers are not told apart."""

    @property
    def label(self) -> str:
        """The label before the text of a speaker who begins."""
        return f"{self.voice}: " if self.voice else ""


class ParagraphStart(StoredModel):
    """A place where a user begins a paragraph."""

    words_before: int = Field(ge=0, description="number of words of the transcript before it")
    is_heading: bool = False


def paragraphs(
    words: Sequence[Word],
    standard: SubtitleStandard,
    *,
    turns: frozenset[int] = frozenset(),
    voices: Mapping[int, str] = NO_VOICES,
) -> tuple[Paragraph, ...]:
    """
    Return *words* as paragraphs, every word once, in order.

    *turns* are the indexes of words with which another language begins, *voices* the speakers who begin, by the index
    of their first word: there a paragraph always ends. With several speakers, a short sentence is an answer and no
    heading.
    """
    units = units_of(words, standard)
    if not units:
        return ()
    begins = {first_unit(units, word): voice for word, voice in voices.items()}
    division = _Division.of(units, standard.language, turns, begins)
    return tuple(
        Paragraph(
            text=text_of(units[first:after]),
            start=units[first].start / 1000,
            end=units[after - 1].end / 1000,
            is_heading=division.is_heading(first, after),
            words_before=units[first].words_before,
            voice=begins.get(first, ""),
        )
        for first, after in division.cheapest()
    )


def divided(
    words: Sequence[Word],
    standard: SubtitleStandard,
    starts: Sequence[ParagraphStart],
    *,
    voices: Mapping[int, str] = NO_VOICES,
) -> tuple[Paragraph, ...]:
    """Return *words*, each once, as paragraphs that begin at the *starts* and where a speaker of *voices* begins."""
    begun = dict.fromkeys(voices, False) | {start.words_before: start.is_heading for start in starts}
    found = []
    for first, after in pairwise([*sorted(begun), len(words)]):
        units = units_of(words[first:after], standard)
        if units:
            found.append(
                Paragraph(
                    text=text_of(units),
                    start=units[0].start / 1000,
                    end=units[-1].end / 1000,
                    is_heading=begun[first],
                    words_before=first,
                    voice=voices.get(first, ""),
                )
            )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Division:
    """All divisions of the units into paragraphs. A paragraph is named by its first unit and the one after its last."""

    units: Sequence[Unit]
    ends: Sequence[int]
    """Numbers of units before each place where a paragraph may end, in order; the last is that of all units."""
    end_costs: dict[int, int]
    pauses: Sequence[int]
    """Milliseconds of silence before each unit, and after the last."""
    clear_pause: int
    """A pause from which on a paragraph rather ends."""
    may_have_headings: bool
    """True if enough pauses were heard to tell those around a heading from others."""
    widths: Sequence[int]

    @classmethod
    def of(cls, units: Sequence[Unit], language: str, turns: frozenset[int], voices: Mapping[int, str]) -> Self:
        """Return the divisions of *units*, with the cost of each end."""
        found = borders(units, language)
        gaps = [right.start - left.end for left, right in pairwise(units)]
        pauses = [LONG_PAUSE, *gaps, LONG_PAUSE]
        heard = [pauses[place] for place in range(1, len(units)) if found[place] is Border.SENTENCE]
        typical, clear = _clear_pause(heard)
        costs = {
            place: _cost_of_end(
                found[place],
                pauses[place],
                typical=typical,
                clear=clear,
                opening=[unit.text for unit in units[place : place + 3]],
                language=language,
            )
            for place in range(1, len(units))
            if found[place] is Border.SENTENCE or (found[place] is not Border.BOUND and pauses[place] >= SHORT_PAUSE)
        }
        turned = {place for place in range(1, len(units)) if units[place].words_before in turns or place in voices}
        costs |= dict.fromkeys(turned, -_FORCED)
        return cls(
            units=units,
            ends=[*sorted(costs), len(units)],
            end_costs=costs | {len(units): 0},
            pauses=pauses,
            clear_pause=clear,
            may_have_headings=not voices and len(heard) >= len(_USUAL_PAUSES),
            widths=list(accumulate((unit.columns + unit.spaced for unit in units), initial=0)),
        )

    def cheapest(self) -> list[tuple[int, int]]:
        """Return the paragraphs whose costs have the smallest sum; of equals that with the longest last one."""
        best: dict[int, tuple[int, int]] = {0: (0, 0)}
        starts = [0]
        for end in self.ends:
            reachable = [start for start in starts if self._width(start, end) <= 2 * LONGEST] or starts[-1:]
            best[end] = min((best[start][0] + self._cost(start, end), start) for start in reachable)
            starts = [*reachable, end] if self.end_costs[end] > -_FORCED else [end]
        path = []
        end = len(self.units)
        while end:
            path.append((best[end][1], end))
            end = best[end][1]
        return path[::-1]

    def is_heading(self, first: int, after: int) -> bool:
        """Return whether these units are short and stand apart from what is before and after them."""
        text = text_of(self.units[first:after])
        return (
            self.may_have_headings
            and after < len(self.units)
            and self._width(first, after) <= LONGEST_HEADING
            and after - first > 1
            and not text[0].islower()
            and text[-1] not in "?!,…"
            and min(self.pauses[first], self.pauses[after]) >= self.clear_pause
        )

    def _cost(self, first: int, after: int) -> int:
        width = self._width(first, after)
        cost = self.end_costs[after] + max(0, width - LONG) // _COLUMNS_PER_COST
        cost += max(0, width - LONGEST) * _PER_COLUMN_TOO_LONG
        if width < SHORT and not self.is_heading(first, after):
            cost += _TOO_SHORT * (SHORT - width) // SHORT
        return cost

    def _width(self, first: int, after: int) -> int:
        return self.widths[after] - self.widths[first] - self.units[first].spaced


def _clear_pause(heard: Sequence[int]) -> tuple[int, int]:
    """
    Return of the pauses between sentences the usual one, and the one from which on a pause is a longer one.

    That is where the pauses fall best into two groups (Otsu's method: the largest variance between them), but always
    a fifth more than the usual one.
    """
    ordered = sorted([*heard, *_USUAL_PAUSES])
    typical = round(median(ordered))
    sums = list(accumulate(ordered, initial=0))
    count, total = len(ordered), sums[-1]

    def between(below: int) -> float:
        return (total * below - sums[below] * count) ** 2 / (below * (count - below))

    border = max(range(1, count), key=between)
    return typical, max((ordered[border - 1] + ordered[border]) // 2, typical * 6 // 5)


def _cost_of_end(border: Border, pause: int, *, typical: int, clear: int, opening: Sequence[str], language: str) -> int:
    """Return the cost of ending a paragraph at this border: negative where the pause before it is a clear one."""
    if border is Border.SENTENCE and pause >= max(LONG_PAUSE, 2 * typical):
        return -_FORCED
    by_pause = _LONGER_PAUSE * (pause - clear) // max(100, clear - typical)
    cost = -max(-_MOST_BY_PAUSE, min(by_pause, _MOST_BY_PAUSE))
    if opens_topic(opening, language):
        cost -= _TOPIC
    if connects(opening[:1], language):
        cost += _TOPIC
    return cost if border is Border.SENTENCE else cost + _WITHOUT_SENTENCE
