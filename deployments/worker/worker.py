"""
Work pool type ``warm``: flow runs execute in long-lived processes that keep imports and models loaded.

A GPU pool has one process with two slots: while one run holds the GPU, the other prepares or stores. The ``cpu`` pool
has a few processes with many slots each: batch runs mostly wait. One worker per pool: a run that is Running in the pool
when it starts is an orphan of its predecessor and is handed back.

A run that loses its process is Crashed, then AwaitingRestart under the same id, until its own process died three times;
then it is Failed. A run that only lost its process because of a neighbour's cancel or a stopped worker is handed back
without a Crashed state, so that it costs none of its attempts. Which of two runs a process died of cannot be told, so
both are Crashed; from then on each has a process for itself alone, so that this happens to none of them again. In a
pool without a device many share a process: there the first crash is no suspicion, a few processes are added for those
that crash a second time, and a crash of a shared process costs no run its last attempt.

Outages of Prefect's server are waited out everywhere: the worker's end would be that of all its runs.

`deployments.worker` starts it, or ``prefect worker start --type warm``.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from deployments.local.console import READY
from deployments.local.environment import WARM_CHILDREN_VARIABLE
from deployments.worker.by_hand import HEARTBEAT_SECONDS, find_out, is_by_hand
from deployments.worker.cancels import forward_cancels
from deployments.worker.child_process import ProcessDied, WarmProcess
from deployments.worker.circuit_breaker import CircuitBreaker
from deployments.worker.device_reporter import DeviceReporter, open_sensor
from deployments.worker.job import WarmJobConfiguration, WarmResult, WarmVariables
from deployments.worker.messages import RunEnded
from deployments.worker.prefect_compat import ResilientWorker
from deployments.worker.process_pool import WarmProcesses, start_process
from deployments.worker.recovery import (
    begun_again_since,
    exit_in_words,
    is_suspect,
    requeue_all,
    watch_for_forgotten,
)
from deployments.worker.template import CAN_FORK, Template
from deployments.worker.upkeep import SLOTS_VARIABLE
from deployments.worker.waiting import wait_for_pool
from deployments.worker.wake import WakeUps
from tasks.orchestration.paging import read_all
from tasks.orchestration.pool_model import Outcome
from tasks.orchestration.recovery import Loss, Remedy
from tasks.orchestration.run_recovery import recover
from tasks.outages import attempt, retry_until_accepted, warn
from tasks.settings import Settings

RUNS_VARIABLE = "BATCHSCRIBE_WARM_RUNS"
FORK_VARIABLE = "BATCHSCRIBE_WARM_FORK"
"""Environment variable set for a pool without a device: its processes may be forked, and as many as are needed."""
SILENCE_VARIABLE = "BATCHSCRIBE_WARM_SILENCE_SECONDS"
CRASHES_SHARED = 2
"""
After so many crashes a run of a pool without a device gets a process of its own. Not after the first: many runs share
a process there, and as many processes as runs, each polling Prefect on its own, would drown the server.
"""

SECONDS_BETWEEN_DEPLOYMENT_LOOKS = 20.0
SECONDS_BETWEEN_TEMPLATE_LOOKS = 1.0
SECONDS_AFTER_FAULT = 5.0
"""Pause before a service of the worker that broke off goes on."""

logger = logging.getLogger("batchscribe.warm_worker")


class WarmWorker(ResilientWorker[WarmJobConfiguration, WarmVariables, WarmResult]):
    """Executes the flow runs of one work pool in warm processes."""

    type = "warm"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Warm process"
    _description = "Runs flow runs in long-lived processes that keep imports and models loaded."

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._pool_name: str = named.get("work_pool_name") or arguments[0]
        if is_by_hand():
            find_out(self._pool_name)
            named["heartbeat_interval_seconds"] = HEARTBEAT_SECONDS
            named["name"] = named.get("name") or self._pool_name
        self._shares = bool(os.environ.get(FORK_VARIABLE))
        self._template = Template(dict(os.environ)) if self._shares and CAN_FORK else None
        self._processes = WarmProcesses(
            wanted=int(os.environ[WARM_CHILDREN_VARIABLE]),
            slots=int(os.environ.get(SLOTS_VARIABLE, "2")),
            silence_seconds=float(os.environ.get(SILENCE_VARIABLE, "120")),
            runs_each=int(os.environ.get(RUNS_VARIABLE, "500")),
            on_failed_start=lambda: self._note_device_failure("its process does not start"),
            start=self._template.start_process if self._template else start_process,
            may_add=self._shares,
            on_unfit=None if self._shares else lambda reason: self._breaker.note(Outcome.UNFIT, reason),
        )
        named["limit"] = named.get("limit") or self._processes.slots
        super().__init__(*arguments, **named)
        self._said_ready = False
        self._polling = asyncio.Lock()
        self._wake_ups = WakeUps()
        self._has_looked = False
        self._orphans_settled = False
        self._breaker = CircuitBreaker(self._pool_name, slots=self._processes.slots)
        self._draining = False
        self._services: list[asyncio.Task[None]] = []

    # ---- life of the worker

    async def setup(self) -> None:
        """Wait for the work pool; then start the processes and the loops in addition to the base class's own."""
        await wait_for_pool(self._pool_name, warn=logger.warning)
        await super().setup()
        services = {
            "care of its processes": self._processes.keep,
            "search for new runs": self._poll_when_woken,
            "subscription to events": self._listen,
            "watch over deployments": self._watch_deployments,
            "report on the device": self._report_device,
            "search for cancels": self._forward_cancels,
            "search for forgotten runs": self._watch_for_forgotten,
        }
        if self._template is not None:
            services["care of its template"] = self._look_after_template
        self._services = [asyncio.create_task(run_forever(service, name)) for name, service in services.items()]

    async def teardown(self, *exc_info: Any) -> None:
        """End the processes; their runs are handed back by `deployments.worker` or by the next start."""
        for service in self._services:
            service.cancel()
        self._processes.stop()
        if self._template is not None:
            self._template.end()
        await super().teardown(*exc_info)

    def drain(self) -> None:
        """Take no more runs and end the processes, without a mark against the runs that are under way."""
        self._draining = True
        self._processes.stop()

    def contacted(self) -> None:
        """Say once that the worker is ready."""
        if not self._said_ready:
            self._said_ready = True
            self._logger.info("%s for %s", READY, self._pool_name)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for runs, one look at a time, and not before the predecessor's are settled and a process is there."""
        async with self._polling:
            found = await attempt(self._take_runs, tell=warn(logger, "The search for runs"))
            self._has_looked = found is not None
            return found or []

    async def _take_runs(self) -> list[FlowRun] | None:
        """Return the runs that were taken; None if none may be taken now."""
        if await self._may_take_runs():
            return await super().get_and_submit_flow_runs()
        if not self._draining:
            await self.show_presence(self._pool_name)
        return None

    async def _may_take_runs(self) -> bool:
        if self._draining:
            return False
        if not self._orphans_settled:
            await requeue_all(self.client, self._pool_name, "The worker was lost and is back; starting again.")
            self._orphans_settled = True
        if not await self._breaker.may_work(self.client, self.limiter):
            return False
        if self._breaker.take_test():
            self._processes.test_again()
        return self._processes.any_ready

    # ---- one run

    async def not_submitted(self, flow_run: FlowRun, reason: str, client: PrefectClient | None) -> None:
        """Let the run try again, three times at most, like one that lost its process."""
        await self._recover(flow_run, Loss.PROCESS, reason, client)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmResult:
        """Execute the run in a warm process and see to it that it does not end without a final state."""
        with self.executing(flow_run.id):
            alone = await is_suspect(self.client, flow_run, crashes=CRASHES_SHARED if self._shares else 1)
            process = await self._processes.reserve(flow_run.id, alone=alone, starts=flow_run.run_count)
            if task_status is not None:
                task_status.started(process.pid)
            try:
                end = await process.execute(flow_run, configuration.entrypoint)
            finally:
                process.release(flow_run.id)
            self._wake_ups.new_run.set()  # there is room: look for the next run now, not at the next poll
            if isinstance(end, ProcessDied):
                await self._after_death(flow_run, process, end)
            else:
                await self._after_report(flow_run, process, end)
            self._wake_ups.new_run.set()
            return WarmResult(identifier=str(process.pid), status_code=0)

    async def _after_report(self, flow_run: FlowRun, process: WarmProcess, end: RunEnded) -> None:
        if end.settled:
            self._breaker.note(Outcome.DONE if end.worked else Outcome.MEDIA)
            return
        if end.device_lost:
            self._note_failure(process, end.detail)
            process.kill(end.detail, frozenset({flow_run.id}))
        await self._recover(flow_run, Loss.REFUSED if end.refused else Loss.PROCESS, end.detail)

    async def _after_death(self, flow_run: FlowRun, process: WarmProcess, end: ProcessDied) -> None:
        reason = process.kill_reason or f"its process ended ({exit_in_words(end.exit_code)})"
        loss = Loss.PROCESS
        if process.killed_for and flow_run.id not in process.killed_for:
            loss = Loss.NEIGHBOUR
        elif self._shares and process.shared_death:
            loss = Loss.SHARED_PROCESS
        if await self._recover(flow_run, loss, reason) in (Remedy.CRASH, Remedy.ABANDON):
            self._note_failure(process, reason)

    async def _recover(
        self, before: FlowRun, loss: Loss, reason: str, client: PrefectClient | None = None
    ) -> Remedy | None:
        """Give the run, which was *before* this attempt at it as given, the state that is due after a loss."""
        recovery = partial(recover, client or self.client, before.id, loss, reason, unless=begun_again_since(before))

        async def unless_draining() -> Remedy | None:
            return None if self._draining else await recovery()

        try:
            return await retry_until_accepted(
                unless_draining,
                waits_for=lambda error: isinstance(error, httpx.HTTPError),  # or it would be Running for ever
                tell=warn(logger, f"The end of {before.name}"),
            )
        except ObjectNotFound:  # it was deleted
            return None

    def _note_failure(self, process: WarmProcess, reason: str) -> None:
        """Count the loss of a process once, however many runs it took along."""
        if not process.failure_noted:
            process.failure_noted = True
            self._note_device_failure(reason)

    def _note_device_failure(self, reason: str) -> None:
        """Count a failure of the device. A pool that many runs share has none, and a pause would stop them all."""
        if not self._shares:
            self._breaker.note(Outcome.DEVICE, reason)

    # ---- loops in addition to the base class's

    async def _poll_when_woken(self) -> None:
        """Look for runs as soon as one ended or was created, instead of at the base class's next poll."""
        while True:
            await self._wake_ups.wait_for_run(soon=not self._has_looked)
            await asyncio.sleep(0.02)  # the base class frees the run's slot just after `run` returned
            await self.get_and_submit_flow_runs()

    async def _watch_deployments(self) -> None:
        """Make processes look for new code whenever a deployment of the pool was deployed again."""
        of_this_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool_name]))
        known: dict[UUID, Any] = {}
        while True:
            read = partial(read_all, self.client.read_deployments, work_pool_filter=of_this_pool)
            deployments = await attempt(read, tell=warn(logger, "The watch over deployments"))
            if deployments is not None:
                found = {deployment.id: deployment.updated for deployment in deployments}
                if found != known:
                    self._processes.look_for_new_code()
                    if self._template is not None:
                        self._template.renew_if_code_changed()
                known = found
            await asyncio.sleep(SECONDS_BETWEEN_DEPLOYMENT_LOOKS)

    async def _look_after_template(self) -> None:
        while self._template is not None:
            self._template.look_after()
            await asyncio.sleep(SECONDS_BETWEEN_TEMPLATE_LOOKS)

    async def _forward_cancels(self) -> None:
        await forward_cancels(self.client, self._pool_name, self._processes, self._wake_ups, self.holds)

    async def _watch_for_forgotten(self) -> None:
        await watch_for_forgotten(self.client, self._pool_name, self.holds)

    async def _listen(self) -> None:
        await self._wake_ups.listen((await self._pool_once_known()).id)

    async def _report_device(self) -> None:
        """Publish for other machines' pages the load and quarantine of the device, which only this one sees."""
        await DeviceReporter(self._pool_name, open_sensor(Settings().device), self._breaker).report(self.client)

    async def _pool_once_known(self) -> Any:
        while True:
            with contextlib.suppress(RuntimeError, ValueError):  # not synchronised yet
                return self.work_pool
            await asyncio.sleep(0.2)


async def run_forever(service: Callable[[], Awaitable[None]], name: str) -> None:
    """
    Run a service that has no end, and run it again whenever an error ends it, until cancelled.

    Nothing awaits it, so its end would go unnoticed: the worker would look well and do only half of its work.
    """
    while True:
        try:
            await service()
        except Exception:
            logger.exception("The worker's %s broke off; it goes on in %.0f s", name, SECONDS_AFTER_FAULT)
        await asyncio.sleep(SECONDS_AFTER_FAULT)
