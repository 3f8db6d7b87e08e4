"""Which of Prefect's refusals pass by themselves, and which never will."""

import httpx

from tasks.core import http_status
from tasks.core.errors import PrefectRefused


def is_passing(error: httpx.HTTPError) -> bool:
    """Return whether the server may take the same request later: it was away or in trouble."""
    return not isinstance(error, httpx.HTTPStatusError) or http_status.is_passing(error.response.status_code)


def check_passing(error: httpx.HTTPStatusError) -> None:
    """Raise `PrefectRefused` if the server answered that it does not understand or want what it was asked for."""
    if is_passing(error):
        return
    response = error.response
    said = response.text[:300] or response.reason_phrase
    msg = (
        f"Prefect's server refused {response.request.method} {response.request.url.path} with {response.status_code}: "
        f"{said}. Look into its log; if nothing there helps, upload the files again as another batch."
    )
    raise PrefectRefused(msg) from error
