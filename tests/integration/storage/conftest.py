"""A store in a folder and one in a real S3 server, for the same tests, and the search in a store."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.search.service import EVERYTHING, SearchService
from tasks.batches import Batch, Manifest, Upload, job_id_for, manifest_of
from tasks.documents.publish import publish
from tasks.names import DocumentFormat
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.storage.open_store import open_store
from tests.support.revisions import make_batch
from tests.support.s3_server import BUCKET, CREDENTIALS, S3Server, running_s3_server
from tests.support.transcripts import heard

MIB = 2**20
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HEARD = heard()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment, where the usual AWS chain finds them."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


_prefixes = (f"test-{number}" for number in itertools.count())


@pytest.fixture
def own_s3_server() -> Iterator[S3Server]:
    """A server that the test may kill."""
    with running_s3_server() as server:
        yield server


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Make settings with nothing from the environment of whoever runs the tests."""
    unset = {"data": tmp_path, "store": "", "store_endpoint": "", "store_credentials": ""}
    return lambda **chosen: Settings(_env_file=None, **unset | chosen)


@pytest.fixture
def s3_settings(
    s3_server: S3Server,
    credentials: None,  # noqa: ARG001 - asked for so that they are in the environment
    settings_for: Callable[..., Settings],
) -> Settings:
    return settings_for(store=f"s3://{BUCKET}/{next(_prefixes)}", store_endpoint=s3_server.endpoint)


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, settings_for: Callable[..., Settings]) -> Settings:
    """Settings of an empty store, once of each kind."""
    if request.param == "s3":
        return request.getfixturevalue("s3_settings")
    return settings_for()


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


@pytest.fixture
def started(settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a Python program in a process of its own, in which ``store`` is the same store."""
    preamble = (
        "from pathlib import Path\n"
        "from tasks.settings import Settings\n"
        "from tasks.storage.open_store import open_store\n"
        "store = open_store(Settings())\n"
    )
    environment = os.environ | {
        "BATCHSCRIBE_STORE": settings.store_address,
        "BATCHSCRIBE_STORE_ENDPOINT": settings.store_endpoint,
    }
    processes = []

    def start(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", preamble + program], env=environment, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def unfinished_writes(settings: Settings, request: pytest.FixtureRequest) -> Callable[[], int]:
    """Return how many writes of large files the store has seen begin and not end."""
    if settings.store_endpoint:
        client = request.getfixturevalue("s3_server").client()
        prefix = settings.store_address.removeprefix(f"s3://{BUCKET}/")
        return lambda: len(client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", ()))
    folder = Path(settings.store_address) / ".unfinished"
    return lambda: len(list(folder.glob("*")))


class Installation:
    """A store with batches, and the search in it."""

    def __init__(self, store, folder):
        self.store = store
        self.folder = folder
        self.search = SearchService(store, folder)

    def batch(self, number, name, *paths):
        """Make a started batch and return its jobs by path; a higher number is a newer one."""
        at = NOON + timedelta(seconds=number)
        batch = Batch(batch_id=f"{at:%Y%m%d-%H%M%S}-abcdef", name=name, created_at=at)
        uploads = [
            Upload(job_id=job_id_for(batch.batch_id, path), path=path, size=1, sha256="0", uploaded_at=at)
            for path in paths
        ]
        manifest = manifest_of(batch, uploads, started_at=at)
        keys = BatchKeys.of(batch.batch_id)
        self.store.write(keys.batch, batch.model_dump_json().encode())
        self.store.write(keys.manifest, manifest.model_dump_json().encode())
        return {job.path: job for job in manifest.jobs}

    def publish(self, job, *sentences, attempt=1, language="en", **details):
        """Publish a document of the job with these sentences, ten seconds apart."""
        segments = [{"start": 10.0 * number, "text": text} for number, text in enumerate(sentences)]
        transcript = HEARD.transcript.model_copy(update={"language": language})
        contents = {DocumentFormat.JSON: json.dumps({"segments": segments}).encode()}
        return publish(
            self.store,
            job.job_id.rpartition("-")[0],
            job,
            token=attempt_token(job.job_id, attempt),
            attempt=attempt,
            **{"heard": HEARD.model_copy(update={"transcript": transcript}), "contents": contents} | details,
        )

    def follow(self):
        """Index whatever the store has."""
        asyncio.run(self._caught_up())

    async def _caught_up(self):
        self.search.indexer.list_now()
        await self.search.indexer.catch_up()

    def find(self, query, scope=EVERYTHING, **page):
        return asyncio.run(self.search.search(query, scope, **{"limit": 10, "hits": 10} | page))

    def found(self, query):
        """Return what is found, as paths with the seconds of their hits."""
        return [(each.path.text, [hit.start for hit in each.hits]) for each in self.find(query).recordings]


@pytest.fixture
def here(store: Store, tmp_path: Path) -> Installation:
    """An empty store, and the search in it."""
    return Installation(store, tmp_path / "search")


@pytest.fixture
def batch(store: Store) -> Manifest:
    """The manifest of a batch whose only job is done."""
    return make_batch(store)
