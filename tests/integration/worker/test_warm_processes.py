"""The choice of a process for a run, and processes that do not start or end; the processes are fakes."""

import asyncio
import contextlib
import time
from uuid import uuid4

from deployments.worker import worker
from deployments.worker.process_pool import MOST_ADDED, STARTS_SHARED, WarmProcesses
from deployments.worker.worker import run_forever
from tests.support.waiting import until

PATIENCE_SECONDS = 60.0


class Process:
    """A process that does what a test says; it has what `WarmProcesses` asks a real one for."""

    def __init__(self, *, ready=True, dead=False):
        self.ready, self.dead = ready, dead
        self.runs, self.cancelled_at, self.loner = {}, {}, None
        self.killed = self.dies_too_slowly = self.retiring = self.leaves_too_slowly = False
        self.overdue_cancels, self.seconds_silent, self.warmed_up = frozenset(), 0.0, None

    def worn_out(self, _):
        return False

    def reserve(self, flow_run_id, *, alone):
        self.runs[flow_run_id] = None
        self.loner = flow_run_id if alone else None

    def release(self, flow_run_id):
        del self.runs[flow_run_id]
        self.loner = None

    def kill(self, *_):
        self.killed = True

    def give_up(self):
        self.dead = True


class Pool:
    """Processes under care, and those that were started for it."""

    def __init__(self, start=Process, slots=2, *, may_add=False):
        self.started, self.failed_at = [], []
        self.processes = WarmProcesses(
            wanted=1,
            slots=slots,
            silence_seconds=60,
            runs_each=0,
            on_failed_start=lambda: self.failed_at.append(time.monotonic()),
            start=lambda: self.started.append(start()) or self.started[-1],
            may_add=may_add,
        )

    async def live(self, scene):
        caring = asyncio.create_task(run_forever(self.processes.keep, "care"))
        try:
            await until(lambda: self.started or self.failed_at, "its first process")
            await scene(self)
        finally:
            caring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await caring


async def waits(reserving):
    """Return whether it waits although there was time to go on."""
    done, _ = await asyncio.wait({reserving}, timeout=0.3)
    return not done


def test_a_killed_process_takes_no_run_and_is_replaced_if_it_does_not_go():
    async def scene(pool):
        (stuck,) = pool.started
        stuck.kill("it hangs in the driver")
        assert not pool.processes.any_ready
        reserving = asyncio.create_task(pool.processes.reserve(uuid4()))
        assert await waits(reserving)
        stuck.dies_too_slowly = True
        assert await asyncio.wait_for(reserving, PATIENCE_SECONDS) is pool.started[1]

    asyncio.run(Pool().live(scene))


def test_a_suspect_waits_for_a_process_of_its_own_and_nobody_joins_it():
    async def scene(pool):
        neighbour, suspect, later = uuid4(), uuid4(), uuid4()
        process = await pool.processes.reserve(neighbour)
        reserving = asyncio.create_task(pool.processes.reserve(suspect, alone=True))
        assert await waits(reserving)
        process.release(neighbour)
        assert await asyncio.wait_for(reserving, PATIENCE_SECONDS) is process
        joining = asyncio.create_task(pool.processes.reserve(later))
        assert await waits(joining)
        process.release(suspect)
        assert await asyncio.wait_for(joining, PATIENCE_SECONDS) is process

    asyncio.run(Pool().live(scene))


def test_suspects_beyond_the_added_processes_share_one_until_it_dies_of_one_of_them():
    async def scene(pool):
        added = [await pool.processes.reserve(uuid4(), alone=True, starts=2) for _ in range(MOST_ADDED)]
        assert all(len(process.runs) == 1 for process in added)
        innocent, guilty = uuid4(), uuid4()
        shared = [await pool.processes.reserve(run, alone=True, starts=2) for run in (innocent, guilty)]
        assert shared == [pool.started[0]] * 2
        shared[0].dead = True
        own = [await pool.processes.reserve(run, alone=True, starts=STARTS_SHARED) for run in (innocent, guilty)]
        assert [list(process.runs) for process in own] == [[innocent], [guilty]]

    asyncio.run(Pool(slots=MOST_ADDED, may_add=True).live(scene))


def test_processes_that_do_not_come_up_are_told_of_and_started_ever_more_slowly():
    async def scene(pool):
        await until(lambda: len(pool.failed_at) == 3, "three failures")
        first, second, third = pool.failed_at
        assert third - second > second - first > 0.5

    asyncio.run(Pool(lambda: Process(ready=False, dead=True)).live(scene))


def test_a_machine_that_cannot_start_a_process_now_is_tried_again(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS_AFTER_FAULT", 0.01)
    refusals = [BlockingIOError(11, "Resource temporarily unavailable"), OSError(24, "Too many open files")]

    def start():
        if refusals:
            raise refusals.pop()
        return Process()

    async def scene(pool):
        await until(lambda: pool.processes.any_ready, "a process")

    pool = Pool(start)
    pool.failed_at.append(0.0)  # `live` need not wait for the first
    asyncio.run(pool.live(scene))
    assert not refusals
