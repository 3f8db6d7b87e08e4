"""Conversions take turns on the whole host: so many at the same time, fairly, people's own before those of inboxes."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tasks.batches import Batch
from tasks.cancellation import CancelToken, RunCancelled, set_current_token
from tasks.media.conversion_slots import Turn, Turns
from tests.support.stack import PROJECT
from tests.support.waiting import wait_until

SLOTS = 2
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

HOLDER = """
import sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from tasks.batches import Batch
from tasks.media.conversion_slots import Turns
held = threading.Event()
slots = []
batch = Batch(batch_id="b", name="b", created_at=datetime.now(UTC))
Turns(Path(sys.argv[1]), 1).ask(batch, lambda slot: (slots.append(slot), held.set()))
held.wait()
print("held", flush=True)
time.sleep(600)
"""


def batch(name: str, inbox: str = "") -> Batch:
    return Batch(batch_id=name, name=name, created_at=NOON, inbox=inbox)


class Conversions:
    """Conversions that only note when they hold a place, of any number of processes' turns."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(16)

    def ask(self, turns: Turns, of: Batch, count: int) -> None:
        for _ in range(count):
            turns.ask(of, lambda slot: self._threads.submit(self._convert, of, slot))

    def _convert(self, of: Batch, slot) -> None:
        with self._lock:
            self.served.append(of.batch_id)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.01)
        with self._lock:
            self.at_once -= 1
        slot.release()

    def wait(self, count: int) -> None:
        wait_until(lambda: len(self.served) == count, f"{count} conversions", 60)


@pytest.fixture
def here(tmp_path) -> Turns:
    return Turns(tmp_path, SLOTS)


@pytest.fixture
def elsewhere(tmp_path) -> Turns:
    """The turns of another process: locks are of open files, so it makes no difference that it is this one."""
    return Turns(tmp_path, SLOTS)


def test_no_more_conversions_than_places_run_on_the_host_whatever_batches_and_processes_they_are_of(here, elsewhere):
    conversions = Conversions()
    for name in "abc":
        conversions.ask(here, batch(name), 10)
        conversions.ask(elsewhere, batch(f"other {name}"), 10)
    conversions.wait(60)
    assert conversions.most_at_once == SLOTS


def test_a_small_batch_does_not_wait_for_a_large_one_here_or_elsewhere(here, elsewhere):
    conversions = Conversions()
    conversions.ask(here, batch("large"), 300)
    wait_until(lambda: conversions.served, "the first", 10)
    conversions.ask(here, batch("small here"), 5)
    conversions.ask(elsewhere, batch("small elsewhere"), 5)
    wait_until(lambda: conversions.served.count("small here") == 5, "the small one here", 60)
    wait_until(lambda: conversions.served.count("small elsewhere") == 5, "the small one elsewhere", 60)
    assert conversions.served.count("large") < 150
    conversions.wait(310)


def test_peoples_uploads_go_before_those_of_inboxes_here_and_elsewhere(here, elsewhere):
    conversions = Conversions()
    conversions.ask(here, batch("inbox", inbox="shared"), 300)
    wait_until(lambda: conversions.served, "the first", 10)
    conversions.ask(elsewhere, batch("person elsewhere"), 40)
    conversions.ask(here, batch("person here"), 40)
    conversions.wait(380)
    last = max(place for place, name in enumerate(conversions.served) if name.startswith("person"))
    assert conversions.served[:last].count("inbox") < 40


def test_a_killed_process_gives_its_places_back(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with (tmp_path / "slot-0").open() as place, pytest.raises(BlockingIOError):
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    conversions = Conversions()
    conversions.ask(Turns(tmp_path, 1), batch("a"), 1)
    os.kill(holder.pid, signal.SIGKILL)
    conversions.wait(1)
    holder.wait()
    holder.stdout.close()


def first_turn(turns: Turns) -> Turn:
    slots = []
    turns.ask(batch("a"), slots.append)
    wait_until(lambda: slots, "a turn", 10)
    return Turn(turns, batch("a"), slots[0])


def test_others_convert_between_two_attempts_at_an_upload(tmp_path):
    turns, conversions = Turns(tmp_path, 1), Conversions()
    turn = first_turn(turns)
    with turn:
        conversions.ask(turns, batch("b"), 1)
    conversions.wait(1)
    with turn:
        pass


def test_an_upload_that_waits_for_another_turn_can_be_cancelled(tmp_path):
    turns = Turns(tmp_path, 1)
    turn = first_turn(turns)
    with turn:
        pass
    holding = first_turn(turns)
    token = CancelToken()
    outcome = []

    def wait_for_turn() -> None:
        set_current_token(token)
        try:
            with turn:
                outcome.append("converted")
        except RunCancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=wait_for_turn)
    thread.start()
    token.cancel()
    thread.join(10)
    assert outcome == ["cancelled"]
    holding.end()
    first_turn(turns).end()  # what was asked for in vain holds no place
