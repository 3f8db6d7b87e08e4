"""The GPU work pools as shown to users: current and queued runs, problems and their remedies."""

import asyncio
import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cachetools import LRUCache
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.sorting import FlowRunSort

from dashboard.services.prefect_errors import translated_errors
from dashboard.services.prefect_links import flow_run_url, ui_url
from dashboard.services.record_cache import RecordCache
from dashboard.services.runs import PrefectService
from tasks.batches import JOB_ID
from tasks.devices import DeviceReport
from tasks.errors import NotFound, RecordDamaged, StoreUnavailable
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.notices import pool_advice, quarantine_of
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.prefect_runs import job_run_of
from tasks.orchestration.prefect_states import FAILED, in_states
from tasks.orchestration.shared_parts import read_reports
from tasks.orchestration.status import PoolFailure, PoolRun, PoolStatus
from tasks.orchestration.summary import sentence
from tasks.single_flight import SingleFlightCache

FAILURES_PER_POOL = 3
FAILURES_READ = 50


class PoolFacts:
    """Reads facts about pools. Methods raise `PrefectUnavailable`."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def read_failures(self, pools: Iterable[str]) -> dict[str, tuple[PoolFailure, ...]]:
        """Return the latest failures on *pools*, newest first, a few for each."""
        failures: dict[str, list[PoolFailure]] = {pool: [] for pool in pools}
        if not failures:
            return {}
        async with translated_errors():
            runs = await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=in_states(FAILED)),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(failures))),
                sort=FlowRunSort.END_TIME_DESC,
                limit=FAILURES_READ,
            )
        for run in map(job_run_of, runs):
            failures.setdefault(run.work_pool, []).append(_failure(run))
        return {pool: tuple(latest[:FAILURES_PER_POOL]) for pool, latest in failures.items()}

    async def read_reports(self) -> dict[str, DeviceReport]:
        """Return the workers' reports on their devices, by pool; most of those on CPUs send none."""
        async with translated_errors():
            return await read_reports(self._client)


def _failure(run: JobRun) -> PoolFailure:
    return PoolFailure(
        name=run.name,
        batch_id=_batch_of(run),
        ended_at=run.ended_at or run.changed_at,
        reason=sentence(run.message),
        flow_run_url=flow_run_url(run.run_id),
    )


FAILURES_MAX_AGE = 10.0
REPORTS_MAX_AGE = 5.0
LOAD_HOLDS = timedelta(seconds=150)
"""A worker repeats its report each minute: one that misses two of them is gone, and its report outdated."""

NAMES_KEPT = 256


class PoolService:
    """Describes pools. Methods raise `PrefectUnavailable`; without the store, only names of batches are missing."""

    def __init__(self, records: RecordCache, runs: PrefectService, facts: PoolFacts) -> None:
        self._records = records
        self._runs = runs
        self._facts = facts
        self._failures: SingleFlightCache[dict[str, tuple[PoolFailure, ...]]] = SingleFlightCache()
        self._reports: SingleFlightCache[dict[str, DeviceReport]] = SingleFlightCache()
        self._names: LRUCache[str, str] = LRUCache(NAMES_KEPT)

    async def describe(self, pools: Sequence[Pool]) -> tuple[PoolStatus, ...]:
        """Return *pools* with their runs, their latest failures and their workers' reports, ordered by number."""
        names = [pool.work_pool for pool in pools]
        failures, reports, batch_names = await asyncio.gather(
            self._failures.get(" ".join(names), lambda: self._facts.read_failures(names), max_age=FAILURES_MAX_AGE),
            self._read_reports(),
            self._batch_names({_batch_of(run) for pool in pools for run in _shown(pool)}),
        )
        described = (
            _pool_status(
                pool,
                tuple(_pool_run(run, batch_names) for run in sorted(_shown(pool), key=_holders_first)),
                failures.get(pool.work_pool, ()),
                reports.get(pool.work_pool),
            )
            for pool in pools
        )
        return tuple(sorted(described, key=lambda pool: _by_number(pool.work_pool)))

    async def advise(self, pools: Iterable[Pool]) -> Mapping[str, str]:
        """Return why each of *pools* gets no jobs and what to do about it, by name."""
        reports, now = await self._read_reports(), datetime.now(UTC)
        return {
            pool.work_pool: pool_advice(pool, quarantine_of(pool, reports.get(pool.work_pool)), now) for pool in pools
        }

    async def _read_reports(self) -> Mapping[str, DeviceReport]:
        return await self._reports.get("reports", self._facts.read_reports, max_age=REPORTS_MAX_AGE)

    async def _batch_names(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        for batch_id in batch_ids:
            if batch_id and batch_id not in self._names:
                try:
                    self._names[batch_id] = (await self._records.batch(batch_id)).name
                except (NotFound, RecordDamaged, StoreUnavailable):
                    continue
        with contextlib.suppress(StoreUnavailable):
            edits = await self._records.edits.all()
            return {**self._names, **{batch_id: each.name for batch_id, each in edits.items() if each.name}}
        return self._names


def _pool_status(
    pool: Pool, runs: tuple[PoolRun, ...], failures: tuple[PoolFailure, ...], report: DeviceReport | None
) -> PoolStatus:
    now = datetime.now(UTC)
    heard_of = report is not None and pool.online and now - report.at < LOAD_HOLDS
    quarantine = quarantine_of(pool, report)
    running = sum(run.running for run in runs)
    return PoolStatus(
        work_pool=pool.work_pool,
        device=pool.device,
        machine=pool.machine,
        device_kind=pool.device_kind,
        condition=pool.condition,
        problem=pool_advice(pool, quarantine, now),
        quarantine=quarantine,
        load=report.load if report is not None and heard_of else None,
        slots=pool.slots,
        running=running,
        queued=len(runs) - running,
        pending_audio_seconds=round(pool.pending_audio_seconds, 1),
        seconds_until_free=round(pool.seconds_until_free, 1) if math.isfinite(pool.seconds_until_free) else None,
        real_time_factor=round(pool.real_time_factor, 4),
        speed_measured=pool.speed_measured,
        worker_online=pool.online,
        runs=runs,
        failures=failures,
        work_pool_url=f"{ui_url()}/work-pools/work-pool/{pool.work_pool}",
    )


def _pool_run(run: JobRun, batch_names: Mapping[str, str]) -> PoolRun:
    batch_id = _batch_of(run)
    return PoolRun(
        job_id=run.helps or run.job_id,
        batch_id=batch_id,
        batch_name=batch_names.get(batch_id, ""),
        name=run.name,
        running=run.state.holds_slot,
        helps=bool(run.helps),
        progress=run.progress.share if run.progress else 0.0,
        audio_seconds=run.audio_seconds,
        attempt=max(run.attempts, 1),
        note="" if run.state.holds_slot else sentence(run.message),
        flow_run_url=flow_run_url(run.run_id),
    )


def _shown(pool: Pool) -> tuple[JobRun, ...]:
    """Return the runs of a pool, with those that help at present; one that would is no work that waits here."""
    return pool.runs + tuple(run for run in pool.helpers if run.state.holds_slot)


def _batch_of(run: JobRun) -> str:
    """Return the batch of a run; a helping one carries its job's id only."""
    found = JOB_ID.fullmatch(run.helps)
    return found["batch_id"] if found else run.batch_id


def _holders_first(run: JobRun) -> bool:
    return not run.state.holds_slot


def _by_number(work_pool: str) -> tuple[str, int]:
    """Return a sort key that puts gpu-10 after gpu-9."""
    name, _, number = work_pool.rpartition("-")
    return (name, int(number)) if number.isdecimal() else (work_pool, -1)
