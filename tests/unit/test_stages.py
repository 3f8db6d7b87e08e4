"""The stage of a job, and what it is told with, for everything Prefect and the store can say."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.batches import Gap, GapReason, Stage
from tasks.orchestration.job_run import Attempt, RunState
from tasks.orchestration.scheduling import Forecast
from tasks.orchestration.stages import BatchFacts, JobFacts, attempts_by_job, job_status, newest_by_job, stage_of
from tests.support.job_facts import ADDRESSES, BATCH, JOB, PUBLICATION, batch, run
from tests.support.runs import NOON, run_id_of

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


def test_a_job_that_is_done_says_which_stretches_have_no_words():
    gaps = (Gap(start=14, end=19, reason=GapReason.NOT_UNDERSTOOD),)
    published = PUBLICATION.model_copy(update={"gaps": gaps})
    facts = JobFacts(job=JOB, run=run(RunState.COMPLETED), publication=published)

    assert job_status(facts, batch()).note == "1 stretch not understood (0:14\N{EN DASH}0:19)"
    noted = published.model_copy(update={"notes": ("Speakers were not told apart.",)})
    assert job_status(replace(facts, publication=noted), batch()).note.endswith("0:19) · Speakers were not told apart.")
    again = replace(facts, run=run(RunState.RUNNING))  # a retry: its documents are not those of before
    assert job_status(again, batch()).note == ""


def test_a_file_that_cannot_become_better_is_told():
    for failed, unusable in (
        (JobFacts(job=JOB, conversion=replace(run(RunState.FAILED), state_name="Rejected")), True),
        (JobFacts(job=JOB, run=replace(run(RunState.FAILED), state_name="Rejected")), True),
        (JobFacts(job=JOB, run=run(RunState.FAILED)), False),
    ):
        assert job_status(failed, batch(RunState.FAILED)).unusable is unusable


def test_help_is_told_beside_the_attempts_and_is_none_of_them():
    help_ended = Attempt(NOON, NOON + timedelta(minutes=1), RunState.CANCELLED, "gpu-1")
    facts = JobFacts(
        job=JOB,
        run=run(RunState.RUNNING),
        attempts=(Attempt(NOON, work_pool="gpu-0"),),
        helpers=(help_ended, Attempt(NOON, work_pool="gpu-2")),
    )
    told = job_status(facts, batch())
    assert [(one.work_pool, one.ended_as) for one in told.helpers] == [("gpu-1", "cancelled"), ("gpu-2", None)]
    assert (told.stage, told.attempt, [one.work_pool for one in told.attempts]) == (Stage.TRANSCRIBING, 1, ["gpu-0"])
