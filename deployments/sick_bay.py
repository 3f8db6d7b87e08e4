"""
The quarantine of a work pool whose device fails again and again, kept by its worker.

The pool is paused in Prefect meanwhile, so that everybody sees it, and its description says why: by that mark a worker
that was restarted knows a pause of its own from a person's.
"""

import logging
import time
from collections import deque

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate

from tasks.core.pools import QUARANTINE_MARK, EndedRun, Outcome, PoolHealth, pool_health

REMEMBERED_RUNS = 50

logger = logging.getLogger("batchscribe.warm_worker")


class SickBay:
    """Knows whether a pool may work, by how its latest runs ended."""

    def __init__(self, work_pool: str, *, slots: int) -> None:
        self._work_pool = work_pool
        self._slots = slots
        self._ended: deque[EndedRun] = deque(maxlen=REMEMBERED_RUNS)
        self._marked: bool | None = None

    def note(self, outcome: Outcome) -> None:
        """Remember how a run ended."""
        self._ended.append(EndedRun(self._work_pool, time.monotonic(), outcome))

    async def may_work(self, client: PrefectClient, limiter: anyio.CapacityLimiter) -> bool:
        """Return whether runs may be taken now: none in quarantine, one at a time to probe the device after it."""
        health = pool_health(self._work_pool, self._ended, now=time.monotonic())
        limiter.total_tokens = self._slots if health is PoolHealth.HEALTHY else 1
        await self._mark(client, quarantined=health is PoolHealth.QUARANTINED)
        return health is not PoolHealth.QUARANTINED

    async def _mark(self, client: PrefectClient, *, quarantined: bool) -> None:
        if self._marked is quarantined:
            return
        pool = await client.read_work_pool(self._work_pool)
        description = pool.description or ""
        marked = description.startswith(QUARANTINE_MARK)
        if quarantined and not marked:
            logger.warning("%s is quarantined: its device failed several times in a row", self._work_pool)
            update = WorkPoolUpdate(is_paused=True, description=f"{QUARANTINE_MARK}{description}")
            await client.update_work_pool(self._work_pool, update)
        if marked and not quarantined:
            logger.warning("%s is tried again", self._work_pool)
            update = WorkPoolUpdate(is_paused=False, description=description.removeprefix(QUARANTINE_MARK))
            await client.update_work_pool(self._work_pool, update)
        self._marked = quarantined
