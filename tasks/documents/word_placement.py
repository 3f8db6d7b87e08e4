"""Placement of words that a user wrote: times for them, found between those of the words around them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, pairwise

Span = tuple[float, float]
"""Start and end in seconds."""

SECONDS_PER_CHARACTER = 0.07
"""About the speed of speech, for words that were put where none was heard."""

_HAIR = 1e-6


def fill_times(
    texts: Sequence[str], known: Sequence[Span | None], gone: Sequence[Span], *, opening: frozenset[int], whole: Span
) -> list[Span]:
    """
    Return the times of all words; *known* are those that have some, *gone* those of the words that were removed.

    Words without times take those of what was removed between their neighbours. Where nothing was, they take as long
    as it takes to say them: after the word before them, or before the one after them if their first is one of those
    *opening* a paragraph. They never reach into their neighbours, and stay within the *whole* recording.
    """
    times: list[Span] = []
    for is_known, run in groupby(enumerate(known), key=lambda numbered: numbered[1] is not None):
        numbered = list(run)
        if is_known:
            times += [span for _, span in numbered if span is not None]
            continue
        first, after = numbered[0][0], numbered[-1][0] + 1
        following = known[after] if after < len(known) else None
        left = max(times[-1]) if times else whole[0]
        right = max(left, following[0] if following else whole[1])
        words = [text.strip() for text in texts[first:after]]
        rooms = _replaced((left, right), gone) or [
            _natural((left, right), words, at_end=first in opening and following is not None)
        ]
        times += [(_between(left, start, right), _between(left, end, right)) for start, end in _placed(words, rooms)]
    return times


def _replaced(between: Span, gone: Sequence[Span]) -> list[Span]:
    """Return the times of what was removed *between* two words."""
    left, right = between
    first = bisect_left(gone, left, key=lambda span: span[0])
    after = bisect_right(gone, right, lo=first, key=lambda span: span[0])
    return [(start, min(end, right)) for start, end in gone[first:after]]


def _natural(between: Span, words: Sequence[str], *, at_end: bool) -> Span:
    """Return as much of the time as it takes to say the *words*: the end of it, or its beginning."""
    left, right = between
    seconds = min(right - left, sum(map(len, words)) * SECONDS_PER_CHARACTER)
    return (right - seconds, right) if at_end else (left, left + seconds)


def _placed(words: Sequence[str], rooms: Sequence[Span]) -> Iterator[Span]:
    """Yield the times of *words*, which share the time of the *rooms* in proportion to their characters."""
    filled = list(accumulate(max(0.0, end - start) for start, end in rooms))
    characters = sum(map(len, words)) or 1
    shares = [filled[-1] * done / characters for done in accumulate(map(len, words), initial=0)]
    for begun, ended in pairwise(shares):
        last = len(rooms) - 1
        inner = min(bisect_right(filled, begun + _HAIR), last)  # what begins with a pause begins after it
        outer = min(bisect_left(filled, ended - _HAIR), last)
        yield rooms[inner][1] - (filled[inner] - begun), rooms[outer][1] - (filled[outer] - ended)


def _between(left: float, time: float, right: float) -> float:
    return min(right, max(left, round(time, 3)))
