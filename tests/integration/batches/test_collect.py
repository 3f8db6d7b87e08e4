"""A batch run with conversions that Prefect never let begin, and with runs that had ended."""

import asyncio
from collections import deque
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import StateType
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.batches import Recording, Stage
from tasks.orchestration.batch_run import adopt, collect, reopen, take_converted
from tasks.orchestration.open_jobs import Converting, Ended, Running
from tasks.orchestration.prefect_runs import job_run_of
from tasks.orchestration.run_recovery import restart
from tasks.orchestration.summary import Ending
from tasks.storage.keys import BatchKeys
from tests.support.batch_of_one import BATCH_ID, OneRun, one_job, open_jobs, published, run_of


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
    failed = Ending(job, Stage.FAILED, "Its documents are damaged.")
    jobs = open_jobs(manifest, Ended(failed, job_run_of(run_of(job, then, 0))))
    assert asyncio.run(reopen(OneRun(run_of(job, now, minutes)), jobs)) is taken_up
    assert (job.job_id in jobs.running, job.job_id in jobs.ended) == (taken_up, not taken_up)


@pytest.mark.parametrize("error", [ConcurrencySlotAcquisitionError("no slot"), httpx.ConnectError("refused")])
def test_a_conversion_that_an_outage_kept_from_beginning_is_begun_again(error):
    manifest, job = one_job()
    jobs, line = open_jobs(manifest, Converting(job)), Line((job, never := NeverBegan(error)))
    with pytest.raises(type(error)):  # for the batch run to wait the outage out
        asyncio.run(take_converted(None, jobs, line))
    assert (line.started, list(line.ended), jobs.any_open) == ([job], [], True)
    assert jobs.converting == {job.job_id: Converting(job)}
    assert jobs.never_began == {never.task_run_id}


@pytest.mark.parametrize(
    ("by_now", "set_to"),
    [
        (StateType.FAILED, ["AwaitingRetry"]),
        (StateType.SCHEDULED, []),  # a person was faster
        (StateType.RUNNING, []),
    ],
)
def test_a_job_is_restarted_only_if_its_run_has_ended_by_now(by_now, set_to):
    _, job = one_job()
    server = OneRun(run_of(job, by_now, 1))
    asyncio.run(restart(server, job_run_of(run_of(job, StateType.FAILED, 0)), "The batch was retried."))
    assert server.set_to == set_to


def make_unreadable(path: Path) -> None:
    """Have every read of the file fail, for root as well."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.name)


@pytest.mark.parametrize("said", [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED])
def test_a_job_whose_documents_are_there_is_done_whatever_its_run_says(said, store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, said, 1)), store, jobs, tmp_path))
    assert (ending.stage, ending.error) == (Stage.DONE, "")


def test_a_document_that_cannot_be_read_fails_its_job_and_no_other(store, tmp_path):
    manifest, job = one_job()
    (document,) = published(store, manifest, job).documents
    make_unreadable(tmp_path / "store" / document.key)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, StateType.COMPLETED, 1)), store, jobs, tmp_path))
    assert ending.stage is Stage.FAILED
    assert ending.error.startswith("What a.mp3 became cannot be read, though the store answers otherwise.")


def test_a_recording_that_cannot_be_read_fails_its_job_at_adoption(store, tmp_path):
    manifest, job = one_job()
    make_unreadable(tmp_path / "store" / BatchKeys.of(BATCH_ID).recording_record(job.job_id))
    jobs = asyncio.run(adopt(OneRun(None), store, manifest, None))
    assert "The recording of a.mp3 cannot be read" in jobs.ended[job.job_id].ending.error
    assert not jobs.any_open


def test_an_upload_that_cannot_be_removed_stops_nothing(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    (tmp_path / BATCH_ID / job.job_id / "in the way").mkdir(parents=True)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, StateType.COMPLETED, 1)), store, jobs, tmp_path))
    assert ending.stage is Stage.DONE


@pytest.mark.parametrize(("video_type", "stays"), [("video/webm", True), ("", False), (None, False)])
def test_the_upload_of_a_video_stays_to_be_watched_whatever_its_name(video_type, stays, store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    (upload := tmp_path / BATCH_ID / job.job_id).parent.mkdir()
    upload.write_bytes(b"film")
    recording = Recording(job_id=job.job_id, key="a.mp3", size=1, sha256="0", audio_seconds=1.0, video_type=video_type)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0)), recording))
    asyncio.run(collect(OneRun(run_of(job, StateType.COMPLETED, 1)), store, jobs, tmp_path, keep_videos=True))
    assert upload.exists() is stays
