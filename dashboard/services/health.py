"""Health check of everything that a batch needs: the Prefect server, the store and the workers."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from dashboard.services.queries import BatchQueries
from dashboard.services.runs import PrefectService
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.errors import PrefectUnavailable, StoreUnavailable, TranscriptionError
from tasks.orchestration.status import Health
from tasks.single_flight import SingleFlightCache
from tasks.storage.base import Store

_Answer = TypeVar("_Answer")

SECONDS_TO_ANSWER = 5.0
STORE_MAX_AGE = 5.0
"""Seconds: checking a store means writing to it."""

INSTALLATION_MAX_AGE = 300.0

NO_WORKER = "No worker is online, so nothing runs. Start them: make up"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    problems: tuple[str, ...]
    prefect_server: bool = False
    batch_worker: bool = False
    gpu_worker: bool = False


class HealthCheck:
    """Checks the Prefect server, the store and the workers."""

    def __init__(self, overview: BatchQueries, runs: PrefectService, store: Store) -> None:
        self._overview = overview
        self._runs = runs
        self._store = store
        self._store_complaints: SingleFlightCache[str] = SingleFlightCache()
        self._installations: SingleFlightCache[str] = SingleFlightCache()

    async def read(self) -> Health:
        """Return the health of each part, and a sentence with the remedy for any that does not answer."""
        store_complaint, seen, foreign = await asyncio.gather(
            self._ask_store(), self._ask_prefect(), self._ask_whose_store()
        )
        return Health(
            detail=" ".join(filter(None, [store_complaint, foreign, *seen.problems])) or "All is well.",
            prefect_server=seen.prefect_server,
            store=not store_complaint,
            worker=seen.batch_worker and seen.gpu_worker,
            batch_worker=seen.batch_worker,
            gpu_worker=seen.gpu_worker,
        )

    async def _ask_store(self) -> str:
        """Return the problem of the store; empty if there is none."""

        async def check() -> str:
            await in_thread(STORE_THREADS, self._store.check)
            return ""

        try:
            return await _in_time(self._store_complaints.get("store", check, max_age=STORE_MAX_AGE))
        except StoreUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"The store has not answered for {SECONDS_TO_ANSWER:g} seconds. Check its disk or service."

    async def _ask_whose_store(self) -> str:
        """Return the problem if the store is another installation's: batches run, but nothing is cleaned up."""

        async def check() -> str:
            complaint = await self._runs.check_installation(self._store)
            if complaint:
                logger.warning(complaint)
            return complaint

        try:
            return await _in_time(self._installations.get("installation", check, max_age=INSTALLATION_MAX_AGE))
        except (TranscriptionError, TimeoutError):  # the others say what is away
            return ""

    async def _ask_prefect(self) -> _Seen:
        """Return the online workers and the problems that hold up batches, or the outage of the server."""
        try:
            return await _in_time(self._look())
        except PrefectUnavailable as error:
            return _Seen((str(error),))
        except TimeoutError:
            return _Seen(
                (f"The Prefect server has not answered for {SECONDS_TO_ANSWER:g} seconds. Look into its log.",)
            )

    async def _look(self) -> _Seen:
        installation = await self._overview.installation()
        batch_worker = installation.batch_pool.online
        gpu_worker = any(pool.online for pool in installation.gpu_pools)
        problems = await self._overview.problems() if batch_worker or gpu_worker else [NO_WORKER]
        return _Seen(tuple(problems), prefect_server=True, batch_worker=batch_worker, gpu_worker=gpu_worker)


async def _in_time(answer: Coroutine[Any, Any, _Answer]) -> _Answer:
    return await asyncio.wait_for(answer, SECONDS_TO_ANSWER)
