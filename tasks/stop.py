"""Stop what a run waits for, at once when the run is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from tasks.core.cancellation import RunCancelled, current_token
from tasks.core.errors import TranscriptionError

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


async def unless_cancelled(work: Coroutine[Any, Any, Result]) -> Result:
    """
    Return what *work* returns. If the current run is cancelled before, stop *work* and raise `RunCancelled`.

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
    Return what *function* returns, called in a thread, even if the run is cancelled meanwhile.

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
