"""
Read the completed runs that tell how fast work pools are.

Unlike what runs now, that changes slowly, and it is most of what a look at the pools costs the server: it is read again
only after a while.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

SAMPLES = 20
"""Completed runs that are read for each pool; each one costs the server a millisecond."""

MOST_SAMPLES = 200
"""Most runs that Prefect's server returns for one read."""

SECONDS_KEPT = 10.0


@dataclass(frozen=True, slots=True)
class _Read:
    pools: tuple[str, ...]
    at: float
    runs: list[FlowRun]


_latest: WeakKeyDictionary[PrefectClient, _Read] = WeakKeyDictionary()


async def read_completed(client: PrefectClient, pools: Sequence[str]) -> list[FlowRun]:
    """Return the runs that were completed last on *pools*, newest first, as of ten seconds ago at the most."""
    known = _latest.get(client)
    if known is not None and known.pools == tuple(pools) and time.monotonic() - known.at < SECONDS_KEPT:
        return known.runs
    completed = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED]))
    began = time.monotonic()
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=completed),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))),
        sort=FlowRunSort.END_TIME_DESC,
        limit=min(MOST_SAMPLES, SAMPLES * len(pools)),
    )
    _latest[client] = _Read(tuple(pools), began, runs)
    return runs
