"""Watchdog for the calls of a model that are under way: it tells whether one of them has hung."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

Answer = TypeVar("Answer")


class CallWatch:
    """
    Tracks the calls of one model that are under way, and since when; usable from any thread.

    A GPU can stop answering in the middle of a call: no error comes, and the thread that waits for it cannot be
    stopped. A call that takes longer than *longest_seconds* counts as such.
    """

    def __init__(self, longest_seconds: float) -> None:
        self.longest_seconds = longest_seconds
        self._changed = threading.Condition()
        self._begun: dict[object, float] = {}

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Note a call of the model, from here to the end of the block."""
        call = object()
        with self._changed:
            self._begun[call] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._begun[call]
                self._changed.notify_all()

    def start(self, call: Callable[[], Answer]) -> "Future[Answer]":
        """Make *call* in a thread of its own, and return the future of its answer."""
        answer: Future[Answer] = Future()
        threading.Thread(target=self._make, args=(call, answer), name="engine-call", daemon=True).start()
        return answer

    def _make(self, call: Callable[[], Answer], answer: "Future[Answer]") -> None:
        try:
            with self.calling():
                result = call()
        except Exception as error:  # noqa: BLE001 - it is whose call it is
            answer.set_exception(error)
        else:
            answer.set_result(result)

    @property
    def hung(self) -> bool:
        """True if a call takes longer than any may."""
        with self._changed:
            return self._seconds_left() <= 0

    def wait_for_end(self) -> bool:
        """Wait until no call is under way, and return True; False if one has hung."""
        with self._changed:
            while self._begun:
                if self._seconds_left() <= 0:
                    return False
                self._changed.wait(min(self._seconds_left(), threading.TIMEOUT_MAX))
            return True

    def _seconds_left(self) -> float:
        """Return the seconds that the oldest call may still take."""
        return min(self._begun.values(), default=time.monotonic()) + self.longest_seconds - time.monotonic()
