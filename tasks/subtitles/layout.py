"""
The layout of subtitles: which words share a cue, and where its line breaks.

A cue starts when its first word is heard, so how long it may stand depends on nothing but its own words and the onset
of the next. The cost of a cue is therefore its own affair, the cost of a layout the sum over its cues, and the
cheapest layout a shortest path over the borders between words: found exactly, not by rules of thumb.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Self

from tasks.subtitles.breaks import Border, borders
from tasks.subtitles.formats import Cue
from tasks.subtitles.standards import Limits, SubtitleStandard
from tasks.subtitles.tokens import NO_VOICES, Unit, first_unit, text_of, units_of, voices_of, with_labels
from tasks.transcription.transcript import Word

# Times in milliseconds.
LINGER = 500
"""A cue stays this long after its last word where there is room (Netflix: half a second)."""

LONGEST_LINGER = 1500
"""It stays no longer than this after its last word, even for slow readers (BBC 5.2)."""

CHAINED_BELOW = 500
"""A shorter gap between cues looks like a flicker; it is closed to the least gap (Netflix)."""

LONGEST_PAUSE = 1500
"""A longer pause always ends the cue (BBC 4.5)."""

# Costs are whole numbers, so that equal layouts are equal on every machine. What the standard demands comes first: a
# broken rule outweighs any phrase that is cut in an ugly place.
_BROKEN_RULE = 2000
_PER_MILLISECOND_TOO_SHORT = 10
_PER_COLUMN_TOO_FAST = 200
_CUE = 60
_CUE_ENDS_AT = {
    Border.SENTENCE: 0,
    Border.CLAUSE: 40,
    Border.CONJUNCTION: 80,
    Border.PHRASE: 120,
    Border.NONE: 240,
    Border.CLOSE: 360,
    Border.BOUND: 900,
}
_LINE_ENDS_AT = {
    Border.SENTENCE: 0,
    Border.CLAUSE: 15,
    Border.CONJUNCTION: 30,
    Border.PHRASE: 45,
    Border.NONE: 90,
    Border.CLOSE: 130,
    Border.BOUND: 400,
}
_SENTENCE_INSIDE = 30
_SENTENCE_CUT_AFTER_ANOTHER = 150
_ORPHAN_COLUMNS = 8
_ORPHAN_CUE = 300
_ORPHAN_LINE = 80
_TOP_HEAVY = 10
_UNNOTICED_PAUSE = 300
_MILLISECONDS_OF_PAUSE_PER_COST = 5
# A pause of 0.7 s or more makes up for seven tenths of what it costs to end there.
_MOST_EXCUSING_PAUSE = 700
# Readers that look for the number of the next cue take a last line of nothing but digits for it, and drop it.
_LINE_OF_DIGITS = 1_000_000


def lay_out(
    words: Sequence[Word],
    standard: SubtitleStandard,
    *,
    end_seconds: float = math.inf,
    voices: Mapping[int, str] = NO_VOICES,
    labelled: bool = False,
) -> tuple[Cue, ...]:
    """
    Return the cues that show *words* in the best way *standard* allows; every word once, in order.

    *end_seconds* is when the recording ends, and with it the last cue: players refuse later ones. *voices* are the
    speakers who begin, by the index of their first word. A cue has the words of one of them, and if it is *labelled*,
    their name in its text, where they begin.

    What always holds: cues don't overlap, they last from 1 ms to the standard's maximum, and no line is over its limit
    unless it is a single word that long. Reading speed, least duration and gap hold wherever the speech leaves room
    for them. Time and memory grow with the number of words, not faster.
    """
    units = units_of(words, standard)
    begins = {first_unit(units, word): voice for word, voice in voices.items()}
    candidates = _Candidates.of(units, standard, end=end_seconds * 1000, voices=begins, labelled=labelled)
    return tuple(
        candidates.cue(number, first, after)
        for number, (first, after) in enumerate(_cheapest_path(candidates), start=1)
    )


def _cheapest_path(candidates: "_Candidates") -> list[tuple[int, int]]:
    """
    Return the cues, each as its first unit and the one after its last, whose costs have the smallest sum.

    Of layouts of equal cost the one whose last cue is longest is taken, and so on towards the start.
    """
    count = len(candidates.units)
    cheapest: list[float] = [0, *[math.inf] * count]
    previous = [0] * (count + 1)
    for first in range(count):
        for after in range(first + 1, count + 1):
            cost = candidates.cost(first, after)
            if cost is None:
                break
            if cheapest[first] + cost < cheapest[after]:
                cheapest[after], previous[after] = cheapest[first] + cost, first
    path = []
    after = count
    while after:
        path.append((previous[after], after))
        after = previous[after]
    return path[::-1]


@dataclass(frozen=True, slots=True)
class _LineBreak:
    before: int | None
    """The unit that begins the second line; None for a single line."""
    columns: int
    """Columns of all lines together."""
    cost: int


@dataclass(frozen=True, slots=True)
class _Candidates:
    """All cues that could be made of the units. Each is named by its first unit and the one after its last."""

    units: Sequence[Unit]
    limits: Limits
    recording_end: float
    borders: Sequence[Border]
    widths: Sequence[int]
    """Columns before each unit, spaces included: the width of a stretch is one subtraction."""
    sentences: Sequence[int]
    """Sentences begun up to each unit, the unit itself included."""
    pauses: Sequence[int]
    """Milliseconds of silence before each unit."""
    hidden_pauses: Sequence[int]
    """Cost of all pauses up to the one before each unit, were they inside a cue."""
    long_pauses: Sequence[int]
    """Pauses and changes of the speaker up to the one before each unit, which no cue may hold."""
    voices: Sequence[str]
    """The speaker of each unit."""

    @classmethod
    def of(
        cls,
        units: Sequence[Unit],
        standard: SubtitleStandard,
        *,
        end: float = math.inf,
        voices: Mapping[int, str] = NO_VOICES,
        labelled: bool = False,
    ) -> Self:
        """
        Return the candidates with the running sums that make each cost a matter of a few subtractions.

        *voices* are the speakers by the units with which they begin; *labelled* ones stand in the text of those.
        """
        by_words = enumerate(borders(units, standard.language))
        found = [Border.SENTENCE if place in voices else border for place, border in by_words]
        if labelled:
            units = with_labels(units, voices, standard)
        pauses = [0, *(right.start - left.end for left, right in pairwise(units)), LONGEST_PAUSE]
        noticed = (max(0, pause - _UNNOTICED_PAUSE) // _MILLISECONDS_OF_PAUSE_PER_COST for pause in pauses)
        return cls(
            units=units,
            limits=standard.limits,
            recording_end=end,
            borders=found,
            widths=list(accumulate((unit.columns + unit.spaced for unit in units), initial=0)),
            sentences=list(accumulate(border is Border.SENTENCE for border in found)),
            pauses=pauses,
            hidden_pauses=list(accumulate(noticed)),
            long_pauses=list(accumulate(pause > LONGEST_PAUSE or at in voices for at, pause in enumerate(pauses))),
            voices=voices_of(len(units), voices),
        )

    def cost(self, first: int, after: int) -> int | None:
        """Return the cost of the cue of these units; None if they can't share one, nor could any more units."""
        if not self._may_be_heard_together(first, after):
            return None
        lines = self._line_break(first, after)
        if lines is None:
            return None
        return _CUE + lines.cost + self._cost_of_words(first, after) + self._cost_of_time(first, after, lines.columns)

    def cue(self, number: int, first: int, after: int) -> Cue:
        """Return the cue of these units."""
        lines = self._line_break(first, after)
        if lines is None:
            msg = f"Units {first} to {after} do not fit in one cue."
            raise ValueError(msg)
        spans = [(first, after)] if lines.before is None else [(first, lines.before), (lines.before, after)]
        return Cue(
            number=number,
            start=self.units[first].start / 1000,
            end=self._end(first, after, lines.columns) / 1000,
            lines=tuple(text_of(self.units[begin:end]) for begin, end in spans),
            voice=self.voices[first],
        )

    def _may_be_heard_together(self, first: int, after: int) -> bool:
        if after - first == 1:
            return True
        heard = self.units[after - 1].end - self.units[first].start
        return self.long_pauses[after - 1] == self.long_pauses[first] and heard <= self.limits.longest

    def _width(self, first: int, after: int) -> int:
        """Return the columns of these units on one line."""
        return self.widths[after] - self.widths[first] - self.units[first].spaced

    def _is_orphan(self, first: int, after: int) -> bool:
        return after - first == 1 or self._width(first, after) < _ORPHAN_COLUMNS

    def _line_break(self, first: int, after: int) -> _LineBreak | None:
        """Return the cheapest way to set these units: one line if they fit on it. None if they don't fit on two."""
        whole = self._width(first, after)
        limit = self.limits.line_columns
        if whole <= limit or after - first == 1:
            return _LineBreak(before=None, columns=whole, cost=0 if whole <= limit else _BROKEN_RULE)
        if self.limits.lines == 1:
            return None
        best: _LineBreak | None = None
        earliest = bisect_left(self.widths, self.widths[after] - limit - 1, first + 1, after)
        for before in range(earliest, after):
            top, bottom = self._width(first, before), self._width(before, after)
            if top > limit:
                break
            if bottom > limit:
                continue
            cost = self._cost_of_lines((first, before, top), (before, after, bottom))
            if best is None or cost < best.cost:
                best = _LineBreak(before=before, columns=top + bottom, cost=cost)
        return best

    def _cost_of_lines(self, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> int:
        cost = _LINE_ENDS_AT[self.borders[bottom[0]]] + abs(top[2] - bottom[2])
        if top[2] > bottom[2]:
            cost += _TOP_HEAVY
        for first, after, _ in (top, bottom):
            if self._is_orphan(first, after):
                cost += _ORPHAN_LINE
                if after - first == 1 and self.units[first].text.isdecimal():
                    cost += _LINE_OF_DIGITS
        return cost

    def _cost_of_words(self, first: int, after: int) -> int:
        """Return the cost of ending the cue where it ends, and of its contents."""
        ending = self.borders[after]
        cost = _CUE_ENDS_AT[ending]
        if ending is not Border.BOUND:
            cost = cost * (1000 - min(self.pauses[after], _MOST_EXCUSING_PAUSE)) // 1000
        inside = self.sentences[after - 1] - self.sentences[first]
        cost += inside * _SENTENCE_INSIDE
        if inside and ending is not Border.SENTENCE:
            cost += _SENTENCE_CUT_AFTER_ANOTHER
        is_sentence = self.borders[first] is Border.SENTENCE and ending is Border.SENTENCE
        if self._is_orphan(first, after) and not is_sentence:
            cost += _ORPHAN_CUE
        return cost + self.hidden_pauses[after - 1] - self.hidden_pauses[first]

    def _cost_of_time(self, first: int, after: int, columns: int) -> int:
        """Return the cost of a cue of so many *columns* being too fast, too short or too near the next."""
        start, end = self.units[first].start, self._end(first, after, columns)
        cost = 0
        columns_too_many = columns * 1000 - self.limits.columns_per_second * (end - start)
        if columns_too_many > 0:
            cost += _BROKEN_RULE + columns_too_many * _PER_COLUMN_TOO_FAST // 1000
        missing = self.limits.shortest - (end - start)
        if missing > 0:
            cost += _BROKEN_RULE + missing * _PER_MILLISECOND_TOO_SHORT
        if after < len(self.units) and self.units[after].start - end < self.limits.gap:
            cost += _BROKEN_RULE
        return cost

    def _end(self, first: int, after: int, columns: int) -> int:
        """Return the end of the cue: not before that of its words, if the next cue leaves it the time."""
        start, heard = self.units[first].start, self.units[after - 1].end
        latest = int(max(start + 1, min(start + self.limits.longest, self.recording_end)))
        readable = start + -(-columns * 1000 // self.limits.columns_per_second)
        wanted = max(heard + LINGER, start + self.limits.shortest, readable)
        end = min(latest, max(heard, min(wanted, heard + LONGEST_LINGER)))
        if after == len(self.units):
            return end
        following = self.units[after].start
        # Where words come so fast that the gap would swallow the cue, the cue keeps half of the time.
        limit = min(latest, max(following - self.limits.gap, (start + following + 1) // 2))
        return limit if following - end < CHAINED_BELOW else min(end, limit)
