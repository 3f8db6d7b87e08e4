"""Passages: sentences next to each other in which together all words are said, where no sentence has all of them."""

from collections.abc import Iterator, Sequence

REACH = 2
"""Sentences before and after the one with the rarest word in which the others may be."""

_NEAREST_FIRST = sorted(range(-REACH, REACH + 1), key=abs)


def passages(rows_of_terms: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """
    Yield the first and the last row of each passage that has a row of each term, in order.

    Rows are numbers of sentences, which follow each other as the sentences do.
    """
    rarest, *others = sorted(map(frozenset, rows_of_terms), key=len)
    end = -1
    for row in sorted(rarest):
        near = [_nearest(row, rows) for rows in others]
        found = [row, *(each for each in near if each is not None)]
        if len(found) == len(rows_of_terms) and min(found) > end:
            end = max(found)
            yield min(found), end


def _nearest(row: int, rows: frozenset[int]) -> int | None:
    return next((row + step for step in _NEAREST_FIRST if row + step in rows), None)
