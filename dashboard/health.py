"""Whether everything answers that a batch needs."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from dashboard.freshness import Fresh
from dashboard.runs import Runs
from dashboard.threads import STORE_THREADS, in_thread
from tasks.core.errors import PrefectUnavailable, StoreUnavailable, TranscriptionError
from tasks.core.status import Health
from tasks.store import Store

_Answer = TypeVar("_Answer")

SECONDS_TO_ANSWER = 5.0
STORE_MAX_AGE = 5.0
"""Seconds: checking a store means writing to it."""

PREFECT_MAX_AGE = 1.0
INSTALLATION_MAX_AGE = 300.0

logger = logging.getLogger(__name__)


class HealthCheck:
    """Asks the Prefect server, the store and the workers."""

    def __init__(self, runs: Runs, store: Store) -> None:
        self._runs = runs
        self._store = store
        self._store_complaints: Fresh[str] = Fresh()
        self._installations: Fresh[str] = Fresh()
        self._workers: Fresh[dict[str, bool]] = Fresh()

    async def read(self) -> Health:
        """Return what answers, and for what does not a sentence with what to do."""
        store_complaint, workers, foreign = await asyncio.gather(
            self._ask_store(), self._ask_prefect(), self._ask_whose_store()
        )
        online = isinstance(workers, dict) and any(workers.values())
        complaints = [
            workers if isinstance(workers, str) else "",
            store_complaint,
            foreign,
            "" if online or isinstance(workers, str) else "No worker is online, so nothing runs. Start them: make up",
        ]
        return Health(
            detail=" ".join(filter(None, complaints)) or "All is well.",
            prefect_server=not isinstance(workers, str),
            store=not store_complaint,
            worker=online,
        )

    async def _ask_store(self) -> str:
        """Return what is wrong with the store; empty if nothing is."""

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
        """Return what is wrong if the store is another installation's: batches run, and nothing is cleaned up."""

        async def check() -> str:
            complaint = await self._runs.check_installation(self._store)
            if complaint:
                logger.warning(complaint)
            return complaint

        try:
            return await _in_time(self._installations.get("installation", check, max_age=INSTALLATION_MAX_AGE))
        except (TranscriptionError, TimeoutError):  # the others say what is away
            return ""

    async def _ask_prefect(self) -> dict[str, bool] | str:
        """Return for each work pool whether a worker is online, or what is wrong with the server."""
        try:
            return await _in_time(self._workers.get("workers", self._runs.read_work_pools, max_age=PREFECT_MAX_AGE))
        except PrefectUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"The Prefect server has not answered for {SECONDS_TO_ANSWER:g} seconds. Look into its log."


async def _in_time(answer: Coroutine[Any, Any, _Answer]) -> _Answer:
    return await asyncio.wait_for(answer, SECONDS_TO_ANSWER)
