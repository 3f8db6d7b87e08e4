"""The inboxes: deployments of `ingest-folder` in Prefect, with the report that the latest scan left in the store."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from pydantic import Field

from dashboard.services.prefect_errors import translated_errors
from dashboard.services.prefect_links import flow_run_url, ui_url
from dashboard.services.threads import STORE_THREADS, in_thread
from tasks.batches import INGEST_FLOW, StoredModel
from tasks.errors import NotFound, RecordDamaged
from tasks.ingest.report import InboxReport, report_key
from tasks.names import display_name
from tasks.orchestration.paging import read_all
from tasks.orchestration.prefect_states import FAILED, HOLDING_A_SLOT, NOT_ENDED, in_states
from tasks.orchestration.summary import duration, sentence
from tasks.single_flight import SingleFlightCache
from tasks.storage.base import Store
from tasks.storage.records import parse_record

MAX_AGE = 2.0
LATE = timedelta(minutes=1)
"""A scan that has been due for this long waits for a worker, or for a free process of it."""


class InboxStatus(StoredModel):
    """An inbox: its location, its schedule and the findings of its latest scan."""

    name: str
    location: str = Field(description="the watched folder or s3:// prefix")
    schedule: str = Field(description="when it is scanned, in words; empty if only by hand")
    interval_seconds: float | None = Field(default=None, description="null where it is not scanned at an interval")
    still_seconds: float = Field(default=0.0, description="how long a file must not change before it is taken")
    paused: bool = Field(description="it is not scanned unless a person asks for it")
    scanning: bool = Field(description="a scan is under way, or due now")
    scan_url: str | None = Field(default=None, description="the scan that is under way, in Prefect's UI")
    next_scan_at: datetime | None = None
    problem: str = Field(default="", description="what keeps it from being scanned and what to do; empty if nothing")
    report: InboxReport | None = Field(default=None, description="of the latest scan; null before the first")
    deployment_url: str = Field(description="its deployment in Prefect's UI")


class ScanStarted(StoredModel):
    """The run that scans the inbox: a new one, or the one that was under way or due."""

    inbox: str
    flow_run_id: str
    flow_run_url: str
    under_way: bool = Field(description="it was there already")


class Inboxes:
    """Reads inboxes and starts their scans. Methods raise `PrefectUnavailable` and `StoreUnavailable`."""

    def __init__(self, client: PrefectClient, store: Store) -> None:
        self._client = client
        self._store = store
        self._latest: SingleFlightCache[tuple[InboxStatus, ...]] = SingleFlightCache()
        self._scanning = asyncio.Lock()

    async def read_inboxes(self) -> tuple[InboxStatus, ...]:
        """Return all inboxes by name."""
        return await self._latest.get("inboxes", self._read_inboxes, max_age=MAX_AGE)

    async def read_inbox(self, name: str) -> InboxStatus:
        """Return one inbox. Raises `NotFound`."""
        async with translated_errors():
            deployment = await self._deployment_of(name)
        return await self._status(deployment)

    async def scan_inbox(self, name: str) -> ScanStarted:
        """Scan the inbox now, once for any number of requests. Raises `NotFound`."""
        async with self._scanning, translated_errors():
            deployment = await self._deployment_of(name)
            run = await self._read_run(deployment, NOT_ENDED, FlowRunSort.EXPECTED_START_TIME_ASC)
            under_way = run is not None and _is_scanning(run, datetime.now(UTC))
            if run is None or not under_way:
                run = await self._client.create_flow_run_from_deployment(deployment.id)
        self._latest.forget("inboxes")
        return ScanStarted(
            inbox=name, flow_run_id=str(run.id), flow_run_url=flow_run_url(str(run.id)), under_way=under_way
        )

    async def _read_inboxes(self) -> tuple[InboxStatus, ...]:
        async with translated_errors():
            deployments = await self._read_deployments()
        statuses = await asyncio.gather(*map(self._status, deployments))
        return tuple(sorted(statuses, key=lambda inbox: inbox.name))

    async def _deployment_of(self, name: str) -> DeploymentResponse:
        for deployment in await self._read_deployments():
            if deployment.name == name:
                return deployment
        msg = f"There is no inbox {display_name(name)}. Those there are: GET /api/inboxes"
        raise NotFound(msg)

    async def _read_deployments(self) -> list[DeploymentResponse]:
        flow = FlowFilter(name=FlowFilterName(any_=[INGEST_FLOW]))
        return await read_all(self._client.read_deployments, flow_filter=flow, sort=DeploymentSort.NAME_ASC)

    async def _status(self, deployment: DeploymentResponse) -> InboxStatus:
        now = datetime.now(UTC)
        async with translated_errors():
            coming, ended = await asyncio.gather(
                self._read_run(deployment, NOT_ENDED, FlowRunSort.EXPECTED_START_TIME_ASC),
                self._read_run(deployment, (StateType.COMPLETED, *FAILED), FlowRunSort.END_TIME_DESC),
            )
        report, damage = await in_thread(STORE_THREADS, _read_report, self._store, deployment.name)
        definition = _definition(deployment)
        scanning = coming is not None and _is_scanning(coming, now)
        problems = (damage, report.problem if report else "", _failure(ended, report), _lateness(coming, now))
        return InboxStatus(
            name=deployment.name,
            location=report.location if report else str(definition.get("path", "")),
            schedule=", ".join(_schedules(deployment)),
            interval_seconds=_interval(deployment),
            still_seconds=float(definition.get("still_seconds", 0.0)),
            paused=not _is_scheduled(deployment),
            scanning=scanning,
            scan_url=flow_run_url(str(coming.id)) if coming and scanning else None,
            next_scan_at=_due_at(coming) if coming and not scanning else None,
            problem=next(filter(None, problems), ""),
            report=report,
            deployment_url=f"{ui_url()}/deployments/deployment/{deployment.id}",
        )

    async def _read_run(
        self, deployment: DeploymentResponse, states: Iterable[StateType], sort: FlowRunSort
    ) -> FlowRun | None:
        runs = await self._client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(state=in_states(states)),
            sort=sort,
            limit=1,
        )
        return runs[0] if runs else None


def _read_report(store: Store, inbox: str) -> tuple[InboxReport | None, str]:
    """Return the report of the latest scan, None if there is none, and its problem, if any."""
    key = report_key(inbox)
    try:
        return parse_record(InboxReport, store.read(key), key), ""
    except NotFound:
        return None, ""
    except RecordDamaged:
        return None, f"Its report cannot be understood. It is written again by the next scan; if not, remove {key}."


def _is_scanning(run: FlowRun, now: datetime) -> bool:
    """Return whether the run is under way, or due."""
    due_at = _due_at(run)
    return _is_under_way(run) or (due_at is not None and due_at <= now)


def _is_under_way(run: FlowRun) -> bool:
    return run.state is not None and run.state.type in HOLDING_A_SLOT


def _due_at(run: FlowRun) -> datetime | None:
    return run.next_scheduled_start_time or run.expected_start_time


def _failure(ended: FlowRun | None, report: InboxReport | None) -> str:
    """Return why the latest scan left no report."""
    if ended is None or ended.state is None or ended.state.is_completed():
        return ""
    if report is not None and ended.start_time is not None and report.scanned_at >= ended.start_time:
        return ""  # it reported before it failed, and knows better
    said = sentence(ended.state.message or "") or ended.state.name or ""
    return f"Its latest scan failed: {said} The log of the scan in Prefect says more."


def _lateness(coming: FlowRun | None, now: datetime) -> str:
    due_at = _due_at(coming) if coming and not _is_under_way(coming) else None
    if coming is None or due_at is None or due_at + LATE > now:
        return ""
    return (
        f"Its scan has been due for {duration((now - due_at).total_seconds())}: the worker of the pool "
        f"{coming.work_pool_name or 'cpu'} is busy or offline. Look into its log, or start it: make up"
    )


def _is_scheduled(deployment: DeploymentResponse) -> bool:
    return not deployment.paused and any(each.active for each in deployment.schedules)


def _schedules(deployment: DeploymentResponse) -> Iterable[str]:
    for each in deployment.schedules:
        match each.schedule:
            case IntervalSchedule(interval=interval):
                yield f"every {duration(interval.total_seconds()).removesuffix(' 00 s').removesuffix(' 00 min')}"
            case CronSchedule(cron=cron, timezone=zone):
                yield f"cron {cron} ({zone or 'UTC'})"
            case RRuleSchedule(rrule=rule):
                yield f"rule {rule}"


def _interval(deployment: DeploymentResponse) -> float | None:
    active = (each.schedule for each in deployment.schedules if each.active)
    intervals = (each.interval.total_seconds() for each in active if isinstance(each, IntervalSchedule))
    return min(intervals, default=None)


def _definition(deployment: DeploymentResponse) -> Mapping[str, Any]:
    """Return the inbox's definition from `inboxes.toml`, as its deployment carries it."""
    inbox = (deployment.parameters or {}).get("inbox")
    return inbox if isinstance(inbox, Mapping) else {}
