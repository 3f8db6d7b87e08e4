"""Wake a worker by Prefect's events, so that a new run or a cancel need not wait for the next poll."""

import asyncio
import logging
from uuid import UUID

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

from tasks.orchestration.recovery import AWAITING_RESTART

SECONDS_BETWEEN_SUBSCRIPTIONS = 2.0

logger = logging.getLogger("batchscribe.warm_worker")


async def wake_by_events(work_pool_id: UUID, *, new_run: asyncio.Event, new_cancel: asyncio.Event) -> None:
    """Set the events whenever Prefect tells of a run to start or to cancel in the pool, until cancelled."""
    names = [f"prefect.flow-run.{name}" for name in ("Scheduled", "AwaitingRetry", AWAITING_RESTART, "Cancelling")]
    wanted = EventFilter(
        event=EventNameFilter(name=names),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"]),
    )
    while True:
        try:
            async with get_events_subscriber(filter=wanted) as subscriber:
                async for event in subscriber:
                    (new_cancel if event.event.endswith("Cancelling") else new_run).set()
        except Exception as error:  # noqa: BLE001 - any broken subscription is made anew; the polls go on meanwhile
            logger.debug("Event subscription ended: %s", error)
        await asyncio.sleep(SECONDS_BETWEEN_SUBSCRIPTIONS)
