"""A dashboard process beside a real Prefect server: what a browser or a script talks to, without workers."""

import asyncio
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.batches import (
    BATCH_DEPLOYMENT,
    BATCH_FLOW,
    GPU_TAG,
    RECORDING_FLOW,
    Batch,
    Job,
    Recording,
    batch_tag,
    helpers_tag,
    helps_tag,
    job_tag,
)
from tasks.orchestration.open_jobs import Waiting
from tests.support.prefect_server import running_prefect_server
from tests.support.processes import free_ports
from tests.support.waiting import wait_until


def answers(url):
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def process(command, *, log: Path, env, cwd):
    with log.open("ab") as output:
        running = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | env, cwd=cwd, start_new_session=True
        )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()


class Prefect:
    """A Prefect server, spoken to as its own UI does."""

    def __init__(self, url):
        self.url = url
        self.http = httpx.Client(base_url=f"{url}/", timeout=30)

    def post(self, path, **body):
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def make_deployment(self, flow, pool):
        flow_id = self.post("flows/", name=flow)["id"]
        tags = [GPU_TAG] if flow == RECORDING_FLOW else []
        return self.post("deployments/", name=pool, flow_id=flow_id, work_pool_name=pool, tags=tags)["id"]

    def run_of(self, batch_id):
        """Return the batch's own run, with its job-less tags."""
        runs = self.post("flow_runs/filter", flow_runs={"tags": {"all_": [batch_tag(batch_id)]}})
        own = [run for run in runs if not any(tag.startswith("job:") for tag in run["tags"])]
        assert len(own) <= 1
        return own[0] if own else None

    def make_child(self, batch_id, job_id, *, audio_seconds=60.0):
        return self._make_run([batch_tag(batch_id), job_tag(job_id)], audio_seconds)

    def make_helper(self, batch_id, job_id, *, audio_seconds=60.0):
        return self._make_run([helpers_tag(batch_id), helps_tag(job_id)], audio_seconds)

    def _make_run(self, tags, audio_seconds):
        deployment = self.http.get(f"deployments/name/{RECORDING_FLOW}/gpu-0").json()
        run = self.post(
            f"deployments/{deployment['id']}/create_flow_run",
            tags=tags,
            parameters={"recording": {"audio_seconds": audio_seconds}},
            enforce_parameter_schema=False,
        )
        return run["id"]

    def make_conversion(self, flow_run_id, job_id):
        task_run = self.post(
            "task_runs/",
            flow_run_id=flow_run_id,
            task_key="convert",
            dynamic_key=secrets.token_hex(4),
            tags=[job_tag(job_id)],
        )
        return task_run["id"]

    def set_state(self, kind, run_id, state_type, message=None):
        state = {"type": state_type, "name": state_type.capitalize(), "message": message}
        self.post(f"{kind}/{run_id}/set_state", state=state, force=True)

    def show_progress(self, flow_run_id, percent):
        self.post("artifacts/", type="progress", flow_run_id=flow_run_id, data=percent)


@dataclass
class Dashboard:
    """A dashboard process and its data folder."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen
    http: httpx.Client

    def make_batch(self, **body):
        answer = self.http.post("api/batch", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["batch_id"]

    def upload(self, batch_id, path, content=b"sound", **kwargs):
        return self.http.post("api/upload", params={"batch_id": batch_id, "path": path}, content=content, **kwargs)

    def start(self, batch_id):
        answer = self.http.post(f"api/batch/{batch_id}/start")
        assert answer.status_code == 202, answer.text
        return answer.json()["flow_run_id"]

    def started_batch(self, *paths):
        """Return the id of a started batch, its run's id, and the job ids of *paths*."""
        batch_id = self.make_batch()
        jobs = [self.upload(batch_id, path).json()["job_id"] for path in paths]
        return batch_id, self.start(batch_id), jobs

    def status(self, batch_id):
        answer = self.http.get(f"api/batch/{batch_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status_once(self, batch_id, holds):
        """Return the batch's status as soon as *holds* is true of it."""

        def status_now():
            now = self.status(batch_id)
            return now if holds(now) else None

        return wait_until(status_now, "the expected status of the batch", seconds=10)

    def stored(self, key):
        return json.loads((self.data / "store" / key).read_text())

    def store(self, key, content: bytes):
        path = self.data / "store" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def upload_files(self, batch_id):
        """Return the names of the files in the batch's uploads folder, half-received ones included."""
        folder = self.data / "uploads" / batch_id
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture(scope="session")
def prefect(tmp_path_factory):
    """A server of this folder's own, since tests look at all there is on it. Its services are not needed."""
    home = tmp_path_factory.mktemp("prefect-of-the-dashboard")
    with running_prefect_server(home, PREFECT__SERVER_WEBSERVER_ONLY="1") as running:
        server = Prefect(running.url)
        for pool, flow in (("cpu", BATCH_FLOW), ("gpu-0", RECORDING_FLOW)):
            server.post("work_pools/", name=pool, type="warm", description=f"device of {pool}", concurrency_limit=2)
            server.make_deployment(flow, pool)
        assert f"{BATCH_FLOW}/cpu" == BATCH_DEPLOYMENT
        yield server


@pytest.fixture(scope="session")
def run_dashboard(prefect):
    """Run a dashboard on *data* with further settings; as a context manager."""

    @contextmanager
    def run(data: Path, **settings):
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        env = {"BATCHSCRIBE_DATA": str(data), "BATCHSCRIBE_PORT": str(port), "PREFECT_API_URL": prefect.url}
        env |= {"BATCHSCRIBE_DISK_RESERVE_BYTES": "0"}
        env |= {f"BATCHSCRIBE_{name.upper()}": str(value) for name, value in settings.items() if name.islower()}
        env |= {name: value for name, value in settings.items() if name.isupper()}
        data.mkdir(parents=True, exist_ok=True)
        log = data / "dashboard.log"
        with (
            process([sys.executable, "-m", "dashboard"], log=log, env=env, cwd=data) as running,
            httpx.Client(base_url=url, timeout=60) as http,
        ):
            wait_until(lambda: running.poll() is not None or answers(f"{url}/_stcore/health"), "the dashboard's start")
            assert running.poll() is None, log.read_text()
            yield Dashboard(url=url, data=data, log=log, process=running, http=http)

    return run


@pytest.fixture(scope="session")
def dashboard(run_dashboard, tmp_path_factory):
    with run_dashboard(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


@pytest.fixture(scope="session")
def small_dashboard(run_dashboard, tmp_path_factory):
    """A dashboard with limits that a test can reach."""
    limits = {"max_file_bytes": 1000, "max_batch_bytes": 2500, "max_batch_files": 3, "upload_idle_seconds": 1}
    with run_dashboard(tmp_path_factory.mktemp("small"), max_concurrent_uploads=2, **limits) as running:
        yield running


class SlowUpload:
    """An upload over a plain socket that sends its head, and then what it is told to."""

    def __init__(self, dashboard, batch_id, path, length, fingerprint):
        address = httpx.URL(dashboard.url)
        method, identity, offset = "POST", "", ""
        if fingerprint:
            method, identity, offset = "PATCH", f"&size={length}&fingerprint={fingerprint}", "Upload-Offset: 0\r\n"
        self.socket = socket.create_connection((address.host, address.port), timeout=30)
        self.socket.sendall(
            f"{method} /api/upload?batch_id={batch_id}&path={path}{identity} HTTP/1.1\r\n"
            f"Host: {address.host}:{address.port}\r\n{offset}Content-Length: {length}\r\n\r\n".encode()
        )

    def send(self, content):
        self.socket.sendall(content)

    def answer(self):
        """Return the answer's status and what it says."""
        received = b""
        while b"}" not in received:
            chunk = self.socket.recv(65536)
            if not chunk:
                break
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)["detail"] if b"detail" in body else json.loads(body)

    def close(self):
        self.socket.close()


@pytest.fixture
def slow_upload():
    opened = []

    def begin(dashboard, batch_id, path="a.mp3", length=10_000_000, fingerprint=""):
        upload = SlowUpload(dashboard, batch_id, path, length, fingerprint)
        opened.append(upload)
        return upload

    yield begin
    for upload in opened:
        upload.close()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def recorded(dashboard, batch_id, job_id, *, sound=b"sound", video_type=None):
    """Put a recording into the store, as a conversion leaves it."""
    key = f"batches/{batch_id}/recordings/{job_id}"
    recording = {
        "job_id": job_id,
        "key": f"{key}.mp3",
        "size": len(sound),
        "sha256": sha256(sound),
        "audio_seconds": 12.5,
        "video_type": video_type,
    }
    dashboard.store(f"{key}.mp3", sound)
    dashboard.store(f"{key}.speech", b"{}")
    dashboard.store(f"{key}.json", json.dumps(recording).encode())


def published(dashboard, batch_id, job_id, *, name="a_formatted_refined.txt", content=b"Hello.\n", sound=b"sound"):
    """Put a recording, a document and its record into the store, as a job that is done leaves them."""
    recorded(dashboard, batch_id, job_id, sound=sound)
    key = f"batches/{batch_id}/documents/{name}"
    document = {"format": "txt", "key": key, "size": len(content), "sha256": sha256(content)}
    publication = {
        "job_id": job_id,
        "attempt": 1,
        "documents": [document],
        "language": "en",
        "audio_seconds": 12.5,
        "published_at": datetime.now(UTC).isoformat(),
    }
    dashboard.store(key, content)
    dashboard.store(f"batches/{batch_id}/published/{job_id}.json", json.dumps(publication).encode())


@pytest.fixture(scope="session")
def record():
    return recorded


@pytest.fixture(scope="session")
def publish():
    return published


@pytest.fixture
def wait():
    return wait_until


@pytest.fixture
def on_server(prefect):
    """Calls a coroutine function with a client of the server and a counter of the requests that it makes."""

    def call(work, *arguments):
        async def connected():
            requests: Counter[str] = Counter()

            async def count(request):
                requests[request.url.path] += 1

            async with PrefectClient(prefect.url, httpx_settings={"event_hooks": {"request": [count]}}) as client:
                requests.clear()  # of the connection itself
                return await work(client, requests, *arguments)

        with temporary_settings({PREFECT_API_URL: prefect.url}):  # Prefect's own lock takes no client
            return asyncio.run(connected())

    return call


@pytest.fixture
def ready():
    """A job of a batch whose recording is there."""
    batch = Batch(batch_id=f"20260101-120000-{uuid4().hex[:6]}", name="talks", created_at=datetime.now(UTC))
    job = Job(job_id=uuid4().hex, path="talk.mp3", size=1, sha256="0", document_stem="talk")
    recording = Recording(job_id=job.job_id, key="talk.mp3", size=1, sha256="0", audio_seconds=30.0)
    return batch, Waiting(job, recording)
