"""Paragraphs of a transcript: whole sentences together until the speaker takes a longer break."""

from collections.abc import Sequence

from tasks.subtitles.breaks import Border, borders
from tasks.subtitles.standards import SubtitleStandard
from tasks.subtitles.tokens import text_of, units_of
from tasks.transcription.transcript import Word

# Pauses in milliseconds, lengths in columns (characters, full-width ones twice).
LONG_PAUSE = 2000
"""After a sentence, this ends the paragraph however short it is."""

SHORT_PAUSE = 600
"""After a sentence, this ends a paragraph of the usual length."""

USUAL_LENGTH = 500
"""About five printed lines."""

LONGEST = 1000
"""A paragraph of this length ends with its sentence, or, where there is no punctuation, at the next short pause."""


def paragraphs(words: Sequence[Word], standard: SubtitleStandard) -> tuple[str, ...]:
    """Return *words* as paragraphs, every word once, in order. Paragraphs hold no line breaks."""
    units = units_of(words, standard)
    found = borders(units, standard.language)
    texts: list[str] = []
    first, length = 0, 0
    for after, unit in enumerate(units, start=1):
        length += unit.columns + unit.spaced
        pause = units[after].start - unit.end if after < len(units) else LONG_PAUSE
        if _ends_paragraph(found[after], pause=pause, length=length):
            texts.append(text_of(units[first:after]))
            first, length = after, 0
    return tuple(texts)


def _ends_paragraph(border: Border, *, pause: int, length: int) -> bool:
    if border is not Border.SENTENCE:
        return length >= LONGEST and pause >= SHORT_PAUSE
    return pause >= LONG_PAUSE or length >= LONGEST or (length >= USUAL_LENGTH and pause >= SHORT_PAUSE)
