"""Wait for Prefect's server and for the store, however long they are away, and warn meanwhile."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from tasks.outages import complaint_about, is_transient, retry_until_accepted
from tasks.settings import Settings
from tasks.storage.open_store import open_store

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BEFORE_WARNING = 30.0
"""Time without a warning: a server may be starting together with us."""
SECONDS_BETWEEN_WARNINGS = 60.0
SECONDS_BETWEEN_STORE_LOOKS = 5.0

_Answer = TypeVar("_Answer")


class NoAnswer(Exception):
    """Prefect's server has not answered in the time that it was given."""


async def wait_for_answer(
    question: Callable[[PrefectClient], Awaitable[_Answer]], *, warn: Callable[[str], None], seconds: float = math.inf
) -> _Answer:
    """
    Return the server's answer as soon as it gives one, after an outage or a refusal too.

    *warn* is called with the problem now and then. Raises `NoAnswer` with it after so many *seconds*; if these are
    limited, for a refusal at once.
    """
    began = time.monotonic()
    next_warning = began + SECONDS_BEFORE_WARNING

    async def ask() -> _Answer:
        async with get_client() as client:  # a client of its own, since one that had an answer waits ever longer
            return await question(client)

    def complain(error: Exception) -> None:
        nonlocal next_warning
        complaint = complaint_about(error, str(PREFECT_API_URL.value()))
        refused = isinstance(error, httpx.HTTPStatusError) and not is_transient(error)
        if time.monotonic() - began > seconds or (refused and seconds < math.inf):
            raise NoAnswer(complaint) from error
        if time.monotonic() > next_warning:
            warn(f"{complaint} Waiting for it.")
            next_warning = time.monotonic() + SECONDS_BETWEEN_WARNINGS

    # A value error: it answers with something else than JSON.
    no_answer = (httpx.HTTPError, ValueError)
    return await retry_until_accepted(
        ask, tell=complain, waits_for=lambda error: isinstance(error, no_answer), longest_pause=SECONDS_BETWEEN_LOOKS
    )


async def wait_for_server(*, warn: Callable[[str], None], seconds: float = math.inf) -> None:
    """Wait until the server answers a request that needs authentication. Raises `NoAnswer`."""
    await wait_for_answer(lambda client: client.read_work_pools(limit=1), warn=warn, seconds=seconds)


async def wait_for_pool(name: str, *, warn: Callable[[str], None]) -> None:
    """Wait until the server has the work pool *name*."""
    answered_at, warned = 0.0, False
    while not await wait_for_answer(lambda client: _has_pool(client, name), warn=warn):
        answered_at = answered_at or time.monotonic()
        if not warned and time.monotonic() - answered_at > SECONDS_BEFORE_WARNING:
            warned = True
            where = PREFECT_API_URL.value()
            warn(f"There is no work pool {name} at {where} yet. Make it: make deploy PREFECT_API_URL={where}")
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def _has_pool(client: PrefectClient, name: str) -> bool:
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        await client.read_work_pools(limit=1)  # or it is the address that there is nothing at
        return False
    return True


async def wait_for_store(settings: Settings, *, warn: Callable[[str], None]) -> None:
    """Wait until the store can be read and written."""
    told = ""

    def complain(error: Exception) -> None:
        nonlocal told
        if str(error) != told:
            told = str(error)
            warn(f"{told} Waiting for it.")

    def check() -> None:
        open_store(settings).check()

    await retry_until_accepted(
        partial(asyncio.to_thread, check), tell=complain, longest_pause=SECONDS_BETWEEN_STORE_LOOKS
    )
