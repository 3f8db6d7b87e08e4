"""A device that stops answering in the middle of a call: no error comes, and nothing can stop the call."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import DeviceFailed
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.watchdog import CallWatch

SOON = 0.2


@pytest.fixture
def silence():
    """A question that the device does not answer before the test ends."""
    answered = threading.Event()
    yield answered.wait
    answered.set()


def test_a_recording_whose_batch_never_comes_back_ends_with_the_device(bench):
    engine = bench(batch_size=1, call_seconds=SOON)
    with pytest.raises(DeviceFailed, match="has not answered"):
        engine.feed(0).result()
    assert isinstance(engine.engine.failure, DeviceFailed)


def test_the_recording_after_one_that_was_cancelled_on_a_hung_device_notices(bench):
    engine = bench(batch_size=1, call_seconds=SOON)
    cancelled = engine.feed(0)
    engine.backend.next_batch()
    cancelled.cancelled.set()
    with pytest.raises(TranscriptionCancelled):
        cancelled.result()

    with pytest.raises(DeviceFailed, match="has not answered"):
        engine.feed(1).result()


def test_a_question_that_is_never_answered_ends_with_the_device(bench, silence):
    engine = bench(batch_size=1, call_seconds=SOON, stepped=False)
    with pytest.raises(DeviceFailed, match="has not answered"):
        engine.engine.ask(silence, cancelled=lambda: False)
    with pytest.raises(DeviceFailed, match="has not answered"):
        engine.feed(0).result()


def test_a_hung_model_cannot_be_closed_and_that_is_told(bench, silence):
    engine = bench(batch_size=1, call_seconds=SOON, stepped=False)
    with pytest.raises(TranscriptionCancelled):
        engine.engine.ask(silence, cancelled=lambda: True)
    with pytest.raises(DeviceFailed, match="has not answered"):
        engine.engine.close()
    assert not engine.backend.closed


def test_slow_batches_one_after_the_other_are_not_taken_for_hung(bench):
    engine = bench(batch_size=1, call_seconds=20)
    recording = engine.feed(*range(5))
    for start in range(5):
        assert engine.backend.next_batch() == [start]
        engine.backend.finish()
    assert recording.result() == list(range(5))
    assert engine.engine.failure is None


def test_without_a_limit_no_call_is_hung():
    with (watch := CallWatch(float("inf"))).calling():
        assert not watch.hung


def test_the_end_of_all_calls_is_waited_for():
    watch, goes_on = CallWatch(20), threading.Event()
    answer = watch.start(goes_on.wait)
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(watch.wait_for_end)
        assert not ended.done()
        goes_on.set()
        assert ended.result(20)
    assert answer.result(20)
