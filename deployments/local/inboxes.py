"""
The deployments of the inboxes: ``ingest-folder/<name>`` with the inbox's definition as its parameter.

Each start makes them match the file of the inboxes. One whose inbox left the file is paused, not deleted, since its
runs are history; a pause that a user set stays. Deployments of ``ingest-folder`` that came from elsewhere, such as
prefect.yaml, are left alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments.local.environment import CPU_POOL
from tasks.batches import INGEST_FLOW
from tasks.ingest.inboxes import Inbox, inboxes_of
from tasks.orchestration.paging import read_all
from tasks.settings import Settings

MANAGED_TAG = "inboxes"
"""Tag of the deployments that are made here, and may be paused here."""

GONE_TAG = "gone"
"""Tag of a deployment that is paused because its inbox left the file; one that a user paused has none."""
GONE_MARK = "Gone: "
"""Beginning of the description of such a deployment, for users of Prefect's UI; earlier versions set no tag."""

ENTRYPOINT = "flows.ingest_folder.ingest_folder"
SLUG = "scan"
PATTERN = "clean-up/cpu"
"""Deployment in prefect.yaml that says how code is found."""


async def deploy_inboxes(client: PrefectClient, settings: Settings) -> None:
    """Make the deployments of all inboxes, and pause those of inboxes that are gone. Raises `InboxInvalid`."""
    inboxes = inboxes_of(settings)
    for inbox in inboxes:
        _make_folder(inbox, settings)
        await _deploy(client, inbox)
    await _pause_gone(client, {inbox.name for inbox in inboxes})


def _make_folder(inbox: Inbox, settings: Settings) -> None:
    """Make the folder of an inbox in our own data folder; another one may be a share that is not mounted yet."""
    if not inbox.is_bucket and Path(inbox.path).is_relative_to(settings.data.absolute()):
        Path(inbox.path).mkdir(parents=True, exist_ok=True)


async def _deploy(client: PrefectClient, inbox: Inbox) -> None:
    known = await _known(client, inbox.name)
    pattern = await client.read_deployment_by_name(PATTERN)
    ingest_folder: Flow[..., Any] = load_flow_from_entrypoint(ENTRYPOINT)
    await client.create_deployment(
        flow_id=await client.create_flow(ingest_folder),
        name=inbox.name,
        description=f"Scans the inbox {inbox.path}.",
        tags=[MANAGED_TAG],
        parameters={"inbox": inbox.model_dump(mode="json")},
        schedules=[_schedule(inbox, active=_is_active(known))],
        paused=_is_paused(known),
        work_pool_name=CPU_POOL,
        entrypoint=ENTRYPOINT,
        path=pattern.path,
        pull_steps=pattern.pull_steps,
        version=pattern.version,
        parameter_openapi_schema=parameter_schema(ingest_folder).model_dump(mode="json"),
        # A scan that is due while one runs is not made up for: the next one sees what it would have seen.
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
    )


def _schedule(inbox: Inbox, *, active: bool) -> DeploymentScheduleCreate:
    """Return the schedule of the inbox: in UTC, in which no hour comes twice or not at all."""
    schedule = (
        CronSchedule(cron=inbox.cron, timezone="UTC")
        if inbox.cron
        else IntervalSchedule(interval=inbox.interval, timezone="UTC")  # type: ignore[arg-type]  # pydantic takes seconds
    )
    return DeploymentScheduleCreate(schedule=schedule, active=active, slug=SLUG)


async def _known(client: PrefectClient, inbox: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(f"{INGEST_FLOW}/{inbox}")
    except ObjectNotFound:
        return None


def _is_paused(known: DeploymentResponse | None) -> bool:
    """Return whether a user paused the deployment; a pause of ours ends when the inbox is back."""
    return known is not None and known.paused and not _is_gone(known)


def _is_active(known: DeploymentResponse | None) -> bool:
    """Return whether the schedule is on, as it is unless a user switched it off."""
    if known is None or _is_gone(known):
        return True
    return all(schedule.active for schedule in known.schedules if schedule.slug == SLUG)


def _is_gone(known: DeploymentResponse) -> bool:
    return GONE_TAG in known.tags or (known.description or "").startswith(GONE_MARK)


async def _pause_gone(client: PrefectClient, present: set[str]) -> None:
    for deployment in await _managed(client):
        if deployment.name not in present and not _is_gone(deployment) and not deployment.paused:
            update = DeploymentUpdate(
                paused=True,
                tags=[MANAGED_TAG, GONE_TAG],
                description=f"{GONE_MARK}{deployment.description}",
            )
            await client.update_deployment(deployment.id, update)


async def _managed(client: PrefectClient) -> Sequence[DeploymentResponse]:
    return await read_all(
        client.read_deployments,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[INGEST_FLOW])),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[MANAGED_TAG])),
    )
