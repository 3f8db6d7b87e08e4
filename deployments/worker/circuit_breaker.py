"""
Circuit breaker: the worker of a pool puts it into quarantine when its device fails again and again. A pool without a
device, that of the batch runs, is never in quarantine: no other could stand in for it.

The pool is paused in Prefect meanwhile, so that all users see it, and a job variable of the pool says why: by it a
worker that was restarted tells a pause of its own from a user's. While the device is tried again with one run, the
variable keeps the dispatcher from giving the pool a second one.
"""

import logging
import time
from collections import deque
from datetime import UTC, datetime

import anyio
from prefect.client.orchestration import PrefectClient

from deployments.local.environment import CPU_POOL
from tasks.devices import Quarantine
from tasks.orchestration.pool_model import EndedRun, Outcome, PoolHealth, illness, pool_health
from tasks.orchestration.pool_variables import health_of, with_health

REMEMBERED_RUNS = 50
REASONS = {
    PoolHealth.HEALTHY: "its device works again",
    PoolHealth.QUARANTINED: "its device failed",
    PoolHealth.PROBE: "its device is tried with one run",
}

logger = logging.getLogger("batchscribe.warm_worker")


class CircuitBreaker:
    """Decides whether a pool may work, by the outcomes of its latest runs."""

    def __init__(self, work_pool: str, *, slots: int) -> None:
        self._work_pool = work_pool
        self._slots = slots
        self._ended: deque[EndedRun] = deque(maxlen=REMEMBERED_RUNS)
        self._told: PoolHealth | None = None
        self._test_due = False
        self._monotonic_zero = time.time() - time.monotonic()

    def note(self, outcome: Outcome, reason: str = "") -> None:
        """Record the outcome of a run, if it had a device."""
        if self._work_pool != CPU_POOL:
            self._ended.append(EndedRun(self._work_pool, time.monotonic(), outcome, reason))

    @property
    def quarantine(self) -> Quarantine | None:
        """The reason for taking no runs and the time of the next try; None if the device is well."""
        ill = illness(self._work_pool, self._ended)
        if ill is None:
            return None
        probe_at = datetime.fromtimestamp(self._monotonic_zero + ill.quarantine_ends_at, UTC)
        return Quarantine(failures=ill.failures, reason=ill.reason, probe_at=probe_at)

    def take_test(self) -> bool:
        """Return True once after each quarantine: the device is to pass a known-answer test before it gets its run."""
        due, self._test_due = self._test_due, False
        return due

    async def may_work(self, client: PrefectClient, limiter: anyio.CapacityLimiter) -> bool:
        """Return whether runs may be taken now: none in quarantine, one at a time to probe the device after it."""
        health = pool_health(self._work_pool, self._ended, now=time.monotonic())
        if health is PoolHealth.QUARANTINED:
            self._test_due = True
        limiter.total_tokens = self._slots if health is PoolHealth.HEALTHY else 1
        await self._tell(client, health)
        return health is not PoolHealth.QUARANTINED

    async def _tell(self, client: PrefectClient, health: PoolHealth) -> None:
        if self._told is health:
            return
        pool = await client.read_work_pool(self._work_pool)
        had = health_of(pool)
        if had not in (health, PoolHealth.GONE):  # a pool whose device is gone stays so until a start finds it
            logger.warning("%s is %s: %s", self._work_pool, health.value, REASONS[health])
            update = with_health(pool, health)
            if PoolHealth.QUARANTINED in (had, health):  # any other pause is a user's
                update.is_paused = health is PoolHealth.QUARANTINED
            await client.update_work_pool(self._work_pool, update)
        self._told = health
