"""Keep Prefect's database from growing by scans that find nothing to do: there are 1,440 a day for each inbox."""

import contextlib
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

IDLE = "Idle"
"""State name of a scan that did nothing."""

NOT_BEGUN = "Cancelled"
"""State name of a scan that was due while another one ran; it has no start."""

KEPT = 3
MOST_AT_ONCE = 50


async def forget_idle_runs(client: PrefectClient, deployment_id: str | None) -> None:
    """Delete the deployment's scans that did nothing, but for the latest few."""
    if deployment_id is None:
        return
    idle = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment_id)]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[IDLE, NOT_BEGUN])),
    )
    with contextlib.suppress(httpx.HTTPError):  # the next scan does it
        runs = await client.read_flow_runs(
            flow_run_filter=idle, sort=FlowRunSort.END_TIME_DESC, offset=KEPT, limit=MOST_AT_ONCE
        )
        for run in runs:
            if run.state is None or (run.state.name == NOT_BEGUN and run.start_time is not None):
                continue
            with contextlib.suppress(ObjectNotFound):
                await client.delete_flow_run(run.id)
