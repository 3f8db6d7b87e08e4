"""Language detection: the places of a recording to listen at, and the vote on its language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LanguageVote:
    """The language of one stretch of speech: a probability for each language code."""

    speech_seconds: float
    probabilities: Mapping[str, float]


def spread(count: int, *, at_most: int) -> tuple[int, ...]:
    """
    Return the indexes of *at_most* of *count* places, evenly spread and without the edges where they can be avoided.

    Recordings often begin and end with a greeting or a jingle in another language.
    """
    if count <= at_most:
        return tuple(range(count))
    return tuple(int((number + 0.5) * count / at_most) for number in range(at_most))


def elect_language(votes: Iterable[LanguageVote]) -> tuple[str, float]:
    """
    Return the language with the largest sum of probabilities and its mean probability.

    A vote counts as much as it heard speech; equal languages go to the first by code. Raises `ValueError` without
    a vote.
    """
    sums: dict[str, float] = {}
    heard_seconds = 0.0
    for vote in votes:
        heard_seconds += vote.speech_seconds
        for language, probability in vote.probabilities.items():
            sums[language] = sums.get(language, 0.0) + probability * vote.speech_seconds
    if not sums or heard_seconds <= 0:
        msg = "A language cannot be chosen from no speech."
        raise ValueError(msg)
    language = min(sums, key=lambda code: (-sums[code], code))
    return language, min(sums[language] / heard_seconds, 1.0)
