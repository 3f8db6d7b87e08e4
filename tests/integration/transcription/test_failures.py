"""Failures end the recording that caused them, and no other."""

import threading
from collections.abc import Sequence

import pytest

from tasks.errors import DeviceFailed, TranscriptionError
from tasks.transcription.backend import Chunk, OutOfMemory, TranscriptionCancelled, device_error


def test_a_chunk_that_fails_ends_only_its_own_recording(bench):
    def stumble(batch: Sequence[Chunk]) -> None:
        if any(chunk.start_seconds == 11 for chunk in batch):
            msg = "a bad chunk"
            raise ValueError(msg)

    engine = bench(batch_size=8, fails=stumble)
    busy = engine.feed(99)
    engine.backend.next_batch()
    good, bad = engine.feed(0, 1, 2).in_line(), engine.feed(10, 11, 12).in_line()
    engine.backend.finish_all()

    with pytest.raises(TranscriptionError, match="a bad chunk"):
        bad.result()
    assert (busy.result(), good.result()) == ([99], [0, 1, 2])
    assert engine.feed(5).result() == [5]


def test_when_memory_runs_out_the_batch_is_halved_for_good(bench):
    def overflow(batch: Sequence[Chunk]) -> None:
        if len(batch) > 2:
            msg = "CUDA failed with error out of memory"
            raise OutOfMemory(msg)

    engine = bench(batch_size=8, fails=overflow, stepped=False)

    assert engine.feed(*range(20)).result() == list(range(20))
    assert engine.engine.batch_size == 2
    assert engine.backend.shrinks == 0


def test_when_one_chunk_is_too_much_the_model_is_made_smaller(bench):
    def overflow(_: Sequence[Chunk]) -> None:
        if engine.backend.shrinks == 0:
            msg = "CUDA failed with error out of memory"
            raise OutOfMemory(msg)

    engine = bench(batch_size=2, fails=overflow)
    engine.backend.finish_all()

    assert engine.feed(0, 1).result() == [0, 1]
    assert engine.backend.shrinks == 1


def test_two_workers_that_run_out_of_memory_together_make_the_model_smaller_once(bench):
    both_in = threading.Barrier(2)

    def overflow(_: Sequence[Chunk]) -> None:
        if engine.backend.shrinks == 0:
            both_in.wait(20)
            msg = "CUDA failed with error out of memory"
            raise OutOfMemory(msg)

    engine = bench(batch_size=1, workers=2, fails=overflow, stepped=False)

    assert engine.feed(0, 1).result() == [0, 1]
    assert engine.backend.shrinks == 1


def test_when_it_cannot_be_made_smaller_the_recording_fails_and_the_engine_goes_on(bench):
    def overflow(batch: Sequence[Chunk]) -> None:
        if batch[0].start_seconds == 7:
            msg = "The device ran out of memory."
            raise OutOfMemory(msg)

    engine = bench(batch_size=1, fails=overflow, stepped=False)

    with pytest.raises(DeviceFailed, match="out of memory"):
        engine.feed(7).result()
    assert engine.engine.failure is None
    assert engine.feed(8).result() == [8]


def test_a_device_that_stops_working_ends_all_its_recordings(bench):
    def break_down(_: Sequence[Chunk]) -> None:
        msg = "The device stopped working."
        raise DeviceFailed(msg)

    engine = bench(batch_size=1, fails=break_down)
    running = engine.feed(0)
    engine.backend.next_batch()
    waiting = engine.feed(1).in_line()
    engine.backend.finish()

    for recording in (running, waiting, engine.feed(2)):
        with pytest.raises(DeviceFailed, match="stopped working"):
            recording.result()
    assert isinstance(engine.engine.failure, DeviceFailed)


def test_a_cancelled_recording_leaves_at_once_and_the_others_stay(bench):
    engine = bench(batch_size=1)
    cancelled = engine.feed(0, 1, 2)
    assert engine.backend.next_batch() == [0]
    other = engine.feed(10, 11).in_line()

    cancelled.cancelled.set()
    with pytest.raises(TranscriptionCancelled):  # while its first chunk is still in the model
        cancelled.result()
    engine.backend.finish_all()

    assert other.result() == [10, 11]
    assert engine.backend.batches == [[0], [10], [11]]


def test_an_engine_that_is_closed_takes_no_more_recordings_and_has_freed_the_model(bench):
    engine = bench(batch_size=1, stepped=False)
    assert engine.feed(0).result() == [0]

    engine.engine.close()

    with pytest.raises(DeviceFailed, match="unloaded"):
        engine.feed(1).result()
    assert engine.backend.closed


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (RuntimeError("CUDA failed with error out of memory"), OutOfMemory),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("CUDA failed with error an illegal memory access was encountered"), DeviceFailed),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED"), DeviceFailed),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_NOT_INITIALIZED"), DeviceFailed),
        (RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"), DeviceFailed),
        (
            ValueError(
                "Requested float16 compute type, but the target device or backend do not support efficient float16 "
                "computation."
            ),
            DeviceFailed,
        ),
        (RuntimeError("Invalid input features shape"), RuntimeError),  # the chunk's fault, not the device's
    ],
)
def test_errors_of_the_model_are_told_apart_by_their_text(error, meaning):
    assert type(device_error(error)) is meaning
