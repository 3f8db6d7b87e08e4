"""The router's lock: one batch at a time looks for room on the pools and fills it."""

import contextlib
import logging
from collections.abc import AsyncIterator

from prefect.client.orchestration import PrefectClient
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, concurrency
from prefect.exceptions import ObjectNotFound

from tasks.batches import ROUTER_LIMIT
from tasks.orchestration.notices import router_problem

ROUTER_PATIENCE_SECONDS = 20.0
"""Time to wait for the router's lock; its holder needs a fraction of that."""

SHORTEST_OCCUPANCY_SECONDS = 0.1
"""Minimum that Prefect's server counts; it spaces out the tries to get a lock by how long it was held lately."""

logger = logging.getLogger(__name__)


class RouterUnusable(ConcurrencySlotAcquisitionError):
    """The limit that is the router's lock was changed so that nothing can hold it."""


@contextlib.asynccontextmanager
async def router_lock(client: PrefectClient) -> AsyncIterator[None]:
    """
    Hold the lock that one batch at a time has while it looks for room and fills it.

    Losing it, frozen for longer than its lease or in an outage, ends no batch: it only keeps two batches from filling
    the same place, and a job gets one run in any case. So it is also taken from a holder that does not give it
    back. Its lease alone would not bring it back: a server that is killed, or whose disk is full, between marking the
    lock as held and writing down the lease leaves it held without a holder.
    """
    async with contextlib.AsyncExitStack() as held:
        while not await _taken(client, held):
            logger.warning("The router's lock was not given back for %.0f s: taking it", ROUTER_PATIENCE_SECONDS)
            await client.release_concurrency_slots([ROUTER_LIMIT], 1, SHORTEST_OCCUPANCY_SECONDS)
        yield


async def _taken(client: PrefectClient, held: contextlib.AsyncExitStack) -> bool:
    """Return whether the lock could be acquired in time; *held* gives it back. A lock that is missing is made."""
    lock = concurrency(
        ROUTER_LIMIT,
        occupy=1,
        strict=True,
        timeout_seconds=ROUTER_PATIENCE_SECONDS,
        lease_duration=60,
        raise_on_lease_renewal_failure=False,
    )
    try:
        await held.enter_async_context(lock)
    except TimeoutError:
        return False
    except ConcurrencySlotAcquisitionError as error:
        if await _made_router_limit(client, error):
            return await _taken(client, held)
        raise
    return True


async def _made_router_limit(client: PrefectClient, error: Exception) -> bool:
    """Make the lock's limit if it is missing, and return whether it was. Raises `RouterUnusable` if it is 0."""
    try:
        limit = await client.read_global_concurrency_limit_by_name(ROUTER_LIMIT)
    except ObjectNotFound:
        await client.upsert_global_concurrency_limit_by_name(ROUTER_LIMIT, 1)
        return True
    if problem := router_problem(limit.limit):
        raise RouterUnusable(problem) from error
    return False
