"""The upload of a cancelled job is deleted once the job has stopped, unless it is kept, done, or started again."""

import asyncio
import json
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient

from tasks.batches import Manifest, Stage
from tasks.cleanup.cancelled_uploads import CancelledUploads
from tasks.cleanup.cleaner import Cleaner
from tasks.orchestration.open_jobs import Ended, OpenJobs
from tasks.orchestration.summary import Ending
from tasks.settings import Settings
from tasks.storage.folder import FolderStore


class InterruptedStore(FolderStore):
    """The store of a dashboard; right after the first note that an upload goes, somebody does something."""

    def __init__(self, root, then):
        super().__init__(root)
        self._then = then

    def create(self, key, data):
        created = super().create(key, data)
        then, self._then = self._then, lambda: None
        then()
        return created


class CancelledBatch:
    """A started batch with a recording of each job, whose run is running in Prefect."""

    def __init__(self, dashboard, prefect, record, *paths):
        self.dashboard, self.prefect = dashboard, prefect
        self.batch_id, self.run_id, self.jobs = dashboard.started_batch(*paths)
        for job_id in self.jobs:
            record(dashboard, self.batch_id, job_id)
        prefect.set_state("flow_runs", self.run_id, "RUNNING")
        self.folder = dashboard.data / "store" / "batches" / self.batch_id

    def has(self, job_id):
        """Return whether its upload and all of its recording are there."""
        upload = job_id in self.dashboard.upload_files(self.batch_id)
        recording = {path.suffix for path in (self.folder / "recordings").glob(f"{job_id}.*")}
        assert recording == ({".mp3", ".speech", ".json"} if upload else set())
        return upload

    def note(self, job_id):
        path = self.folder / "expired" / f"{job_id}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def keep(self, name):
        self.dashboard.store(f"batches/{self.batch_id}/kept/{name}.json", b'{"kept_at": "2026-11-28T12:00:00Z"}')

    def remove(self, *cancelled, then=lambda: None, whole=False, attempt=1):
        """Do what the batch run does at a look, or at its own end."""
        manifest = Manifest.model_validate_json((self.folder / "manifest.json").read_text())
        jobs = OpenJobs(manifest)
        for job in manifest.jobs:
            if job.job_id in cancelled:
                jobs.put(Ended(Ending(job, Stage.CANCELLED, "Cancelled.")))
        store = InterruptedStore(self.dashboard.data / "store", then)
        settings = Settings(_env_file=None, data=self.dashboard.data)

        async def remove():
            async with PrefectClient(self.prefect.url) as client:
                uploads = CancelledUploads(client, store, settings, self.batch_id, UUID(self.run_id), attempt)
                await (uploads.remove_of_all(jobs) if whole else uploads.remove_of_ended(jobs))

        asyncio.run(remove())

    def clean_up(self):
        store, settings = FolderStore(self.dashboard.data / "store"), Settings(_env_file=None, data=self.dashboard.data)

        async def clean():
            async with PrefectClient(self.prefect.url) as client:
                return await Cleaner(client, store, settings, dry_run=False).clean_batch(self.batch_id)

        return asyncio.run(clean())


@pytest.fixture
def batch(dashboard, prefect, record):
    return CancelledBatch(dashboard, prefect, record, "a.mp3", "b.mp3")


def test_the_upload_of_a_cancelled_job_goes_and_those_of_others_stay(batch):
    first, second = batch.jobs
    batch.remove(first)
    assert (batch.has(first), batch.has(second)) == (False, True)
    assert batch.note(first)["cancelled"] is True


def test_what_a_cancelled_batch_has_not_finished_goes(batch, publish):
    first, second = batch.jobs
    publish(batch.dashboard, batch.batch_id, first)
    batch.prefect.set_state("flow_runs", batch.run_id, "CANCELLING")
    batch.remove(whole=True)
    assert (batch.has(first), batch.has(second)) == (True, False)  # the recording of what is done is for the player


@pytest.mark.parametrize("of", ["a job", "the batch"])
def test_what_is_to_be_kept_stays(batch, of):
    first, second = batch.jobs
    batch.keep("batch" if of == "the batch" else first)
    batch.remove(first, second)
    assert (batch.has(first), batch.has(second)) == (True, of == "the batch")


def test_a_job_that_is_retried_in_that_moment_keeps_its_upload(batch):
    first, second = batch.jobs
    child = batch.prefect.make_child(batch.batch_id, first)
    batch.prefect.set_state("flow_runs", child, "CANCELLED")
    batch.remove(first, second, then=lambda: batch.prefect.set_state("flow_runs", child, "SCHEDULED"))
    assert (batch.has(first), batch.note(first)) == (True, None)
    assert not batch.has(second)


def test_a_batch_that_is_retried_in_that_moment_keeps_its_uploads(batch):
    batch.prefect.set_state("flow_runs", batch.run_id, "CANCELLING")
    batch.remove(whole=True, then=lambda: batch.prefect.set_state("flow_runs", batch.run_id, "SCHEDULED"))
    assert all(map(batch.has, batch.jobs))
    assert not any(map(batch.note, batch.jobs))


def test_a_run_that_was_begun_again_meanwhile_is_left_to_its_new_attempt(batch):
    batch.remove(*batch.jobs, attempt=2)
    assert all(map(batch.has, batch.jobs))


def test_a_clean_up_finishes_what_a_killed_run_left(batch):
    first, second = batch.jobs
    batch.prefect.set_state("flow_runs", batch.prefect.make_child(batch.batch_id, second), "FAILED")
    batch.prefect.set_state("flow_runs", batch.run_id, "CANCELLED")
    (batch.folder / "expired").mkdir()
    note = {"job_id": first, "expired_at": "2026-11-28T12:00:00Z", "cancelled": True}
    (batch.folder / "expired" / f"{first}.json").write_text(json.dumps(note))
    cleaned = batch.clean_up()
    assert set(cleaned.removals.values()) == {"Its job was cancelled."}
    assert (batch.has(first), batch.has(second)) == (False, True)  # what failed is kept for a day


def test_a_clean_up_leaves_what_is_kept(batch):
    batch.keep("batch")
    batch.prefect.set_state("flow_runs", batch.run_id, "CANCELLED")
    assert batch.clean_up().removals == {}
    assert all(map(batch.has, batch.jobs))


def cancel(batch, **body):
    return batch.dashboard.http.post(f"api/batch/{batch.batch_id}/cancel", json=body)


def test_a_batch_that_was_never_taken_up_gives_up_its_uploads_too(dashboard, wait):
    batch_id, _, (job_id,) = dashboard.started_batch("talks/a.mp3")
    assert dashboard.http.post(f"api/batch/{batch_id}/cancel").status_code == 202
    wait(lambda: dashboard.upload_files(batch_id) == [], "the removal of the upload")
    refused = dashboard.http.post(f"api/batch/{batch_id}/retry")
    sentence = "The upload of a.mp3 was removed when it was cancelled; upload it again."
    assert (refused.status_code, refused.json()["detail"]) == (409, sentence)
    told = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["upload_removed"])
    assert told["jobs"][0]["stage"] == "cancelled"
    assert job_id == told["jobs"][0]["job_id"]


def test_a_batch_that_is_cancelled_to_be_kept_can_be_retried(dashboard, prefect, wait):
    batch_id, run_id, jobs = dashboard.started_batch("a.mp3")
    assert dashboard.http.post(f"api/batch/{batch_id}/cancel", json={"keep": True}).status_code == 202
    other, _, _ = dashboard.started_batch("b.mp3")
    assert dashboard.http.post(f"api/batch/{other}/cancel", json={"keep": False}).status_code == 202
    wait(lambda: dashboard.upload_files(other) == [], "the removal of the other batch's upload")
    assert dashboard.upload_files(batch_id) == jobs
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 202
    assert prefect.run_of(batch_id)["id"] == run_id


def test_what_an_earlier_cancel_kept_is_not_kept_by_the_next_one(batch):
    assert cancel(batch, keep=True).status_code == 202
    batch.prefect.set_state("flow_runs", batch.run_id, "CANCELLED")
    batch.prefect.set_state("flow_runs", batch.run_id, "RUNNING")
    batch.dashboard.status_once(batch.batch_id, lambda now: now["state"] == "running")
    assert cancel(batch).status_code == 202
    assert not (batch.folder / "kept").exists()


def test_one_job_can_be_cancelled_to_be_kept(batch):
    first, second = batch.jobs
    for job_id, keep in ((first, True), (second, False)):
        path = f"api/batch/{batch.batch_id}/jobs/{job_id}"
        assert batch.dashboard.http.delete(path, params={"keep": keep}).status_code == 202
    batch.remove(first, second)
    assert (batch.has(first), batch.has(second)) == (True, False)
