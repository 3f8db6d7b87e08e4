"""Recovery of a run that lost its process, whatever Prefect's server does meanwhile; the server is a fake."""

import asyncio
from functools import partial
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Crashed, Running

from deployments.worker.recovery import begun_again_since, is_suspect
from tasks import outages
from tasks.orchestration.recovery import ABANDONED, AWAITING_RESTART, Loss, Remedy
from tasks.orchestration.run_recovery import recover


class Server:
    """One flow run, and outages at the requests that a test names."""

    def __init__(self, state, *, run_count=1, tags=(), outages=()):
        self.run = FlowRun(flow_id=uuid4(), state=state, run_count=run_count, tags=list(tags))
        self.states = [state]
        self.outages = list(outages)

    @property
    def names(self):
        return [state.name for state in self.states]

    @property
    def before(self):
        """The run as its worker got it."""
        return self.run.model_copy(update={"run_count": self.run.run_count - 1})

    def _answer(self, request):
        if request in self.outages:
            self.outages.remove(request)
            msg = "away"
            raise httpx.ConnectError(msg)

    async def read_flow_run(self, _):
        self._answer("read")
        return self.run.model_copy()

    async def set_flow_run_state(self, _, state, **__):
        self._answer(state.name)
        self.run.state = state
        self.states.append(state)

    async def read_flow_run_states(self, _):
        self._answer("history")
        return self.states

    async def read_task_runs(self, **_):
        return []


def recovered(server, loss=Loss.PROCESS):
    recovery = partial(recover, server, server.run.id, loss, "killed", unless=begun_again_since(server.before))
    return asyncio.run(outages.retry_until_accepted(recovery, tell=print))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(outages, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("outage", ["read", "Crashed", "history", AWAITING_RESTART])
def test_an_outage_at_any_step_costs_a_crashed_run_no_attempt(outage):
    server = Server(Running(), outages=[outage])
    assert recovered(server) is Remedy.CRASH
    assert server.names == ["Running", "Crashed", AWAITING_RESTART]


@pytest.mark.parametrize(
    "ended", [Completed(), Crashed(name=ABANDONED, message="The worker of gpu-0 is gone. Retry the job.")]
)
def test_a_run_that_somebody_else_ended_stays_ended(ended):
    server = Server(ended)
    assert recovered(server) is Remedy.LEAVE
    assert server.names == [ended.name]


def test_the_third_crash_is_the_last_wherever_the_others_were():
    server = Server(Running(), tags=["crashes:2"])
    recovered(server)
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


def test_an_attempt_that_was_begun_elsewhere_meanwhile_is_left_alone():
    server = Server(Running())
    before = server.before
    server.run.run_count = 2
    recovery = recover(server, server.run.id, Loss.PROCESS, "killed", unless=begun_again_since(before))
    assert asyncio.run(recovery) is Remedy.LEAVE
    assert server.names == ["Running"]
