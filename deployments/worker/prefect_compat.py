"""
Repairs of Prefect's worker class, for a worker whose end would be that of all its runs.

In the base class one failed request ends the worker, or a run as Crashed, and so does a run that is begun again while
it is still in hand. There is no public hook for any of this, so three methods are overridden that are not public
(``_get_scheduled_flow_runs``, ``_submit_run``, ``_propose_crashed_state``), and two attributes used
(``_submitting_flow_run_ids``, ``_release_limit_slot``). All that relies on the inside of Prefect's worker is here;
`tests/integration/worker/test_prefect_compat.py` fails if an upgrade changes it, and if it makes a repair superfluous.
"""

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from tasks.outages import attempt, warn

logger = logging.getLogger("batchscribe.warm_worker")

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Configuration = TypeVar("Configuration", bound=BaseJobConfiguration)
Variables = TypeVar("Variables", bound=BaseVariables)
Result = TypeVar("Result", bound=BaseWorkerResult)


class ResilientWorker(BaseWorker[Configuration, Variables, Result], ABC):
    """A worker that outages leave alive, and that takes no run twice."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._submitting: set[UUID] = set()
        self._executing: set[UUID] = set()

    def holds(self, flow_run_id: UUID) -> bool:
        """Return whether the run is on its way into a process, or in one."""
        return flow_run_id in self._submitting or flow_run_id in self._executing

    def executing(self, flow_run_id: UUID) -> contextlib.AbstractContextManager[None]:
        """Count the run as executing inside the context: its slot is freed by the base class at the end of `run`."""
        return _kept_in(self._executing, flow_run_id)

    def contacted(self) -> None:
        """Take note of a sign of life that the server has taken."""

    @abstractmethod
    async def not_submitted(self, flow_run: FlowRun, reason: str, client: PrefectClient | None) -> None:
        """Give a run that could not be submitted the state that is due; by *client*, or by the worker's own."""

    async def show_presence(self, pool: str) -> None:
        """Ask for runs of *pool* without taking any: only this shows Prefect that a paused pool has a worker."""
        with contextlib.suppress(ObjectNotFound):  # it was deleted
            await self.client.get_scheduled_flow_runs_for_work_pool(pool, scheduled_before=LONG_AGO)

    async def sync_with_backend(self) -> None:
        """Tell Prefect's server that the worker is there, and hear of its pool."""
        await attempt(self._sync_with_backend, tell=warn(logger, "The worker's heartbeat"))

    async def _sync_with_backend(self) -> None:
        await super().sync_with_backend()
        self.contacted()

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """
        Leave out runs that are still in hand, begun again by a user who did not wait for their end.

        The base class would end the worker on taking one twice.
        """
        in_hand = set(self.limiter.statistics().borrowers)
        return [found for found in await super()._get_scheduled_flow_runs() if found.flow_run.id not in in_hand]

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """
        Submit a run; if Prefect's server goes away meanwhile, leave it to the next look or to `watch_for_forgotten`.

        In the base class such an error ends the worker.
        """
        with _kept_in(self._submitting, flow_run.id):
            submitting = partial(super()._submit_run, flow_run)
            await attempt(submitting, tell=warn(logger, f"The start of {flow_run.name}"))
            if flow_run.id not in self._executing:  # it did not come to `run`, which would free its slot at its end
                self._submitting_flow_run_ids.discard(flow_run.id)
                self._release_limit_slot(flow_run.id)

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """
        Leave to `not_submitted` what becomes of the run.

        In the base class it ends as Crashed, of one failed request.
        """
        with self.executing(flow_run.id):
            await self.not_submitted(flow_run, message, client)


@contextlib.contextmanager
def _kept_in(held: set[UUID], flow_run_id: UUID) -> Iterator[None]:
    held.add(flow_run_id)
    try:
        yield
    finally:
        held.discard(flow_run_id)
