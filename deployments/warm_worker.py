"""
Work pool type ``warm``: flow runs execute in long-lived processes that keep imports and models loaded.

A GPU pool has one process with two slots: while one run holds the GPU, the other prepares or stores. The ``cpu`` pool
has several processes with one slot each. One worker per pool: what is Running in the pool when it starts is an orphan
of its predecessor and is handed back.

A run that loses its process is Crashed, then AwaitingRetry under the same id, until its own process died three times;
then it is Failed. A run that only lost its process because of a neighbour, a cancel or a stopped worker is handed back
without a Crashed state, so that it costs none of its attempts.

`deployments.serve_pool` starts it.
"""

import asyncio
import contextlib
import os
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseWorker

from deployments.device_reporter import DeviceReporter
from deployments.run_ends import ACTIVE, exit_in_words, hand_back, insist, settle_dead, settle_unfinished
from deployments.sensors import open_sensor
from deployments.sick_bay import SickBay
from deployments.wake import wake_by_events
from deployments.warm_cancels import pass_on_cancels
from deployments.warm_job import WarmJobConfiguration, WarmResult, WarmVariables
from deployments.warm_messages import RunEnded
from deployments.warm_process import ProcessDied, WarmProcess
from deployments.warm_processes import WarmProcesses
from tasks.core.pools import Outcome
from tasks.core.settings import Settings

CHILDREN_VARIABLE = "BATCHSCRIBE_WARM_CHILDREN"
SLOTS_VARIABLE = "BATCHSCRIBE_WARM_SLOTS"
RUNS_VARIABLE = "BATCHSCRIBE_WARM_RUNS"
SILENCE_VARIABLE = "BATCHSCRIBE_WARM_SILENCE_SECONDS"
SECONDS_BETWEEN_DEPLOYMENT_LOOKS = 10.0
HAND_BACK_SECONDS = 5.0


class WarmWorker(BaseWorker[WarmJobConfiguration, WarmVariables, WarmResult]):
    """Executes the flow runs of one work pool in warm processes."""

    type = "warm"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Warm process"
    _description = "Runs flow runs in long-lived processes that keep imports and models loaded."

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._processes = WarmProcesses(
            wanted=int(os.environ.get(CHILDREN_VARIABLE, "1")),
            slots=int(os.environ.get(SLOTS_VARIABLE, "2")),
            silence_seconds=float(os.environ.get(SILENCE_VARIABLE, "120")),
            runs_each=int(os.environ.get(RUNS_VARIABLE, "500")),
        )
        named["limit"] = named.get("limit") or self._processes.slots
        super().__init__(*arguments, **named)
        self._pool_name: str = named.get("work_pool_name") or arguments[0]
        self._polling = asyncio.Lock()
        self._new_run = asyncio.Event()
        self._new_cancel = asyncio.Event()
        self._orphans_settled = False
        self._sick_bay = SickBay(self._pool_name, slots=self._processes.slots)
        self._draining = False
        self._services: list[asyncio.Task[None]] = []

    # ---- life of the worker

    async def setup(self) -> None:
        """Start the processes and the loops beside the base class's own."""
        await super().setup()
        loops = (
            self._processes.keep(),
            self._poll_when_woken(),
            self._listen(),
            self._watch_deployments(),
            self._report_device(),
            pass_on_cancels(self.client, self._pool_name, self._processes, self._new_cancel),
        )
        self._services = [asyncio.create_task(loop) for loop in loops]

    async def teardown(self, *exc_info: Any) -> None:
        """End the processes; their runs have been handed back by `drain` or will be by the next start."""
        for service in self._services:
            service.cancel()
        self._processes.stop()
        await super().teardown(*exc_info)

    async def drain(self) -> None:
        """Take no more runs and hand back those that are under way: another start continues them."""
        self._draining = True
        for flow_run_id in self._processes.stop():
            with contextlib.suppress(httpx.HTTPError, ObjectNotFound, TimeoutError):
                handing_back = hand_back(self.client, flow_run_id, "The worker was stopped; handed back.")
                await asyncio.wait_for(handing_back, HAND_BACK_SECONDS)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for runs, one look at a time, and not before the predecessor's runs are settled."""
        async with self._polling:
            if self._draining:
                return []
            if not self._orphans_settled:
                await self._settle_orphans()
                self._orphans_settled = True
            if not await self._sick_bay.may_work(self.client, self.limiter):
                return []
            return await super().get_and_submit_flow_runs()

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """
        Leave out runs that are still in hand, begun again by somebody who did not wait for their end.

        The base class would end the worker, with all its runs, on taking one twice. It has no public place to say so.
        """
        in_hand = set(self.limiter.statistics().borrowers)
        return [found for found in await super()._get_scheduled_flow_runs() if found.flow_run.id not in in_hand]

    async def _settle_orphans(self) -> None:
        """Hand back what a killed predecessor left Running or Pending in this pool, and end what it left Cancelling."""
        while orphans := await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool_name])),
            sort=FlowRunSort.ID_DESC,
            limit=200,
        ):
            for flow_run in orphans:
                self._logger.warning("%s was left behind by this pool's last worker", flow_run.name)
                await hand_back(self.client, flow_run.id, "The worker was lost and is back; starting again.")

    # ---- one run

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmResult:
        """Execute the run in a warm process and see to it that it does not end without a final state."""
        process = await self._processes.reserve(flow_run.id)
        if task_status is not None:
            task_status.started(process.pid)
        try:
            end = await process.execute(flow_run, configuration.entrypoint)
        finally:
            process.release(flow_run.id)
        self._new_run.set()  # there is room: look for the next run now, not at the next poll
        if isinstance(end, ProcessDied):
            await self._after_death(flow_run, process, end)
        else:
            await self._after_report(flow_run, process, end)
        self._new_run.set()
        return WarmResult(identifier=str(process.pid), status_code=0)

    async def _after_report(self, flow_run: FlowRun, process: WarmProcess, end: RunEnded) -> None:
        if end.settled:
            self._sick_bay.note(Outcome.DONE)
            return
        if end.device_lost:
            self._sick_bay.note(Outcome.DEVICE, end.detail)
            process.kill(end.detail, frozenset({flow_run.id}))
        await insist(lambda: settle_unfinished(self.client, flow_run, end), stopped=lambda: self._draining)

    async def _after_death(self, flow_run: FlowRun, process: WarmProcess, end: ProcessDied) -> None:
        innocent = bool(process.killed_for) and flow_run.id not in process.killed_for
        reason = process.kill_reason or f"its process ended ({exit_in_words(end.exit_code)})"
        blamed = await insist(
            lambda: settle_dead(self.client, flow_run, reason, innocent=innocent), stopped=lambda: self._draining
        )
        if blamed:
            self._sick_bay.note(Outcome.DEVICE, reason)

    # ---- loops beside the base class's

    async def _poll_when_woken(self) -> None:
        """Look for runs as soon as one ended or was created, instead of at the next poll."""
        while True:
            await self._new_run.wait()
            self._new_run.clear()
            await asyncio.sleep(0.02)  # the base class frees the run's slot just after `run` returned
            with contextlib.suppress(httpx.HTTPError):  # the regular poll is the truth and reports outages
                await self.get_and_submit_flow_runs()

    async def _watch_deployments(self) -> None:
        """Have processes look for new code whenever a deployment of the pool was deployed again."""
        of_this_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool_name]))
        known: dict[UUID, Any] = {}
        while True:
            with contextlib.suppress(httpx.HTTPError):  # an outage: the next look finds the same
                deployments = await self.client.read_deployments(work_pool_filter=of_this_pool, limit=200)
                found = {deployment.id: deployment.updated for deployment in deployments}
                if found != known:
                    self._processes.look_for_new_code()
                known = found
            await asyncio.sleep(SECONDS_BETWEEN_DEPLOYMENT_LOOKS)

    async def _listen(self) -> None:
        """Wake the loops by events. A missed event costs a second: the polls are the truth."""
        await wake_by_events((await self._pool_once_known()).id, new_run=self._new_run, new_cancel=self._new_cancel)

    async def _report_device(self) -> None:
        """Tell the pages of other machines what only this one sees: the load of its device, and its quarantine."""
        await DeviceReporter(self._pool_name, open_sensor(Settings().device), self._sick_bay).report(self.client)

    async def _pool_once_known(self) -> Any:
        while True:
            with contextlib.suppress(RuntimeError, ValueError):  # not synchronised yet
                return self.work_pool
            await asyncio.sleep(0.2)
