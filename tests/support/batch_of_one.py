"""A batch of one job, and a Prefect server that has one run."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun, State, StateType

from tasks.batches import Batch, Job, Manifest, Publication, Upload, job_id_for, job_tag, manifest_of
from tasks.documents.publish import publish
from tasks.names import DocumentFormat
from tasks.orchestration.open_jobs import JobState, OpenJobs
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys, attempt_token
from tests.support.transcripts import heard

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
RUN_ID = uuid4()
SCHEDULED, RUNNING, CRASHED, FAILED = StateType.SCHEDULED, StateType.RUNNING, StateType.CRASHED, StateType.FAILED


class OneRun:
    """A Prefect server that has one run."""

    def __init__(self, run: FlowRun | None, *states: State) -> None:
        self.run = run
        self.states = states
        self.set_to: list[str | None] = []

    async def read_flow_runs(self, **_filters: object) -> list[FlowRun]:
        return [self.run] if self.run else []

    async def read_flow_run_states(self, _flow_run_id: UUID) -> tuple[State, ...]:
        return self.states

    async def set_flow_run_state(self, _flow_run_id: UUID, state: State, *, force: bool) -> None:
        assert force
        self.set_to.append(state.name)


def one_job() -> tuple[Manifest, Job]:
    """The manifest of the batch, and its job."""
    upload = Upload(job_id=job_id_for(BATCH_ID, "a.mp3"), path="a.mp3", size=1, sha256="0", uploaded_at=NOON)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOON), [upload], started_at=NOON)
    return manifest, manifest.jobs[0]


def run_of(job: Job, state_type: StateType, minutes: int) -> FlowRun:
    """The run of the job, in its state since so many minutes after noon."""
    state = State(type=state_type, timestamp=NOON + timedelta(minutes=minutes))
    return FlowRun(flow_id=RUN_ID, id=RUN_ID, tags=[job_tag(job.job_id)], state=state)


def open_jobs(manifest: Manifest, *states: JobState) -> OpenJobs:
    """The job as the batch run knows it."""
    jobs = OpenJobs(manifest)
    for state in states:
        jobs.put(state)
    return jobs


def published(store: Store, manifest: Manifest, job: Job) -> Publication:
    """Publish documents of the job."""
    store.write(BatchKeys.of(BATCH_ID).manifest, manifest.model_dump_json().encode())
    token, contents = attempt_token("run", 1), {DocumentFormat.TXT: b"x"}
    return publish(store, BATCH_ID, job, token=token, attempt=1, heard=heard(), contents=contents)
