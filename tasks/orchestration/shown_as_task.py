"""Work of a flow run that Prefect shows as a task run of its own: when it began, and how it ended."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from tasks.cancellation import RunCancelled
from tasks.errors import TranscriptionError

_Result = TypeVar("_Result")


async def shown_as_task(name: str, work: Callable[[], _Result]) -> _Result:
    """
    Return the result of *work*, which is done in a thread, and raise what it raises.

    A cancel and errors with a sentence for the user end the task run with that sentence, and without a traceback.
    """
    ended: list[_Result | RunCancelled | TranscriptionError] = []

    @task(name=name, cache_policy=NO_CACHE)
    async def shown() -> State[Any]:
        try:
            ended.append(await asyncio.to_thread(work))
        except RunCancelled as stopped:
            ended.append(stopped)
            return Cancelled(message="It was stopped.")
        except TranscriptionError as error:
            ended.append(error)
            return Failed(message=str(error))
        return Completed()

    state = await shown(return_state=True)  # type: ignore[misc]  # Prefect's stub takes a returned state for the result
    if not ended:
        await state.aresult()  # raises what went wrong, which Prefect has logged with its traceback
    (end,) = ended
    if isinstance(end, RunCancelled | TranscriptionError):
        raise end
    return end
