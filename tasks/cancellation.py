"""
Cancellation tokens: end one run among several in a process early, or all of them if the device fails.

The starter of a run makes a `CancelToken`, sets it as *current* for that run's context and triggers it when the run
is cancelled. Code of the run asks ``current_token()``, also in threads (``asyncio.to_thread`` copies the context), and
stops at the next safe place by raising `RunCancelled`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from tasks.errors import TranscriptionError

PARENT_CANCELLED = "The parent flow run was cancelled."
"""The server's message when Prefect stops a run whose batch run is cancelled, also one that was retried since."""


def reason_told(asked_with: str, otherwise: str) -> str:
    """Return the message of a cancelled run that was asked to stop with these words; *otherwise* by default."""
    if asked_with != PARENT_CANCELLED:
        return otherwise
    return (
        "Prefect stops the jobs of a cancelled batch. To run this one, retry its batch: that runs all that was stopped."
    )


class RunCancelled(BaseException):
    """
    The run was cancelled; it stops here.

    No ``Exception``, so that neither a task's retries nor an ``except Exception`` on the way swallow it.
    """


class DeviceLost(BaseException):
    """
    The device stopped working; nothing can run in this process any more.

    No ``Exception`` either: Prefect then records the run as Crashed, and the worker replaces the process.
    """


class CancelToken:
    """
    A cancellation token for one run; usable from any thread.

    A token with a *parent* is cancelled with it: the conversion of one job ends with its batch, and alone as well.
    """

    def __init__(self, parent: "CancelToken | None" = None) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []
        if parent is not None:
            parent.add_callback(self.cancel)

    def cancel(self) -> None:
        """Ask the run to stop. Asking again changes nothing."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @property
    def cancelled(self) -> bool:
        """True if the run was asked to stop."""
        return self._cancelled

    def raise_if_cancelled(self) -> None:
        """Raise `RunCancelled` if the run was asked to stop."""
        if self.cancelled:
            raise RunCancelled

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call *callback* when the run is cancelled, at once if it already was; in the thread that cancels."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call *callback* if the run is cancelled inside the context, or was before."""
        self.add_callback(callback)
        try:
            yield
        finally:
            with self._lock, suppress(ValueError):  # it was called
                self._callbacks.remove(callback)


_current: ContextVar[CancelToken | None] = ContextVar("current cancel token", default=None)


def set_current_token(token: CancelToken) -> None:
    """Make *token* the current one in this context and in everything started from it."""
    _current.set(token)


def current_token() -> CancelToken:
    """Return the current run's token; outside a warm worker, one that is never triggered."""
    token = _current.get()
    if token is None:
        token = CancelToken()
        _current.set(token)
    return token


Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


async def unless_cancelled(work: Coroutine[Any, Any, Result]) -> Result:
    """
    Return the result of *work*. If the current run is cancelled before, stop *work* and raise `RunCancelled`.

    A task of Prefect's is stopped in the pause before its next try, too, which may be longer than a cancelled run is
    given. Only *work* gets asyncio's cancellation, never the run itself: that would crash it.
    """
    working = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_soon_threadsafe(working.cancel)

    with current_token().calling(stop):
        await asyncio.wait([working])
    if working.cancelled():
        raise RunCancelled
    return working.result()


async def to_its_end(
    function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """
    Return the result of *function*, called in a thread, even if the run is cancelled meanwhile.

    For steps that should be done or not done: the caller does not go on while the thread still works. Raises
    `RunCancelled` if the step then fails, since it will not be tried again.
    """
    working = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        try:
            return await working
        except TranscriptionError as error:
            raise RunCancelled from error
