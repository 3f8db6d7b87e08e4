import threading

import pytest

from tasks.cancellation import CancelToken, RunCancelled


def test_a_token_says_so_once_it_was_cancelled():
    token = CancelToken()
    token.raise_if_cancelled()
    token.cancel()
    assert token.cancelled
    with pytest.raises(RunCancelled):
        token.raise_if_cancelled()


def test_a_job_ends_with_its_batch_and_not_the_batch_with_its_job():
    batch = CancelToken()
    first, second = CancelToken(parent=batch), CancelToken(parent=batch)
    first.cancel()
    assert (first.cancelled, second.cancelled, batch.cancelled) == (True, False, False)
    batch.cancel()
    assert second.cancelled


def test_a_token_of_a_batch_that_was_cancelled_before_is_cancelled():
    batch = CancelToken()
    batch.cancel()
    assert CancelToken(parent=batch).cancelled


def test_a_callback_is_called_once_and_only_inside_its_context():
    token, called = CancelToken(), []
    with token.calling(lambda: called.append("too early")):
        pass
    with token.calling(lambda: called.append("in time")):
        token.cancel()
        token.cancel()
    assert called == ["in time"]


def test_a_callback_of_a_cancelled_token_is_called_at_once():
    token, called = CancelToken(), []
    token.cancel()
    with token.calling(lambda: called.append("now")):
        assert called == ["now"]


def test_none_is_lost_when_it_is_cancelled_while_others_register():
    token, called, start = CancelToken(), [], threading.Barrier(9)

    def register(number: int) -> None:
        start.wait()
        token.add_callback(lambda: called.append(number))

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    token.cancel()
    for thread in threads:
        thread.join()
    assert sorted(called) == list(range(8))
