"""Requests to the Prefect server, with a time limit and errors that users understand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from tasks.errors import NotFound, PrefectUnavailable
from tasks.outages import complaint_about
from tasks.settings import Settings

SECONDS_TO_ANSWER = 15.0


@asynccontextmanager
async def translated_errors(seconds: float = SECONDS_TO_ANSWER) -> AsyncIterator[None]:
    """Translate errors of requests to the server, in one place."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ObjectNotFound as error:
        msg = "The run was deleted in Prefect in this moment. Load the page again."
        raise NotFound(msg) from error
    except httpx.HTTPStatusError as error:
        raise PrefectUnavailable(complaint_about(error, str(PREFECT_API_URL.value()))) from error
    except (httpx.HTTPError, TimeoutError) as error:
        how = "Start it or correct BATCHSCRIBE_PREFECT_URL" if Settings().prefect_url else "Start it (make up)"
        msg = f"The Prefect server at {PREFECT_API_URL.value()} does not answer. {how}, then try again."
        raise PrefectUnavailable(msg) from error
