"""The parts of a long recording, as the devices that hear it share them by the store."""

import logging

import pytest

from tasks.errors import StoreUnavailable
from tasks.storage.base import Store
from tasks.storage.folder import FolderStore
from tasks.transcription import shared_parts
from tasks.transcription.parts import PartText, SettledLanguage
from tasks.transcription.shared_parts import SharedParts, forget_parts
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcript import Segment

BATCH_ID = "20261122-120000-abcdef"
JOB_ID = f"{BATCH_ID}-abcdefghij"
PREFIX = f"batches/{BATCH_ID}/parts/{JOB_ID}/0123456789abcdef/"
STRETCHES = tuple((start, start + 9) for start in range(0, 160, 10))
PLAN = SpeechPlan(samples=160, voices=STRETCHES, chunks=tuple((each,) for each in STRETCHES), language_windows=(0,))
PARTS = 4


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch):
    """Look at the store each time: nothing here takes two seconds."""
    monkeypatch.setattr(shared_parts, "SECONDS_BETWEEN_LOOKS", 0.0)


def own(store: Store, owner: str = "own") -> SharedParts:
    return SharedParts(store, PREFIX, PLAN, owner=owner)


def helper(store: Store, gives_way=lambda: False) -> SharedParts:
    return SharedParts(store, PREFIX, PLAN, owner="helper", gives_way=gives_way)


def text(words: str) -> PartText:
    return PartText(segments=(Segment(start=0.0, end=1.25, text=words, average_log_probability=-0.1234567890123456),))


def taken(parts: SharedParts) -> list[int]:
    return list(iter(parts.take, None))


class AwayStore(FolderStore):
    """A store that can be away."""

    away = False

    def list(self, prefix):
        self._ask()
        return super().list(prefix)

    def create(self, key, data):
        self._ask()
        return super().create(key, data)

    def read_range(self, key, start=0, stop=None):
        self._ask()
        return super().read_range(key, start, stop)

    def _ask(self):
        if self.away:
            msg = "The store is away."
            raise StoreUnavailable(msg)


def test_each_part_is_taken_once_and_its_text_reaches_the_jobs_own_run(store):
    first, second = own(store), helper(store)
    assert not second.is_begun()
    assert [first.take(), second.take(), second.take(), first.take()] == [0, 1, 2, 3]
    assert second.is_begun()
    assert first.take() is second.take() is None
    for parts, index in ((first, 0), (second, 1), (second, 2), (first, 3)):
        parts.deliver(index, text(str(index)))
    assert first.delivered_elsewhere() == {1, 2}
    assert list(first.left_over()) == list(second.left_over()) == []
    assert first.texts == tuple(text(str(index)) for index in range(PARTS))
    assert first.shared
    assert (first.heard, second.heard) == (2, 2)


def test_a_device_alone_shares_nothing(store):
    alone = own(store)
    for index in taken(alone):
        alone.deliver(index, text(str(index)))
    assert list(alone.left_over()) == []
    assert not alone.shared
    assert alone.delivered_elsewhere() == frozenset()


def test_what_a_killed_run_took_is_heard_by_those_who_have_nothing_else_to_do_the_last_part_first(store):
    killed = own(store, "killed")
    killed.take()
    killed.deliver(killed.take(), text("1"))
    killed.take()
    again = own(store, "again")
    assert taken(again) == [3]
    again.deliver(3, text("3"))
    left = again.left_over()
    assert next(left) == 2
    again.deliver(2, text("2"))
    assert next(left) == 0
    again.deliver(0, text("0"))
    assert list(left) == []
    assert again.texts == tuple(text(str(index)) for index in range(PARTS))


def test_the_first_text_of_a_part_counts_for_all_others(store):
    first, second, third = own(store, "first"), own(store, "second"), own(store, "third")
    for parts in (first, second):
        for index in range(PARTS):
            parts.deliver(index, text(f"{parts is first} {index}"))
    assert list(third.left_over()) == []
    assert third.texts == first.texts


def test_a_damaged_text_is_heard_again(store):
    helping, first = helper(store), own(store)
    for index in taken(helping):
        helping.deliver(index, text(str(index)))
    store.write(f"{PREFIX}0002.json", b"{")
    left = first.left_over()
    assert next(left) == 2
    assert 2 not in first.delivered_elsewhere()
    first.deliver(2, text("again"))
    assert list(left) == []
    assert [one.segments[0].text for one in first.texts] == ["0", "1", "again", "3"]


def test_a_device_that_gives_way_takes_no_further_part(store):
    helping = helper(store, gives_way=lambda: helping.heard == 1)
    helping.deliver(helping.take(), text("0"))
    assert helping.take() is None
    assert helping.all_taken
    assert list(helping.left_over()) == []
    assert taken(own(store)) == [1, 2, 3]


def test_the_language_is_listened_for_once(store):
    first, second = own(store), helper(store)
    assert second.settled_language() is None
    first.settle_language(SettledLanguage(language="de", probability=0.9))
    second.settle_language(SettledLanguage(language="nl", probability=0.5))
    assert second.settled_language() == SettledLanguage(language="de", probability=0.9)
    assert taken(second) == [0, 1, 2, 3]  # it is no part


def test_the_jobs_own_run_hears_all_parts_while_the_store_is_away_and_a_helping_one_ends(tmp_path, caplog):
    store = AwayStore(tmp_path)
    first, helping = own(store), helper(store)
    assert (first.take(), helping.take()) == (0, 1)
    store.away = True
    assert first.take() == 1  # it has not looked since
    assert helping.take() is None
    assert list(helping.left_over()) == []
    assert taken(first) == [2, 3]
    with caplog.at_level(logging.WARNING):
        for index in range(3):
            first.deliver(index, text(str(index)))
    assert "not shared: The store is away." in caplog.text
    left = first.left_over()
    assert next(left) == 3
    store.away = False
    helping.deliver(3, text("3"))
    assert list(left) == []
    assert first.texts == tuple(text(str(index)) for index in range(PARTS))


def test_nothing_is_left_of_a_job_that_is_done(store):
    helping = helper(store)
    helping.deliver(helping.take(), text("0"))
    forget_parts(store, BATCH_ID, JOB_ID)
    assert list(store.list(f"batches/{BATCH_ID}/")) == []
