"""Whose chunks enter the model next, and together with whose."""

import threading


def test_the_texts_of_a_recording_come_in_order(bench):
    assert bench(batch_size=3, stepped=False).feed(*range(7)).result() == list(range(7))


def test_a_recording_without_chunks_ends_at_once(bench):
    assert bench(batch_size=2).feed().result() == []


def test_texts_come_in_order_when_batches_end_out_of_order(bench):
    first_may_end = threading.Event()
    engine = bench(
        batch_size=1,
        workers=2,
        stepped=False,
        fails=lambda batch: batch[0].start_seconds == 0 and first_may_end.wait(20),
    )
    recording = engine.feed(0, 1, 2)

    assert sorted(engine.backend.next_batch() for _ in range(3)) == [[0], [1], [2]]
    first_may_end.set()

    assert recording.result() == [0, 1, 2]


def test_recordings_share_a_batch(bench):
    engine = bench(batch_size=4)
    busy = engine.feed(99)
    engine.backend.next_batch()

    short = engine.feed(1).in_line(), engine.feed(2).in_line()
    engine.backend.finish_all()

    assert engine.backend.next_batch() == [1, 2]
    assert [recording.result() for recording in (busy, *short)] == [[99], [1], [2]]


def test_a_newcomer_is_in_the_next_batch(bench):
    engine = bench(batch_size=2)
    long = engine.feed(*range(6))
    assert engine.backend.next_batch() == [0, 1]

    newcomer = engine.feed(100).in_line()
    engine.backend.finish_all()

    assert engine.backend.next_batch() == [100, 2]
    assert (newcomer.result(), long.result()) == ([100], [0, 1, 2, 3, 4, 5])


def test_workers_leave_something_for_each_other(bench):
    engine = bench(batch_size=4, workers=2)
    recording = engine.feed(0, 1, 2, 3)

    assert sorted(len(engine.backend.next_batch()) for _ in range(2)) == [1, 2]
    engine.backend.finish_all()
    assert recording.result() == [0, 1, 2, 3]


def test_only_prompts_of_one_length_share_a_batch(bench):
    engine = bench(batch_size=4)
    busy = engine.feed(99)
    engine.backend.next_batch()

    others = engine.feed(1, 2).in_line(), engine.feed(3, 4, prompt_length=40).in_line()
    engine.backend.finish_all()

    assert [recording.result() for recording in (busy, *others)] == [[99], [1, 2], [3, 4]]
    assert engine.backend.batches == [[99], [1, 2], [3, 4]]


def test_a_long_recording_is_read_only_a_little_ahead_of_the_model(bench):
    engine = bench(batch_size=2)
    recording = engine.feed(*range(100))

    engine.backend.next_batch()
    engine.backend.finish()
    engine.backend.next_batch()

    assert recording.drawn <= 2 + 2 * 2 + 1  # a batch that is done, two ahead, one in the hand
    engine.backend.finish_all()
    assert len(recording.result()) == 100
