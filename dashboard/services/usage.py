"""The use of the installation, computed from the runs that Prefect has kept."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    TaskRunFilter,
    TaskRunFilterEndTime,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

from dashboard.services.prefect_errors import translated_errors
from tasks.batches import BATCH_FLOW, RECORDING_FLOW
from tasks.orchestration.paging import PAGE
from tasks.orchestration.prefect_runs import conversion_of, job_run_of
from tasks.orchestration.prefect_states import ENDED, FAILED, in_states
from tasks.orchestration.usage import Usage, UsageRuns, first_moment, usage_of
from tasks.single_flight import SingleFlightCache

MAX_RUNS = 10_000
"""Runs of one kind that are read, the newest: a page of 200 takes the server some 0.2 s."""

MAX_AGE = 60.0
SECONDS_TO_READ = 120.0
LONGEST_BATCH = timedelta(days=7)
"""Batches that were started earlier before the first day tell nothing of how long their jobs waited."""

Item = TypeVar("Item")


class UsageService:
    """Tells how the installation was used. Methods raise `PrefectUnavailable`."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._runs: SingleFlightCache[UsageRuns] = SingleFlightCache()

    async def read_usage(self, days: int, zone: tzinfo) -> Usage:
        """Return the use in the last *days* days of *zone*, today included; a minute old at the most."""
        now = datetime.now(UTC)
        since = first_moment(days, now, zone)
        runs = await self._runs.get(since.isoformat(), lambda: self._read_runs(since), max_age=MAX_AGE)
        return usage_of(runs, since, now, zone)

    async def _read_runs(self, since: datetime) -> UsageRuns:
        ended = FlowRunFilterEndTime(after_=since)
        started = FlowRunFilterExpectedStartTime(after_=since - LONGEST_BATCH)
        async with translated_errors(SECONDS_TO_READ):
            of_jobs, failed, of_batches = await asyncio.gather(
                _read_newest(
                    self._client.read_flow_runs,
                    flow_filter=_named(RECORDING_FLOW),
                    flow_run_filter=FlowRunFilter(state=in_states(ENDED), end_time=ended),
                    sort=FlowRunSort.END_TIME_DESC,
                ),
                _read_newest(
                    self._client.read_task_runs,
                    flow_filter=_named(BATCH_FLOW),
                    task_run_filter=TaskRunFilter(
                        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=list(FAILED))),
                        end_time=TaskRunFilterEndTime(after_=since),
                    ),
                    sort=TaskRunSort.END_TIME_DESC,
                ),
                _read_newest(
                    self._client.read_flow_runs,
                    flow_filter=_named(BATCH_FLOW),
                    flow_run_filter=FlowRunFilter(expected_start_time=started),
                    sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                ),
            )
        return UsageRuns(
            of_jobs=tuple(map(job_run_of, of_jobs)),
            failed_conversions=tuple(run for run in map(conversion_of, failed) if run.job_id),
            of_batches=tuple(map(job_run_of, of_batches)),
            complete=max(len(of_jobs), len(failed)) < MAX_RUNS,
        )


def _named(flow: str) -> FlowFilter:
    return FlowFilter(name=FlowFilterName(any_=[flow]))


async def _read_newest(read_page: Callable[..., Awaitable[list[Item]]], **filters: Any) -> list[Item]:
    """Return what *read_page* finds, in pages, up to `MAX_RUNS`."""
    found: list[Item] = []
    while len(found) < MAX_RUNS:
        page = await read_page(**filters, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            break
    return found
