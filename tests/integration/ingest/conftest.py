"""An inbox with its scans, beside a real Prefect server without workers, which the tests play."""

import asyncio
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.states import AwaitingRetry, Completed, Failed

from tasks.batches import BATCH_FLOW, RECORDING_FLOW, Document, Publication, batch_tag, job_tag
from tasks.ingest.inboxes import Inbox
from tasks.ingest.report import InboxReport
from tasks.ingest.scan import Scanned, scan_inbox
from tasks.names import DocumentFormat
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.open_store import open_store
from tasks.storage.records import read_manifest
from tests.support.prefect_server import PrefectServer
from tests.support.s3_server import CREDENTIALS, S3Server, running_s3_server


@pytest.fixture(scope="module")
def batches_deployed(prefect_server: PrefectServer) -> PrefectServer:
    """A server that knows the deployment of batches, and on which nothing runs them."""
    asyncio.run(_deploy_batches())
    return prefect_server


async def _deploy_batches() -> None:
    async with get_client() as client:
        flow_id = await client.create_flow_from_name(BATCH_FLOW)
        await client.create_deployment(flow_id=flow_id, name="cpu")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


@pytest.fixture
def credentials(monkeypatch) -> None:
    """Credentials in the environment, where the usual AWS chain finds them."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@dataclass
class WatchedInbox:
    """An inbox of its own, whose scans a test runs one by one; files are whole at the second look."""

    settings: Settings
    inbox: Inbox
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store(self.settings)

    @property
    def folder(self) -> Path:
        return Path(self.inbox.path)

    def drop(self, path: str, content: str | bytes = "", *, age: float = 0) -> Path:
        """Put a file into the inbox. Without content it gets one of its own."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) and content else content or os.urandom(100))
        if age:
            then = time.time() - age
            os.utime(file, (then, then))
        return file

    def change(self, **keys: object) -> None:
        """Define the inbox otherwise."""
        self.inbox = Inbox.model_validate(self.inbox.model_dump() | keys)

    def scan(self, *, scheduled_at: datetime | None = None) -> InboxReport:
        """Scan once."""
        scanned = self.scanned(scheduled_at=scheduled_at)
        assert scanned is not None
        return scanned.report

    def scanned(self, *, scheduled_at: datetime | None = None) -> Scanned | None:
        return asyncio.run(self._scan(scheduled_at or datetime.now(UTC)))

    async def _scan(self, scheduled_at: datetime) -> Scanned | None:
        async with get_client() as client:
            return await scan_inbox(self.settings, self.inbox, client, scheduled_at=scheduled_at)

    def ingest(self) -> InboxReport:
        """Scan twice, so that what is there is whole."""
        self.scan()
        return self.scan()

    def batches(self) -> dict[str, set[str]]:
        """Return the paths of each batch by its id."""
        ids = list(self.store.folders("batches/"))
        return {one: {job.path for job in read_manifest(self.store, one).jobs} for one in ids}

    def jobs(self) -> list[tuple[str, str]]:
        """Return path and content of all jobs of all batches."""
        found = []
        for batch_id in self.batches():
            for job in read_manifest(self.store, batch_id).jobs:
                content = (self.settings.uploads_folder / batch_id / job.job_id).read_bytes()
                assert hashlib.sha256(content).hexdigest() == job.sha256
                found.append((job.path, job.sha256))
        return found

    def flow_runs(self) -> list[object]:
        """Return the runs of the inbox's batches in Prefect."""

        async def read():
            async with get_client() as client:
                return await self._read(client)

        return asyncio.run(read())

    def end_batches(self, *, failing: dict[str, str] | None = None) -> None:
        """Play the workers: publish the documents of all jobs but the *failing* ones, and end the runs."""
        for batch_id in self.batches():
            manifest = read_manifest(self.store, batch_id)
            for job in manifest.jobs:
                if job.path not in (failing or {}):
                    self._publish(batch_id, job, manifest.batch.options.formats)
        asyncio.run(self._end_runs(failing or {}))

    def _publish(self, batch_id, job, formats) -> None:
        keys = BatchKeys.of(batch_id)
        documents = []
        for each in formats:
            content = f"{each} of {job.path}".encode()
            key = keys.document(job, DocumentFormat(each), "token")
            self.store.write(key, content)
            digest = hashlib.sha256(content).hexdigest()
            documents.append(Document(format=each, key=key, size=len(content), sha256=digest))
        publication = Publication(
            job_id=job.job_id,
            attempt=1,
            documents=tuple(documents),
            language="en",
            audio_seconds=1,
            published_at=datetime.now(UTC),
        )
        self.store.write(keys.publication(job.job_id), publication.model_dump_json().encode())

    async def _end_runs(self, failing: dict[str, str]) -> None:
        async with get_client() as client:
            flow_id = await client.create_flow_from_name(RECORDING_FLOW)
            deployment = await client.create_deployment(flow_id=flow_id, name="gpu-0")
            for batch_id in self.batches():
                manifest = read_manifest(self.store, batch_id)
                for job in manifest.jobs:
                    if job.path in failing:
                        run = await client.create_flow_run_from_deployment(
                            deployment, tags=[batch_tag(batch_id), job_tag(job.job_id)], idempotency_key=job.job_id
                        )
                        state = Failed(message=failing[job.path])
                        await client.set_flow_run_state(run.id, state, force=True)
            for run in await self._read(client):
                await client.set_flow_run_state(run.id, Completed(), force=True)

    def retry_batches(self) -> None:
        """Press Retry: the runs are scheduled again."""

        async def retry():
            async with get_client() as client:
                for run in await self._read(client):
                    await client.set_flow_run_state(run.id, AwaitingRetry(), force=True)

        asyncio.run(retry())

    def forget_pauses(self) -> None:
        """Let the time pass after which a thing is tried again."""
        with sqlite3.connect(self.settings.ingest_folder / f"{self.inbox.name}.sqlite") as connection:
            connection.execute("DELETE FROM facts WHERE name LIKE 'finish %'")
            connection.execute("UPDATE files SET next_try = 0")

    async def _read(self, client):
        tags = FlowRunFilterTags(all_=[f"inbox:{self.inbox.name}"])
        return await client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags), limit=200)


@pytest.fixture
def watch(batches_deployed, tmp_path) -> Callable[..., WatchedInbox]:
    """Makes inboxes."""
    assert batches_deployed

    def make(name: str = "lectures", **keys: object) -> WatchedInbox:
        settings = Settings(_env_file=None, data=tmp_path / "data", store="", store_endpoint="", disk_reserve_bytes=0)
        chosen = {"path": str(tmp_path / "inbox"), "still_seconds": 0, "max_open_batches": 100} | keys
        if not str(chosen["path"]).startswith("s3://"):
            Path(str(chosen["path"])).mkdir(exist_ok=True)
        # Of its own name: the tests share Prefect's server.
        unique = f"{name}-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"
        return WatchedInbox(settings, Inbox.model_validate({"name": unique, **chosen}))

    return make


def waiting(report: InboxReport) -> dict[str, str]:
    """Return the reasons of files that wait, by their paths."""
    return {file.path: file.reason for file in report.waiting}
