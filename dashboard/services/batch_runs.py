"""The states of the runs of all batches, for a list that is filtered by them."""

from collections.abc import Mapping
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from dashboard.services.prefect_errors import translated_errors
from tasks.batches import BATCH_FLOW
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.prefect_runs import job_run_of
from tasks.orchestration.prefect_states import ENDED, NOT_ENDED, in_states
from tasks.orchestration.status import BatchState

SECONDS_TO_READ_ALL = 60.0
NEWS_PAGE = 5
"""Runs in the first page of those that have ended since the last look: rarely more than a few."""

STATES = {
    RunState.SCHEDULED: BatchState.WAITING,
    RunState.PENDING: BatchState.WAITING,
    RunState.RUNNING: BatchState.RUNNING,
    RunState.CANCELLING: BatchState.CANCELLING,
    RunState.COMPLETED: BatchState.COMPLETED,
    RunState.FAILED: BatchState.FAILED,
    RunState.CRASHED: BatchState.FAILED,
    RunState.CANCELLED: BatchState.CANCELLED,
}


class AllBatchRuns:
    """Reads the runs of all batches; those that have ended, once."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._ended: dict[UUID, JobRun] = {}

    async def read(self) -> dict[str, JobRun]:
        """Return the newest run of each batch, by batch id. Raises `PrefectUnavailable`."""
        flow = FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW]))
        async with translated_errors(SECONDS_TO_READ_ALL):
            # In this order: a run that ends in between is then read twice, and not missed.
            active = await read_all(
                self._client.read_flow_runs,
                flow_filter=flow,
                flow_run_filter=FlowRunFilter(state=in_states(NOT_ENDED)),
                sort=FlowRunSort.ID_DESC,
            )
            ended = FlowRunFilter(state=in_states(ENDED))
            self._ended |= await read_news(self._client, ended, self._ended, flow_filter=flow)
        runs = {**self._ended, **{run.id: job_run_of(run) for run in active}}
        ordered = sorted(runs.values(), key=lambda run: run.created_at)
        return {run.batch_id: run for run in ordered if run.batch_id}


async def read_news(
    client: PrefectClient,
    wanted: FlowRunFilter,
    known: Mapping[UUID, JobRun],
    *,
    flow_filter: FlowFilter | None = None,
) -> dict[UUID, JobRun]:
    """Return the ended runs from the newest end on, up to a page of which all are known as they are."""
    page_size = NEWS_PAGE if known else PAGE  # each run in an answer costs the server a millisecond
    news: dict[UUID, JobRun] = {}
    offset = 0
    while True:
        page = await client.read_flow_runs(
            flow_filter=flow_filter,
            flow_run_filter=wanted,
            sort=FlowRunSort.END_TIME_DESC,
            limit=page_size,
            offset=offset,
        )
        news |= {run.id: job_run_of(run) for run in page}
        offset += len(page)
        if len(page) < page_size or all(_is_known(run, news[run.id], known) for run in page):
            return news
        page_size = min(2 * page_size, PAGE)


def _is_known(run: FlowRun, now: JobRun, known: Mapping[UUID, JobRun]) -> bool:
    return run.id in known and known[run.id].changed_at == now.changed_at
