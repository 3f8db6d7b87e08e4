"""Background services of a worker, which survive errors and outages."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

import httpx

from tasks.outages import is_passing

SECONDS_BETWEEN_TRIES = 5.0

logger = logging.getLogger("batchscribe.warm_worker")


async def run_forever(service: Callable[[], Awaitable[None]], name: str) -> None:
    """
    Run a service that has no end, and run it again whenever an error ends it, until cancelled.

    Nothing awaits it, so its end would go unnoticed: the worker would look well and do only half of its work.
    """
    while True:
        try:
            await service()
        except Exception:
            logger.exception("The worker's %s broke off; it goes on in %.0f s", name, SECONDS_BETWEEN_TRIES)
        await asyncio.sleep(SECONDS_BETWEEN_TRIES)


@contextlib.contextmanager
def skipped_in_outage(what: str) -> Iterator[None]:
    """Leave *what* undone, for the next time, if Prefect's server is away or in trouble. Other errors propagate."""
    try:
        yield
    except httpx.HTTPError as error:
        if not is_passing(error):
            raise
        logger.warning("%s: Prefect's server does not answer (%s); trying again", what, error or type(error).__name__)
