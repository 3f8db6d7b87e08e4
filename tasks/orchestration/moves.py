"""
Move runs to other pools: from pools that take no jobs, and from busy ones to pools that have nothing to do.

A run cannot change its pool in Prefect. Its job gets another one, the successor, then the old one is ended: killed in
between, this leaves a run too many, which is noticed, and not one too few.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tasks.errors import Unreadable
from tasks.orchestration.batch_run import recording_of
from tasks.orchestration.dispatcher import MOVING, Dispatcher
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.open_jobs import OpenJobs, Running, Waiting
from tasks.storage.base import Store


async def move_stuck(store: Store, dispatcher: Dispatcher, jobs: OpenJobs) -> list[JobRun]:
    """Move runs from pools that take no jobs to ones that do, and return their successors; end the cancelled ones."""
    await _end_predecessors(dispatcher, jobs)  # where an outage came between the two steps of a move
    found = await dispatcher.find_stuck(jobs.runs.values())
    await dispatcher.end_cancelled(run for run in found if run.state is RunState.CANCELLING)
    stuck = [run for run in found if run.state is not RunState.CANCELLING]
    if not stuck:
        return []
    ready = await _ready(store, jobs, stuck)
    moved = await dispatcher.move(ready, {run.job_id: run for run in stuck if run.job_id in ready})
    return await _succeeded(dispatcher, jobs, moved, ready)


async def take_over(store: Store, dispatcher: Dispatcher, jobs: OpenJobs) -> list[JobRun]:
    """Move runs that wait behind others to pools that have nothing to do, and return their successors."""
    queued = [run for run in jobs.runs.values() if run.state is RunState.SCHEDULED or run.state_name == MOVING]
    if jobs.waiting or not queued:
        return []
    found = await dispatcher.find_takeovers(queued)
    if not found:
        return []
    ready = await _ready(store, jobs, found)
    taken_over = await dispatcher.take_over(ready, {run.job_id: run for run in found})
    return await _succeeded(dispatcher, jobs, taken_over, ready)


async def _ready(store: Store, jobs: OpenJobs, runs: Iterable[JobRun]) -> dict[str, Waiting]:
    """Return the jobs of the runs as they were before they had one, by job id."""
    ready: dict[str, Waiting] = {}
    known = {running.run.run_id: running for running in jobs.running.values()}
    for running in [known[run.run_id] for run in runs if run.run_id in known]:
        with contextlib.suppress(Unreadable):  # its run will say so
            recording = running.recording or await recording_of(store, jobs.manifest.batch.batch_id, running.job)
            if recording is not None:
                ready[running.job.job_id] = Waiting(running.job, recording)
    return ready


async def _succeeded(
    dispatcher: Dispatcher, jobs: OpenJobs, successors: list[JobRun], ready: Mapping[str, Waiting]
) -> list[JobRun]:
    """Let the successors take the place of the runs before them, and end those."""
    for run in successors:
        waiting, predecessor = ready[run.job_id], jobs.running[run.job_id].run
        jobs.put(Running(waiting.job, run, waiting.recording, predecessor=predecessor))
    await _end_predecessors(dispatcher, jobs)
    return successors


async def _end_predecessors(dispatcher: Dispatcher, jobs: OpenJobs) -> None:
    for running in list(jobs.running.values()):
        if running.predecessor is not None:
            await dispatcher.end_predecessor(running.predecessor, running.run)
            jobs.put(replace(running, predecessor=None))  # last: an outage on the way must not lose it
