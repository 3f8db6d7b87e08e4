"""Hallucinations: texts of the model that were likely not said. Whisper can loop and make up words."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from statistics import median

MAX_COMPRESSION_RATIO = 2.4
"""Text that zlib packs better repeats itself (threshold of OpenAI's Whisper)."""

MIN_LOG_PROBABILITY = -1.0
"""Mean log probability of the tokens below which OpenAI's Whisper takes a text for a failure."""

MAX_NO_SPEECH_PROBABILITY = 0.6
"""Above this, OpenAI's Whisper takes a text for silence if it is a failure, too."""

STRAY_NO_SPEECH_PROBABILITY = 0.5
"""The same for a few words in a lot of sound: "All right." in 18 s of babble had 0.52."""

MAX_CHARACTERS_PER_SECOND = 40.0
"""Faster than anyone speaks: 25 is a fast speaker of a language written in letters."""

MIN_WORD_SECONDS = 0.08
"""Words that were made up get next to no time: the model heard nothing to lay them on."""

NO_SECONDS = 0.03
MAX_TIMELESS = 0.2
"""
Share of words that may have less than that. Measured on base: "You have to understand it all", five times in 5 s of
babble, had 0.31, other such loops 0.28.
"""

LONGEST_WORD_SECONDS = 2.0

LONGEST_PHRASE_WORDS = 8
MIN_REPETITIONS = {1: 8, 2: 6}
"""Times that a phrase of so many words comes in a row before it is a loop; longer ones: four times."""

MIN_CREDIBLE_LOG_PROBABILITY = -0.7
"""
Mean log probability that a text needs where the first pass heard none.

Measured on base: what was really said there had -0.3 and more, what was made up of many voices at once -0.98.
"""

MIN_LOG_PROBABILITY_OF_NO_SPEECH = -0.4
"""The same where the model takes the sound for no speech rather. Single digits had -0.18, an invented sum -0.64."""

MIN_LANGUAGE_PROBABILITY = 0.3
MAX_UNKNOWN_LOG_PROBABILITY = -0.5
"""
Speech of 5 s and more whose likeliest language has less, in a text that is no surer: no language that the model knows.

Measured on base: single words have a language of 0.47 and more, sentences of 0.75; speech played backwards 0.19.
"""

MIN_LANGUAGE_SECONDS = 5.0

MIN_CREDIT = 0.15
"""Least share of sound that the words of a second try account for, each by its probability."""

CONFIRMED = 0.5
"""Share of a text's credit that a second try must have to bear it out."""

NEARLY_ALL = 0.7
"""Share at which the pieces replace a repetition that was said: they count better how often."""

SAME = 0.8
"""Likeness of the letters of two texts from which on they say the same: they may part words at other places."""


class Suspicion(StrEnum):
    """The reason why a text is doubted, as shown to users."""

    LOOP = "the same words again and again"
    REPETITIVE = "text that repeats itself"
    TOO_FAST = "more text than can be spoken in that time"
    NO_SPEECH = "the model was unsure of every word and took the sound for no speech"
    UNKNOWN_LANGUAGE = "no language that the model knows"
    UNSURE = "the model was unsure of every word"

    @property
    def unheard(self) -> bool:
        """True if the text is doubted because there seems to be nothing to understand."""
        return self in (Suspicion.NO_SPEECH, Suspicion.UNKNOWN_LANGUAGE)

    @property
    def repeats(self) -> bool:
        """True if the text is doubted for its repetitions: a loop of the model, or words really said many times."""
        return self in (Suspicion.LOOP, Suspicion.REPETITIVE, Suspicion.TOO_FAST)


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A word, its probability, and when it is said, in seconds of the speech it belongs to."""

    text: str
    start: float
    end: float
    probability: float = 1.0

    @property
    def credit(self) -> float:
        """Seconds of speech that the word accounts for, less the more unsure it is; none if it is too short to say."""
        seconds = self.end - self.start
        return min(seconds, LONGEST_WORD_SECONDS) * self.probability if seconds >= MIN_WORD_SECONDS else 0.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The model's text for a stretch of speech, from which the pauses are taken out."""

    words: tuple[WrittenWord, ...]
    speech_seconds: float
    average_log_probability: float
    compression_ratio: float
    no_speech_probability: float = 0.0
    language_probability: float = 1.0
    """Of the likeliest language; 1 where the language is given."""

    @property
    def text(self) -> str:
        """All words."""
        return "".join(word.text for word in self.words)

    def text_between(self, start: float, end: float) -> str:
        """Return the words whose middle lies there, in seconds of the speech."""
        return "".join(word.text for word in self.words if start <= (word.start + word.end) / 2 < end)

    @property
    def credit(self) -> float:
        """Seconds of speech that the words account for."""
        return sum(word.credit for word in self.words)


class Verdict(StrEnum):
    """The outcome of a second try: which text counts."""

    FIRST = "no better"
    SECOND = "taken"
    SHORTENED = "no better, the repetition is left out"


def suspicion_of(writing: Hypothesis) -> Suspicion | None:
    """Return the reason why *writing* is doubted; None if it is not."""
    if not writing.words:
        return None
    if find_loop([word.text for word in writing.words]) is not None:
        return Suspicion.LOOP
    if writing.compression_ratio > MAX_COMPRESSION_RATIO:
        return Suspicion.REPETITIVE
    if len(writing.text) > MAX_CHARACTERS_PER_SECOND * max(writing.speech_seconds, 1.0):
        return Suspicion.TOO_FAST
    return _uncertainty_of(writing)


def _uncertainty_of(writing: Hypothesis) -> Suspicion | None:
    unsure = writing.average_log_probability < MIN_LOG_PROBABILITY
    if unsure and writing.no_speech_probability > MAX_NO_SPEECH_PROBABILITY:
        return Suspicion.NO_SPEECH
    if _is_stray(writing) and writing.no_speech_probability > STRAY_NO_SPEECH_PROBABILITY:
        return Suspicion.NO_SPEECH
    unknown = writing.speech_seconds >= MIN_LANGUAGE_SECONDS and writing.language_probability < MIN_LANGUAGE_PROBABILITY
    if unknown and writing.average_log_probability < MAX_UNKNOWN_LOG_PROBABILITY:
        return Suspicion.UNKNOWN_LANGUAGE
    return Suspicion.UNSURE if unsure else None


def _is_stray(writing: Hypothesis) -> bool:
    """Return whether these are a few unsure words for a lot of sound."""
    unsure = writing.average_log_probability < MIN_CREDIBLE_LOG_PROBABILITY
    return unsure and writing.credit < MIN_CREDIT * writing.speech_seconds


def fits_its_time(writing: Hypothesis) -> bool:
    """Return whether what *writing* repeats can have been said: its words have the time that words take."""
    loop = find_loop([word.text for word in writing.words])
    seconds = [word.end - word.start for word in (writing.words[loop] if loop else writing.words)]
    if not seconds or median(seconds) < MIN_WORD_SECONDS:
        return False
    return sum(one < NO_SECONDS for one in seconds) <= MAX_TIMELESS * len(seconds)


def is_credible(second: Hypothesis) -> bool:
    """
    Return whether *second*, the text of a piece that was heard alone, may be written.

    In so short a piece a few words that repeat are no loop, but a guess is likelier than in the midst of a talk.
    """
    no_speech = second.no_speech_probability > STRAY_NO_SPEECH_PROBABILITY
    least = MIN_LOG_PROBABILITY_OF_NO_SPEECH if no_speech else MIN_CREDIBLE_LOG_PROBABILITY
    sure = second.average_log_probability >= least
    return sure and _has_time(second)


def _has_time(second: Hypothesis) -> bool:
    """Return whether the words have the time that words take, and account for enough of the sound."""
    return fits_its_time(second) and second.credit >= MIN_CREDIT * second.speech_seconds


def says_again(second: Hypothesis, repetition: str) -> bool:
    """
    Return whether *second*, the text of a piece that was heard alone, has only words of a *repetition* beside it.

    Two tries agree then, so it may be written although a single word seldom makes the model sure.
    """
    said = {bare(word.text) for word in second.words} - {""}
    repeated = {bare(word) for word in repetition.split()}
    sure = second.average_log_probability >= MIN_LOG_PROBABILITY
    is_speech = second.no_speech_probability <= STRAY_NO_SPEECH_PROBABILITY
    return bool(said) and said <= repeated and sure and is_speech and _has_time(second)


def judge(first: Hypothesis, doubt: Suspicion, second: Sequence[Hypothesis]) -> Verdict:
    """
    Return which of two tries at the same speech counts: *first*, or *second*, its pieces heard alone.

    What the words account for decides. A repetition stays if the pieces bear it out: what a model repeats because it
    has lost its way, it does not hear again in each of them.
    """
    credit = sum(piece.credit for piece in second if is_credible(piece))
    if not doubt.repeats:
        # Silence in place of uncertain words is no gain: they may be right.
        return Verdict.SECOND if credit > first.credit else Verdict.FIRST
    if credit == 0 or credit < CONFIRMED * first.credit:
        return Verdict.SHORTENED
    said = fits_its_time(first) and bears_out("".join(piece.text for piece in second), first)
    return Verdict.FIRST if said and credit < NEARLY_ALL * first.credit else Verdict.SECOND


def bears_out(text: str, first: Hypothesis) -> bool:
    """Return whether the phrase that *first* repeats again and again comes more than once in *text*, too."""
    phrase = repeated_phrase([word.text for word in first.words])
    return not phrase or bare(text).count(phrase) > 1


def agrees(first: Hypothesis, start: float, piece: Hypothesis) -> bool:
    """Return whether *piece*, heard alone from second *start* of *first* on, has the words that *first* has there."""
    there, alone = bare(first.text_between(start, start + piece.speech_seconds)), bare(piece.text)
    return bool(there) and SequenceMatcher(None, there, alone, autojunk=False).ratio() >= SAME


def find_loop(words: Sequence[str]) -> slice | None:
    """
    Return the slice of words that only repeat the phrase before them; None if no phrase comes often enough in a row.

    Case and punctuation do not count. The shortest phrase wins, then the first.
    """
    letters = [bare(word) for word in words]
    for length in range(1, LONGEST_PHRASE_WORDS + 1):
        enough = MIN_REPETITIONS.get(length, 4)
        for start in range(len(letters) - enough * length + 1):
            end = start + length
            while letters[end : end + length] == letters[start : start + length]:
                end += length
            if end - start >= enough * length:
                return slice(start + length, end)
    return None


def repeated_phrase(words: Sequence[str]) -> str:
    """Return the phrase of the loop in *words* as `bare` text; empty if there is no loop."""
    loop = find_loop(words)
    if loop is None:
        return ""
    letters = [bare(word) for word in words]
    again = letters[loop]
    lengths = range(1, loop.start + 1)
    length = next(one for one in lengths if letters[loop.start - one : loop.stop - one] == again)
    return "".join(letters[loop.start - length : loop.start])


def bare(text: str) -> str:
    """Return *text* in small letters, without anything but letters and digits."""
    return "".join(filter(str.isalnum, text)).casefold()
