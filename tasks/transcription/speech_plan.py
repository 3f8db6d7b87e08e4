"""The speech plan of a recording: found by the host that converts, followed by the one that transcribes."""

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.batches import StoredModel

PLAN_VERSION: Literal[1] = 1
"""Raised whenever the voice detector, or the way in which speech is cut, changes; other plans are not used."""

Stretch = tuple[Annotated[int, Field(ge=0)], int]
"""Start and end, in samples of the recording."""


class SpeechPlan(StoredModel):
    """The voices in a recording, and the chunks in which the model hears them."""

    version: Literal[1] = PLAN_VERSION
    samples: int = Field(ge=0, description="length of the decoded recording")
    voices: tuple[Stretch, ...]
    chunks: tuple[tuple[Stretch, ...], ...] = Field(description="of each chunk the voices in it, with air around them")
    language_windows: tuple[int, ...] = Field(description="indexes of the chunks that vote for the language")

    @property
    def spans(self) -> Iterator[Stretch]:
        """The voices with the air around them, in order."""
        return chain.from_iterable(self.chunks)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        spans = tuple(self.spans)
        for stretches in (self.voices, spans):
            if any(start >= end for start, end in stretches):
                msg = "a stretch ends before it begins"
                raise ValueError(msg)
            if any(end > start for (_, end), (start, _) in pairwise((*stretches, (self.samples, self.samples)))):
                msg = "stretches overlap, or lie beyond the end"
                raise ValueError(msg)
        if len(self.voices) != len(spans) or not all(self.chunks):
            msg = "voices and chunks do not belong together"
            raise ValueError(msg)
        if any(not 0 <= window < len(self.chunks) for window in self.language_windows):
            msg = "the language is to be listened for in a chunk that there is not"
            raise ValueError(msg)
        return self
