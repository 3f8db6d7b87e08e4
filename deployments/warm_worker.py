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
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field, PrivateAttr

from deployments.run_ends import ACTIVE, crash, exit_in_words, hand_back
from deployments.sick_bay import SickBay
from deployments.wake import wake_by_events
from deployments.warm_messages import RunEnded
from deployments.warm_process import CANCEL_GRACE_SECONDS, ProcessDied, WarmProcess
from tasks.core.pools import Outcome

CHILDREN_VARIABLE = "BATCHSCRIBE_WARM_CHILDREN"
SLOTS_VARIABLE = "BATCHSCRIBE_WARM_SLOTS"
START_SECONDS = 180.0
WATCH_SECONDS = 1.0
SILENCE_VARIABLE = "BATCHSCRIBE_WARM_SILENCE_SECONDS"


class WarmJobConfiguration(BaseJobConfiguration):
    """What a run needs in a process that is already there: nothing but its entrypoint."""

    _entrypoint: str = PrivateAttr(default="")

    def prepare_for_flow_run(self, flow_run: FlowRun, deployment: Any = None, *more: Any, **named: Any) -> None:
        """Keep the deployment's entrypoint, so that the child need not ask for it again."""
        super().prepare_for_flow_run(flow_run, deployment, *more, **named)
        self._entrypoint = deployment.entrypoint if deployment else ""

    @property
    def entrypoint(self) -> str:
        """Module path of the flow."""
        return self._entrypoint


class WarmVariables(BaseVariables):
    """Job variables of a warm pool: none of its own, since runs share a process and so its environment."""

    env: dict[str, str | None] = Field(
        default_factory=dict,
        title="Environment variables",
        description="Not used by warm pools: runs share a process. Set the worker's environment instead.",
    )


class WarmResult(BaseWorkerResult):
    """The run's state is already reported; a zero keeps the base class from reporting another."""


class WarmWorker(BaseWorker[WarmJobConfiguration, WarmVariables, WarmResult]):
    """Executes the flow runs of one work pool in warm processes."""

    type = "warm"
    job_configuration = WarmJobConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Warm process"
    _description = "Runs flow runs in long-lived processes that keep imports and models loaded."

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._children_wanted = int(os.environ.get(CHILDREN_VARIABLE, "1"))
        self._slots = int(os.environ.get(SLOTS_VARIABLE, "2"))
        self._silence_seconds = float(os.environ.get(SILENCE_VARIABLE, "120"))
        named["limit"] = named.get("limit") or self._children_wanted * self._slots
        super().__init__(*arguments, **named)
        self._pool_name: str = named.get("work_pool_name") or arguments[0]
        self._children: list[WarmProcess] = []
        self._choosing = asyncio.Lock()
        self._polling = asyncio.Lock()
        self._new_run = asyncio.Event()
        self._new_cancel = asyncio.Event()
        self._orphans_settled = False
        self._sick_bay = SickBay(self._pool_name, slots=self._children_wanted * self._slots)
        self._draining = False
        self._services: list[asyncio.Task[None]] = []

    # ---- life of the worker

    async def setup(self) -> None:
        """Start the processes and the loops beside the base class's own."""
        await super().setup()
        loops = (self._poll_when_woken, self._watch_children, self._watch_cancels, self._listen)
        self._services = [asyncio.create_task(loop()) for loop in loops]

    async def teardown(self, *exc_info: Any) -> None:
        """End the processes; their runs have been handed back by `drain` or will be by the next start."""
        for service in self._services:
            service.cancel()
        for child in self._children:
            child.kill("the worker stops")
        await super().teardown(*exc_info)

    async def drain(self) -> None:
        """Take no more runs and hand back those that are under way: another start continues them."""
        self._draining = True
        held = [flow_run_id for child in self._children for flow_run_id in child.runs]
        for child in self._children:
            child.kill("the worker stops")
        for flow_run_id in held:
            with contextlib.suppress(httpx.HTTPError, ObjectNotFound, TimeoutError):
                await asyncio.wait_for(hand_back(self.client, flow_run_id, "The worker was stopped; handed back."), 5)

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
        child = await self._free_child(flow_run.id)
        if task_status is not None:
            task_status.started(child.pid)
        try:
            end = await child.execute(flow_run, configuration.entrypoint)
        finally:
            child.release(flow_run.id)
        self._new_run.set()  # there is room: look for the next run now, not at the next poll
        if isinstance(end, ProcessDied):
            await self._insist(lambda: self._settle_dead(flow_run, child, end))
        else:
            await self._after_report(flow_run, child, end)
        self._new_run.set()
        return WarmResult(identifier=str(child.pid), status_code=0)

    async def _after_report(self, flow_run: FlowRun, child: WarmProcess, end: RunEnded) -> None:
        if end.settled:
            self._sick_bay.note(Outcome.DONE)
            return
        if end.device_lost:
            self._sick_bay.note(Outcome.DEVICE)
            child.kill(end.detail, frozenset({flow_run.id}))
        await self._insist(lambda: self._settle_unfinished(flow_run, end))

    async def _free_child(self, flow_run_id: UUID) -> WarmProcess:
        """
        Return a child with a free slot, reserved for the run.

        While a cancelled run has not ended its child takes nothing new (it may have to be killed), and no other child
        is started in its place: one device never has two processes.
        """
        async with self._choosing:
            while True:
                self._children = [child for child in self._children if not child.dead]
                free = [
                    child
                    for child in self._children
                    if child.ready.is_set() and len(child.runs) < self._slots and not child.cancelled_at
                ]
                if free:
                    chosen = min(free, key=lambda child: len(child.runs))
                    chosen.reserve(flow_run_id)
                    return chosen
                await asyncio.sleep(0.05)

    async def _settle_dead(self, flow_run: FlowRun, child: WarmProcess, end: ProcessDied) -> None:
        if self._draining:
            return
        current = await self.client.read_flow_run(flow_run.id)
        if current.state is None or current.state.is_final() or current.state.is_scheduled():
            return
        innocent = bool(child.killed_for) and flow_run.id not in child.killed_for
        if innocent and not current.state.is_cancelling():
            await hand_back(self.client, flow_run.id, "Its process was ended because of another run; starting again.")
            return
        if not current.state.is_cancelling():
            self._sick_bay.note(Outcome.DEVICE)
        reason = child.kill_reason or f"its process ended ({exit_in_words(end.exit_code)})"
        await crash(self.client, current, reason)

    async def _settle_unfinished(self, flow_run: FlowRun, end: RunEnded) -> None:
        current = await self.client.read_flow_run(flow_run.id)
        if current.state is None or current.state.is_scheduled():
            return
        if current.state.is_final() and not (end.device_lost and current.state.is_crashed()):
            return
        if end.refused:
            await self.client.set_flow_run_state(flow_run.id, Failed(message=end.detail), force=True)
        else:
            await crash(self.client, current, end.detail)

    async def _insist(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Call *settle* until Prefect's server has taken it: an outage must not leave a run Running for ever."""
        pause = 1.0
        while not self._draining:
            try:
                return await settle()
            except ObjectNotFound:
                return None  # somebody deleted the run
            except httpx.HTTPError as error:
                self._logger.warning("Prefect's server did not take a state (%s); trying again in %.0f s", error, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
        return None

    # ---- loops beside the base class's

    async def _poll_when_woken(self) -> None:
        """Look for runs as soon as one ended or was created, instead of at the next poll."""
        while True:
            await self._new_run.wait()
            self._new_run.clear()
            await asyncio.sleep(0.02)  # the base class frees the run's slot just after `run` returned
            with contextlib.suppress(httpx.HTTPError):  # the regular poll is the truth and reports outages
                await self.get_and_submit_flow_runs()

    async def _watch_children(self) -> None:
        """Keep as many processes as wanted, and kill one that hangs or does not heed a cancel."""
        while True:
            self._children = [child for child in self._children if not child.dead]
            while not self._draining and len(self._children) < self._children_wanted:
                self._children.append(WarmProcess(dict(os.environ)))
            for child in self._children:
                _kill_if_stuck(child, self._silence_seconds)
            await asyncio.sleep(0.2)

    async def _watch_cancels(self) -> None:
        """Pass on cancels, with one filtered read a second for all runs, and only while there are some."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._new_cancel.wait(), WATCH_SECONDS)
            self._new_cancel.clear()
            holders = {
                flow_run_id: child
                for child in self._children
                for flow_run_id in child.runs
                if flow_run_id not in child.cancelled_at
            }
            if not holders:
                continue
            for flow_run in await self._cancelled_among(list(holders)):
                holders[flow_run.id].cancel(flow_run.id)

    async def _cancelled_among(self, flow_run_ids: list[UUID]) -> list[FlowRun]:
        asked_to_stop = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])
        try:
            return await self.client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    id=FlowRunFilterId(any_=flow_run_ids), state=FlowRunFilterState(type=asked_to_stop)
                ),
                sort=FlowRunSort.ID_DESC,
                limit=200,
            )
        except httpx.HTTPError:
            return []  # an outage: the runs go on, the next look asks again

    async def _listen(self) -> None:
        """Wake the loops by events. A missed event costs a second: the polls are the truth."""
        await wake_by_events((await self._pool_once_known()).id, new_run=self._new_run, new_cancel=self._new_cancel)

    async def _pool_once_known(self) -> Any:
        while True:
            with contextlib.suppress(RuntimeError, ValueError):  # not synchronised yet
                return self.work_pool
            await asyncio.sleep(0.2)


def _kill_if_stuck(child: WarmProcess, silence_seconds: float) -> None:
    if overdue := child.overdue_cancels:
        child.kill(f"a cancelled run did not stop within {CANCEL_GRACE_SECONDS:.0f} s", overdue)
    elif child.seconds_silent > (silence_seconds if child.ready.is_set() else START_SECONDS):
        child.kill(f"it did not answer for {child.seconds_silent:.0f} s")
