"""
The processes of one warm worker: as many as it wants, chosen for runs, killed when they hang, replaced when worn out.

A process is worn out after so many runs, which bounds what leaks, or when a redeployment finds that its code has
changed on the disk. Its successor is started and warmed up beside it while it goes on; then the successor gets the
new runs, and the old one ends with its last. So replacing costs no run its time. Where the memory does not suffice for
two models the successor says that it could not warm up, and gets its first run when the old process is gone.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from uuid import UUID

from deployments.warm_process import CANCEL_GRACE_SECONDS, WarmProcess

START_SECONDS = 180.0
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_SUCCESSORS = 10.0
"""A successor that dies at once is not followed by the next one at once."""


@dataclass(frozen=True, slots=True)
class Succession:
    """A process that is to take the place of another."""

    old: WarmProcess
    new: WarmProcess


class WarmProcesses:
    """Keeps *wanted* processes with *slots* runs in each. *runs_each* is after how many one is replaced; 0: never."""

    def __init__(self, *, wanted: int, slots: int, silence_seconds: float, runs_each: int) -> None:
        self._wanted = wanted
        self._slots = slots
        self._silence_seconds = silence_seconds
        self._runs_each = runs_each
        self._all: list[WarmProcess] = []
        self._succession: Succession | None = None
        self._next_successor_at = 0.0
        self._choosing = asyncio.Lock()
        self._stopped = False

    @property
    def all(self) -> tuple[WarmProcess, ...]:
        """Those that live, including some that take no more runs or none yet."""
        return tuple(process for process in self._all if not process.dead)

    @property
    def slots(self) -> int:
        """How many runs there can be at the same time."""
        return self._wanted * self._slots

    async def keep(self) -> None:
        """Start, watch and replace processes, until cancelled."""
        while True:
            self._all = list(self.all)
            if not self._stopped:
                self._replace_worn_out()
                self._start_missing()
            for process in self._all:
                self._end_if_due(process)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def reserve(self, flow_run_id: UUID) -> WarmProcess:
        """
        Wait for a process with a free slot, and return it with the slot reserved for the run.

        While a cancelled run has not ended its process takes nothing new (it may have to be killed), and no other one
        is started in its place: a device has no second process but a successor.
        """
        async with self._choosing:
            while True:
                if free := [process for process in self.all if self._takes_runs(process)]:
                    chosen = min(free, key=lambda process: len(process.runs))
                    chosen.reserve(flow_run_id)
                    return chosen
                await asyncio.sleep(0.05)

    def look_for_new_code(self) -> None:
        """Have those processes replaced whose code has changed on the disk since they started."""
        for process in self.all:
            process.look_for_new_code()

    def stop(self) -> list[UUID]:
        """End all processes, start no more, and return the runs that they had."""
        self._stopped = True
        held = [flow_run_id for process in self.all for flow_run_id in process.runs]
        for process in self.all:
            process.kill("the worker stops")
        return held

    def _takes_runs(self, process: WarmProcess) -> bool:
        return (
            process.ready.is_set()
            and len(process.runs) < self._slots
            and not process.cancelled_at
            and not process.retiring
            and not self._is_successor(process)
        )

    def _is_successor(self, process: WarmProcess) -> bool:
        return self._succession is not None and self._succession.new is process

    def _start_missing(self) -> None:
        in_place = [process for process in self._all if not process.retiring and not self._is_successor(process)]
        waits_for_its_end = self._succession is not None and self._succession.old.retiring
        for _ in range(self._wanted - len(in_place) - waits_for_its_end):
            self._all.append(WarmProcess(dict(os.environ)))

    def _replace_worn_out(self) -> None:
        """Replace one process at a time, since for a while there are two with a model in each."""
        if self._succession is None:
            self._begin_succession()
            return
        old, new = self._succession.old, self._succession.new
        if new.warmed_up is not None and not new.dead:
            old.retiring = True
        if old.dead or new.dead or (new.warmed_up is not None and new.warmed_up.well):
            self._succession = None

    def _begin_succession(self) -> None:
        worn_out = [process for process in self._all if not process.retiring and process.worn_out(self._runs_each)]
        if not worn_out or time.monotonic() < self._next_successor_at:
            return
        self._next_successor_at = time.monotonic() + SECONDS_BETWEEN_SUCCESSORS
        successor = WarmProcess(dict(os.environ))
        self._all.append(successor)
        self._succession = Succession(worn_out[0], successor)

    def _end_if_due(self, process: WarmProcess) -> None:
        if overdue := process.overdue_cancels:
            process.kill(f"a cancelled run did not stop within {CANCEL_GRACE_SECONDS:.0f} s", overdue)
        elif process.leaves_too_slowly:
            process.kill("it did not end when it was told to")
        elif process.seconds_silent > (self._silence_seconds if process.ready.is_set() else START_SECONDS):
            process.kill(f"it did not answer for {process.seconds_silent:.0f} s")
        elif process.retiring and not process.runs:
            process.leave()
