"""Hallucinations: texts of the model that were likely not said. Whisper can loop, skip speech and make up words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, pairwise

MAX_COMPRESSION_RATIO = 2.4
"""Text that zlib packs better repeats itself (threshold of OpenAI's Whisper)."""

MIN_LOG_PROBABILITY = -1.0
"""Mean log probability of the tokens below which OpenAI's Whisper takes a text for a failure."""

MAX_CHARACTERS_PER_SECOND = 40.0
"""Faster than anyone speaks: 25 is a fast speaker of a language written in letters."""

MIN_SKIPPED_SECONDS = 8.0
"""Shorter stretches without words can be a cough, a laugh or music that the voice detector took for speech."""

LONGEST_WORD_SECONDS = 2.0

LONGEST_PHRASE_WORDS = 8
MIN_REPETITIONS = {1: 8, 2: 6}
"""Times that a phrase of so many words comes in a row before it is a loop; longer ones: four times."""


class Suspicion(StrEnum):
    """The reason why a text is doubted, as shown to users."""

    LOOP = "the same words again and again"
    REPETITIVE = "text that repeats itself"
    TOO_FAST = "more text than can be spoken in that time"
    SKIPPED = "speech without words"
    UNSURE = "the model was unsure of every word"

    @property
    def invented(self) -> bool:
        """True if the text is doubted because it cannot have been said."""
        return self in (Suspicion.LOOP, Suspicion.REPETITIVE, Suspicion.TOO_FAST)


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A word and when it is said, in seconds of the speech it belongs to."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The model's text for a stretch of speech, from which the pauses are taken out."""

    words: tuple[WrittenWord, ...]
    speech_seconds: float
    average_log_probability: float
    compression_ratio: float

    @property
    def text(self) -> str:
        """All words."""
        return "".join(word.text for word in self.words)


def suspicion_of(writing: Hypothesis) -> Suspicion | None:
    """Return the reason why *writing* is doubted; None if it is not."""
    if _longest_skipped_seconds(writing) >= MIN_SKIPPED_SECONDS:
        return Suspicion.SKIPPED
    if not writing.words:
        return None
    if find_loop([word.text for word in writing.words]) is not None:
        return Suspicion.LOOP
    if writing.compression_ratio > MAX_COMPRESSION_RATIO:
        return Suspicion.REPETITIVE
    if len(writing.text) > MAX_CHARACTERS_PER_SECOND * max(writing.speech_seconds, 1.0):
        return Suspicion.TOO_FAST
    return Suspicion.UNSURE if writing.average_log_probability < MIN_LOG_PROBABILITY else None


def prefer_second(first: Hypothesis, second: Hypothesis) -> bool:
    """
    Return whether *second*, a slower try at the same speech, replaces the doubted *first*.

    It does if nothing is wrong with it, and never by words that cannot have been said. If both are only doubted, the
    model's own certainty decides.
    """
    doubt_first, doubt_second = suspicion_of(first), suspicion_of(second)
    if doubt_second is None:
        # Silence in place of uncertain words is no gain: they may be right.
        return bool(second.words) or (doubt_first is not None and doubt_first.invented)
    if doubt_second.invented or not second.words:
        return False
    if doubt_first is not None and doubt_first.invented:
        return True
    return not first.words or second.average_log_probability > first.average_log_probability


def find_loop(words: Sequence[str]) -> slice | None:
    """
    Return the slice of words that only repeat the phrase before them; None if no phrase comes often enough in a row.

    Case and punctuation do not count. The shortest phrase wins, then the first.
    """
    bare = ["".join(filter(str.isalnum, word)).casefold() for word in words]
    for length in range(1, LONGEST_PHRASE_WORDS + 1):
        enough = MIN_REPETITIONS.get(length, 4)
        for start in range(len(bare) - enough * length + 1):
            end = start + length
            while bare[end : end + length] == bare[start : start + length]:
                end += length
            if end - start >= enough * length:
                return slice(start + length, end)
    return None


def _longest_skipped_seconds(writing: Hypothesis) -> float:
    # Where speech is skipped, the alignment stretches a word over it: what is longer than a word counts as skipped.
    ends = (min(word.end, word.start + LONGEST_WORD_SECONDS) for word in writing.words)
    spoken = zip((word.start for word in writing.words), ends, strict=True)
    edges = [0.0, *chain.from_iterable(spoken), writing.speech_seconds]
    # Every other pair of edges is a word; the rest is what lies before, between and behind words.
    return max(later - earlier for earlier, later in list(pairwise(edges))[::2])
