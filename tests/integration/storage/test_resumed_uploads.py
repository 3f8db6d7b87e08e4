"""Large uploads that break off go on where they ended, whichever store keeps the records."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime

import pytest
from starlette.requests import ClientDisconnect

from dashboard.services.record_cache import RecordCache
from dashboard.services.upload_file import BLOCK_BYTES, UploadBody
from dashboard.services.uploads import FileIdentity, UploadService
from tasks.batches import Batch
from tasks.cleanup.deletion import sweep_uploads
from tasks.errors import PathTaken, UploadBrokenOff, UploadOffsetWrong, UploadRejected, UploadUnderWay

BATCH = Batch(batch_id="20261122-184418-2o4nfn", name="talks", created_at=datetime(2026, 11, 22, tzinfo=UTC))
FILM = os.urandom(3 * BLOCK_BYTES + 1000)
NAMED = FileIdentity(path="film.mp4", size=len(FILM), fingerprint="1764500000-3f2a")


class Client:
    """A browser that sends one file, and the service that takes it."""

    def __init__(self, store, settings):
        self.store, self.settings = store, settings
        self.folder = settings.uploads_folder / BATCH.batch_id
        self.restart()
        asyncio.run(RecordCache(store).write_batch(BATCH))

    def restart(self):
        """Have another process serve."""
        self.service = UploadService(RecordCache(self.store), self.settings)
        sweep_uploads(self.store, self.settings.uploads_folder)

    async def send(self, offset=0, *, until=None, content=FILM, identity=NAMED, meanwhile=None):
        until = len(content) if until is None else until

        async def chunks():
            for start in range(offset, until, 2**20):
                yield content[start : min(until, start + 2**20)]
            if meanwhile is not None:
                await meanwhile()
            if until < len(content):
                raise ClientDisconnect

        length = identity.size - offset
        body = UploadBody(chunks(), length=length, content_type="", idle_seconds=60)
        return await self.service.receive_rest(BATCH.batch_id, identity, offset, body)

    def break_off(self, **sent):
        with pytest.raises(UploadBrokenOff):
            asyncio.run(self.send(**sent))

    def arrived(self, identity=NAMED):
        return asyncio.run(self.service.arrived(BATCH.batch_id, identity))

    def files(self):
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def client(store, settings):
    return Client(store, settings.model_copy(update={"disk_reserve_bytes": 0}))


def test_after_two_breaks_and_a_restart_the_file_is_what_was_sent(client):
    assert client.arrived() == 0
    client.break_off(until=2 * BLOCK_BYTES + 5)
    assert client.arrived() == 2 * BLOCK_BYTES, "all but the block that was being filled"
    client.restart()
    assert asyncio.run(client.service.partial_uploads(BATCH.batch_id)) == [2 * BLOCK_BYTES]
    client.break_off(offset=2 * BLOCK_BYTES, until=3 * BLOCK_BYTES + 1)
    client.restart()
    upload = asyncio.run(client.send(client.arrived()))
    assert (upload.size, upload.sha256) == (len(FILM), hashlib.sha256(FILM).hexdigest())
    assert client.files() == [upload.job_id]
    assert (client.folder / upload.job_id).read_bytes() == FILM
    assert client.arrived() == 0, "nothing of it is left to go on with"


def test_another_file_of_the_same_name_never_continues_it(client):
    client.break_off(until=2 * BLOCK_BYTES + 1)
    other = FileIdentity(path="film.mp4", size=len(FILM), fingerprint="1764500000-ffff")
    content = os.urandom(len(FILM))
    assert client.arrived(other) == 0
    upload = asyncio.run(client.send(content=content, identity=other))
    assert upload.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(PathTaken):
        asyncio.run(client.send(client.arrived()))
    assert (client.folder / upload.job_id).read_bytes() == content
    assert client.files() == [upload.job_id]


def test_the_second_of_two_at_once_is_refused_and_takes_nothing_away(client):
    refusals = []

    async def other_tab():
        for call in (client.service.arrived(BATCH.batch_id, NAMED), client.send()):
            with pytest.raises(UploadUnderWay) as refusal:
                await call
            refusals.append(str(refusal.value))

    upload = asyncio.run(client.send(meanwhile=other_tab))
    assert (client.folder / upload.job_id).read_bytes() == FILM
    assert len(refusals) == 2
    assert "in another tab" in refusals[0]


def test_a_rest_that_begins_elsewhere_is_refused_and_what_arrived_stays(client):
    client.break_off(until=2 * BLOCK_BYTES + 1)
    for offset in (0, BLOCK_BYTES, 2 * BLOCK_BYTES + 1):
        with pytest.raises(UploadOffsetWrong, match=f"{2 * BLOCK_BYTES} bytes of the file have arrived"):
            asyncio.run(client.send(offset))
    short = UploadBody(None, length=5, content_type="", idle_seconds=60)
    with pytest.raises(UploadRejected, match="from 8388608 on"):
        asyncio.run(client.service.receive_rest(BATCH.batch_id, NAMED, 2 * BLOCK_BYTES, short))
    assert client.arrived() == 2 * BLOCK_BYTES


def test_bytes_that_the_disk_lost_are_noticed_and_the_file_is_sent_anew(client):
    client.break_off(until=2 * BLOCK_BYTES + 1)
    (part,) = client.folder.iterdir()
    with part.open("r+b") as file:
        file.seek(1000)
        file.write(b"\0" * 4096)
    with pytest.raises(UploadBrokenOff, match="damaged on the server's disk"):
        asyncio.run(client.send(2 * BLOCK_BYTES))
    assert (client.files(), client.arrived()) == ([], 0)


def test_a_kill_after_the_last_byte_costs_nothing(client):
    client.break_off(until=3 * BLOCK_BYTES + 1)
    (part,) = client.folder.iterdir()
    with part.open("r+b") as file:  # as it is between the loss of its note and its own name
        file.seek(3 * BLOCK_BYTES)
        file.write(FILM[3 * BLOCK_BYTES :])
        file.truncate(len(FILM))
    client.restart()
    assert asyncio.run(client.service.partial_uploads(BATCH.batch_id)) == [len(FILM)]
    assert client.arrived() == len(FILM)
    assert asyncio.run(client.send(len(FILM))).sha256 == hashlib.sha256(FILM).hexdigest()


def test_the_start_of_the_batch_purges_what_never_came_whole(client):
    client.break_off(until=2 * BLOCK_BYTES + 1)
    small = FileIdentity(path="talk.mp3", size=5, fingerprint="1764500000-0000")
    upload = asyncio.run(client.send(until=5, content=b"sound", identity=small))
    asyncio.run(client.service.close(BATCH.batch_id))
    assert client.files() == [upload.job_id]
