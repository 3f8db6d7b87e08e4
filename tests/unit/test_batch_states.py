"""The state of a batch, what a retry takes up of it, and the sums over its jobs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.batches import Stage
from tasks.orchestration.job_run import RunState
from tasks.orchestration.recovery import Retry, RunHistory
from tasks.orchestration.scheduling import Forecast
from tasks.orchestration.stages import BatchFacts, JobFacts, batch_status, job_status, stage_of, state_of
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import summary_of
from tests.support.job_facts import ADDRESSES, BATCH, JOB, PUBLICATION, batch, run
from tests.support.runs import NOON

STATES = [
    (RunState.SCHEDULED, [Stage.UPLOADED], BatchState.WAITING),
    (RunState.PENDING, [Stage.UPLOADED], BatchState.WAITING),
    (RunState.RUNNING, [Stage.DONE], BatchState.RUNNING),  # its summary is being written
    (RunState.CANCELLING, [Stage.TRANSCRIBING], BatchState.CANCELLING),
    (RunState.COMPLETED, [Stage.DONE, Stage.DONE], BatchState.COMPLETED),
    (RunState.FAILED, [Stage.DONE, Stage.FAILED], BatchState.FAILED),
    (RunState.FAILED, [Stage.DONE, Stage.DONE], BatchState.COMPLETED),  # the failed job alone was retried
    (RunState.FAILED, [Stage.DONE, Stage.TRANSCRIBING], BatchState.RUNNING),  # it alone is being retried
    (RunState.CANCELLED, [Stage.DONE, Stage.CANCELLED], BatchState.CANCELLED),
    (RunState.CANCELLED, [Stage.DONE, Stage.DONE], BatchState.COMPLETED),  # the cancelling came too late
    (RunState.CANCELLED, [Stage.DONE, Stage.FAILED, Stage.CANCELLED], BatchState.CANCELLED),
    (RunState.CANCELLED, [Stage.DONE, Stage.FAILED], BatchState.FAILED),
    (RunState.FAILED, [Stage.FAILED, Stage.CANCELLED], BatchState.FAILED),  # one job was cancelled, the other failed
    (RunState.COMPLETED, [Stage.DONE, Stage.CANCELLED], BatchState.COMPLETED),  # one job was cancelled
    (RunState.COMPLETED, [Stage.CANCELLED], BatchState.CANCELLED),
    (None, [Stage.DONE], BatchState.COMPLETED),  # the run was deleted in Prefect
    (None, [Stage.DONE, Stage.FAILED], BatchState.FAILED),
]


@pytest.mark.parametrize(("batch_run", "stages", "state"), STATES)
def test_a_batch_is_what_its_run_and_its_jobs_are(batch_run, stages, state):
    assert state_of(batch(batch_run), stages) is state


def test_a_batch_without_a_start_takes_uploads():
    status = batch_status(BatchFacts(batch=BATCH, addresses=ADDRESSES, started=False), [JobFacts(job=JOB)])
    assert (status.state, status.jobs[0].stage) == (BatchState.UPLOADING, Stage.UPLOADED)


def test_the_stages_of_a_summary_add_up_to_its_total():
    jobs = [JobFacts(job=JOB, run=run(state), progress=1.0) for state in RunState]
    summary = summary_of([job_status(facts, batch()) for facts in jobs])
    counted = summary.model_dump(exclude={"total", "audio_seconds", "eta_seconds", "retrying"})
    assert sum(count for name, count in counted.items() if "progress" not in name) == summary.total == len(RunState)


def test_a_batch_ends_with_its_last_job_and_tells_no_time_while_one_is_unknown():
    def status(seconds):
        expected = Forecast(1, "gpu-0", 0.0, seconds) if seconds else None
        return job_status(JobFacts(job=JOB, run=run(RunState.SCHEDULED), forecast=expected), batch())

    assert summary_of([status(10.0), status(30.0)]).eta_seconds == 30.0
    assert summary_of([status(10.0), status(None)]).eta_seconds is None


ASKED_TO_STOP = NOON + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("facts", "cancelled_at", "runs_again"),
    [
        (JobFacts(job=JOB, run=run(RunState.FAILED)), None, True),
        (JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=PUBLICATION), None, False),
        (JobFacts(job=JOB, run=run(RunState.CANCELLED)), None, False),  # its batch was never cancelled
        (JobFacts(job=JOB, run=run(RunState.CANCELLED, minutes=11)), ASKED_TO_STOP, True),
        (JobFacts(job=JOB, run=run(RunState.CANCELLED, minutes=9)), ASKED_TO_STOP, False),  # alone, before its batch
        (JobFacts(job=JOB, run=run(RunState.CANCELLED, minutes=11), cancelled=True), ASKED_TO_STOP, False),
        (JobFacts(job=JOB), ASKED_TO_STOP, True),
        (JobFacts(job=JOB, cancelled=True), ASKED_TO_STOP, False),
    ],
)
def test_a_retry_takes_up_what_failed_and_what_was_cancelled_with_the_batch(facts, cancelled_at, runs_again):
    of_batch = replace(batch(RunState.CANCELLED), history=RunHistory(cancelled_at=cancelled_at))
    assert job_status(facts, of_batch).runs_again is runs_again


RETRIED = NOON + timedelta(minutes=30)


def retried_batch(state=RunState.SCHEDULED, ended_as=RunState.FAILED):
    """A batch that had ended and was started again at half past twelve, ten minutes after it was asked to stop."""
    cancelled_at = ASKED_TO_STOP if ended_as is RunState.CANCELLED else None
    return replace(batch(state), history=RunHistory(retry=Retry(ended_as, RETRIED, cancelled_at)))


@pytest.mark.parametrize(
    ("facts", "ended_as", "stage"),
    [
        (JobFacts(job=JOB, run=run(RunState.FAILED)), RunState.FAILED, Stage.UPLOADED),
        (JobFacts(job=JOB, run=run(RunState.FAILED), recording_seconds=9.0), RunState.FAILED, Stage.QUEUED),
        (JobFacts(job=JOB, conversion=run(RunState.FAILED)), RunState.FAILED, Stage.UPLOADED),
        (JobFacts(job=JOB, conversion=run(RunState.RUNNING, minutes=31)), RunState.FAILED, Stage.CONVERTING),
        # It failed once more, since the retry.
        (JobFacts(job=JOB, run=run(RunState.FAILED, minutes=31)), RunState.FAILED, Stage.FAILED),
        (JobFacts(job=JOB, conversion=run(RunState.FAILED, minutes=31)), RunState.FAILED, Stage.FAILED),
        # What is done, and what was cancelled alone, is not taken up.
        (JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=PUBLICATION), RunState.FAILED, Stage.DONE),
        (JobFacts(job=JOB, run=run(RunState.CANCELLED)), RunState.FAILED, Stage.CANCELLED),
        (JobFacts(job=JOB, run=run(RunState.CANCELLED, minutes=11)), RunState.CANCELLED, Stage.UPLOADED),
        (
            JobFacts(job=JOB, run=run(RunState.CANCELLED, minutes=11), cancelled=True),
            RunState.CANCELLED,
            Stage.CANCELLED,
        ),
    ],
)
@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.RUNNING])
def test_what_a_retry_takes_up_has_failed_no_longer(facts, ended_as, stage, state):
    assert stage_of(facts, retried_batch(state, ended_as)) is stage


def test_a_batch_that_is_retried_tells_at_once_how_many_jobs_it_retries_and_what_stays_done():
    other = JOB.model_copy(update={"path": "b.mp3"})
    done = JobFacts(job=JOB, run=run(RunState.COMPLETED, audio_seconds=60.0), publication=PUBLICATION)
    failed = JobFacts(job=other, run=run(RunState.FAILED, audio_seconds=60.0))
    ended = batch_status(batch(RunState.FAILED), [done, failed])
    assert (ended.state, ended.summary.retrying, ended.summary.progress) == (BatchState.FAILED, 0, 1.0)
    again = batch_status(retried_batch(), [done, failed])
    assert (again.state, again.summary.retrying, again.summary.progress) == (BatchState.WAITING, 1, 0.5)
    assert again.jobs[1].error is None
    assert again.jobs[1].work_pool is None


def test_every_part_of_the_progress_goes_by_the_audio():
    def job(stage, seconds, progress=0.0):
        told = job_status(JobFacts(job=JOB), batch())
        return told.model_copy(update={"stage": stage, "audio_seconds": seconds, "progress": progress})

    jobs = [
        job(Stage.DONE, 100.0),
        job(Stage.FAILED, None),  # a corrupt file has no length: it counts as the average of the others, 250
        job(Stage.CANCELLED, 50.0),
        job(Stage.TRANSCRIBING, 600.0, 0.5),
    ]
    told = summary_of(jobs)
    parts = (told.progress_done, told.progress_failed, told.progress_cancelled)
    assert parts == (0.1, 0.25, 0.05)
    assert told.progress == pytest.approx(sum(parts) + 0.3)
