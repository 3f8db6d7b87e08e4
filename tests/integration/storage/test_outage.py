"""An outage of the store, which passes, is told from one thing that cannot be read, which does not."""

import pytest

from tasks.errors import NotFound, StoreUnavailable, Unreadable
from tasks.storage.records import distinguish_outage

AWAY = "The store did not answer."
BROKEN = "The store can't be used: Input/output error."


class TroubledStore:
    """A store of which a read fails so many times, and which is away or not meanwhile."""

    def __init__(self, *, failures: int, away: bool = False) -> None:
        self.failures = failures
        self.away = away

    def check(self) -> None:
        if self.away:
            raise StoreUnavailable(AWAY)

    def read(self) -> bytes:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable(BROKEN)
        return b"content"


def test_while_the_store_is_away_it_is_an_outage():
    store = TroubledStore(failures=1, away=True)
    with pytest.raises(StoreUnavailable, match=AWAY):
        distinguish_outage(store, "The document", store.read)


def test_at_the_end_of_an_outage_the_second_look_succeeds():
    store = TroubledStore(failures=1)
    assert distinguish_outage(store, "The document", store.read) == b"content"


def test_what_alone_cannot_be_read_is_named():
    store = TroubledStore(failures=2)
    with pytest.raises(Unreadable, match=r"^The document cannot be read, .* Input/output error"):
        distinguish_outage(store, "The document", store.read)


def test_what_is_not_there_is_neither():
    def look():
        raise NotFound

    with pytest.raises(NotFound):
        distinguish_outage(TroubledStore(failures=0), "The document", look)
