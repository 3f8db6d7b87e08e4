"""What Prefect knows of GPU work pools beside their runs: how the latest failed, what the workers report."""

from collections.abc import Iterable

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, Variable
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import ValidationError

from dashboard.asking import asking_prefect
from dashboard.run_facts import flow_run_url, known_time
from tasks.core.device_reports import REPORT_PREFIX, DeviceReport
from tasks.core.status import PoolFailure
from tasks.core.summaries import sentence
from tasks.observe import batch_of
from tasks.paging import read_all

FAILURES_PER_POOL = 3
FAILURES_READ = 50
FAILED = [StateType.FAILED, StateType.CRASHED]


class PoolFacts:
    """Reads facts about pools. Methods raise `PrefectUnavailable`."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def read_failures(self, pools: Iterable[str]) -> dict[str, tuple[PoolFailure, ...]]:
        """Return the latest failures on *pools*, newest first, a few for each."""
        failures: dict[str, list[PoolFailure]] = {pool: [] for pool in pools}
        if not failures:
            return {}
        async with asking_prefect():
            runs = await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=FAILED))),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(failures))),
                sort=FlowRunSort.END_TIME_DESC,
                limit=FAILURES_READ,
            )
        for run in runs:
            failures.setdefault(run.work_pool_name or "", []).append(_failure(run))
        return {pool: tuple(latest[:FAILURES_PER_POOL]) for pool, latest in failures.items()}

    async def read_reports(self) -> dict[str, DeviceReport]:
        """Return what the workers say about their devices, by pool; most of those on CPUs say nothing."""
        async with asking_prefect():
            variables = await read_all(self._read_report_variables)
        reports = {}
        for variable in variables:
            if not variable.name.startswith(REPORT_PREFIX):
                continue
            try:
                report = DeviceReport.model_validate(variable.value)
            except ValidationError:  # a worker of another version, or a person's doing
                continue
            reports[variable.name.removeprefix(REPORT_PREFIX)] = report
        return reports

    async def _read_report_variables(self, *, limit: int, offset: int) -> list[Variable]:
        """Prefect's client has a method for this that neither filters nor goes beyond the first page."""
        asked = {"variables": {"name": {"like_": REPORT_PREFIX}}, "limit": limit, "offset": offset}
        answer = await self._client.request("POST", "/variables/filter", json=asked)
        return Variable.model_validate_list(answer.json())


def _failure(run: FlowRun) -> PoolFailure:
    return PoolFailure(
        name=run.name,
        batch_id=batch_of(run),
        ended_at=known_time(run.end_time or (run.state.timestamp if run.state else None)),
        reason=sentence(run.state.message or "") if run.state else "",
        flow_run_url=flow_run_url(str(run.id)),
    )
