"""Retry policy of Prefect's tasks: the error says whether trying again can help."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun

from tasks.errors import TranscriptionError

OUTAGE_SECONDS = [2.0, 10.0, 30.0, 60.0, 120.0, 300.0]
"""Pauses between tries of what needs the store: an outage of some minutes costs no job."""

LONG_OUTAGE_SECONDS = [*OUTAGE_SECONDS, 600.0, 600.0, 600.0]
"""Pauses of a task that has an hour's work in hand, which would be lost."""


def ask_the_error(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether trying again can help. An error that is not ours is a fault of the code: it would come again."""
    return isinstance(state.data, TranscriptionError) and state.data.retryable
