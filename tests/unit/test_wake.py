"""A worker's occasions to look at Prefect: events while they come, polls in any case."""

import asyncio
import contextlib
from types import SimpleNamespace
from uuid import uuid4

import pytest

from deployments.worker import wake
from deployments.worker.wake import SECONDS_BETWEEN_POLLS, SECONDS_BETWEEN_POLLS_LISTENING, WakeUps


class Subscriber:
    """A subscription whose events the test sends; an exception breaks it."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue = asyncio.Queue()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await self.sent.get()
        if isinstance(event, Exception):
            raise event
        return SimpleNamespace(event=event)


@pytest.fixture
def subscribers(monkeypatch):
    made = []

    def subscribe(**_):
        made.append(Subscriber())
        return made[-1]

    monkeypatch.setattr(wake, "get_events_subscriber", subscribe)
    monkeypatch.setattr(wake, "SECONDS_BETWEEN_SUBSCRIPTIONS", 0)
    return made


async def heard(wake_ups: WakeUps) -> set[str]:
    """Let what was sent arrive, and return the occasions that came up with it."""
    for _ in range(10):
        await asyncio.sleep(0)
    occasions = {"run": wake_ups.new_run, "cancel": wake_ups.new_cancel}
    came_up = {name for name, occasion in occasions.items() if occasion.is_set()}
    for occasion in occasions.values():
        occasion.clear()
    return came_up


@contextlib.asynccontextmanager
async def listening():
    wake_ups = WakeUps()
    task = asyncio.create_task(wake_ups.listen(uuid4()))
    try:
        yield wake_ups
    finally:
        task.cancel()


def test_polls_are_slow_only_while_events_come(subscribers):
    async def case():
        assert WakeUps().seconds_between_polls == SECONDS_BETWEEN_POLLS
        async with listening() as wake_ups:
            assert await heard(wake_ups) == {"run", "cancel"}, "what was missed before is looked for"
            assert wake_ups.seconds_between_polls == SECONDS_BETWEEN_POLLS_LISTENING
            subscribers[0].sent.put_nowait(ConnectionError("The server was restarted."))
            assert await heard(wake_ups) == {"run", "cancel"}, "and what was missed in between"
            assert len(subscribers) > 1, "it subscribes again"

    asyncio.run(case())


@pytest.mark.parametrize(
    ("event", "occasion"),
    [
        ("prefect.flow-run.Scheduled", "run"),
        ("prefect.flow-run.AwaitingRetry", "run"),
        ("prefect.flow-run.AwaitingRestart", "run"),
        ("prefect.work-pool.ready", "run"),
        ("prefect.work-pool.updated", "run"),
        ("prefect.flow-run.Cancelling", "cancel"),
        ("prefect.flow-run.Cancelled", "cancel"),
    ],
)
def test_an_event_brings_up_the_occasion_that_it_tells_of(subscribers, event, occasion):
    async def case():
        async with listening() as wake_ups:
            await heard(wake_ups)
            subscribers[0].sent.put_nowait(event)
            assert await heard(wake_ups) == {occasion}

    asyncio.run(case())


def test_while_a_subscription_is_refused_polls_are_fast(monkeypatch):
    def refuse(**_):
        raise ConnectionRefusedError

    monkeypatch.setattr(wake, "get_events_subscriber", refuse)

    async def case():
        async with listening() as wake_ups:
            await heard(wake_ups)
            assert wake_ups.seconds_between_polls == SECONDS_BETWEEN_POLLS

    asyncio.run(case())
