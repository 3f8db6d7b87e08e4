"""At which stage a job is, and what a batch has come to, for everything Prefect and the store can say."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.batches import Batch, Document, Gap, GapReason, Job, Publication, Stage
from tasks.names import DocumentFormat
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.recovery import Retry, RunHistory
from tasks.orchestration.scheduling import Forecast
from tasks.orchestration.stages import (
    Addresses,
    BatchFacts,
    JobFacts,
    attempts_by_job,
    batch_status,
    job_status,
    newest_by_job,
    stage_of,
    state_of,
)
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import summary_of
from tests.support.runs import run_id_of

ADDRESSES = Addresses(
    of_document=lambda job_id, form: f"/documents/{job_id}/{form}", of_key=str, of_run="http://prefect/{}".format
)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
BATCH = Batch(batch_id="20260304-120000-abcdef", name="Talks", created_at=NOON)
JOB = Job(
    job_id="20260304-120000-abcdef-abcdefghij", path="talks/a.mp3", size=1000, sha256="0" * 64, document_stem="talks/a"
)
PUBLICATION = Publication(
    job_id=JOB.job_id,
    attempt=2,
    documents=(Document(format=DocumentFormat.TXT, key="batches/b/documents/talks/a.txt", size=5, sha256="1" * 64),),
    language="de",
    audio_seconds=60.0,
    published_at=NOON,
)


def run(state, *, message="", minutes=0, job_id=JOB.job_id, attempts=1, audio_seconds=0.0, run_id="run"):
    at = NOON + timedelta(minutes=minutes)
    return JobRun(
        run_id=run_id_of(run_id),
        job_id=job_id,
        state=state,
        created_at=at,
        changed_at=at,
        message=message,
        attempts=attempts,
        work_pool="gpu-0",
        audio_seconds=audio_seconds,
    )


def batch(state=RunState.RUNNING, *, message=""):
    own = run(state, message=message, job_id="") if state else None
    return BatchFacts(batch=BATCH, addresses=ADDRESSES, started=True, run=own, run_created=True)


STAGES_BEFORE_DISPATCH = [
    (None, Stage.UPLOADED),
    (RunState.SCHEDULED, Stage.UPLOADED),
    (RunState.PENDING, Stage.UPLOADED),
    (RunState.RUNNING, Stage.CONVERTING),
    (RunState.COMPLETED, Stage.QUEUED),
    (RunState.FAILED, Stage.FAILED),
    (RunState.CRASHED, Stage.UPLOADED),  # it went down with its batch run, which begins it again
    (RunState.CANCELLING, Stage.CANCELLED),
    (RunState.CANCELLED, Stage.CANCELLED),
]


@pytest.mark.parametrize(("conversion", "stage"), STAGES_BEFORE_DISPATCH)
def test_before_its_dispatch_a_job_is_where_its_conversion_is(conversion, stage):
    facts = JobFacts(job=JOB, conversion=run(conversion) if conversion else None)
    assert stage_of(facts, batch()) is stage


@pytest.mark.parametrize(
    ("conversion", "stage"),
    [(None, Stage.QUEUED), (RunState.FAILED, Stage.QUEUED), (RunState.RUNNING, Stage.CONVERTING)],
)
def test_a_job_whose_recording_is_in_the_store_waits_for_a_gpu(conversion, stage):
    facts = JobFacts(job=JOB, conversion=run(conversion) if conversion else None, recording_seconds=60.0)
    assert stage_of(facts, batch()) is stage
    assert job_status(facts, batch()).audio_seconds == 60.0


STAGES_AFTER_DISPATCH = [
    (RunState.SCHEDULED, 0.0, Stage.QUEUED),  # AwaitingRetry is a scheduled state too
    (RunState.PENDING, 0.0, Stage.QUEUED),
    (RunState.RUNNING, 0.0, Stage.TRANSCRIBING),
    (RunState.RUNNING, 0.99, Stage.TRANSCRIBING),
    (RunState.RUNNING, 1.0, Stage.STORING),
    (RunState.COMPLETED, 1.0, Stage.FAILED),  # its documents are gone
    (RunState.FAILED, 0.5, Stage.FAILED),
    (RunState.CRASHED, 0.5, Stage.FAILED),
    (RunState.CANCELLING, 0.5, Stage.CANCELLED),
    (RunState.CANCELLED, 0.5, Stage.CANCELLED),
]


@pytest.mark.parametrize(("state", "progress", "stage"), STAGES_AFTER_DISPATCH)
def test_after_its_dispatch_a_job_is_where_its_run_is(state, progress, stage):
    facts = JobFacts(job=JOB, conversion=run(RunState.COMPLETED), run=run(state), progress=progress)
    assert stage_of(facts, batch()) is stage


@pytest.mark.parametrize("state", [None, RunState.COMPLETED, RunState.FAILED, RunState.CRASHED, RunState.CANCELLED])
def test_a_job_with_documents_is_done_whatever_became_of_its_run(state):
    facts = JobFacts(job=JOB, run=run(state) if state else None, publication=PUBLICATION)
    assert stage_of(facts, batch(None)) is Stage.DONE


def test_a_job_that_runs_once_more_is_not_done_although_it_has_documents():
    facts = JobFacts(job=JOB, run=run(RunState.RUNNING), publication=PUBLICATION)
    assert stage_of(facts, batch()) is Stage.TRANSCRIBING


UNDISPATCHED = [
    (RunState.RUNNING, Stage.QUEUED),
    (RunState.SCHEDULED, Stage.QUEUED),
    (RunState.FAILED, Stage.FAILED),
    (RunState.CRASHED, Stage.FAILED),
    (RunState.CANCELLED, Stage.CANCELLED),
    (None, Stage.FAILED),  # the batch run was deleted in Prefect
]


@pytest.mark.parametrize(("batch_run", "stage"), UNDISPATCHED)
def test_a_job_without_a_run_goes_the_way_of_its_batch(batch_run, stage):
    facts = JobFacts(job=JOB, conversion=run(RunState.COMPLETED))
    assert stage_of(facts, batch(batch_run)) is stage


def test_jobs_of_a_start_that_was_interrupted_are_uploaded():
    facts = BatchFacts(batch=BATCH, addresses=ADDRESSES, started=True, run=None, run_created=False)
    assert stage_of(JobFacts(job=JOB), facts) is Stage.UPLOADED


REASONS = [
    (
        JobFacts(
            job=JOB,
            conversion=run(
                RunState.FAILED,
                message="Task run encountered an exception MediaRejected: a.mp3 has no audio stream.",
            ),
        ),
        batch(),
        "a.mp3 has no audio stream.",
    ),
    (
        JobFacts(job=JOB, run=run(RunState.FAILED, message="The GPU stopped.")),
        batch(),
        "The GPU stopped.",
    ),
    (
        JobFacts(job=JOB, run=run(RunState.CRASHED)),
        batch(),
        "The job failed without giving a reason. Look into the log of its run.",
    ),
    (
        JobFacts(job=JOB, run=run(RunState.COMPLETED)),
        batch(),
        "The job was transcribed, but its documents are no longer in the store. Upload the file again.",
    ),
    (
        JobFacts(job=JOB, conversion=run(RunState.COMPLETED)),
        batch(RunState.CRASHED, message="The machine was switched off."),
        "The batch ended before the job was begun: The machine was switched off. Retry the batch.",
    ),
    (
        JobFacts(job=JOB),
        batch(None),
        "The job is not done, and its runs were removed from Prefect, with the reason. Upload the file again.",
    ),
]


@pytest.mark.parametrize(("facts", "of_batch", "reason"), REASONS)
def test_a_failed_job_says_why_in_a_sentence(facts, of_batch, reason):
    assert job_status(facts, of_batch).error == reason


def test_only_failed_jobs_have_an_error():
    cancelled = JobFacts(job=JOB, run=run(RunState.CANCELLED, message="Cancelled from the dashboard"))
    assert job_status(cancelled, batch()).error is None


def test_a_done_job_links_its_documents_and_tells_its_language():
    status = job_status(JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=PUBLICATION), batch())
    assert (status.progress, status.language, status.audio_seconds) == (1.0, "de", 60.0)
    assert [(link.name, link.url) for link in status.documents] == [
        ("a.txt", f"/documents/{JOB.job_id}/txt"),
    ]


def test_a_document_tells_its_stable_address_and_without_one_where_it_is_kept():
    facts = JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=PUBLICATION)
    named = replace(batch(), addresses=replace(ADDRESSES, of_key="s3://media/{}".format))
    (link,) = job_status(facts, named).documents
    assert link.uri == "s3://media/batches/b/documents/talks/a.txt"
    stable = replace(named, batch=BATCH.model_copy(update={"results": "results/{batch}/{tree}/{name}"}))
    (link,) = job_status(facts, stable).documents
    assert link.uri == f"s3://media/results/{BATCH.batch_id}/talks/a_formatted_refined.txt"


def test_a_removed_upload_is_told_of_a_job_that_is_not_done():
    gone = JobFacts(job=JOB, run=run(RunState.CANCELLED), upload_removed=True)
    assert job_status(gone, batch()).upload_removed
    assert not job_status(replace(gone, run=run(RunState.COMPLETED), publication=PUBLICATION), batch()).upload_removed


def test_a_queued_job_tells_its_place_and_a_running_one_its_end():
    expected = Forecast(queue_position=3, work_pool="gpu-0", starts_in_seconds=10, ends_in_seconds=25.04)
    queued = job_status(JobFacts(job=JOB, run=run(RunState.SCHEDULED), forecast=expected), batch())
    running = job_status(JobFacts(job=JOB, run=run(RunState.RUNNING), forecast=expected), batch())
    assert (queued.queue_position, queued.eta_seconds) == (3, 25.0)
    assert (running.queue_position, running.eta_seconds) == (None, 25.0)


def test_a_job_that_no_pool_can_take_has_no_time():
    never = Forecast(queue_position=1, work_pool=None, starts_in_seconds=math.inf, ends_in_seconds=math.inf)
    assert job_status(JobFacts(job=JOB, run=run(RunState.SCHEDULED), forecast=never), batch()).eta_seconds is None


def test_of_a_moved_job_the_newest_run_counts_and_all_its_tries():
    runs = [
        run(RunState.CANCELLED, run_id="first", minutes=0, attempts=1),
        run(RunState.RUNNING, run_id="second", minutes=5, attempts=2),
    ]
    assert newest_by_job(reversed(runs))[JOB.job_id].run_id == run_id_of("second")
    assert attempts_by_job(runs)[JOB.job_id] == 3


STATES = [
    (RunState.SCHEDULED, [Stage.UPLOADED], BatchState.WAITING),
    (RunState.PENDING, [Stage.UPLOADED], BatchState.WAITING),
    (RunState.RUNNING, [Stage.DONE], BatchState.RUNNING),  # its summary is being written
    (RunState.CANCELLING, [Stage.TRANSCRIBING], BatchState.CANCELLING),
    (RunState.COMPLETED, [Stage.DONE, Stage.DONE], BatchState.COMPLETED),
    (RunState.FAILED, [Stage.DONE, Stage.FAILED], BatchState.FAILED),
    (RunState.FAILED, [Stage.DONE, Stage.DONE], BatchState.COMPLETED),  # the failed job was retried by itself
    (RunState.FAILED, [Stage.DONE, Stage.TRANSCRIBING], BatchState.RUNNING),  # it is being retried by itself
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


def test_a_job_that_is_done_says_which_stretches_have_no_words():
    gaps = (Gap(start=14, end=19, reason=GapReason.NOT_UNDERSTOOD),)
    published = PUBLICATION.model_copy(update={"gaps": gaps})
    facts = JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=published)

    assert job_status(facts, batch()).note == "1 stretch not understood (0:14\N{EN DASH}0:19)"
    noted = published.model_copy(update={"notes": ("Speakers were not told apart.",)})
    assert job_status(replace(facts, publication=noted), batch()).note.endswith("0:19) · Speakers were not told apart.")
    again = replace(facts, run=run(RunState.RUNNING))  # a retry: its documents are not those of before
    assert job_status(again, batch()).note == ""


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


def test_a_file_that_cannot_become_better_is_told():
    for failed, unusable in (
        (JobFacts(job=JOB, conversion=replace(run(RunState.FAILED), state_name="Rejected")), True),
        (JobFacts(job=JOB, run=replace(run(RunState.FAILED), state_name="Rejected")), True),
        (JobFacts(job=JOB, run=run(RunState.FAILED)), False),
    ):
        assert job_status(failed, batch(RunState.FAILED)).unusable is unusable


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
