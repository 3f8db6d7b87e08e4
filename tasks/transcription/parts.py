"""The parts of a recording: a few neighbouring chunks each, heard, reviewed and written down without the others."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

from tasks.batches import StoredModel
from tasks.transcription.transcript import RemovedText, Segment

MOST_CHUNKS = 10
LEAST_CHUNKS = 4
PARTS_LEFT = 16
"""
Bounds on the chunks of a part, two to five minutes of speech; a longer part than the shortest has so many behind it.

So parts get smaller towards the end: there a device waits for the last ones of others.
"""

AT_WORK_SHARE = 0.001
"""Progress of a recording whose first part has been taken and of which nothing is written yet."""


class PartText(StoredModel):
    """The part of a transcript that is written in one part of its recording, on the transcript's clock."""

    segments: tuple[Segment, ...]
    removed: tuple[RemovedText, ...] = ()
    compute_type: str = ""
    batch_size: int = 0


class SettledLanguage(StoredModel):
    """The language of a recording, as the first who listened for it heard it."""

    language: str
    probability: float


def parts_of(chunks: int) -> tuple[range, ...]:
    """Return the parts of a recording with so many chunks, as the indexes of theirs."""
    parts: list[range] = []
    first = 0
    while first < chunks:
        left = chunks - first
        count = min(max(left // PARTS_LEFT, LEAST_CHUNKS), MOST_CHUNKS, left)
        parts.append(range(first, first + count))
        first += count
    return tuple(parts)


class Parts(Protocol):
    """The parts of one recording, as one of those who hear it sees them. All are named by their index."""

    all_taken: bool
    """True once `take` has returned None."""

    def settled_language(self) -> SettledLanguage | None:
        """Return the language that another has heard; None: it is to be listened for."""
        ...

    def settle_language(self, language: SettledLanguage) -> None:
        """Take the language that was heard here."""
        ...

    def take(self) -> int | None:
        """Return the next part to hear; None if there is none that no listener has taken."""
        ...

    def deliver(self, index: int, text: PartText) -> None:
        """Take the text of a part that was heard here."""
        ...

    def delivered_elsewhere(self) -> AbstractSet[int]:
        """Return the parts that others have delivered, as of a moment ago."""
        ...

    def left_over(self) -> Iterator[int]:
        """Yield the parts that others have taken and not delivered, each until it is delivered."""
        ...


class AllParts:
    """The parts of a recording that one listener hears alone."""

    def __init__(self, chunks: int) -> None:
        self.all_taken = False
        self._untaken = iter(range(len(parts_of(chunks))))
        self._texts: list[PartText] = []

    def settled_language(self) -> SettledLanguage | None:
        """Return None; see `Parts`."""
        return None

    def settle_language(self, language: SettledLanguage) -> None:
        """Forget it; see `Parts`."""

    def take(self) -> int | None:
        """Return the next part; see `Parts`."""
        index = next(self._untaken, None)
        self.all_taken = index is None
        return index

    def deliver(self, index: int, text: PartText) -> None:
        """Take the text of the next part; see `Parts`."""
        del index  # they come in order
        self._texts.append(text)

    def delivered_elsewhere(self) -> AbstractSet[int]:
        """Return none; see `Parts`."""
        return frozenset()

    def left_over(self) -> Iterator[int]:
        """Yield none; see `Parts`."""
        yield from ()

    @property
    def texts(self) -> tuple[PartText, ...]:
        """The texts of all parts, in order."""
        return tuple(self._texts)
