"""Placement of words that a user wrote: times for them, found between those of the words around them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise

Span = tuple[float, float]
"""Start and end in seconds."""

SECONDS_PER_CHARACTER = 0.07
"""About the speed of speech, for words that were put where none was heard."""


def fill_times(
    texts: Sequence[str], known: Sequence[Span | None], gone: Sequence[Span], *, opening: frozenset[int], whole: Span
) -> list[Span]:
    """
    Return the times of all words; *known* are those that have some, *gone* those of the words that were removed.

    Words without times take those of what was removed between their neighbours. Where nothing was, they take as long as
    it takes to say them: after the word before them, or before the one after them if their first is one of those
    *opening* a paragraph. They never reach into their neighbours, and stay within the *whole* recording.
    """
    times: list[Span] = []
    place = 0
    for is_known, run in groupby(known, key=lambda span: span is not None):
        spans = list(run)
        after = place + len(spans)
        if is_known:
            times += [span for span in spans if span is not None]
        else:
            left = max(times[-1]) if times else whole[0]
            following = known[after] if after < len(known) else None
            right = max(left, following[0] if following else max(left, whole[1]))
            words = [text.strip() for text in texts[place:after]]
            room = _room((left, right), gone, sum(map(len, words)), at_end=place in opening and following is not None)
            times += _shared_out(words, room)
        place = after
    return times


def _room(between: Span, gone: Sequence[Span], characters: int, *, at_end: bool) -> Span:
    left, right = between
    first = bisect_left(gone, left, key=lambda span: span[0])
    after = bisect_right(gone, right, lo=first, key=lambda span: span[1])
    if first < after:
        start, end = gone[first][0], max(span[1] for span in gone[first:after])
        return start, min(max(start, end), right)
    seconds = min(right - left, characters * SECONDS_PER_CHARACTER)
    return (right - seconds, right) if at_end else (left, left + seconds)


def _shared_out(words: Sequence[str], room: Span) -> list[Span]:
    """Return the times of *words* in the *room*, in proportion to their characters, in whole milliseconds inside it."""
    start, end = room
    total = sum(map(len, words)) or 1
    shares = accumulate(map(len, words), initial=0)
    borders = [min(end, max(start, round(start + (end - start) * share / total, 3))) for share in shares]
    return list(pairwise(borders))
