"""
Outages of the store and of Prefect's server: which errors pass, and the two ways to go on.

What must be told is tried again until it is accepted (`retry_until_accepted`). What is done again and again anyway is
tried once, and left to the next time (`attempt`). Tasks of Prefect's are tried again by Prefect (`OUTAGE_SECONDS`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from logging import Logger, LoggerAdapter
from typing import Any, TypeVar

import httpx
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.cancellation import unless_cancelled
from tasks.errors import PrefectRefused, PrefectUnavailable, StoreUnavailable, TranscriptionError, is_passing

OUTAGE_SECONDS = [2.0, 10.0, 30.0, 60.0, 120.0, 300.0]
"""Pauses between tries of what needs the store: an outage of some minutes costs no job."""

LONG_OUTAGE_SECONDS = [*OUTAGE_SECONDS, 600.0, 600.0, 600.0]
"""Pauses of a task that has an hour's work in hand, which would be lost."""


def ask_the_error(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether trying again can help. An error that is not ours is a fault of the code: it would come again."""
    return isinstance(state.data, TranscriptionError) and state.data.retryable


FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

Result = TypeVar("Result")


def is_transient(error: Exception) -> bool:
    """Return whether the same request may be accepted later: Prefect's server or the store is away or in trouble."""
    if isinstance(error, httpx.HTTPStatusError):
        return is_passing(error.response.status_code)
    return isinstance(error, (httpx.HTTPError, ConcurrencySlotAcquisitionError, StoreUnavailable, PrefectUnavailable))


async def attempt(work: Callable[[], Awaitable[Result]], *, tell: Callable[[Exception], None]) -> Result | None:
    """
    Return the result of *work*; None after an outage, which *tell* is called with. Other errors propagate.

    For what a loop does again anyway: both clients have tried for a while when they give up.
    """
    try:
        return await work()
    except Exception as error:
        if not is_transient(error):
            raise
        tell(error)
        return None


async def retry_until_accepted(
    work: Callable[[], Awaitable[Result]],
    *,
    tell: Callable[[Exception], None],
    waits_for: Callable[[Exception], bool] = is_transient,
    longest_pause: float = LONGEST_PAUSE_SECONDS,
) -> Result:
    """
    Return the result of *work*, which is done again after an outage, with growing pauses up to so many seconds.

    *tell* is called with each error that is waited for. Other errors propagate. Raises `RunCancelled` if the current
    run is cancelled in a pause, or was before it.
    """
    pause = min(FIRST_PAUSE_SECONDS, longest_pause)
    while True:
        try:
            return await work()
        except Exception as error:
            if not waits_for(error):
                raise
            tell(error)
        await unless_cancelled(asyncio.sleep(pause))
        pause = min(2 * pause, longest_pause)


def warn(logger: Logger | LoggerAdapter[Any], what: str) -> Callable[[Exception], None]:
    """Return a function that logs an outage which holds up *what*."""
    return lambda error: logger.warning("%s: %s; trying again", what, str(error) or type(error).__name__)


def refusal(error: httpx.HTTPStatusError) -> PrefectRefused:
    """Return the error of a server that answered that it does not understand or accept the request."""
    response = error.response
    said = response.text[:300] or response.reason_phrase
    msg = (
        f"Prefect's server refused {response.request.method} {response.request.url.path} with {response.status_code}: "
        f"{said}. Look into its log; if nothing there helps, upload the files again as another batch."
    )
    return PrefectRefused(msg)


def complaint_about(error: Exception, address: str) -> str:
    """Return the problem with the Prefect server at *address* and what to do, after a call of it ended in *error*."""
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            f"The Prefect server at {address} refuses us ({status}). Set PREFECT_API_AUTH_STRING to its auth string, "
            "for Prefect Cloud PREFECT_API_KEY to a key of its workspace, and start again."
        )
    if isinstance(error, ValueError) or status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return f"There is no Prefect API at {address}. Write its address with its path: http://prefect-host:4200/api"
    if status is None:
        why = f" ({error})" if str(error) else ""
        return f"The Prefect server at {address} does not answer{why}. Start it, or correct its address."
    return f"The Prefect server at {address} answered {status}. Look into its log."
