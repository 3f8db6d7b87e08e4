"""When Prefect tries a task again: the error says whether that can help."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun

from tasks.core.errors import TranscriptionError


def ask_the_error(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether trying again can help. An error that is not ours is a fault of the code: it would come again."""
    return isinstance(state.data, TranscriptionError) and state.data.retryable
