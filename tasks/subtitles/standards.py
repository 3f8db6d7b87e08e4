"""Subtitle standards: how much text, how fast and for how long, by language, and how text is measured for them."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from tasks.batches import StoredModel

_INVISIBLE = ("Mn", "Me", "Cf")


class SubtitleStandard(StoredModel):
    """
    The limits of what a viewer can read in comfort.

    The defaults are Netflix's for subtitles in the language of the speech (SDH): line length, reading speed and
    durations from its timed text style guides, the gap of two frames at 24 frames a second.
    """

    name: str = "netflix-sdh"
    language: str = Field(default="en", description="whose words and punctuation decide where a cue may end")
    characters_per_line: int = Field(default=42, ge=1)
    lines: int = Field(default=2, ge=1, le=2)
    characters_per_second: int = Field(default=20, ge=1)
    min_seconds: float = Field(default=5 / 6, ge=0)
    max_seconds: float = Field(default=7.0, gt=0)
    gap_seconds: float = Field(default=0.083, ge=0, description="least time between two cues")
    full_width: bool = Field(default=False, description="full-width characters count 1, all others one half")

    @property
    def limits(self) -> "Limits":
        """The standard in whole columns and milliseconds."""
        per_character = 2 if self.full_width else 1
        return Limits(
            line_columns=self.characters_per_line * per_character,
            lines=self.lines,
            columns_per_second=self.characters_per_second * per_character,
            shortest=_milliseconds_up(self.min_seconds),
            longest=milliseconds(self.max_seconds),
            gap=_milliseconds_up(self.gap_seconds),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """
    A standard in whole numbers: columns (see `columns`) and milliseconds.

    Minimums are rounded up, since 5/6 s is not a whole number of milliseconds.
    """

    line_columns: int
    lines: int
    columns_per_second: int
    shortest: int
    longest: int
    gap: int


_CHINESE = {"characters_per_line": 16, "characters_per_second": 11, "full_width": True}

_EXCEPTIONS: Mapping[str, Mapping[str, int]] = {
    "ar": {"characters_per_second": 23},
    "hi": {"characters_per_second": 25},
    "ja": {"characters_per_line": 13, "characters_per_second": 7, "full_width": True},
    "ko": {"characters_per_line": 16, "characters_per_second": 14, "full_width": True},
    "th": {"characters_per_line": 35},
    "yue": _CHINESE,
    "zh": _CHINESE,
}


def standard_for(language: str) -> SubtitleStandard:
    """
    Return the standard for speech in *language* (Whisper's code).

    The exceptions are those of Netflix's style guide of that language, with its reading speed for SDH where it gives
    one: verbatim Japanese can't meet the 4 characters a second that are meant for translations.
    """
    usual = SubtitleStandard(language=language)
    return usual.model_copy(update=_EXCEPTIONS.get(language, {}))


def columns(text: str) -> int:
    """
    Return the width of *text* in columns: 2 for a full-width character, 1 for any other, 0 for marks set upon one.

    So both ways of counting are whole numbers: characters (Latin, Thai without its tone marks), and full-width
    characters with half-width ones as one half (Japanese, Chinese, Korean).
    """
    if text.isascii():
        return len(text)
    return sum(_character_columns(character) for character in text)


def _character_columns(character: str) -> int:
    if unicodedata.category(character) in _INVISIBLE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def milliseconds(seconds: float) -> int:
    """Return *seconds* in whole milliseconds, which is what both file formats can hold."""
    return round(seconds * 1000)


def _milliseconds_up(seconds: float) -> int:
    # To a microsecond first: 0.083 s must not become 84 ms by a bit that floating point added.
    return math.ceil(round(seconds * 1000, 3))
