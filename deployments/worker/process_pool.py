"""
Process pool of one warm worker: as many as it wants, chosen for runs, killed when they hang, replaced when worn out.

A process is worn out after so many runs, which bounds leaks, or when a redeployment finds that its code has
changed on the disk. Its successor is started and warmed up next to it while it goes on; then the successor gets the
new runs, and the old one ends with its last. So replacing costs no run its time. Where the memory does not suffice for
two models the successor says that it could not warm up, and gets its first run when the old process is gone.

A run suspected of killing processes gets one for itself alone, so that it takes no other run along. A device has one
process, so there it waits until that has no other runs. Where there is no device, a process is added for it at once.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from deployments.worker.child_process import CANCEL_GRACE_SECONDS, WarmProcess

START_SECONDS = 180.0
SECONDS_BETWEEN_LOOKS = 0.2
MOST_ADDED = 8
"""
Processes that are added for single runs at most, since each polls Prefect on its own. Further runs share, but those
that lost one more process that way get one of their own all the same (`STARTS_SHARED`): who is to blame dies alone.
"""
STARTS_SHARED = 3
"""Number of starts of a run after which it shares a process with none, if it may be killing processes."""
SECONDS_BETWEEN_SUCCESSORS = 10.0
"""Minimum time between successors, so that one that dies at once is not followed at once by the next."""
LONGEST_PAUSE_SECONDS = 30.0
"""Longest pause between the starts of processes that die before they are ready."""


@dataclass(frozen=True, slots=True)
class Succession:
    """A process that is to take the place of another."""

    old: WarmProcess
    new: WarmProcess


def start_process() -> WarmProcess:
    """Return a new process with the worker's environment."""
    return WarmProcess(dict(os.environ))


async def _is_ready(process: WarmProcess) -> bool:
    """Return whether the process has become ready, or has died; one that does neither is killed by `keep`."""
    while not (process.ready or process.dead):  # noqa: ASYNC110 - another thread hears of it
        await asyncio.sleep(0.02)
    return not process.dead


class WarmProcesses:
    """
    Keeps *wanted* processes with *slots* runs in each. One is replaced after *runs_each* runs; 0: never.

    *on_failed_start* is called for a process that died before it was ready, while there was no other. *start* may
    return None, to be called again. *may_add* gives a run that must be alone a process in addition to the wanted ones.

    With *on_unfit* a process takes runs only after its warm-up was well. It is called with the reason if one was not;
    that process then waits for `test_again`.
    """

    def __init__(
        self,
        *,
        wanted: int,
        slots: int,
        silence_seconds: float,
        runs_each: int,
        on_failed_start: Callable[[], None],
        start: Callable[[], WarmProcess | None] = start_process,
        may_add: bool = False,
        on_unfit: Callable[[str], None] | None = None,
    ) -> None:
        self._wanted = wanted
        self._slots = slots
        self._silence_seconds = silence_seconds
        self._runs_each = runs_each
        self._on_failed_start = on_failed_start
        self._start = start
        self._may_add = may_add
        self._on_unfit = on_unfit
        self._judged: set[int] = set()
        self._all: list[WarmProcess] = []
        self._succession: Succession | None = None
        self._next_successor_at = 0.0
        self._failed_starts = 0
        self._next_start_at = 0.0
        self._choosing = asyncio.Lock()
        self._stopped = False

    @property
    def all(self) -> tuple[WarmProcess, ...]:
        """The live processes, including some that take no more runs or none yet."""
        return tuple(process for process in self._all if not process.dead)

    @property
    def any_ready(self) -> bool:
        """True if a process is there to take runs, now or when it has room."""
        return any(self._can_work(process) and not process.killed for process in self.all)

    @property
    def slots(self) -> int:
        """The number of runs that can execute at the same time."""
        return self._wanted * self._slots

    async def keep(self) -> None:
        """Start, watch and replace processes, until cancelled."""
        while True:
            for process in self.all:
                self._end_if_due(process)
            if not self._stopped:
                self._count_failed_starts()
                self._judge_warm_ups()
            self._all = list(self.all)
            if not self._stopped:
                self._replace_worn_out()
                self._start_missing()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def reserve(self, flow_run_id: UUID, *, alone: bool = False, starts: int = 0) -> WarmProcess:
        """
        Wait for a process with a free slot, and return it with the slot reserved for the run.

        A run that is to be *alone* gets a process without runs, which takes no others until that one has ended. Where
        processes may be added it gets one of these, as long as there are few or after so many *starts* of it; else it
        shares one until its next start.

        While a cancelled run has not ended its process takes nothing new (it may have to be killed), and no other one
        is started in its place: a device has no second process but a successor.
        """
        if alone and self._may_add and (starts >= STARTS_SHARED or self._added() < MOST_ADDED):
            return await self._add_for(flow_run_id)
        alone = alone and not self._may_add
        async with self._choosing:
            while True:
                if free := [process for process in self.all if self._takes_run(process, alone=alone)]:
                    chosen = min(free, key=lambda process: len(process.runs))
                    chosen.reserve(flow_run_id, alone=alone)
                    return chosen
                await asyncio.sleep(0.05)

    def _added(self) -> int:
        return sum(process.loner is not None for process in self.all)

    async def _add_for(self, flow_run_id: UUID) -> WarmProcess:
        """Return a new process that has this run and will end with it."""
        pause = SECONDS_BETWEEN_LOOKS
        while True:
            process = None if self._stopped else self._start()
            if process is not None:
                process.reserve(flow_run_id, alone=True)
                process.retiring = True
                self._all.append(process)
                if await _is_ready(process):
                    return process
                process.release(flow_run_id)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)  # it does not start while Prefect's server is away
            await asyncio.sleep(pause)

    def look_for_new_code(self) -> None:
        """Ask all processes whether their code has changed on the disk since they started; those are replaced."""
        for process in self.all:
            process.look_for_new_code()

    def test_again(self) -> None:
        """Have the device tested by another warm-up, in a fresh process where the last one failed."""
        for process in self.all:
            if process.warmed_up is not None and not process.warmed_up.well:
                process.kill("its device is tried in a fresh process")
            elif process.is_warm:
                process.warm_up()

    def stop(self) -> None:
        """End all processes, with their runs, and start no more."""
        self._stopped = True
        for process in self.all:
            process.kill("the worker stops")

    def _takes_run(self, process: WarmProcess, *, alone: bool) -> bool:
        return (
            self._can_work(process)
            and len(process.runs) < (1 if alone or process.loner else self._slots)
            and not process.cancelled_at
            and not process.killed
            and not process.retiring
            and not self._is_successor(process)
        )

    def _can_work(self, process: WarmProcess) -> bool:
        return process.ready and (self._on_unfit is None or process.is_warm)

    def _judge_warm_ups(self) -> None:
        """Tell once of each failed warm-up, but for a successor's: while there are two, memory may have been short."""
        self._judged &= {process.pid for process in self.all}
        for process in self.all:
            if process.warmed_up is None or process.warmed_up.well or self._is_successor(process):
                self._judged.discard(process.pid)
                continue
            if self._on_unfit is not None and process.pid not in self._judged:
                self._judged.add(process.pid)
                self._on_unfit(process.warmed_up.detail)

    def _is_successor(self, process: WarmProcess) -> bool:
        return self._succession is not None and self._succession.new is process

    def _count_failed_starts(self) -> None:
        """Wait longer before the next start, the more processes died in a row before they were ready."""
        if self.any_ready:
            self._failed_starts = 0
            return
        for _ in (process for process in self._all if process.dead and not process.warmed_up):
            self._failed_starts += 1
            pause = min(0.5 * 2**self._failed_starts, LONGEST_PAUSE_SECONDS)
            self._next_start_at = time.monotonic() + pause
            self._on_failed_start()

    def _start_missing(self) -> None:
        if time.monotonic() < self._next_start_at:
            return
        in_place = [process for process in self._all if not process.retiring and not self._is_successor(process)]
        waits_for_its_end = self._succession is not None and self._succession.old.retiring
        for _ in range(self._wanted - len(in_place) - waits_for_its_end):
            if (process := self._start()) is not None:
                self._all.append(process)

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
            if not new.dead and not new.is_warm:
                new.warm_up()  # it has the device for itself now

    def _begin_succession(self) -> None:
        worn_out = [process for process in self._all if not process.retiring and process.worn_out(self._runs_each)]
        if not worn_out or time.monotonic() < self._next_successor_at:
            return
        successor = self._start()
        if successor is None:
            return
        self._next_successor_at = time.monotonic() + SECONDS_BETWEEN_SUCCESSORS
        self._all.append(successor)
        self._succession = Succession(worn_out[0], successor)

    def _end_if_due(self, process: WarmProcess) -> None:
        if process.killed:
            if process.dies_too_slowly:
                process.give_up()
        elif overdue := process.overdue_cancels:
            process.kill(f"a cancelled run did not stop within {CANCEL_GRACE_SECONDS:.0f} s", overdue)
        elif process.leaves_too_slowly:
            process.kill("it did not end when it was told to")
        elif process.seconds_silent > (self._silence_seconds if process.ready else START_SECONDS):
            process.kill(f"it did not answer for {process.seconds_silent:.0f} s")
        elif process.retiring and not process.runs:
            process.leave()
