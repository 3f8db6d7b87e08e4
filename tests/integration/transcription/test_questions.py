"""Model calls for one recording outside of the batches: its language, a second try."""

import threading

import pytest

from tasks.errors import DeviceFailed
from tasks.transcription.backend import OutOfMemory, TranscriptionCancelled

DEADLINE_SECONDS = 20


def _never() -> bool:
    return False


def test_a_question_is_answered_beside_the_batches(bench):
    engine = bench(batch_size=1)
    recording = engine.feed(0)
    engine.backend.next_batch()

    assert engine.engine.ask(lambda: "en", cancelled=_never) == "en"

    engine.backend.finish()
    assert recording.result() == [0]


def test_when_memory_runs_out_a_question_is_asked_again_with_the_model_made_smaller(bench):
    engine = bench(batch_size=2, stepped=False)

    def overflow() -> str:
        if engine.backend.shrinks == 0:
            msg = "CUDA failed with error out of memory"
            raise OutOfMemory(msg)
        return "en"

    assert engine.engine.ask(overflow, cancelled=_never) == "en"
    assert (engine.backend.shrinks, engine.engine.batch_size) == (1, 2)


def test_a_question_too_large_for_the_smallest_model_fails_and_the_engine_goes_on(bench):
    engine = bench(batch_size=1, stepped=False)

    def overflow() -> str:
        msg = "The device ran out of memory."
        raise OutOfMemory(msg)

    with pytest.raises(OutOfMemory):
        engine.engine.ask(overflow, cancelled=_never)
    assert engine.feed(0).result() == [0]


def test_a_device_that_fails_at_a_question_ends_all_its_recordings(bench):
    engine = bench(batch_size=1)
    running = engine.feed(0)
    engine.backend.next_batch()

    def break_down() -> str:
        msg = "The device stopped working."
        raise DeviceFailed(msg)

    with pytest.raises(DeviceFailed, match="stopped working"):
        engine.engine.ask(break_down, cancelled=_never)
    with pytest.raises(DeviceFailed, match="stopped working"):
        running.result()


def test_who_is_cancelled_leaves_a_question_behind_and_the_model_is_freed_after_its_answer(bench):
    engine = bench(batch_size=1, stepped=False)
    asked, goes_on = threading.Event(), threading.Event()

    def slow() -> None:
        asked.set()
        assert goes_on.wait(DEADLINE_SECONDS)

    with pytest.raises(TranscriptionCancelled):
        engine.engine.ask(slow, cancelled=asked.is_set)
    closing = threading.Thread(target=engine.engine.close, daemon=True)
    closing.start()
    assert not engine.backend.closed

    goes_on.set()
    closing.join(DEADLINE_SECONDS)
    assert engine.backend.closed
