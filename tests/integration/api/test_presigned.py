"""Large files are loaded from the bucket itself, if that is asked for."""

import httpx
import pytest

from tasks.settings import Settings
from tasks.storage.open_store import open_store
from tests.support.s3_server import BUCKET, CREDENTIALS, running_s3_server

SOUND = bytes(range(256)) * 8


class InBucket:
    """Stores for a dashboard with a bucket what its fixtures store in a folder."""

    def __init__(self, store):
        self._store = store

    def store(self, key, content):
        self._store.write(key, content)


@pytest.fixture(scope="module")
def presigning(run_dashboard, tmp_path_factory):
    """A dashboard with its store in a bucket, and the way to put something there."""
    with running_s3_server() as server, pytest.MonkeyPatch.context() as patched:
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        place = {"store": f"s3://{BUCKET}/presigned", "store_endpoint": server.endpoint}
        store = open_store(Settings(_env_file=None, **place))
        folder = tmp_path_factory.mktemp("presigning")
        with run_dashboard(folder, **place, store_presign=True, store_presign_bytes=1000, **CREDENTIALS) as dashboard:
            yield dashboard, InBucket(store)


@pytest.fixture(scope="module")
def job_id(presigning, publish):
    dashboard, bucket = presigning
    batch_id, _, (job_id,) = dashboard.started_batch("Gespräch.mp3")
    publish(bucket, batch_id, job_id, name="Gespräch_formatted_refined.txt", content=b"said " * 400, sound=SOUND)
    return job_id


@pytest.mark.parametrize(
    "row",
    [
        ("documents/txt", "text/plain; charset=utf-8", "Gespr%C3%A4ch_formatted_refined.txt", b"said " * 400),
        ("audio", "audio/mpeg", "", SOUND),
    ],
)
def test_a_large_file_is_loaded_from_the_bucket(presigning, job_id, row):
    path, media_type, name, content = row
    dashboard, _ = presigning
    sent_on = dashboard.http.get(f"api/jobs/{job_id}/{path}")
    assert sent_on.status_code == 307
    whole = httpx.get(sent_on.headers["location"])
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, content, media_type)
    assert name in whole.headers["content-disposition"]
    part = httpx.get(f"{dashboard.url}/api/jobs/{job_id}/{path}", headers={"Range": "bytes=5-8"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, content[5:9])


def test_a_small_file_comes_from_us(presigning, publish):
    dashboard, bucket = presigning
    batch_id, _, (job_id,) = dashboard.started_batch("b.mp3")
    publish(bucket, batch_id, job_id)
    assert dashboard.http.get(f"api/jobs/{job_id}/documents/txt").content == b"Hello.\n"


def test_a_status_tells_where_a_document_is_in_the_bucket(presigning, job_id):
    dashboard, _ = presigning
    batch_id = job_id.rpartition("-")[0]
    (document,) = dashboard.status_once(batch_id, lambda now: now["jobs"][0]["documents"])["jobs"][0]["documents"]
    assert document["uri"] == f"s3://{BUCKET}/presigned/results/{batch_id}/Gespräch_formatted_refined.txt"
