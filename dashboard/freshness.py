"""One answer for everybody who asks at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_Answer = TypeVar("_Answer")

LONGEST_SECONDS = 60.0
"""An answer older than this is dropped, whoever might have been content with it."""


@dataclass(frozen=True, slots=True)
class _Asked(Generic[_Answer]):
    task: "asyncio.Task[_Answer]"
    at: float


class Fresh(Generic[_Answer]):
    """
    Keeps the latest answer to each question, and has a question asked once however many wait for it.

    Ten pages that look at one batch cost as much as one page. A failure is told to those who waited for it, not kept.
    """

    def __init__(self) -> None:
        self._asked: dict[str, _Asked[_Answer]] = {}

    async def get(self, question: str, ask: Callable[[], Coroutine[Any, Any, _Answer]], *, max_age: float) -> _Answer:
        """Return the answer to *question*, not older than *max_age* seconds, from *ask* if there is none."""
        now = asyncio.get_running_loop().time()
        known = self._asked.get(question)
        if known is None or (known.task.done() and not _still_good(known, now, max_age)):
            self._asked = {key: asked for key, asked in self._asked.items() if now - asked.at < LONGEST_SECONDS}
            known = self._asked[question] = _Asked(asyncio.ensure_future(ask()), now)
        return await asyncio.shield(known.task)

    def forget(self, question: str) -> None:
        """Have the question asked anew, since what it is about has been changed."""
        self._asked.pop(question, None)


def _still_good(known: _Asked[Any], now: float, max_age: float) -> bool:
    failed = known.task.cancelled() or known.task.exception() is not None
    return not failed and now - known.at < max_age
