"""The age of cached answers, and one question for many callers."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tasks.single_flight import LONGEST_REST_SECONDS, SHARE, SingleFlightCache


class LoopWithClock(asyncio.SelectorEventLoop):
    """An event loop whose time is set by hand."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class Question:
    """Counts how often it is asked; answering takes as long as it is told, on the clock of the loop."""

    def __init__(self, loop: LoopWithClock) -> None:
        self._loop = loop
        self._answers: SingleFlightCache[int] = SingleFlightCache()
        self.asked = 0
        self.seconds = 0.0

    async def _ask(self) -> int:
        self.asked += 1
        self._loop.now += self.seconds
        return self.asked

    def get(self, max_age: float = 0.5) -> int:
        return self.run(lambda: self._answers.get("status", self._ask, max_age=max_age))

    def get_for_many(self, viewers: int) -> list[int]:
        async def all_at_once() -> list[int]:
            gets = (self._answers.get("status", self._ask, max_age=0.5) for _ in range(viewers))
            return await asyncio.gather(*gets)

        return self.run(all_at_once)

    def forget(self) -> None:
        self._answers.forget("status")

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self._loop.run_until_complete(work())

    def wait(self, seconds: float) -> None:
        self._loop.now += seconds


@pytest.fixture
def question() -> Iterator[Question]:
    loop = LoopWithClock()
    yield Question(loop)
    loop.close()


def test_all_who_ask_at_once_get_one_answer(question):
    assert question.get_for_many(10) == [1] * 10


def test_an_answer_is_good_for_the_age_that_was_asked_for(question):
    question.get()
    question.wait(0.4)
    assert question.get() == 1
    question.wait(0.2)
    assert question.get() == 2


def test_an_answer_that_took_long_is_good_for_longer(question):
    question.get()
    question.seconds = 0.2
    question.wait(1)
    assert question.get() == 2
    question.wait(0.2 / SHARE - 0.3)
    assert question.get() == 2
    question.wait(0.2)
    assert question.get() == 3


def test_the_first_answer_takes_longer_than_others_and_is_not_kept_for_that(question):
    question.seconds = 2.0
    question.get()
    assert question.get() == 2


def test_no_answer_is_kept_for_long_whatever_it_cost(question):
    question.get()
    question.seconds = 30.0
    question.wait(1)
    assert question.get() == 2
    question.seconds = 0.0
    assert question.get() == 3, f"30 s old, where {LONGEST_REST_SECONDS} s are the most"


def test_who_has_to_know_what_is_true_now_has_it_asked(question):
    question.get()
    question.seconds = 2.0
    question.wait(1)
    question.get()
    assert question.get(max_age=0) == 3


def test_who_has_to_know_what_is_true_now_is_not_told_what_was_asked_before(question):
    async def story():
        answers: SingleFlightCache[str] = SingleFlightCache()
        answered = asyncio.Event()

        async def slow() -> str:
            await answered.wait()
            return "before"

        async def quick() -> str:
            return "now"

        earlier = asyncio.ensure_future(answers.get("status", slow, max_age=0.5))
        await asyncio.sleep(0)
        now = await answers.get("status", quick, max_age=0)
        answered.set()
        return await earlier, now

    assert question.run(story) == ("before", "now")


def test_what_was_changed_is_asked_anew(question):
    question.get()
    question.forget()
    assert question.get() == 2
