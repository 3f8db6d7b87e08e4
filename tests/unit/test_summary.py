from datetime import UTC, datetime

import pytest

from tasks.batches import Batch, Job, Stage
from tasks.orchestration.summary import Ending, duration, reason_of, result_of, sentence, summary_markdown, verdict

BATCH = Batch(batch_id="20260102-123059-aaaaaa", name="Talks", created_at=datetime(2026, 1, 2, tzinfo=UTC))


def ending(path: str, stage: Stage = Stage.DONE, error: str = "", audio_seconds: float = 60.0) -> Ending:
    job = Job(job_id=f"job-{path}", path=path, size=1, sha256="", document_stem=path)
    return Ending(job, stage, error, work_pool="gpu-0", audio_seconds=audio_seconds, run_seconds=6.0)


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("Task run encountered an exception MediaRejected: a.mp3 is empty.", "a.mp3 is empty."),
        ("Flow run encountered an exception: ValueError: x", "x"),
        (
            "Execution was interrupted by an unexpected exception: DeviceLost: The model base is not on this machine.",
            "The model base is not on this machine.",
        ),
        ("No speech detected", "No speech detected"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_state_message_is_read_without_prefects_words(message, read):
    assert sentence(message) == read


def test_the_verdict_names_the_first_failures():
    failed = [ending(f"{n}.mp3", Stage.FAILED, "No speech detected") for n in range(5)]
    assert verdict([*failed, ending("ok.mp3")]) == (
        "5 of 6 jobs failed: 0.mp3: No speech detected; 1.mp3: No speech detected; 2.mp3: No speech detected; "
        "and 2 more"
    )


def test_a_reason_that_names_the_file_does_not_name_it_twice():
    assert verdict([ending("a.mp3", Stage.FAILED, "a.mp3 is empty.")]) == "1 of 1 jobs failed: a.mp3 is empty."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("a.mp3 is empty: 0 bytes.", "Empty: 0 bytes."),
        ("a.mp3 has no audio stream.", "Has no audio stream."),
        ("a.mp3: the file ends too early.", "The file ends too early."),
        ("No speech detected", "No speech detected"),
        ("The device of a.mp3 failed.", "The device of a.mp3 failed."),
    ],
)
def test_a_reason_behind_a_name_does_not_repeat_it(error, told):
    assert reason_of(error, "talks/a.mp3") == told
    page = summary_markdown(BATCH, [ending("talks/a.mp3", Stage.FAILED, error)], wall_seconds=1)
    assert f"- **talks/a.mp3** - {told}" in page


def test_a_list_of_results_tells_batches_apart():
    endings = [ending("a.mp3"), ending("b.mp3"), ending("c.mp3", Stage.FAILED, "bad"), ending("d.mp3", Stage.CANCELLED)]
    assert result_of(BATCH, endings) == "Talks: 2 done, 1 failed, 1 cancelled"
    assert result_of(BATCH, endings[:1]) == "Talks: 1 done"


def test_cancelled_jobs_are_no_failures():
    assert verdict([ending("a.mp3"), ending("b.mp3", Stage.CANCELLED)]) == "1 of 2 jobs done, 1 cancelled"


def test_failures_with_one_cause_are_told_once():
    endings = [ending(f"{name}.mp3", Stage.FAILED, f"{name}.mp3 is empty.") for name in "ab"]
    page = summary_markdown(BATCH, [*endings, ending("c.mp3")], wall_seconds=30)
    assert "2 jobs: … is empty." in page
    assert page.count("is empty.") == 1


def test_the_summary_tells_the_speed_of_batch_and_pools():
    page = summary_markdown(BATCH, [ending("a.mp3"), ending("b.mp3")], wall_seconds=12)
    assert "2 min 00 s of audio in 12 s, real-time factor 0.10." in page
    assert "| gpu-0 | 2 | 2 min 00 s | 12 s | 0.10 |" in page


def test_names_cannot_write_markdown():
    page = summary_markdown(BATCH, [ending("[x](http://y)|*.mp3", Stage.FAILED, "bad")], wall_seconds=1)
    assert r"\[x\](http://y)\|\*.mp3" in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_written_as_people_do(seconds, text):
    assert duration(seconds) == text
