"""Gaps: the stretches of a recording in which there is a voice, or was one before it was damaged, and no word."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tasks.batches import Gap, GapReason

MIN_SECONDS = 1.0
"""A voice without words for less than this is a breath, a cough or a hesitation."""

EDGE_SECONDS = 0.2
"""Seconds at either end of a stretch that count as no voice: air around speech, and the ends of words."""

IDLE_SECONDS = 0.3
"""Less than that at either end of a place is left out: it is the air behind a word, or a click."""

SHORT_WORD_SECONDS = 0.3
"""A voice for so long is a word in a row of others: "yes", or a number."""

LONGEST_PAUSE_SECONDS = 3.0
"""Silence within one stretch. After a longer one, another stretch begins."""

PLACES_TOLD = 3

LONGEST_WORD_SECONDS = 2.0
"""Longest word. The alignment draws a word out over speech that was skipped: a longer one hides some."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording, in seconds from its start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length of the stretch."""
        return self.end - self.start

    @property
    def voiced_seconds(self) -> float:
        """Seconds of it that are a voice for certain."""
        return max(self.seconds - 2 * EDGE_SECONDS, 0.0)


def wordless(
    voiced: Iterable[Stretch], words: Iterable[Stretch], *, least_seconds: float = MIN_SECONDS
) -> tuple[tuple[Stretch, ...], ...]:
    """
    Return where there is a voice and no word for at least *least_seconds*: for each such place, its voiced stretches.

    *voiced* and *words* are in order of time; no word lies between two stretches of one place.
    """
    places: list[list[Stretch]] = []
    for part, begins_at_word in _parts(voiced, words):
        if begins_at_word or not places or part.start - places[-1][-1].end > LONGEST_PAUSE_SECONDS:
            places.append([])
        places[-1].append(part)
    return tuple(
        tuple(_without_idle_ends(place))
        for place in places
        if sum(part.voiced_seconds for part in place) >= least_seconds
    )


def not_understood(voiced: Iterable[Stretch], words: Iterable[Stretch]) -> tuple[Gap, ...]:
    """Return the gaps of a recording: each place with a voice that has no word."""
    return tuple(_gap(place[0].start, place[-1].end, GapReason.NOT_UNDERSTOOD) for place in wordless(voiced, words))


def merged(gaps: Iterable[Gap], unreadable: Sequence[Gap]) -> tuple[Gap, ...]:
    """
    Return both in order of time. What could not be read cannot have been heard: there, *unreadable* alone counts.

    What is left of the others beside it is kept from `MIN_SECONDS` on.
    """
    rest: list[Gap] = []
    for gap in gaps:
        pieces = list(_subtract(Stretch(gap.start, gap.end), [Stretch(one.start, one.end) for one in unreadable]))
        whole = len(pieces) == 1 and (pieces[0].start, pieces[0].end) == (gap.start, gap.end)
        rest += (_gap(one.start, one.end, gap.reason) for one in pieces if whole or one.seconds >= MIN_SECONDS)
    return tuple(sorted((*unreadable, *rest), key=lambda gap: (gap.start, gap.end)))


def told(gaps: Iterable[Gap]) -> str:
    """Return *gaps* as one phrase for a user: ``1 stretch not understood (its start and end)``; empty if none."""
    of_reason: dict[GapReason, list[str]] = {}
    for gap in gaps:
        of_reason.setdefault(gap.reason, []).append(f"{clock(gap.start)}–{clock(gap.end)}")  # noqa: RUF001 - a range
    return ", ".join(
        f"{len(places)} {'stretch' if len(places) == 1 else 'stretches'} {reason.value} "
        f"({', '.join(places[:PLACES_TOLD])}{', …' if len(places) > PLACES_TOLD else ''})"
        for reason, places in of_reason.items()
    )


def clock(seconds: float) -> str:
    """Return a place in a recording as players write it: ``4:05``, and ``1:04:05`` from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _gap(start: float, end: float, reason: GapReason) -> Gap:
    return Gap(start=round(max(start, 0.0), 3), end=round(max(end, 0.0), 3), reason=reason)


def _parts(voiced: Iterable[Stretch], words: Iterable[Stretch]) -> Iterator[tuple[Stretch, bool]]:
    """Yield what is left of the voice beside the words, and whether a word lies before it and after the last one."""
    covered = [Stretch(word.start, min(word.end, word.start + LONGEST_WORD_SECONDS)) for word in words]
    after = last_end = -1.0
    first = 0
    for span in voiced:
        while first < len(covered) and covered[first].end <= span.start:
            after = covered[first].end
            first += 1
        inside = first
        while inside < len(covered) and covered[inside].start < span.end:
            inside += 1
        for part in _subtract(span, covered[first:inside]):
            ends = [word.end for word in covered[first:inside] if word.end <= part.start]
            after = max([after, *ends])
            yield part, last_end < after <= part.start
            last_end = part.end


def _subtract(whole: Stretch, others: Sequence[Stretch]) -> Iterator[Stretch]:
    start = whole.start
    for other in others:
        if other.end <= start or other.start >= whole.end:
            continue
        if other.start > start:
            yield Stretch(start, other.start)
        start = max(start, other.end)
    if whole.end > start:
        yield Stretch(start, whole.end)


def _without_idle_ends(place: Sequence[Stretch]) -> Sequence[Stretch]:
    """Return *place* without the stretches at its ends that together hold no more than air, or a click."""
    seconds = list(accumulate(part.voiced_seconds for part in place))
    kept = [
        part
        for part, until in zip(place, seconds, strict=True)
        if until >= IDLE_SECONDS and seconds[-1] - until + part.voiced_seconds >= IDLE_SECONDS
    ]
    return kept or place
