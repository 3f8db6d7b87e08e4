"""Waiting with a deadline for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(holds: Callable[[], Found], what: str, seconds: float = 120) -> Found:
    """Return what *holds* returns once that is true; fail, naming *what* was waited for, after *seconds*."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
    return found
