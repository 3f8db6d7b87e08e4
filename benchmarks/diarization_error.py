"""
The diarization error rate: frames missed, invented or given to the wrong speaker, as a share of those that are spoken.

Frames near the edges of true turns don't count, since people do not agree on them to a tenth of a second.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.transcription.speakers import Turn

FRAMES_PER_SECOND = 100
COLLAR_SECONDS = 0.25
PAUSE_SECONDS = 0.5
"""Pauses of one speaker that are shorter belong to the turn, in the reference and in what is found."""


@dataclass(frozen=True, slots=True)
class Score:
    """Frames of a recording, or of several: those that are spoken, and those that are wrong in each of three ways."""

    spoken: int = 0
    missed: int = 0
    invented: int = 0
    confused: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.spoken + other.spoken,
            self.missed + other.missed,
            self.invented + other.invented,
            self.confused + other.confused,
        )

    @property
    def error(self) -> float:
        """Diarization error rate."""
        return (self.missed + self.invented + self.confused) / max(self.spoken, 1)


def score(found: Iterable[Turn], true: Sequence[Turn]) -> Score:
    """Return the frames that are wrong, with the speakers that were found named so that most are right."""
    last = max(turn.end for turn in true)
    ours, theirs = _frames(_bridged(found), last), _frames(_bridged(true), last)
    counted = np.ones(theirs.shape[1], dtype=bool)
    for edge in (edge for turn in _bridged(true) for edge in (turn.start, turn.end)):
        first, after = (round((edge + sign * COLLAR_SECONDS) * FRAMES_PER_SECOND) for sign in (-1, 1))
        counted[max(first, 0) : after] = False
    ours, theirs = ours[:, counted], theirs[:, counted]
    spoken, heard_too = theirs.sum(axis=0), ours.sum(axis=0)
    right = _most_right(theirs.astype(np.int64) @ ours.T.astype(np.int64))
    return Score(
        spoken=int(spoken.sum()),
        missed=int(np.maximum(spoken - heard_too, 0).sum()),
        invented=int(np.maximum(heard_too - spoken, 0).sum()),
        confused=int(np.minimum(spoken, heard_too).sum()) - right,
    )


def _bridged(turns: Iterable[Turn]) -> list[Turn]:
    """Return the turns of each speaker without the pauses that are too short to count."""
    bridged: list[Turn] = []
    of_speaker: dict[int, list[Turn]] = {}
    for turn in turns:
        of_speaker.setdefault(turn.speaker, []).append(turn)
    for theirs in of_speaker.values():
        starts = [theirs[0].start, *(b.start for a, b in pairwise(theirs) if b.start - a.end >= PAUSE_SECONDS)]
        ends = [*(a.end for a, b in pairwise(theirs) if b.start - a.end >= PAUSE_SECONDS), theirs[-1].end]
        bridged += [Turn(start, end, theirs[0].speaker) for start, end in zip(starts, ends, strict=True)]
    return bridged


def _frames(turns: Sequence[Turn], seconds: float) -> NDArray[np.bool_]:
    frames = np.zeros((max((turn.speaker for turn in turns), default=0) + 1, round(seconds * FRAMES_PER_SECOND)), bool)
    for turn in turns:
        frames[turn.speaker, round(turn.start * FRAMES_PER_SECOND) : round(turn.end * FRAMES_PER_SECOND)] = True
    return frames


def _most_right(shared: NDArray[np.int64]) -> int:
    """Return the frames that are right if each true speaker is one of those found, in the best way."""

    @functools.cache
    def best(speaker: int, taken: int) -> int:
        if speaker == len(shared):
            return 0
        choices = (column for column in range(shared.shape[1]) if not taken >> column & 1)
        ways = (int(shared[speaker, column]) + best(speaker + 1, taken | 1 << column) for column in choices)
        return max(best(speaker + 1, taken), *ways, 0)

    return best(0, 0)
