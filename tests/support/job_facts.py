"""A batch and one of its jobs, in the states that Prefect and the store can tell of them."""

from datetime import timedelta

from tasks.batches import Batch, Document, Job, Publication
from tasks.names import DocumentFormat
from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.stages import Addresses, BatchFacts
from tests.support.runs import NOON, run_id_of

ADDRESSES = Addresses(
    of_document=lambda job_id, form: f"/documents/{job_id}/{form}", of_key=str, of_run="http://prefect/{}".format
)
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


def run(
    state: RunState,
    *,
    message: str = "",
    minutes: float = 0,
    job_id: str = JOB.job_id,
    attempts: int = 1,
    audio_seconds: float = 0.0,
    run_id: str = "run",
) -> JobRun:
    """The run of the job, which got into its state so many minutes after noon."""
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


def batch(state: RunState | None = RunState.RUNNING, *, message: str = "") -> BatchFacts:
    """The batch, which was started; without a *state* its run was deleted in Prefect."""
    own = run(state, message=message, job_id="") if state else None
    return BatchFacts(batch=BATCH, addresses=ADDRESSES, started=True, run=own, run_created=True)
