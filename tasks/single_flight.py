"""Single-flight cache: one answer for all callers that ask at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

_Answer = TypeVar("_Answer")

LONGEST_SECONDS = 60.0
"""An answer older than this is dropped, even if a caller would accept it."""

SHARE = 0.1
"""Part of the time that may go into asking one question: an answer that took long is good for longer."""

LONGEST_REST_SECONDS = 2.0
"""Maximum age up to which an answer is reused because of its cost."""


@dataclass(slots=True)
class _Asked(Generic[_Answer]):
    task: "asyncio.Task[_Answer]"
    at: float
    rest_seconds: float = 0.0
    """Time for which the answer is reused because of its cost."""


class SingleFlightCache(Generic[_Answer]):
    """
    Keeps the latest answer to each question, and has a question asked once however many wait for it.

    Ten pages that look at one batch cost as much as one page, and a batch that takes long to look at is looked at less
    often, so that no number of viewers takes more than a share of the machine. A failure is told to those who waited
    for it, not kept.
    """

    def __init__(self) -> None:
        self._asked: dict[str, _Asked[_Answer]] = {}

    async def get(self, question: str, ask: Callable[[], Coroutine[Any, Any, _Answer]], *, max_age: float) -> _Answer:
        """
        Return the answer to *question*, from *ask* if there is none that is young enough.

        Young enough is *max_age* seconds, or for a costly answer `SHARE` of the time it took. With a *max_age* of 0 the
        question is always asked, also where an answer is on its way: that one is from before.
        """
        now = asyncio.get_running_loop().time()
        known = self._asked.get(question)
        if known is None or not max_age or (known.task.done() and not _still_good(known, now, max_age)):
            self._asked = {key: asked for key, asked in self._asked.items() if now - asked.at < LONGEST_SECONDS}
            first = known is None
            known = self._asked[question] = _Asked(asyncio.ensure_future(ask()), now)
            if not first:  # the first answer takes longer than those that build on it
                known.task.add_done_callback(partial(_rest, known))
        return await asyncio.shield(known.task)

    def forget(self, question: str) -> None:
        """Have the question asked again, since its subject has changed."""
        self._asked.pop(question, None)


def _rest(asked: _Asked[Any], answered: "asyncio.Task[Any]") -> None:
    seconds_taken = answered.get_loop().time() - asked.at
    asked.rest_seconds = min(seconds_taken / SHARE, LONGEST_REST_SECONDS)


def _still_good(known: _Asked[Any], now: float, max_age: float) -> bool:
    if known.task.cancelled() or known.task.exception() is not None:
        return False
    return now - known.at < max(max_age, known.rest_seconds)
