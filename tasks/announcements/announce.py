"""Announce the end of a batch: as an event in Prefect, to the webhook if there is one, and to people by notices."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event, RelatedResource
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from tasks.announcements.batch_end import BATCH_FINISHED, BatchEnd, end_id
from tasks.announcements.notice import notice_of
from tasks.announcements.notifying import addresses
from tasks.batches import BATCH_DEPLOYMENT, BATCH_FLOW, NOTICE_DEPLOYMENT, WEBHOOK_DEPLOYMENT
from tasks.names import display_name
from tasks.orchestration.prefect_runs import read_retry
from tasks.outages import is_transient
from tasks.settings import Settings


async def announce(client: PrefectClient, settings: Settings, end: BatchEnd) -> None:
    """
    Announce the end of a batch run.

    Done again after an interruption it makes no second delivery, and an event with the same id. An outage of Prefect's
    server raises `httpx.HTTPError`; what the server refuses is logged, since it is not the batch's fault.
    """
    event_id = end_id(end.flow_run_id, await read_retry(client, UUID(end.flow_run_id)))
    orders = [partial(_order, client, delivery) for delivery in _deliveries(settings, end, event_id)]
    for announcing in (*orders, partial(_emit, client, end, event_id)):
        try:
            await announcing()
        except httpx.HTTPStatusError as error:
            if is_transient(error):
                raise
            get_run_logger().warning("Prefect's server refused to pass on the end of the batch: %s", error)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A run that tells one receiver. One key is one run."""

    deployment: str
    name: str
    key: str
    parameters: dict[str, Any]


def _deliveries(settings: Settings, end: BatchEnd, event_id: UUID) -> Iterator[_Delivery]:
    """Yield a delivery for the webhook, and one for each address that gets a notice."""
    if settings.webhook.get_secret_value():
        message = {"message_id": str(event_id), "end": end.model_dump(mode="json")}
        yield _Delivery(WEBHOOK_DEPLOYMENT, f"{display_name(end.name)}: {end.state}", str(event_id), message)
    notice = notice_of(end)
    for receiver in addresses(settings):
        message = {"receiver": receiver, "title": notice.title, "body": notice.body}
        yield _Delivery(NOTICE_DEPLOYMENT, f"{notice.title} ({receiver})", f"{event_id}/{receiver}", message)


async def _order(client: PrefectClient, delivery: _Delivery) -> None:
    """Create the run of a delivery. It does not carry the batch's tag: it is not part of the batch."""
    try:
        deployment = await client.read_deployment_by_name(delivery.deployment)
    except ObjectNotFound:
        get_run_logger().warning(
            "%s is not told: Prefect has no deployment %s: make up", delivery.name, delivery.deployment
        )
        return
    await client.create_flow_run_from_deployment(
        deployment.id,
        parameters=delivery.parameters,
        name=delivery.name,
        tags=[delivery.deployment.partition("/")[0].removeprefix("send-")],
        idempotency_key=delivery.key,
    )


async def _emit(client: PrefectClient, end: BatchEnd, event_id: UUID) -> None:
    """
    Send the event by HTTP, whose answer says that the server has it.

    `prefect.events.emit_event` puts it into a queue of the process, where it is lost with the process or in an outage.
    """
    resource = {
        "prefect.resource.id": f"batchscribe.batch.{end.batch_id}",
        "prefect.resource.name": end.name,
        "batchscribe.state": end.state.value,
    }
    event = Event(
        id=event_id,
        event=BATCH_FINISHED,
        resource=resource,
        related=_related(await client.read_flow_run(UUID(end.flow_run_id)), end),
        occurred=end.finished_at,
        payload=end.model_dump(mode="json"),
    )
    await client.request("POST", "/events", json=[event.model_dump(mode="json")])


def _related(run: FlowRun, end: BatchEnd) -> list[RelatedResource]:
    """Return the event's related resources besides the batch, as Prefect's own events of the run name them."""
    related = [
        (f"prefect.flow-run.{run.id}", "flow-run", run.name),
        (f"prefect.flow.{run.flow_id}", "flow", BATCH_FLOW),
        (f"prefect.deployment.{run.deployment_id}", "deployment", BATCH_DEPLOYMENT),
        *((f"prefect.tag.{tag}", "tag", tag) for tag in run.tags),
        *([(f"batchscribe.inbox.{end.inbox}", "inbox", end.inbox)] if end.inbox else []),
    ]
    return [
        RelatedResource.model_validate(
            {"prefect.resource.id": resource, "prefect.resource.role": role, "prefect.resource.name": name}
        )
        for resource, role, name in related
    ]
