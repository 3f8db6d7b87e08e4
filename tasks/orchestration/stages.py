"""
The stage of a job and the state of a batch: derived from what Prefect and the store say at one moment.

Nothing is remembered between two looks, so a run that was retried, moved or deleted in Prefect's own UI shows here as
what it is. Two rules settle contradictions: documents in the store outweigh a run that says otherwise, and a job that
no run works on any more has failed, whatever it was waiting for.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from tasks.batches import REJECTED, Batch, Document, Job, Publication, Stage, Upload
from tasks.names import DocumentFormat
from tasks.orchestration.job_run import LONG_AGO, Attempt, JobRun, RunState
from tasks.orchestration.recovery import RunHistory, Step, cancelled_alone, step_for
from tasks.orchestration.scheduling import Forecast
from tasks.orchestration.status import AttemptStatus, BatchState, BatchStatus, DocumentLink, JobStatus
from tasks.orchestration.summary import causes_of, sentence, summary_of
from tasks.storage.keys import result_key
from tasks.transcription.gaps import told

NOTHING = JobRun(UUID(int=0), RunState.SCHEDULED, LONG_AGO)
"""Stands for a run that there is not."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The known facts about one job: its newest conversion, its newest run, its documents."""

    job: Job | Upload
    conversion: JobRun | None = None
    run: JobRun | None = None
    progress: float = 0.0
    publication: Publication | None = None
    recording_seconds: float | None = None
    """Length of its recording in the store; None as long as there is none, or where a run says it."""
    forecast: Forecast | None = None
    cancelled: bool = False
    """True if a user cancelled it alone, and not its batch."""
    upload_removed: bool = False
    attempts: tuple[Attempt, ...] = ()
    """Its tries on devices, oldest first."""
    helpers: tuple[Attempt, ...] = ()
    """The times for which other devices helped with it, earliest first."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Functions that return where the things of a status are found, for a program that shows it."""

    of_document: Callable[[str, DocumentFormat], str]
    """Address of a document of a job id, for a download."""
    of_key: Callable[[str], str]
    """Address of a key of the store, for other programs."""
    of_run: Callable[[UUID], str]
    """Page of a run in Prefect's UI."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """The known facts about one batch; *run_created* stays true when the run is deleted in Prefect."""

    batch: Batch
    started: bool
    addresses: Addresses
    run: JobRun | None = None
    run_created: bool = False
    history: RunHistory = field(default_factory=RunHistory)
    """The history of its run."""

    @property
    def abandoned(self) -> bool:
        """True if the batch was started and no run works on it any more."""
        return self.run.state.ended if self.run else self.run_created


def newest_by_job(runs: Iterable[JobRun]) -> dict[str, JobRun]:
    """Return each job's newest run; a job that was moved to another work pool has several."""
    newest: dict[str, JobRun] = {}
    for run in runs:
        known = newest.get(run.job_id)
        if known is None or (run.created_at, run.run_id) > (known.created_at, known.run_id):
            newest[run.job_id] = run
    return newest


def attempts_by_job(runs: Iterable[JobRun]) -> Mapping[str, int]:
    """Return the number of tries of each job, on whatever work pool."""
    attempts: Counter[str] = Counter()
    for run in runs:
        attempts[run.job_id] += run.attempts
    return attempts


def _without_what_is_retried(facts: JobFacts, batch: BatchFacts) -> JobFacts:
    """
    Return the facts without the conversion and the run that a retry of the batch, which is under way, begins again.

    Prefect tells how they ended until the batch's run gets to them.
    """
    retry = None if batch.abandoned else batch.history.retry
    if retry is None:
        return facts
    conversion, run = facts.conversion, facts.run
    if conversion is not None and conversion.state.ended and conversion.changed_at <= retry.at:
        conversion = None
    step = step_for(
        run.state if run else None,
        run_changed_at=run.changed_at if run else None,
        published=facts.publication is not None,
        retry=retry,
        marked_cancelled=facts.cancelled,
    )
    return replace(facts, conversion=conversion, run=None if step is Step.RESTART else run)


def stage_of(facts: JobFacts, batch: BatchFacts) -> Stage:
    """Return the stage of the job."""
    facts = _without_what_is_retried(facts, batch)
    run = facts.run
    if facts.publication is not None and (run is None or run.state.ended):
        return Stage.DONE
    if run is None and facts.cancelled:
        return Stage.CANCELLED
    stage = _stage_before_dispatch(facts) if run is None else _stage_of_run(run, facts.progress)
    if run is None and not stage.ended and batch.abandoned:
        cancelled = batch.run is not None and batch.run.state is RunState.CANCELLED
        return Stage.CANCELLED if cancelled else Stage.FAILED
    return stage


def _stage_before_dispatch(facts: JobFacts) -> Stage:
    """Return the stage of a job without a run: its recording in the store counts more than how it came to be."""
    converting = facts.conversion is not None and facts.conversion.state is RunState.RUNNING
    if facts.recording_seconds is not None and not converting:
        return Stage.QUEUED
    if facts.conversion is None:
        return Stage.UPLOADED
    return {
        RunState.SCHEDULED: Stage.UPLOADED,
        RunState.PENDING: Stage.UPLOADED,
        RunState.RUNNING: Stage.CONVERTING,
        RunState.COMPLETED: Stage.QUEUED,
        RunState.FAILED: Stage.FAILED,
        RunState.CRASHED: Stage.UPLOADED,  # the batch run was interrupted, and begins it again
        RunState.CANCELLING: Stage.CANCELLED,
        RunState.CANCELLED: Stage.CANCELLED,
    }[facts.conversion.state]


def _stage_of_run(run: JobRun, progress: float) -> Stage:
    return {
        RunState.SCHEDULED: Stage.QUEUED,
        RunState.PENDING: Stage.QUEUED,
        RunState.RUNNING: Stage.STORING if progress >= 1 else Stage.TRANSCRIBING,
        RunState.COMPLETED: Stage.FAILED,  # it would be done if its documents were in the store
        RunState.FAILED: Stage.FAILED,
        RunState.CRASHED: Stage.FAILED,
        RunState.CANCELLING: Stage.CANCELLED,
        RunState.CANCELLED: Stage.CANCELLED,
    }[run.state]


def error_of(facts: JobFacts, batch: BatchFacts) -> str:
    """Return the reason why the job failed, as one sentence or two for the user; only of a job that failed."""
    failure = facts.run or facts.conversion
    if facts.run is not None and facts.run.state is RunState.COMPLETED:
        return "The job was transcribed, but its documents are no longer in the store. Upload the file again."
    if failure is not None and failure.state in (RunState.FAILED, RunState.CRASHED):
        return sentence(failure.message) or "The job failed without giving a reason. Look into the log of its run."
    if batch.run is None:
        return "The job is not done, and its runs were removed from Prefect, with the reason. Upload the file again."
    reason = sentence(batch.run.message)
    return f"The batch ended before the job was begun{f': {reason}' if reason else '.'} Retry the batch."


def job_status(facts: JobFacts, batch: BatchFacts) -> JobStatus:
    """Return everything the API says of one job."""
    now = _without_what_is_retried(facts, batch)
    stage = stage_of(now, batch)
    published = facts.publication if stage is Stage.DONE else None
    begun = stage.ended or stage in (Stage.TRANSCRIBING, Stage.STORING)
    return JobStatus(
        job_id=facts.job.job_id,
        path=facts.job.path,
        size=facts.job.size,
        options=facts.job.options,
        stage=stage,
        progress=_progress(stage, facts.progress),
        work_pool=(now.run.work_pool or None) if now.run else None,
        queue_position=_queue_position(stage, facts.forecast),
        eta_seconds=_eta_seconds(stage, facts.forecast),
        attempt=_attempt(facts, published),
        error=error_of(facts, batch) if stage is Stage.FAILED else None,
        note=" · ".join(filter(None, (told(published.gaps), *published.notes))) if published else "",
        audio_seconds=_audio_seconds(facts),
        language=published.language if published else None,
        documents=_links(published, facts.job, batch) if published else (),
        runs_again=_runs_again(stage, facts, batch),
        unusable=stage is Stage.FAILED and (facts.run or facts.conversion or NOTHING).state_name == REJECTED,
        upload_removed=facts.upload_removed and stage in (Stage.FAILED, Stage.CANCELLED),
        flow_run_id=str(facts.run.run_id) if facts.run else None,
        flow_run_url=batch.addresses.of_run(facts.run.run_id) if facts.run else None,
        started_at=facts.run.started_at if facts.run and begun else None,
        ended_at=facts.run.ended_at if facts.run and begun else None,
        attempts=_told(facts.attempts),
        helpers=_told(facts.helpers),
    )


def _told(attempts: Iterable[Attempt]) -> tuple[AttemptStatus, ...]:
    return tuple(
        AttemptStatus(
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            ended_as=attempt.ended_as,
            work_pool=attempt.work_pool,
        )
        for attempt in attempts
    )


def _runs_again(stage: Stage, facts: JobFacts, batch: BatchFacts) -> bool:
    """Return whether a retry of the batch takes the job up: by the rule of `recovery.step_for`."""
    if stage is Stage.CANCELLED:
        changed_at = facts.run.changed_at if facts.run else None
        return not cancelled_alone(
            changed_at, marked_cancelled=facts.cancelled, batch_cancelled_at=batch.history.cancelled_at
        )
    return stage is Stage.FAILED


def _attempt(facts: JobFacts, published: Publication | None) -> int:
    """Return the number of tries of the job; of one that never got a run, the number of its conversions."""
    tried = facts.run or (None if published else facts.conversion)
    if tried is not None:
        return tried.attempts
    return published.attempt if published else 0


def _progress(stage: Stage, progress: float) -> float:
    if stage is Stage.DONE:
        return 1.0
    return min(max(progress, 0.0), 1.0) if stage in (Stage.TRANSCRIBING, Stage.STORING) else 0.0


def _queue_position(stage: Stage, forecast: Forecast | None) -> int | None:
    return (forecast.queue_position or None) if forecast and stage is Stage.QUEUED else None


def _eta_seconds(stage: Stage, forecast: Forecast | None) -> float | None:
    if stage.ended or forecast is None or not forecast.measured or math.isinf(forecast.ends_in_seconds):
        return None
    return round(forecast.ends_in_seconds, 1)


def _audio_seconds(facts: JobFacts) -> float | None:
    if facts.publication is not None:
        return facts.publication.audio_seconds
    return (facts.run.audio_seconds if facts.run else 0.0) or facts.recording_seconds


def _links(publication: Publication, job: Job | Upload, batch: BatchFacts) -> tuple[DocumentLink, ...]:
    def key_of(document: Document) -> str:
        return (isinstance(job, Job) and result_key(batch.batch, job, document.format)) or document.key

    return tuple(
        DocumentLink(
            format=document.format,
            name=document.key.rpartition("/")[2],
            size=document.size,
            url=batch.addresses.of_document(publication.job_id, document.format),
            uri=batch.addresses.of_key(key_of(document)),
        )
        for document in publication.documents
    )


def batch_status(
    facts: BatchFacts,
    jobs: Iterable[JobFacts],
    status_of: Callable[[JobFacts, BatchFacts], JobStatus] = job_status,
) -> BatchStatus:
    """Return everything the API says of one batch and its jobs; *status_of* may know that of a job already."""
    jobs = list(jobs)
    statuses = tuple(status_of(job, facts) for job in jobs)
    stopping = any(job.run is not None and job.run.state is RunState.CANCELLING for job in jobs)
    return BatchStatus(
        batch_id=facts.batch.batch_id,
        name=facts.batch.name,
        state=state_of(facts, [status.stage for status in statuses], stopping=stopping),
        created_at=facts.batch.created_at,
        summary=summary_of(statuses, retried=facts.history.retry is not None and not facts.abandoned),
        flow_run_id=str(facts.run.run_id) if facts.run else None,
        flow_run_url=facts.addresses.of_run(facts.run.run_id) if facts.run else None,
        started_at=facts.run.started_at if facts.run else None,
        ended_at=facts.run.ended_at if facts.run else None,
        attempts=_told(facts.history.attempts),
        causes=causes_of(statuses),
        jobs=statuses,
    )


def state_of(facts: BatchFacts, stages: Sequence[Stage], *, stopping: bool = False) -> BatchState:
    """
    Return the state of the batch; *stopping* says that a cancelled job still holds its device.

    It has ended only when its run and all its jobs have. Its jobs decide how: one that was retried on its own and
    succeeded makes the batch completed, though its run still says Failed.
    """
    if not facts.started:
        return BatchState.UPLOADING
    if not facts.abandoned:
        active = {RunState.RUNNING: BatchState.RUNNING, RunState.CANCELLING: BatchState.CANCELLING}
        return active.get(facts.run.state, BatchState.WAITING) if facts.run else BatchState.WAITING
    if not all(stage.ended for stage in stages):
        return BatchState.RUNNING
    if stopping:
        return BatchState.CANCELLING
    run_cancelled = facts.run is not None and facts.run.state is RunState.CANCELLED
    if Stage.CANCELLED in stages and (run_cancelled or not {Stage.DONE, Stage.FAILED} & {*stages}):
        return BatchState.CANCELLED
    return BatchState.FAILED if Stage.FAILED in stages else BatchState.COMPLETED
