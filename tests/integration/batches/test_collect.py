"""What a batch run does with conversions that Prefect never let begin, and with runs that had ended."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.collect import OpenJobs, reopen, take_converted
from tasks.core.batches import Batch, Stage, Upload, job_id_for, job_tag, manifest_of
from tasks.core.summaries import Ending
from tasks.observe import child_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
RUN_ID = uuid4()


class NeverBegan:
    """A conversion whose task run could not be begun."""

    def __init__(self, error: Exception) -> None:
        self.task_run_id = uuid4()
        self._error = error

    def wait(self) -> None:
        raise self._error


class Line:
    """The conversions of a batch, which line up here when they have ended."""

    def __init__(self, *ended) -> None:
        self.ended = deque(ended)
        self.started = []

    def start(self, jobs) -> None:
        self.started += jobs


class OneRun:
    """A Prefect server that has one run."""

    def __init__(self, run) -> None:
        self.run = run

    async def read_flow_runs(self, **_filters):
        return [self.run]


def one_job():
    upload = Upload(job_id=job_id_for(BATCH_ID, "a.mp3"), path="a.mp3", size=1, sha256="0", uploaded_at=NOON)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOON), [upload], started_at=NOON)
    return manifest, manifest.jobs[0]


def run_of(job, state_type: StateType, minutes: int) -> FlowRun:
    state = State(type=state_type, timestamp=NOON + timedelta(minutes=minutes))
    return FlowRun(flow_id=RUN_ID, id=RUN_ID, tags=[job_tag(job.job_id)], state=state)


@pytest.mark.parametrize(
    ("now", "minutes", "taken_up"),
    [
        (StateType.FAILED, 0, False),
        (StateType.COMPLETED, 0, False),  # it said so before, and its documents were damaged: that would go on for ever
        (StateType.SCHEDULED, 1, True),
        (StateType.COMPLETED, 1, True),
        (StateType.FAILED, 1, True),
    ],
)
def test_a_failed_job_is_taken_up_again_only_if_its_run_has_changed_since(now, minutes, taken_up):
    manifest, job = one_job()
    then = StateType.COMPLETED if now is StateType.COMPLETED and not minutes else StateType.FAILED
    jobs = OpenJobs(
        manifest,
        ended={job.job_id: child_of(run_of(job, then, 0))},
        endings={job.job_id: Ending(job, Stage.FAILED, "Its documents are damaged.")},
    )
    assert asyncio.run(reopen(OneRun(run_of(job, now, minutes)), jobs)) is taken_up
    assert (job.job_id in jobs.children, job.job_id in jobs.endings) == (taken_up, not taken_up)


@pytest.mark.parametrize("error", [ConcurrencySlotAcquisitionError("no slot"), httpx.ConnectError("refused")])
def test_a_conversion_that_an_outage_kept_from_beginning_is_begun_again(error):
    manifest, job = one_job()
    jobs, line = OpenJobs(manifest, converting={job.job_id: job}), Line((job, never := NeverBegan(error)))
    with pytest.raises(type(error)):  # for the batch run to wait the outage out
        asyncio.run(take_converted(None, jobs, line))
    assert (line.started, list(line.ended), jobs.any_open) == ([job], [], True)
    assert jobs.converting == {job.job_id: job}
    assert jobs.never_began == {never.task_run_id}
