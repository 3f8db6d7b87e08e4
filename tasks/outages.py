"""Outages of the store and of Prefect's server: which errors pass, how long to wait for them, and what to do."""

from http import HTTPStatus
from typing import Any

import httpx
from prefect.client.schemas.objects import State, TaskRun

from tasks import http_status
from tasks.errors import PrefectRefused, TranscriptionError

OUTAGE_SECONDS = [2.0, 10.0, 30.0, 60.0, 120.0, 300.0]
"""Pauses between tries of what needs the store: an outage of some minutes costs no job."""

LONG_OUTAGE_SECONDS = [*OUTAGE_SECONDS, 600.0, 600.0, 600.0]
"""Pauses of a task that has an hour's work in hand, which would be lost."""


def ask_the_error(_task: Any, _task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether trying again can help. An error that is not ours is a fault of the code: it would come again."""
    return isinstance(state.data, TranscriptionError) and state.data.retryable


def is_passing(error: httpx.HTTPError) -> bool:
    """Return whether the server may accept the same request later: it was away or in trouble."""
    return not isinstance(error, httpx.HTTPStatusError) or http_status.is_passing(error.response.status_code)


def check_passing(error: httpx.HTTPStatusError) -> None:
    """Raise `PrefectRefused` if the server answered that it does not understand or accept the request."""
    if is_passing(error):
        return
    response = error.response
    said = response.text[:300] or response.reason_phrase
    msg = (
        f"Prefect's server refused {response.request.method} {response.request.url.path} with {response.status_code}: "
        f"{said}. Look into its log; if nothing there helps, upload the files again as another batch."
    )
    raise PrefectRefused(msg) from error


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
