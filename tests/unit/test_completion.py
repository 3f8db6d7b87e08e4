"""The progress of a batch is that of the audio of its jobs; failures of one cause are told together."""

import pytest

from tasks.batches import Stage
from tasks.orchestration.status import JobStatus
from tasks.orchestration.summary import causes_of, shares_settled


def job(stage, *, path="talks/a.mp3", audio_seconds=None, progress=0.0, error=None):
    return JobStatus(
        job_id=path, path=path, size=1, stage=stage, progress=progress, audio_seconds=audio_seconds, error=error
    )


def done(audio_seconds):
    return job(Stage.DONE, audio_seconds=audio_seconds, progress=1.0)


def failed(path, error):
    return job(Stage.FAILED, path=path, error=error)


@pytest.mark.parametrize(
    ("jobs", "share"),
    [
        ([], 0.0),
        ([job(Stage.UPLOADED), job(Stage.CONVERTING)], 0.0),
        ([done(10.0), job(Stage.QUEUED, audio_seconds=30.0)], 0.25),
        ([job(Stage.TRANSCRIBING, audio_seconds=30.0, progress=0.5), job(Stage.QUEUED, audio_seconds=10.0)], 0.375),
        ([done(10.0), done(30.0), job(Stage.UPLOADED)], 0.6667),  # counts as 20 s, the average
        ([job(Stage.FAILED), job(Stage.CANCELLED)], 1.0),  # nothing more to do
        ([done(0.0), job(Stage.UPLOADED)], 0.5),  # no length is known: each counts the same
    ],
)
def test_the_share_that_is_settled_counts_seconds_of_audio(jobs, share):
    assert shares_settled(jobs).get("progress", 0.0) == share


def test_failures_that_differ_in_the_name_of_the_file_only_have_one_cause():
    causes = causes_of(
        [
            failed("too_short.wav", "No speech detected"),
            failed("week 1/a.mp3", "a.mp3 has no audio stream. Upload a file with sound."),
            done(10.0),
            failed("week 2/b.mp3", "b.mp3 has no audio stream. Upload a file with sound."),
        ]
    )
    assert [(cause.reason, cause.job_ids) for cause in causes] == [
        ("… has no audio stream. Upload a file with sound.", ("week 1/a.mp3", "week 2/b.mp3")),
        ("No speech detected", ("too_short.wav",)),
    ]


def test_a_cause_of_its_own_keeps_the_name_of_the_file():
    (cause,) = causes_of([failed("week 1/a.mp3", "a.mp3 has no audio stream.")])
    assert cause.reason == "a.mp3 has no audio stream."
