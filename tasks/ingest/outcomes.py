"""
The outcomes of the batches of an inbox: read when their run has ended, and written down once.

Documents outweigh what a run says. A job that failed is not tried again by a scan; a user retries the batch, and then
the new outcome counts.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.sorting import TaskRunSort

from tasks.batches import Stage, inbox_tag
from tasks.errors import NotFound
from tasks.ingest.context import ScanContext
from tasks.ingest.index import OPEN
from tasks.ingest.records import Ended, Outcome, Plan
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.prefect_runs import conversion_of, job_run_of, read_job_runs, read_runs
from tasks.orchestration.prefect_states import FAILED
from tasks.orchestration.summary import sentence
from tasks.storage.keys import BatchKeys
from tasks.storage.records import parse_record, published_and_intact

LOOKED_AT = "ended looked at"
OVERLAP = timedelta(minutes=5)
"""Ends that are read twice cost nothing; clocks of hosts differ."""

DELETED = (
    "The run of the batch was deleted in Prefect before the job was done. Change the file to have it ingested again."
)
DISMISSED = "Its batch was dismissed before the job was done. Change the file to have it ingested again."
NO_REASON = "The job failed without giving a reason. Look into the log of its run."


@dataclass(frozen=True, slots=True)
class _Ends:
    """The ends of the runs of a batch: those of its jobs, its failed conversions, and its own for all other jobs."""

    runs: Mapping[str, JobRun]
    conversions: Mapping[str, str]
    other: tuple[Stage, str]

    def of(self, job_id: str) -> tuple[Stage, str]:
        """Return the outcome of a job without documents, and the reason."""
        run, conversion = self.runs.get(job_id), self.conversions.get(job_id)
        if run is not None and run.state in (RunState.CANCELLED, RunState.CANCELLING):
            return Stage.CANCELLED, ""
        if run is not None:
            return Stage.FAILED, sentence(run.message) or NO_REASON
        if conversion is None:
            return self.other
        return Stage.FAILED, sentence(conversion) or NO_REASON


def fate_of(ended: Ended | None, job_id: str) -> tuple[str, str]:
    """Return the outcome of a job, as the index keeps it, and the reason why it failed."""
    outcomes = ended.outcomes if ended else ()
    found = next((outcome for outcome in outcomes if outcome.job_id == job_id), None)
    return (found.stage.value, found.error) if found else (OPEN, "")


async def open_and_ended(
    scan: ScanContext, client: PrefectClient, plans: Sequence[Plan]
) -> tuple[list[Plan], list[Plan]]:
    """Return the started plans whose batch still runs, and those whose batch has ended."""
    runs, now = await _runs_of(client, plans), datetime.now(UTC)
    still_open: list[Plan] = []
    ended: list[Plan] = []
    for plan in plans:
        run = runs.get(plan.flow_run_id)
        dismissed = await asyncio.to_thread(scan.store.stat, BatchKeys.of(plan.batch_id).batch) is None
        (ended if dismissed or run is None or run.has_ended(now) else still_open).append(plan)
    return still_open, ended


async def _runs_of(client: PrefectClient, plans: Sequence[Plan]) -> Mapping[str, JobRun]:
    ids = [UUID(plan.flow_run_id) for plan in plans]
    found: dict[str, JobRun] = {}
    for first in range(0, len(ids), PAGE):
        runs = await read_runs(client, FlowRunFilter(id=FlowRunFilterId(any_=ids[first : first + PAGE])))
        found |= {str(run.id): job_run_of(run) for run in runs}
    return found


async def end_plan(scan: ScanContext, client: PrefectClient, plan: Plan) -> Ended:
    """Write down the outcome of the plan's files, and return it."""
    scan.go_on()
    run = (await _runs_of(client, [plan])).get(plan.flow_run_id)
    ends = _Ends(
        runs=(await read_job_runs(client, plan.batch_id)).newest,
        conversions=await _failed_conversions(client, plan),
        other=_end_without_run(run),
    )
    return await asyncio.to_thread(_write_ended, scan, plan, ends)


def _end_without_run(run: JobRun | None) -> tuple[Stage, str]:
    """Return the outcome of the jobs that had no run of their own when the batch's run ended."""
    if run is None:
        return Stage.FAILED, DELETED
    if run.state is RunState.CANCELLED:
        return Stage.CANCELLED, ""
    return Stage.FAILED, sentence(run.message) or NO_REASON


async def _failed_conversions(client: PrefectClient, plan: Plan) -> Mapping[str, str]:
    """Return the reasons why uploads of the batch could not be converted, by job id; the latest try counts."""
    failed = TaskRunFilterState(type=TaskRunFilterStateType(any_=list(FAILED)))
    found = await read_all(
        client.read_task_runs,
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(plan.flow_run_id)])),
        task_run_filter=TaskRunFilter(state=failed),
        sort=TaskRunSort.EXPECTED_START_TIME_ASC,
    )
    return {conversion.job_id: conversion.message for conversion in map(conversion_of, found)}


def _write_ended(scan: ScanContext, plan: Plan, ends: _Ends) -> Ended:
    dismissed = scan.store.stat(BatchKeys.of(plan.batch_id).batch) is None
    outcomes = tuple(_outcome(scan, plan, file.job_id, ends, dismissed=dismissed) for file in plan.files)
    ended = Ended(plan=plan, outcomes=outcomes, ended_at=datetime.now(UTC))
    scan.store.write(scan.keys.ended(plan.batch_id), ended.model_dump_json().encode())
    with scan.index.transaction():
        for outcome in outcomes:
            scan.index.end(outcome.job_id, outcome.stage, outcome.error)
    scan.news += 1
    return ended


def _outcome(scan: ScanContext, plan: Plan, job_id: str, ends: _Ends, *, dismissed: bool) -> Outcome:
    if published_and_intact(scan.store, plan.batch_id, job_id) is not None:
        return Outcome(job_id=job_id, stage=Stage.DONE)
    if dismissed:
        return Outcome(job_id=job_id, stage=Stage.CANCELLED, error=DISMISSED)
    stage, error = ends.of(job_id)
    return Outcome(job_id=job_id, stage=stage, error=error)


async def ended_again(scan: ScanContext, client: PrefectClient, known: Iterable[str]) -> list[Ended]:
    """Return the ends of batches that a user retried, and whose run has ended since the last scan that asked."""
    if not scan.index.count("outcome IN ('failed', 'cancelled')"):
        return []
    asked_at = datetime.now(UTC)
    latest = scan.index.fact(LOOKED_AT)
    since = datetime.fromisoformat(latest) - OVERLAP if latest else datetime.min.replace(year=2000, tzinfo=UTC)
    runs = await read_runs(
        client,
        FlowRunFilter(
            tags=FlowRunFilterTags(all_=[inbox_tag(scan.inbox.name)]), end_time=FlowRunFilterEndTime(after_=since)
        ),
    )
    under_way = set(known)
    again = []
    for run in map(job_run_of, runs):
        if not run.batch_id or run.batch_id in under_way or not run.has_ended(asked_at):
            continue
        ended = await asyncio.to_thread(read_ended, scan, run.batch_id)
        if ended is not None and run.ended_at is not None and run.ended_at > ended.ended_at:
            again.append(await end_plan(scan, client, ended.plan))
    scan.index.keep_fact(LOOKED_AT, asked_at.isoformat())
    return again


def read_ended(scan: ScanContext, batch_id: str) -> Ended | None:
    """Return the outcome of a batch, or None if it has not ended."""
    key = scan.keys.ended(batch_id)
    try:
        return parse_record(Ended, scan.store.read(key), key)
    except NotFound:
        return None
