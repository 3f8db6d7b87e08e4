"""Wake a worker by Prefect's events, so that a new run or a cancel need not wait for the next poll."""

import asyncio
import contextlib
import logging
from uuid import UUID

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

from tasks.orchestration.recovery import AWAITING_RESTART

SECONDS_BETWEEN_SUBSCRIPTIONS = 2.0
SECONDS_BETWEEN_POLLS = 1.0
SECONDS_BETWEEN_POLLS_LISTENING = 10.0

NEW_RUN = ("Scheduled", "AwaitingRetry", AWAITING_RESTART)
CANCEL = ("Cancelling", "Cancelled")
POOL = ("ready", "updated")
"""The pool was resumed, or has another limit."""

logger = logging.getLogger("batchscribe.warm_worker")


class WakeUps:
    """
    The occasions for a worker to look for runs and for cancels.

    Events make it look at once. Polls are the truth, since an event may be missed: they are slow while events come,
    and once a second while there is no subscription to them.
    """

    def __init__(self) -> None:
        self.new_run = asyncio.Event()
        self.new_cancel = asyncio.Event()
        self._listening = False

    @property
    def seconds_between_polls(self) -> float:
        """The time after which to look though nothing was heard."""
        return SECONDS_BETWEEN_POLLS_LISTENING if self._listening else SECONDS_BETWEEN_POLLS

    async def wait_for_run(self, *, soon: bool) -> None:
        """Wait for an occasion to look for runs; no longer than a second if it is to be *soon*."""
        await self._wait(self.new_run, soon=soon)

    async def wait_for_cancel(self, *, soon: bool) -> None:
        """Wait for an occasion to look for cancels; no longer than a second if it is to be *soon*."""
        await self._wait(self.new_cancel, soon=soon)

    async def listen(self, work_pool_id: UUID) -> None:
        """Subscribe to the events of the pool, again whenever a subscription ends, until cancelled."""
        of_runs = (f"prefect.flow-run.{name}" for name in NEW_RUN + CANCEL)
        wanted = EventFilter(
            event=EventNameFilter(name=[*of_runs, *(f"prefect.work-pool.{name}" for name in POOL)]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"]),
        )
        while True:
            try:
                await self._listen(wanted)
            except Exception as error:  # noqa: BLE001 - any broken subscription is made again; the polls go on meanwhile
                logger.debug("Event subscription ended: %s", error)
            self._listening = False
            self._wake()
            await asyncio.sleep(SECONDS_BETWEEN_SUBSCRIPTIONS)

    async def _listen(self, wanted: EventFilter) -> None:
        # Without tries of its own to connect again: what happens before one succeeds would be missed unnoticed.
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as subscriber:
            self._listening = True
            self._wake()
            async for event in subscriber:
                if event.event.endswith(CANCEL):
                    self.new_cancel.set()
                else:
                    self.new_run.set()

    def _wake(self) -> None:
        """Have the worker look for what was missed, and note how often it is to look from now on."""
        self.new_run.set()
        self.new_cancel.set()

    async def _wait(self, occasion: asyncio.Event, *, soon: bool) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(occasion.wait(), SECONDS_BETWEEN_POLLS if soon else self.seconds_between_polls)
        occasion.clear()
