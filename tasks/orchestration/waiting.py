"""Show in Prefect what a batch run waits for: a label of its flow run, which pages read with the run itself."""

from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

WAITS_LABEL = "batchscribe.waits-for"

_told: dict[str, str] = {}
"""The last message of each run of this process."""


async def tell_waiting(reason: str) -> None:
    """Tell that the current run waits, and for what; with an empty *reason*, that it goes on. Told once each."""
    run_id = str(flow_run.get_id())
    never_told = "" if flow_run.get_run_count() <= 1 else None  # else its last process may have told something
    before = _told.get(run_id, never_told)
    if reason == before:
        return
    try:
        async with get_client() as client:
            await client.update_flow_run_labels(UUID(run_id), {WAITS_LABEL: reason})
    except (httpx.HTTPError, ObjectNotFound):  # a courtesy: the next look tells it
        return
    _told[run_id] = reason


def forget_waiting() -> None:
    """Forget the current run, which is at its end."""
    _told.pop(str(flow_run.get_id()), None)


def waits_for(run: FlowRun) -> str:
    """Return the thing that *run* said it waits for; empty if it goes on."""
    return str(run.labels.get(WAITS_LABEL, ""))
