"""The GPU work pools as people look at them: what each does now, what comes next, what is wrong and what to do."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dashboard.pool_facts import PoolFacts
from dashboard.records import Records
from dashboard.run_facts import flow_run_url, ui_url
from dashboard.runs import Runs
from tasks.core.adoption import RunState
from tasks.core.device_reports import DeviceReport, Quarantine
from tasks.core.errors import NotFound, RecordDamaged, StoreUnavailable
from tasks.core.freshness import Fresh
from tasks.core.pool_advice import advice, device_and_machine
from tasks.core.pools import ActiveRun, Pool
from tasks.core.stages import RunFacts
from tasks.core.status import PoolFailure, PoolRun, PoolStatus
from tasks.core.summaries import sentence

FAILURES_MAX_AGE = 10.0
REPORTS_MAX_AGE = 5.0
LOAD_HOLDS = timedelta(seconds=150)
"""A worker repeats its report each minute: one that misses two of them is gone, and what it said is history."""

NAMES_KEPT = 256


class Floor:
    """Describes pools. Methods raise `PrefectUnavailable`; what the store does not tell is a batch's name, no more."""

    def __init__(self, records: Records, runs: Runs, facts: PoolFacts) -> None:
        self._records = records
        self._runs = runs
        self._facts = facts
        self._failures: Fresh[dict[str, tuple[PoolFailure, ...]]] = Fresh()
        self._reports: Fresh[dict[str, DeviceReport]] = Fresh()
        self._names: OrderedDict[str, str] = OrderedDict()

    async def describe(self, pools: Sequence[Pool]) -> tuple[PoolStatus, ...]:
        """Return *pools* with their runs, their latest failures and what their workers report, ordered by number."""
        names = [pool.work_pool for pool in pools]
        runs = [run for pool in pools for run in pool.runs]
        progress, failures, reports, batch_names = await asyncio.gather(
            self._runs.read_progress(_run_facts(runs)),
            self._failures.get(" ".join(names), lambda: self._facts.read_failures(names), max_age=FAILURES_MAX_AGE),
            self._read_reports(),
            self._batch_names({run.batch_id for run in runs}),
        )
        described = (
            _pool_status(
                pool,
                tuple(_pool_run(run, progress, batch_names) for run in sorted(pool.runs, key=_holders_first)),
                failures.get(pool.work_pool, ()),
                reports.get(pool.work_pool),
            )
            for pool in pools
        )
        return tuple(sorted(described, key=lambda pool: _by_number(pool.work_pool)))

    async def advise(self, pools: Iterable[Pool]) -> Mapping[str, str]:
        """Return what keeps jobs away from each of *pools* and what to do about it, by name."""
        reports, now = await self._read_reports(), datetime.now(UTC)
        return {pool.work_pool: advice(pool, _quarantine(pool, reports.get(pool.work_pool)), now) for pool in pools}

    async def _read_reports(self) -> Mapping[str, DeviceReport]:
        return await self._reports.get("reports", self._facts.read_reports, max_age=REPORTS_MAX_AGE)

    async def _batch_names(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        for batch_id in batch_ids:
            if batch_id and batch_id not in self._names:
                try:
                    self._names[batch_id] = (await self._records.batch(batch_id)).name
                except (NotFound, RecordDamaged, StoreUnavailable):
                    continue
        while len(self._names) > NAMES_KEPT:
            self._names.popitem(last=False)
        return self._names


def _pool_status(
    pool: Pool, runs: tuple[PoolRun, ...], failures: tuple[PoolFailure, ...], report: DeviceReport | None
) -> PoolStatus:
    now = datetime.now(UTC)
    device, machine = device_and_machine(pool.description)
    heard_of = report is not None and pool.online and now - report.at < LOAD_HOLDS
    quarantine = _quarantine(pool, report)
    running = sum(run.running for run in runs)
    return PoolStatus(
        work_pool=pool.work_pool,
        device=device,
        machine=machine,
        condition=pool.condition,
        problem=advice(pool, quarantine, now),
        quarantine=quarantine,
        load=report.load if report is not None and heard_of else None,
        slots=pool.slots,
        running=running,
        queued=len(runs) - running,
        pending_audio_seconds=round(pool.pending_audio_seconds, 1),
        seconds_until_free=round(pool.seconds_until_free, 1) if math.isfinite(pool.seconds_until_free) else None,
        real_time_factor=round(pool.real_time_factor, 4),
        worker_online=pool.online,
        runs=runs,
        failures=failures,
        work_pool_url=f"{ui_url()}/work-pools/work-pool/{pool.work_pool}",
    )


def _quarantine(pool: Pool, report: DeviceReport | None) -> Quarantine | None:
    return report.quarantine if report is not None and pool.online and not pool.paused else None


def _pool_run(run: ActiveRun, progress: Mapping[str, float], batch_names: Mapping[str, str]) -> PoolRun:
    return PoolRun(
        job_id=run.job_id,
        batch_id=run.batch_id,
        batch_name=batch_names.get(run.batch_id, ""),
        name=run.name,
        running=run.running,
        progress=progress.get(run.flow_run_id, 0.0),
        audio_seconds=run.audio_seconds,
        attempt=run.attempt,
        note="" if run.running else sentence(run.message),
        flow_run_url=flow_run_url(run.flow_run_id),
    )


def _run_facts(runs: Iterable[ActiveRun]) -> list[RunFacts]:
    now = datetime.now(UTC)
    return [
        RunFacts(
            run_id=run.flow_run_id,
            job_id=run.job_id,
            state=RunState.RUNNING,
            created_at=now,
            changed_at=now - timedelta(seconds=run.elapsed_seconds),
        )
        for run in runs
        if run.running
    ]


def _holders_first(run: ActiveRun) -> bool:
    return not run.running


def _by_number(work_pool: str) -> tuple[str, int]:
    """Return what sorts gpu-10 behind gpu-9."""
    name, _, number = work_pool.rpartition("-")
    return (name, int(number)) if number.isdecimal() else (work_pool, -1)
