"""What a batch run does with conversions that Prefect never let begin."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.collect import OpenJobs, take_converted
from tasks.core.batches import Batch, Upload, job_id_for, manifest_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"


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


@pytest.mark.parametrize("error", [ConcurrencySlotAcquisitionError("no slot"), httpx.ConnectError("refused")])
def test_a_conversion_that_an_outage_kept_from_beginning_is_begun_again(error):
    upload = Upload(job_id=job_id_for(BATCH_ID, "a.mp3"), path="a.mp3", size=1, sha256="0", uploaded_at=NOON)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOON), [upload], started_at=NOON)
    (job,) = manifest.jobs
    jobs, line = OpenJobs(manifest, converting={job.job_id: job}), Line((job, never := NeverBegan(error)))
    with pytest.raises(type(error)):  # for the batch run to wait the outage out
        asyncio.run(take_converted(None, jobs, line))
    assert (line.started, list(line.ended), jobs.any_open) == ([job], [], True)
    assert jobs.converting == {job.job_id: job}
    assert jobs.never_began == {never.task_run_id}
