"""Uploads and starts whose record reaches the store while the answer gets lost."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from dashboard.services.record_cache import RecordCache
from dashboard.services.upload_file import UploadBody
from dashboard.services.uploads import UploadService
from tasks.batches import Batch, job_id_for
from tasks.errors import DiskFull, NotFound, StoreUnavailable, UploadBrokenOff, WrongStage
from tasks.settings import Settings
from tasks.storage.folder import FolderStore

BATCH = Batch(batch_id="20261122-184418-2o4nfn", name="talks", created_at=datetime(2026, 11, 22, tzinfo=UTC))


class ForgetfulStore(FolderStore):
    """A folder that takes what it is given, and then fails to say so for keys that end in *lost*."""

    lost = "nothing"
    error: Exception = StoreUnavailable("The store does not answer.")

    def write(self, key, data):
        super().write(key, data)
        self._answer(key)

    def create(self, key, data):
        created = super().create(key, data)
        self._answer(key)
        return created

    def _answer(self, key):
        if key.endswith(self.lost):
            raise self.error


class FullStore(ForgetfulStore):
    """One that has no room for such keys."""

    def write(self, key, data):
        if key.endswith(self.lost):
            msg = "The disk is full."
            raise DiskFull(msg)
        super().write(key, data)


class Desk:
    """An intake, and a person who sends files."""

    def __init__(self, store, data):
        self.store = store
        self.settings = Settings(_env_file=None, data=data, disk_reserve_bytes=0)
        self.intake = UploadService(RecordCache(store), self.settings)
        asyncio.run(RecordCache(store).write_batch(BATCH))

    async def send(self, path, *, content=b"sound", then=None):
        async def chunks():
            yield content
            if then is not None:
                raise then

        body = UploadBody(chunks(), length=len(content), content_type="", idle_seconds=60)
        return await self.intake.receive(BATCH.batch_id, path, body)

    def files(self):
        return sorted(path.name for path in (self.settings.uploads_folder / BATCH.batch_id).iterdir())


@pytest.fixture
def make_desk(tmp_path):
    def make(kind=ForgetfulStore):
        (tmp_path / "store").mkdir()
        return Desk(kind(tmp_path / "store"), tmp_path / "data")

    return make


def test_no_upload_is_taken_into_a_batch_whose_start_may_have_closed_it(make_desk):
    desk = make_desk()

    async def person():
        await desk.send("a.mp3")
        desk.store.lost = "manifest.json"
        with pytest.raises(StoreUnavailable):
            await desk.intake.close(BATCH.batch_id)
        desk.store.lost = "nothing"
        with pytest.raises(WrongStage):
            await desk.send("b.mp3")

    asyncio.run(person())
    assert desk.files() == [job_id_for(BATCH.batch_id, "a.mp3")]


def test_an_upload_whose_record_may_be_there_keeps_its_file_and_is_shown(make_desk):
    desk = make_desk()

    async def person():
        await desk.send("a.mp3")
        desk.store.lost = f"{job_id_for(BATCH.batch_id, 'b.mp3')}.json"
        with pytest.raises(StoreUnavailable):
            await desk.send("b.mp3")
        desk.store.lost = "nothing"
        return await desk.intake.uploads(BATCH.batch_id)

    assert [upload.path for upload in asyncio.run(person())] == ["a.mp3", "b.mp3"]
    assert len(desk.files()) == 2


def test_an_upload_for_whose_record_there_is_no_room_leaves_nothing(make_desk):
    desk = make_desk(FullStore)
    desk.store.lost = ".json"
    with pytest.raises(DiskFull):
        asyncio.run(desk.send("a.mp3"))
    assert desk.files() == []


def test_no_file_is_removed_in_the_event_loop_which_a_large_one_would_stop(make_desk, monkeypatch):
    desk, unlink, removals = make_desk(FullStore), Path.unlink, []

    def noted(path, **options):
        removals.append((path.suffix, threading.current_thread() is threading.main_thread()))
        unlink(path, **options)

    async def person():
        upload = await desk.send("a.mp3")
        removals.clear()
        with pytest.raises(UploadBrokenOff):
            await desk.send("given up.mp3", then=ClientDisconnect())
        await desk.intake.delete(BATCH.batch_id, upload.job_id)
        desk.store.lost = ".json"
        with pytest.raises(DiskFull):
            await desk.send("b.mp3")

    monkeypatch.setattr(Path, "unlink", noted)
    asyncio.run(person())
    assert (".part", False) in removals, "the one that was given up"
    assert removals.count(("", False)) == 2, "the one that was deleted, and the one without a record"
    assert not [removal for removal in removals if removal[1]]


def test_a_batch_that_was_dismissed_is_gone_for_every_call(make_desk):
    desk = make_desk()

    async def person():
        upload = await desk.send("a.mp3")
        desk.store.delete_all(f"batches/{BATCH.batch_id}/")
        calls = (
            lambda: desk.intake.uploads(BATCH.batch_id),
            lambda: desk.intake.rehearsal(BATCH.batch_id),
            lambda: desk.intake.delete(BATCH.batch_id, upload.job_id),
            lambda: desk.intake.close(BATCH.batch_id),
            lambda: desk.send("b.mp3"),
        )
        for call in calls:
            with pytest.raises(NotFound):
                await call()

    asyncio.run(person())


def test_uploads_wait_for_a_start_and_then_see_that_they_are_too_late(make_desk):
    desk = make_desk()

    async def person():
        await desk.send("a.mp3")
        return await asyncio.gather(
            desk.intake.close(BATCH.batch_id), *(desk.send(f"{n}.mp3") for n in range(5)), return_exceptions=True
        )

    manifest, *others = asyncio.run(person())
    taken = {upload.path for upload in others if not isinstance(upload, Exception)}
    if isinstance(manifest, Exception):  # uploads were faster
        assert isinstance(manifest, WrongStage)
    else:
        assert {job.path for job in manifest.jobs} == {"a.mp3"} | taken


def test_a_batch_that_the_scan_of_an_inbox_fills_takes_nothing_and_no_start_from_others(make_desk):
    desk = make_desk()
    asyncio.run(RecordCache(desk.store).write_batch(BATCH.model_copy(update={"inbox": "lectures"})))
    with pytest.raises(WrongStage, match="filled and started by scans of the inbox lectures"):
        asyncio.run(desk.send("a.mp3"))
    with pytest.raises(WrongStage):
        asyncio.run(desk.intake.close(BATCH.batch_id))
