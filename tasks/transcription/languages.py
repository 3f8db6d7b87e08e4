"""Language detection: the places of a recording to listen at, the vote on its language, and passages in another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SHORT_SECONDS = 1.2
"""A word or two: too little to tell a language by."""

LONG_SECONDS = 4.0
"""A sentence."""

SURE = 0.8
SURE_OF_LITTLE = 0.95
"""Probabilities of another language at which a sentence, and less than one, is written in it."""

UNLIKELY = 0.05
"""Probability of the language so far above which it stays. Accents and noise leave it more than that."""

PRESENT = 0.04
PRESENT_TOGETHER = 0.9
"""
Probability at which a language may be spoken in a part of what was heard, and the least sum of such languages'.

Measured on base: 2.5 s of French in 28 s of English and German had 0.08. One language alone left no other more than
0.03; noise and babble spread theirs over many.
"""

VARIANTS = {"nn": "no", "bs": "hr", "sr": "hr", "ms": "id", "yue": "zh", "gl": "pt", "ur": "hi"}
"""Languages that Whisper takes for one another from one sentence to the next."""


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


def language_of_passage(vote: LanguageVote, usual: str, *, sure: float | None = None) -> str:
    """
    Return the language to write a passage in: *usual*, unless it is clearly spoken in another one.

    Whisper guesses at short or unclear speech. So a passage leaves the recording's language only where the other one
    is sure and the usual one all but excluded. *sure* is the probability it needs; None: more for shorter speech.
    """
    likeliest = max(vote.probabilities, key=lambda code: vote.probabilities[code], default=usual)
    if _same(likeliest, usual) or vote.speech_seconds < SHORT_SECONDS:
        return usual
    if sure is None:
        sure = SURE if vote.speech_seconds >= LONG_SECONDS else SURE_OF_LITTLE
    leaves = vote.probabilities[likeliest] >= sure and _probability(vote, usual) <= UNLIKELY
    return likeliest if leaves else usual


def languages_of_passages(votes: Sequence[LanguageVote], usual: str) -> list[str]:
    """
    Return the language of each of some passages that follow each other, where several are known to be spoken.

    A passage is in the language of the one before it unless another is sure, as in `language_of_passage`. Where the
    language changes, an unsure passage before the change belongs to the side whose language is more probable in it.
    """
    languages: list[str] = []
    for vote in votes:
        languages.append(language_of_passage(vote, languages[-1] if languages else usual, sure=SURE))
    for later, earlier in pairwise(reversed(range(len(votes)))):
        following = languages[later]
        if _probability(votes[earlier], following) > _probability(votes[earlier], languages[earlier]):
            languages[earlier] = following
    return languages


def is_mixed(vote: LanguageVote) -> bool:
    """Return whether several languages may be spoken in what was heard, one after the other."""
    sums: dict[str, float] = {}
    for code, probability in vote.probabilities.items():
        family = VARIANTS.get(code, code)
        sums[family] = sums.get(family, 0.0) + probability
    present = [probability for probability in sums.values() if probability >= PRESENT]
    return len(present) > 1 and sum(present) >= PRESENT_TOGETHER


def _probability(vote: LanguageVote, language: str) -> float:
    return sum(one for code, one in vote.probabilities.items() if _same(code, language))


def _same(language: str, other: str) -> bool:
    return VARIANTS.get(language, language) == VARIANTS.get(other, other)
