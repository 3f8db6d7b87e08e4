"""
Average linkage: groups of vectors of which any two are, on average over their members, further apart than a limit.

The distance of two vectors of length 1 is one less their cosine, so the mean distance of two groups needs no more than
the sums of their members. That is what lets many vectors be taken in two steps: each stretch of the recording alone,
then the groups of all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

BLOCK = 1000
"""Vectors that are grouped at a time: time and memory grow with the square of it."""

MOST_GROUPS_OF_A_BLOCK = 24
"""Groups that a block may leave. An hour of speech has nine blocks; 20 hours have as many groups as fit into memory."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two groups that became one: *second* was put into *first*, at their mean *distance*."""

    distance: float
    first: int
    second: int


def tell_apart(vectors: Vectors, *, limit: float, least: int, count: int | None = None) -> Labels:
    """
    Return the group of each of the *vectors* of length 1, numbered in the order in which they first occur.

    Groups that are closer than *limit* are one. Those of fewer than *least* vectors are none: their members go to the
    nearest other. With *count*, that many are looked for, at the distance nearest to *limit* at which there are so
    many; there may be fewer then if the vectors give no more.
    """
    blocks = [vectors[first : first + BLOCK] for first in range(0, len(vectors), BLOCK)]
    if len(blocks) == 1:
        labels = _grouped(vectors, np.ones(len(vectors)), limit=limit, least=least, count=count)
    else:
        parts = [_parts_of(block, limit) for block in blocks]
        starts = np.cumsum([0, *(labels.max() + 1 for labels in parts[:-1])])
        of_part = np.concatenate([labels + start for labels, start in zip(parts, starts, strict=True)])
        sums, sizes = sums_of(vectors, of_part)
        labels = _grouped(sums, sizes, limit=limit, least=least, count=count)[of_part]
    return _in_order(_to_nearest(vectors, labels))


def merges(sums: Vectors, sizes: NDArray[np.float64]) -> Iterator[Merge]:
    """Yield how groups, given as the sums and the numbers of their members, become one, the closest pair first."""
    means = (sums / sizes[:, None]).astype(np.float32)
    distances, weights = 1 - means @ means.T, sizes.astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    least = distances[np.arange(len(sums)), nearest]
    for _ in range(len(sums) - 1):
        first, second = sorted((int(least.argmin()), int(nearest[least.argmin()])))
        yield Merge(float(distances[first, second]), first, second)
        total = weights[first] + weights[second]
        joined = (weights[first] * distances[first] + weights[second] * distances[second]) / total
        joined[[first, second]] = np.inf
        distances[first] = distances[:, first] = joined
        distances[second] = distances[:, second] = np.inf
        weights[first], least[second] = total, np.inf
        stale = np.isfinite(least) & ((nearest == first) | (nearest == second))
        stale[first] = True
        for row in np.flatnonzero(stale):
            nearest[row] = distances[row].argmin()
            least[row] = distances[row, nearest[row]]
        closer = joined < least
        nearest[closer], least[closer] = first, joined[closer]


def sums_of(vectors: Vectors, labels: Labels) -> tuple[Vectors, NDArray[np.float64]]:
    """Return the sum and the number of the vectors of each group."""
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, labels, vectors)
    return sums, np.bincount(labels, minlength=len(sums)).astype(np.float64)


def _grouped(sums: Vectors, sizes: NDArray[np.float64], *, limit: float, least: int, count: int | None) -> Labels:
    """Return the group of each, -1 for those of groups that are too small, unless all are."""
    steps = list(merges(sums, sizes))
    taken = _steps_to(steps, sizes, limit=limit, least=least, count=count)
    labels = _after(steps[:taken], len(sums))
    members = np.bincount(labels, weights=sizes)
    large = members >= min(least, members.max())
    return np.where(large[labels], labels, -1)


def _steps_to(
    steps: Sequence[Merge], sizes: NDArray[np.float64], *, limit: float, least: int, count: int | None
) -> int:
    """Return the number of merges to make: those up to *limit*, or to *count* groups that are large enough."""
    if count is None:
        return sum(step.distance <= limit for step in steps)
    members = sizes.copy()
    large = int((members >= least).sum())
    found = [(abs(large - count), limit, 0)]
    for number, step in enumerate(steps, start=1):
        large -= int(members[step.first] >= least) + int(members[step.second] >= least)
        members[step.first] += members[step.second]
        members[step.second] = 0
        large += int(members[step.first] >= least)
        found.append((abs(large - count), abs(step.distance - limit), number))
    return min(found)[2]


def _after(steps: Sequence[Merge], count: int) -> Labels:
    labels = np.arange(count)
    for step in reversed(steps):  # what was put into another one follows it to wherever that one went later
        labels[step.second] = labels[step.first]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _parts_of(block: Vectors, limit: float) -> Labels:
    """Return the groups of one block, which are small enough to fit into those of the whole."""
    steps = list(merges(block, np.ones(len(block))))
    taken = max(sum(step.distance <= limit / 2 for step in steps), len(block) - MOST_GROUPS_OF_A_BLOCK)
    return _after(steps[: max(0, min(taken, len(steps)))], len(block))


def _to_nearest(vectors: Vectors, labels: Labels) -> Labels:
    """Return for each vector the group whose mean direction is nearest."""
    centres, _ = sums_of(vectors[labels >= 0], labels[labels >= 0])
    lengths = np.linalg.norm(centres, axis=1)
    cosines = vectors @ (centres / np.maximum(lengths, 1e-12)[:, None]).T
    cosines[:, lengths == 0] = -np.inf
    return np.asarray(cosines.argmax(axis=1), dtype=np.int64)


def _in_order(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
