"""The option speakers: whether they are told apart, and how many there are."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

MOST_SPEAKERS = 20
_NUMBER = re.compile("[1-9][0-9]?")


def _read(chosen: object) -> object:
    number = int(chosen) if isinstance(chosen, str) and _NUMBER.fullmatch(chosen) else chosen
    if number in ("off", "auto") or (type(number) is int and 1 <= number <= MOST_SPEAKERS):
        return number
    msg = f"write off, auto or the number of speakers, from 1 to {MOST_SPEAKERS}"
    raise ValueError(msg)


SpeakerChoice = Annotated[
    Literal["off", "auto"] | Annotated[int, Field(ge=1, le=MOST_SPEAKERS)], BeforeValidator(_read)
]
"""Tell the speakers apart: not at all, as many as are found, or so many."""
