"""
Looks at Prefect that all batch runs of a process share.

Each batch looks at the pools, at the running batches and at its own runs about once a second. Asked once for all of
them, that costs Prefect's server the same for fifty batches as for one.
"""

import asyncio
import time
from collections.abc import Iterable
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.client.orchestration import PrefectClient

from tasks.orchestration.job_run import JobRun
from tasks.orchestration.planning import RunningBatches
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.pools import read_pools
from tasks.orchestration.prefect_runs import read_running_batches, refresh
from tasks.single_flight import SingleFlightCache

SECONDS_GOOD = 0.9
"""Maximum age of a shared look: a little less than the time between two looks of a batch."""

SECONDS_BATCHES_GOOD = 5.0
"""Maximum age of the look at which batches run: it decides how many jobs of one go ahead, not where any goes."""

GATHERING_SECONDS = 0.05
"""Time that a look at runs waits for other batches to join it; all look at the same moments (`Pace`)."""


class LastingPools:
    """The pools that are in some condition, and since when all looks have found them so."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, pools: Iterable[Pool]) -> None:
        """Take note of the pools that a look has found in the condition."""
        now = time.monotonic()
        self._since = {pool.work_pool: self._since.get(pool.work_pool, now) for pool in pools}

    def at_least(self, seconds: float) -> set[str]:
        """Return the names of those that have been so for as long."""
        return {work_pool for work_pool, since in self._since.items() if time.monotonic() - since >= seconds}


class Looks:
    """The looks that share a client. Each raises what the request raised, for every batch that waited for it."""

    def __init__(self) -> None:
        self.dispatching = asyncio.Lock()
        """Held by the batch that fills the pools: the others of the process then need not read them again."""
        self._pools: SingleFlightCache[tuple[Pool, ...]] = SingleFlightCache()
        self._batches: SingleFlightCache[RunningBatches] = SingleFlightCache()
        self._wanted: dict[UUID, JobRun] = {}
        self._gathering: asyncio.Task[dict[UUID, JobRun]] | None = None

    async def pools(self, client: PrefectClient) -> tuple[Pool, ...]:
        """Return the GPU pools with their runs, as of a second ago at the most."""
        return await self._read_pools(client, max_age=SECONDS_GOOD)

    async def pools_now(self, client: PrefectClient) -> tuple[Pool, ...]:
        """Return the GPU pools with their runs as they are."""
        return await self._read_pools(client, max_age=0)

    async def _read_pools(self, client: PrefectClient, *, max_age: float) -> tuple[Pool, ...]:
        return await self._pools.get("pools", lambda: read_pools(client), max_age=max_age)

    def forget_pools(self) -> None:
        """Have the pools read again: runs were created on them."""
        self._pools.forget("pools")

    async def running_batches(self, client: PrefectClient) -> RunningBatches:
        """Return the running batches, as of five seconds ago at the most."""
        return await self._batches.get("batches", lambda: read_running_batches(client), max_age=SECONDS_BATCHES_GOOD)

    async def runs(
        self, client: PrefectClient, known: Iterable[JobRun], *, pools_are_looked_at: bool = False
    ) -> list[JobRun]:
        """
        Return the present state of the runs, read together with those of the other batches.

        Where the batch looks at the pools as well, what is under way on them is known from there, and only what has
        ended, or is on none of them, is read by its id.
        """
        known = list(known)
        if pools_are_looked_at and known:
            under_way = {run.run_id: run for pool in await self.pools(client) for run in pool.runs}
            seen = [under_way[run.run_id] for run in known if run.run_id in under_way]
            return seen + await self.runs(client, (run for run in known if run.run_id not in under_way))
        wanted = {run.run_id: run for run in known}
        if not wanted:
            return []
        self._wanted |= wanted
        if self._gathering is None:
            self._gathering = asyncio.ensure_future(self._read_gathered(client))
        found = await asyncio.shield(self._gathering)
        return [found[run_id] for run_id in wanted if run_id in found]

    async def _read_gathered(self, client: PrefectClient) -> dict[UUID, JobRun]:
        await asyncio.sleep(GATHERING_SECONDS)
        wanted, self._wanted, self._gathering = self._wanted, {}, None
        return {run.run_id: run for run in await refresh(client, wanted.values())}


_looks: WeakKeyDictionary[PrefectClient, Looks] = WeakKeyDictionary()


def looks_with(client: PrefectClient) -> Looks:
    """Return the looks of all batch runs that have this client: in a warm process all of them."""
    return _looks.setdefault(client, Looks())
