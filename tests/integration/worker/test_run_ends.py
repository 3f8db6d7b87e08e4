"""How a run that lost its process is settled, whatever Prefect's server does meanwhile: with a server of a fake."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from prefect.states import Completed, Crashed, Running

from deployments.worker import run_ends
from deployments.worker.messages import RunEnded
from deployments.worker.run_ends import is_suspect, recover_from_death, recover_unfinished, until_taken


class Server:
    """One flow run, and outages at the requests that a test names."""

    def __init__(self, state, *, run_count=1, tags=(), outages=()):
        self.run = SimpleNamespace(id=uuid4(), state=state, run_count=run_count, tags=list(tags))
        self.states = [state]
        self.outages = list(outages)

    @property
    def names(self):
        return [state.name for state in self.states]

    @property
    def before(self):
        """The run as its worker got it."""
        return SimpleNamespace(**vars(self.run) | {"run_count": self.run.run_count - 1})

    def _answer(self, request):
        if request in self.outages:
            self.outages.remove(request)
            msg = "away"
            raise httpx.ConnectError(msg)

    async def read_flow_run(self, _):
        self._answer("read")
        return SimpleNamespace(**vars(self.run))

    async def set_flow_run_state(self, _, state, **__):
        self._answer(state.name)
        self.run.state = state
        self.states.append(state)

    async def read_flow_run_states(self, _):
        self._answer("history")
        return self.states

    async def read_task_runs(self, **_):
        return []


def settled(server, *, innocent=False):
    return asyncio.run(
        until_taken(
            lambda: recover_from_death(server, server.before, "killed", innocent=innocent), stopped=lambda: False
        )
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(run_ends, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("outage", ["read", "Crashed", "history", "AwaitingRetry"])
def test_an_outage_at_any_step_costs_a_crashed_run_no_attempt(outage):
    server = Server(Running(), outages=[outage])
    assert settled(server)
    assert server.names == ["Running", "Crashed", "AwaitingRetry"]


def test_a_process_that_is_done_with_a_run_insists_likewise():
    server = Server(Running(), outages=["history"])
    end = RunEnded(server.run.id, detail="ValueError: no")
    assert asyncio.run(until_taken(lambda: recover_unfinished(server, server.before, end), stopped=lambda: False))
    assert server.names == ["Running", "Crashed", "AwaitingRetry"]


@pytest.mark.parametrize("ended", [Completed(), Crashed(message="The worker of gpu-0 is gone. Retry the job.")])
def test_a_run_that_somebody_else_ended_stays_ended(ended):
    server = Server(ended)
    assert not settled(server)
    assert server.names == [ended.name]


def test_the_third_crash_is_the_last_wherever_the_others_were():
    server = Server(Running(), tags=["crashes:2"])
    settled(server)
    assert server.names == ["Running", "Crashed", "Failed"]


@pytest.mark.parametrize(
    ("run_count", "tags", "states", "suspect"),
    [
        (0, [], [], False),
        (1, [], [Running()], False),  # handed back by a worker that was stopped
        (1, [], [Running(), Crashed()], True),
        (0, ["crashes:1"], [], True),  # on another pool
    ],
)
def test_a_run_is_suspect_once_a_process_died_with_it(run_count, tags, states, suspect):
    server = Server(Running(), run_count=run_count, tags=tags)
    server.states = states
    assert asyncio.run(is_suspect(server, server.run)) is suspect


def test_a_run_of_which_nothing_can_be_learned_is_suspect():
    server = Server(Running(), outages=["history"])
    assert asyncio.run(is_suspect(server, server.run))
