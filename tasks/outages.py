"""Outages of Prefect's server: telling passing refusals from permanent ones, and advice on what to do."""

from http import HTTPStatus

import httpx

from tasks import http_status
from tasks.errors import PrefectRefused


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
