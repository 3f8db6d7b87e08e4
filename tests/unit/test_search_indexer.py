"""The times at which the search looks at a batch in the store."""

import pytest

from dashboard.search.index import LookedAt
from dashboard.search.indexer import due, pause_after

HOUR = 3600.0
DAY = 24 * HOUR


def looked(*, quiet, complete=False, edit=0):
    """Return a batch that had not changed for so many seconds when it was looked at."""
    return LookedAt(looked_at=1e9, changed_at=1e9 - quiet, complete=complete, edit=edit)


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
    assert due({"new", "quiet", "busy"}, known, now=1e9 + 30, edits={}) == {"new", "missing"}
    assert due({"quiet", "busy", "missing"}, known, now=1e9 + 60, edits={}) == {"busy", "missing"}


def test_a_batch_that_another_dashboard_edited_is_looked_at_at_once():
    known = {"renamed": looked(quiet=DAY, edit=1), "as it was": looked(quiet=DAY, edit=2), "never": looked(quiet=DAY)}
    assert due(known.keys(), known, now=1e9 + 1, edits={"renamed": 2, "as it was": 2}) == {"renamed"}
