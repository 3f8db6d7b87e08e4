"""Errors that are waited out, and the waiting."""

import asyncio

import httpx
import pytest
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks import outages
from tasks.cancellation import CancelToken, RunCancelled, set_current_token
from tasks.errors import MediaRejected, StoreUnavailable
from tasks.outages import attempt, is_transient, refusal, retry_until_accepted

REQUEST = httpx.Request("POST", "http://127.0.0.1:4200/api/deployments/1/create_flow_run")
AWAY = httpx.ConnectError("All connection attempts failed")


def answer(status, text=""):
    response = httpx.Response(status, text=text, request=REQUEST)
    return httpx.HTTPStatusError(str(status), request=REQUEST, response=response)


@pytest.mark.parametrize(
    "error",
    [
        *map(answer, [408, 429, 500, 502, 503, 504]),
        AWAY,
        httpx.ReadTimeout("slow"),
        ConcurrencySlotAcquisitionError("no slot"),
        StoreUnavailable("The store does not answer."),
    ],
)
def test_a_server_or_store_in_trouble_is_waited_for(error):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error", [*map(answer, [400, 403, 404, 409, 413, 422]), MediaRejected("No audio."), KeyError("a fault of ours")]
)
def test_what_would_come_again_is_not_waited_for(error):
    assert not is_transient(error)


def test_a_refusal_is_told_with_what_the_server_said():
    told = str(refusal(answer(422, "parameters must be less than 524288 bytes")))
    assert "422" in told
    assert "parameters must be less than 524288 bytes" in told


class Server:
    """Answers with what it is given, one after another; an error is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def ask(self):
        if isinstance(self.answers[0], Exception):
            raise self.answers.pop(0)
        return self.answers.pop(0)


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, none of which takes its time."""
    made = []

    async def sleep(seconds):
        made.append(seconds)

    monkeypatch.setattr(outages.asyncio, "sleep", sleep)
    return made


def test_a_request_is_repeated_with_growing_pauses_until_it_is_accepted(pauses):
    told = []
    server = Server(*[AWAY] * 7, "done")
    assert asyncio.run(retry_until_accepted(server.ask, tell=told.append)) == "done"
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert told == [AWAY] * 7


def test_an_error_that_is_no_outage_ends_the_repeating(pauses):
    server = Server(AWAY, answer(422), "done")
    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(retry_until_accepted(server.ask, tell=lambda _: None))
    assert pauses == [1]


def test_an_attempt_is_made_once_and_says_if_an_outage_prevented_it():
    told = []
    server = Server(AWAY, "done", KeyError("ours"))
    assert asyncio.run(attempt(server.ask, tell=told.append)) is None
    assert asyncio.run(attempt(server.ask, tell=told.append)) == "done"
    with pytest.raises(KeyError):
        asyncio.run(attempt(server.ask, tell=told.append))
    assert told == [AWAY]


def test_a_cancelled_run_waits_for_nothing():
    async def cancelled_in_a_pause():
        set_current_token(token := CancelToken())
        asyncio.get_running_loop().call_later(0.05, token.cancel)
        await retry_until_accepted(Server(AWAY, "done").ask, tell=lambda _: None, longest_pause=30.0)

    with pytest.raises(RunCancelled):
        asyncio.run(asyncio.wait_for(cancelled_in_a_pause(), 0.9))
