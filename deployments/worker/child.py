"""
The long-lived process in which a warm worker's flow runs execute.

The main thread reads requests from the worker; one asyncio loop in a second thread runs the flow runs side by side.
The loop is not in the main thread on purpose: there, Prefect's engine would install a process-wide SIGTERM handler
for one run that hits the others.

Because runs share the process, flows must be async (a sync one would block its neighbours) and without
``log_prints`` (it swaps the builtin ``print`` for all runs). Others are refused when they are loaded.

Start: ``python -m deployments.worker.child FILE_DESCRIPTOR`` (the worker does).
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is imported: looking for garbage takes a tenth of that time, and finds none

import asyncio
import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from logging import Logger
from multiprocessing.connection import Connection
from typing import Any, cast
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.logging.loggers import flow_run_logger, get_logger

from deployments.worker.messages import (
    Alive,
    CancelRun,
    CodeChanged,
    Leave,
    LookForNewCode,
    Ready,
    Report,
    Request,
    RunEnded,
    StartRun,
    WarmedUp,
    WarmUp,
)
from deployments.worker.upkeep import IDLE_VARIABLE, SLOTS_VARIABLE, WARM_UP_VARIABLE, IdleTime, code_changed, do
from tasks.batches import ALREADY_PUBLISHED
from tasks.cancellation import CancelToken, DeviceLost, set_current_token
from tasks.orchestration.prefect_runs import job_run_of

SPARE_THREADS = 8
"""Threads beyond one for each run, for short tasks."""

ALIVE_SECONDS = 2.0
"""Interval at which the loop reports that it is alive."""

logger = get_logger("batchscribe.warm_child")


class FlowRefused(Exception):
    """A flow cannot run next to others in one process."""


class WarmChild:
    """Executes flow runs side by side in one asyncio loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = copy_context()
        self._tokens: dict[UUID, CancelToken] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._flows: dict[str, Flow[Any, Any]] = {}
        self._idle_time = IdleTime.from_environment()
        self._started = threading.Event()
        self._sending = threading.Lock()  # two threads writing at once would mix their reports

    def serve(self) -> bool:
        """Execute the worker's requests. Return whether the worker finally asked the process to end in order."""
        loop_thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="warm-loop", daemon=True)
        loop_thread.start()
        while not self._started.wait(0.2):
            if not loop_thread.is_alive():
                return False
        _in_background(self._warm_up)
        while loop_thread.is_alive():
            try:
                request = self._connection.recv()
            except (EOFError, OSError):
                return False  # the worker is gone, and this process goes with it
            if isinstance(request, Leave):
                return True
            assert self._loop is not None  # noqa: S101 - set before `_started`
            self._loop.call_soon_threadsafe(self._take, request)
        return False

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_threads(), thread_name_prefix="warm-work"))
        async with AsyncClientContext.get_or_create():  # one HTTP client for all runs, which get this context
            self._context = copy_context()
            self._started.set()
            self._report(Ready())
            while True:
                self._report(Alive())
                if not self._runs and self._idle_time.has_become_long():
                    _in_background(partial(do, os.environ.get(IDLE_VARIABLE, "")))
                await asyncio.sleep(ALIVE_SECONDS)

    def _warm_up(self) -> None:
        try:
            do(os.environ.get(WARM_UP_VARIABLE, ""))
        except Exception as error:
            logger.exception("The warm-up failed")
            self._report(WarmedUp(well=False, detail=str(error) or type(error).__name__))
        else:
            self._report(WarmedUp(well=True))

    def _look_for_new_code(self) -> None:
        if code_changed():
            self._report(CodeChanged())

    def _take(self, request: Request) -> None:
        match request:
            case CancelRun(flow_run_id):
                if token := self._tokens.get(flow_run_id):
                    token.cancel()
            case LookForNewCode():
                _in_background(self._look_for_new_code)
            case WarmUp():
                _in_background(self._warm_up)
            case StartRun():
                self._start(request)

    def _start(self, request: StartRun) -> None:
        self._idle_time.begin_anew()
        token = self._tokens[request.flow_run.id] = CancelToken()  # now: a cancel may be the next request
        run = asyncio.create_task(
            self._execute(request, token), name=str(request.flow_run.id), context=self._context.copy()
        )
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _execute(self, request: StartRun, token: CancelToken) -> None:
        flow_run = request.flow_run
        set_current_token(token)
        try:
            end = await self._run(request)
        except (Abort, Pause) as signal_from_server:
            end = RunEnded(flow_run.id, detail=f"the server said {type(signal_from_server).__name__}")
        except FlowRefused as refusal:
            end = RunEnded(flow_run.id, refused=True, detail=str(refusal))
        except DeviceLost as lost:
            end = RunEnded(flow_run.id, device_lost=True, detail=str(lost))
        except BaseException as error:  # noqa: BLE001 - whatever a flow raises must not end its neighbours
            traceback.print_exc()
            end = RunEnded(flow_run.id, detail=f"{type(error).__name__}: {error}"[:500])
        finally:
            del self._tokens[flow_run.id]
            self._idle_time.begin_anew()
        self._report(end)

    async def _run(self, request: StartRun) -> RunEnded:
        flow_run = request.flow_run
        flow = self._load(request.entrypoint)
        logger = cast("Logger", flow_run_logger(flow_run))  # an adapter, which logs like a logger
        running = run_flow(flow, flow_run=flow_run, return_type="state", error_logger=logger)
        state = await cast("Awaitable[State[Any] | None]", running)  # what it is for an async flow
        if state is not None and state.is_final():
            return RunEnded(flow_run.id, settled=True, worked=_has_used_device(flow_run, state))
        return RunEnded(flow_run.id, detail=f"the server refused its end: {state.name if state else 'no state'}")

    def _load(self, entrypoint: str) -> Flow[Any, Any]:
        if entrypoint not in self._flows:
            flow: Flow[Any, Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
            if not flow.isasync:
                msg = f"{entrypoint} is not async: it would block the runs beside it. Make it an async def flow."
                raise FlowRefused(msg)
            if flow.log_prints:
                msg = f"{entrypoint} has log_prints: it would log the runs beside it. Use get_run_logger()."
                raise FlowRefused(msg)
            self._flows[entrypoint] = flow
        return self._flows[entrypoint]

    def _report(self, report: Report) -> None:
        try:
            with self._sending:
                self._connection.send(report)
        except OSError:
            os._exit(0)  # the worker is gone: nobody will ever read what this process does


def _has_used_device(flow_run: FlowRun, state: State[Any]) -> bool:
    """Return whether the run's end shows that the device works: one that helps may have found nothing to do."""
    return state.is_completed() and state.name != ALREADY_PUBLISHED and not job_run_of(flow_run).helps


def _threads() -> int:
    """
    Return the number of threads for ``asyncio.to_thread``: one for each run, and some.

    The default is a few more than there are cores. Runs whose store hangs would take all of them, and the others
    would wait for it as well.
    """
    usual = min(32, (os.cpu_count() or 1) + 4)
    return max(usual, int(os.environ.get(SLOTS_VARIABLE, "1")) + SPARE_THREADS)


def end_with_parent() -> None:
    """Have Linux kill this process with the worker; elsewhere the closed connection ends it a moment later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="warm-upkeep", daemon=True).start()


def main() -> None:
    """Serve the worker at the other end of the given file descriptor."""
    gc.freeze()
    gc.enable()
    serve_worker(Connection(int(sys.argv[1])))


def serve_worker(connection: Connection) -> None:
    """Execute the requests of the worker at the other end, until it is gone or lets this process go."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's; it stops workers in order
    if not WarmChild(connection).serve():
        os._exit(0)


if __name__ == "__main__":
    main()
