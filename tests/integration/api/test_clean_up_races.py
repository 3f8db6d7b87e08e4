"""Races between a clean-up and the actions of users."""

import asyncio

import pytest
from prefect.client.orchestration import PrefectClient

from tasks.cleanup.cleaner import Cleaner
from tasks.settings import Settings
from tasks.storage.folder import FolderStore
from tests.support.waiting import wait_until


class InterruptedStore(FolderStore):
    """The store of a dashboard; right after the first change that the clean-up makes to it, somebody does something."""

    def __init__(self, root, then):
        super().__init__(root)
        self._then = then

    def create(self, key, data):
        created = super().create(key, data)
        self._interrupt()
        return created

    def delete(self, key):
        super().delete(key)
        self._interrupt()

    def _interrupt(self):
        then, self._then = self._then, lambda: None
        then()


@pytest.fixture
def clean_up(dashboard, prefect):
    """Cleans up one batch, whose time is over, while *then* is done."""

    def clean(batch_id, then=lambda: None):
        store = InterruptedStore(dashboard.data / "store", then)
        settings = Settings(
            _env_file=None, data=dashboard.data, retention_hours=0, unstarted_hours=0, recording_retention_days=0
        )

        async def cleaned():
            async with PrefectClient(prefect.url) as client:
                return await Cleaner(client, store, settings, dry_run=False).clean_batch(batch_id)

        return asyncio.run(cleaned())

    return clean


def failed_batch(dashboard, prefect):
    batch_id, flow_run_id, (job_id,) = dashboard.started_batch("a.mp3")
    prefect.set_state("flow_runs", prefect.make_child(batch_id, job_id), "FAILED", "The GPU stopped.")
    prefect.set_state("flow_runs", flow_run_id, "FAILED")
    dashboard.status_once(batch_id, lambda now: now["state"] == "failed")
    return batch_id, job_id


def note_of(dashboard, batch_id, job_id):
    return dashboard.data / "store" / "batches" / batch_id / "expired" / f"{job_id}.json"


def test_an_upload_expires_with_a_note(dashboard, prefect, clean_up):
    batch_id, job_id = failed_batch(dashboard, prefect)
    cleaned = clean_up(batch_id)
    assert [item.name for item in cleaned.removals] == [f"{batch_id}/{job_id}"]
    assert dashboard.upload_files(batch_id) == []
    assert note_of(dashboard, batch_id, job_id).exists()
    assert dashboard.http.post(f"api/batch/{batch_id}/retry").status_code == 409


def test_a_retry_in_that_moment_keeps_its_upload(dashboard, prefect, clean_up):
    batch_id, job_id = failed_batch(dashboard, prefect)
    run_id = prefect.run_of(batch_id)["id"]
    cleaned = clean_up(batch_id, lambda: prefect.set_state("flow_runs", run_id, "SCHEDULED"))
    assert cleaned.removals == {}
    assert dashboard.upload_files(batch_id) == [job_id]
    assert not note_of(dashboard, batch_id, job_id).exists()


def test_a_retry_that_begins_and_ends_in_that_moment_keeps_its_upload(dashboard, prefect, clean_up):
    batch_id, job_id = failed_batch(dashboard, prefect)
    run_id = prefect.run_of(batch_id)["id"]

    def retry():
        for state in ("SCHEDULED", "RUNNING", "FAILED"):
            prefect.set_state("flow_runs", run_id, state)

    assert clean_up(batch_id, retry).removals == {}
    assert dashboard.upload_files(batch_id) == [job_id]


def test_a_start_in_that_moment_brings_the_batch_back(dashboard, clean_up):
    batch_id = dashboard.make_batch()
    job_id = dashboard.upload(batch_id, "a.mp3").json()["job_id"]
    answers = []
    cleaned = clean_up(batch_id, lambda: answers.append(dashboard.http.post(f"api/batch/{batch_id}/start")))
    assert cleaned.removals == {}
    assert [answer.status_code for answer in answers] == [404]
    assert dashboard.upload_files(batch_id) == [job_id]
    wait_until(lambda: dashboard.status(batch_id)["flow_run_id"], "its start, which is finished in the background")


def test_an_upload_that_arrives_in_that_moment_is_refused(dashboard, clean_up):
    batch_id = dashboard.make_batch()
    dashboard.upload(batch_id, "a.mp3")
    answers = []
    cleaned = clean_up(batch_id, lambda: answers.append(dashboard.upload(batch_id, "b.mp3")))
    assert [answer.status_code for answer in answers] == [404]
    assert cleaned.removals
    assert dashboard.upload_files(batch_id) == []
    assert not (dashboard.data / "store" / "batches" / batch_id).exists()


def test_a_batch_with_an_upload_on_its_way_stays(dashboard, clean_up, slow_upload, wait):
    batch_id = dashboard.make_batch()
    upload = slow_upload(dashboard, batch_id, length=10)
    upload.send(b"01234")
    wait(lambda: dashboard.upload_files(batch_id), "the upload's first bytes")
    assert clean_up(batch_id).removals == {}
    upload.send(b"56789")
    assert upload.answer()[0] == 201
