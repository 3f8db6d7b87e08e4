"""The time between two looks of a batch."""

from tasks.orchestration.batch_run import QUIET_LOOKS, SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_QUIET_LOOKS, Pace


def paced(*seen: int) -> Pace:
    pace = Pace()
    for one in seen:
        pace.note(one)
    return pace


def test_all_batches_look_at_the_same_moments():
    for now in (10.0, 10.3, 10.99):
        assert now + paced(1).seconds_until_next(now) == 11.0


def test_a_batch_to_which_nothing_happens_looks_less_often_until_something_does():
    quiet = [1] * (QUIET_LOOKS + 1)
    assert paced(*quiet[:-1]).seconds_until_next(10.0) == SECONDS_BETWEEN_LOOKS
    assert paced(*quiet).seconds_until_next(10.0) == SECONDS_BETWEEN_QUIET_LOOKS
    assert paced(*quiet, 2).seconds_until_next(10.0) == SECONDS_BETWEEN_LOOKS
