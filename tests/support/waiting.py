"""Waiting with a deadline for what another process does."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

Found = TypeVar("Found")

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
"""Each look may cost the process that is waited for more than what it does."""


def wait_until(
    holds: Callable[[], Found],
    what: str,
    seconds: float = 120,
    *,
    longest_pause: float = LONGEST_PAUSE,
    sleep: Callable[[float], object] = time.sleep,
) -> Found:
    """
    Return what *holds* returns once that is true; fail, naming *what* was waited for, after *seconds*.

    A state that passes, in which something is to be killed, needs looks that are closer together.
    """
    for _ in looks(seconds, longest_pause=longest_pause, sleep=sleep):
        if found := holds():
            return found
    return pytest.fail(f"{what}: not within {seconds:g} s")


async def until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    """As `wait_until`, for what happens in this process's own event loop."""
    for _ in looks(seconds, sleep=lambda _: None):
        if holds():
            return
        await asyncio.sleep(SHORTEST_PAUSE)
    pytest.fail(f"{what}: not within {seconds:g} s")


def looks(
    seconds: float, *, longest_pause: float = LONGEST_PAUSE, sleep: Callable[[float], object] = time.sleep
) -> Iterator[None]:
    """
    Yield for each look, the first at once, further and further apart; the last when *seconds* are over.

    They pass more slowly while the machine has more to do than its processors can, since then all takes longer.
    """
    left, now = seconds, time.monotonic()
    pause = min(SHORTEST_PAUSE, longest_pause)
    while left > 0:
        yield
        sleep(pause)
        before, now = now, time.monotonic()
        left -= (now - before) / _processes_for_each_processor()
        pause = min(1.3 * pause, longest_pause)
    yield


def _processes_for_each_processor() -> float:
    return max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)
