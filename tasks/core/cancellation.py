"""
How one run among several in a process ends early: it was cancelled, or the device gave out under all of them.

Whoever starts a run makes a `CancelToken`, sets it as *current* for that run's context and sets it off when the run
is cancelled. Code of the run asks ``current_token()``, also in threads (``asyncio.to_thread`` copies the context), and
stops at the next safe place by raising `RunCancelled`.
"""

import threading
from contextvars import ContextVar


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
    """Whether one run was cancelled; usable from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the run to stop. Asking again changes nothing."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `RunCancelled` if the run was asked to stop."""
        if self.cancelled:
            raise RunCancelled


_current: ContextVar[CancelToken | None] = ContextVar("current cancel token", default=None)


def set_current_token(token: CancelToken) -> None:
    """Make *token* the one of the current context and of all that is started from it."""
    _current.set(token)


def current_token() -> CancelToken:
    """Return the current run's token; outside a warm worker one that nobody sets off."""
    token = _current.get()
    if token is None:
        token = CancelToken()
        _current.set(token)
    return token
