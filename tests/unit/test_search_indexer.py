"""The times at which the search looks at a batch in the store."""

import pytest

from dashboard.search.index import LookedAt
from dashboard.search.indexer import due, pause_after

HOUR = 3600.0
DAY = 24 * HOUR


def looked(*, quiet, complete=False):
    """Return a batch that had not changed for so many seconds when it was looked at."""
    return LookedAt(looked_at=1e9, changed_at=1e9 - quiet, complete=complete)


@pytest.mark.parametrize(
    ("quiet", "complete", "pause"),
    [
        (0, False, 60),
        (HOUR, False, 180),
        (DAY, False, HOUR),
        (100 * DAY, False, HOUR),  # of a batch with failed jobs, one may still be done
        (DAY, True, 72 * 60),
        (100 * DAY, True, DAY),
    ],
)
def test_a_batch_is_looked_at_less_often_the_longer_it_is_quiet(quiet, complete, pause):
    assert pause_after(looked(quiet=quiet, complete=complete)) == pytest.approx(pause)


def test_new_and_missing_batches_are_looked_at_at_once_and_others_after_their_pause():
    known = {"quiet": looked(quiet=100 * DAY, complete=True), "busy": looked(quiet=0), "missing": looked(quiet=0)}
    assert due({"new", "quiet", "busy"}, known, now=1e9 + 30) == {"new", "missing"}
    assert due({"quiet", "busy", "missing"}, known, now=1e9 + 60) == {"busy", "missing"}
