"""The worker's end of a warm child: starts it, talks to it, notices when it dies or hangs."""

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from deployments.worker.messages import (
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

logger = logging.getLogger("batchscribe.warm_worker")

CANCEL_GRACE_SECONDS = 20.0
"""Time for a cancelled run to stop on its own."""

LEAVE_GRACE_SECONDS = 30.0
"""Time for a process without runs to send its logs and to end."""

DEATH_SECONDS = 30.0
"""Time for a killed process to be gone. One that hangs in a driver's call may never be."""


@dataclass(frozen=True, slots=True)
class ProcessDied:
    """The child is gone; ``exit_code`` is negative for a signal."""

    exit_code: int


class ChildProcess(Protocol):
    """The part of a child of the worker's process that is used here."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, None as long as it runs."""
        ...

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class WarmProcess:
    """
    One warm child and the runs it was given.

    Lives in the worker's event loop; a thread reads what the child reports. Must be made in the main thread: Linux
    ends the child with the *thread* that started it.
    """

    def __init__(self, environment: dict[str, str], launch: Callable[[int], ChildProcess] | None = None) -> None:
        """Start a program with the environment, or have *launch* make a process that serves a file descriptor."""
        ours, theirs = multiprocessing.Pipe()
        self._connection = ours
        with theirs:
            self._process = launch(theirs.fileno()) if launch else _started(environment, theirs.fileno())
        self._loop = asyncio.get_running_loop()
        self.ready = False
        self.warmed_up: WarmedUp | None = None
        self.code_changed = False
        self.retiring = False
        self._told_to_leave_at: float | None = None
        self._killed_at: float | None = None
        self.runs: dict[UUID, asyncio.Future[RunEnded | ProcessDied]] = {}
        self.cancelled_at: dict[UUID, float] = {}
        self.loner: UUID | None = None
        self.runs_taken = 0
        self.failure_noted = False
        self.dead = False
        self.shared_death = False
        self.kill_reason = ""
        self.killed_for: frozenset[UUID] = frozenset()
        self._last_alive = time.monotonic()
        threading.Thread(target=self._read, name=f"warm-child-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def overdue_cancels(self) -> frozenset[UUID]:
        """Runs that were asked to stop longer ago than they may take."""
        now = time.monotonic()
        return frozenset(run for run, since in self.cancelled_at.items() if now - since > CANCEL_GRACE_SECONDS)

    def worn_out(self, runs_each: int) -> bool:
        """Return whether another process should take its place: its code is old, or it has had *runs_each* runs."""
        return self.code_changed or 0 < runs_each <= self.runs_taken

    @property
    def is_warm(self) -> bool:
        """True if its last warm-up was well: its device works."""
        return self.warmed_up is not None and self.warmed_up.well

    def warm_up(self) -> None:
        """Have it warm up once more; it is not warm until it says so."""
        self.warmed_up = None
        self._ask(WarmUp())

    @property
    def leaves_too_slowly(self) -> bool:
        """True if it was told to leave longer ago than that may take."""
        since = self._told_to_leave_at
        return since is not None and time.monotonic() - since > LEAVE_GRACE_SECONDS

    @property
    def killed(self) -> bool:
        """True if it was killed, though it may not be gone yet."""
        return self._killed_at is not None

    @property
    def dies_too_slowly(self) -> bool:
        """True if it was killed longer ago than its end may take."""
        return self._killed_at is not None and time.monotonic() - self._killed_at > DEATH_SECONDS

    @property
    def seconds_silent(self) -> float:
        """Time since the child's loop last said that it is alive."""
        return time.monotonic() - self._last_alive

    def reserve(self, flow_run_id: UUID, *, alone: bool) -> None:
        """Count the run among the child's, so that its slot is taken; all of them if it is to be *alone*."""
        self.loner = flow_run_id if alone else None
        self.runs[flow_run_id] = self._loop.create_future()
        self.runs_taken += 1

    def release(self, flow_run_id: UUID) -> None:
        """Forget a run that has ended."""
        self.runs.pop(flow_run_id, None)
        self.cancelled_at.pop(flow_run_id, None)
        if self.loner == flow_run_id:
            self.loner = None

    async def execute(self, flow_run: FlowRun, entrypoint: str) -> RunEnded | ProcessDied:
        """Make the child execute a reserved run, and return the outcome."""
        end = self.runs[flow_run.id]
        self._ask(StartRun(flow_run, entrypoint))
        return await end

    def cancel(self, flow_run_id: UUID) -> None:
        """Ask the run to stop, if the child still has it; ``cancelled_at`` keeps the time."""
        if flow_run_id not in self.runs:  # it ended while somebody looked up that it is to stop
            return
        self.cancelled_at[flow_run_id] = time.monotonic()
        self._ask(CancelRun(flow_run_id))

    def look_for_new_code(self) -> None:
        """Ask it whether its code has changed on the disk since it started; ``code_changed`` keeps the answer."""
        self._ask(LookForNewCode())

    def leave(self) -> None:
        """Tell the process, which has no runs, to end in order. Telling it again changes nothing."""
        if self._told_to_leave_at is None:
            self._told_to_leave_at = time.monotonic()
            self._ask(Leave())

    def kill(self, reason: str, culprits: frozenset[UUID] = frozenset()) -> None:
        """End the child at once, with all its runs: because of *culprits*, or of all of them if none is named."""
        if self._process.poll() is None and not self.killed:
            self._killed_at = time.monotonic()
            self.kill_reason = reason
            self.killed_for = culprits
            logger.warning("Killing warm process %d: %s", self.pid, reason)
            self._process.kill()

    def give_up(self) -> None:
        """Treat a killed process that does not go away as dead: its runs must not wait for the kernel."""
        logger.error("Warm process %d was killed and is still there; going on without it", self.pid)
        self._bury(-signal.SIGKILL)

    def _ask(self, request: Request) -> None:
        with contextlib.suppress(OSError):  # it died, which the reading thread notices
            self._connection.send(request)

    def _read(self) -> None:
        try:
            while True:
                self._tell(self._hear, self._connection.recv())
        except (EOFError, OSError):
            self._killed_at = self._killed_at or time.monotonic()
            self._process.kill()  # it closed its end, so it is ending; make sure of it
        self._tell(self._bury, self._process.wait())
        self._connection.close()

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the worker's loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _hear(self, report: Report) -> None:
        self._last_alive = time.monotonic()
        match report:
            case Ready():
                self.ready = True
            case WarmedUp():
                self.warmed_up = report
            case CodeChanged():
                self.code_changed = True
            case RunEnded(flow_run_id):
                end = self.runs.get(flow_run_id)
                if end is not None and not end.done():
                    end.set_result(report)

    def _bury(self, exit_code: int) -> None:
        self.dead = True
        self.shared_death = len(self.runs) > 1
        for end in self.runs.values():
            if not end.done():
                end.set_result(ProcessDied(exit_code))


def _started(environment: dict[str, str], file_descriptor: int) -> ChildProcess:
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.worker.child", str(file_descriptor)],
        pass_fds=[file_descriptor],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # signals meant for the worker are the worker's to handle
    )
