"""How often a batch looks at what it waits for."""

from collections.abc import Hashable

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_QUIET_LOOKS = 2.0
QUIET_LOOKS = 10
"""After so many looks that found everything as it was, a batch looks less often."""


class Pace:
    """
    When a batch looks next.

    Looks fall on full multiples of the interval on the process's clock, so that all batches of a process look at the
    same moments and can share what they read.
    """

    def __init__(self) -> None:
        self._seen: Hashable = None
        self._quiet_looks = 0

    def note(self, seen: Hashable) -> None:
        """Take note of what a look found: anything that is equal if nothing happened."""
        self._quiet_looks = self._quiet_looks + 1 if seen == self._seen else 0
        self._seen = seen

    def seconds_until_next(self, now: float) -> float:
        """Return how long to wait for the next look."""
        quiet = self._quiet_looks >= QUIET_LOOKS
        interval = SECONDS_BETWEEN_QUIET_LOOKS if quiet else SECONDS_BETWEEN_LOOKS
        return interval - now % interval
