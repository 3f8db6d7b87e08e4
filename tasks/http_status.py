"""HTTP statuses after which the same request may be accepted later, of servers and receivers alike."""

from typing import Final

PASSING: Final = frozenset((408, 425, 429))
"""Statuses below 500 that ask to come back later."""


def is_success(status: int) -> bool:
    """Return whether the request was accepted."""
    return 200 <= status < 300  # noqa: PLR2004 - 2xx


def is_passing(status: int) -> bool:
    """Return whether the same request may be accepted later."""
    return status >= 500 or status in PASSING  # noqa: PLR2004 - the server's own trouble
