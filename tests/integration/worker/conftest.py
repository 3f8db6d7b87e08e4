"""A Prefect server, a work pool of type ``warm`` with the flows of `warm_cases`, and workers to start and kill."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.prefect_server import PrefectServer
from tests.support.waiting import looks

HERE = Path(__file__).parent
FLOWS = (
    "isolated",
    "polite",
    "counted",
    "stubborn",
    "returns_although_cancelled",
    "poisonous",
    "deadly_once",
    "frozen",
    "process_facts",
    "not_async",
    "prints",
    "listens",
)
POOL = "gpu-test"


@dataclass
class WarmPool:
    """The pool under test, and the worker that serves it."""

    client: object
    environment: dict[str, str]
    deployments: dict[str, UUID]
    log: Path
    name: str = POOL
    worker: subprocess.Popen[bytes] | None = None

    def start_worker(self, **settings: str) -> subprocess.Popen[bytes]:
        environment = {**self.environment, "BATCHSCRIBE_WARM_CHILDREN": "1", "BATCHSCRIBE_WARM_SLOTS": "2", **settings}
        with self.log.open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "deployments.worker", self.name], env=environment, stdout=log, stderr=log
            )
        return self.worker

    def stop_worker(self, stop_signal: signal.Signals) -> int:
        assert self.worker is not None
        self.worker.send_signal(stop_signal)
        return self.worker.wait(120)

    def restart_worker(self, **settings: str) -> None:
        """Have a worker with these settings, whatever another test left."""
        self.stop_worker_if_any()
        self.start_worker(**settings)

    def stop_worker_if_any(self) -> None:
        if self.worker is not None and self.worker.poll() is None:
            self.stop_worker(signal.SIGTERM)

    def create(self, flow: str, **parameters: object):
        return self.client.create_flow_run_from_deployment(self.deployments[flow], parameters=parameters)

    def wait(self, run, condition: Callable[[object], bool], seconds: float = 120):
        for _ in looks(seconds):
            current = self.client.read_flow_run(run.id)
            if current.state is not None and condition(current.state):
                return current
        pytest.fail(f"{run.name} is {current.state.name} ({current.state.message}) after {seconds} s")

    def state_names(self, run) -> list[str]:
        states = sorted(self.client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
        return [state.name for state in states]


@contextlib.contextmanager
def running_pool(server: PrefectServer, name: str, folder: Path, *, limit: int) -> Iterator[WarmPool]:
    """Make a warm pool with the flows; its worker is started by whoever needs one."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.deployments.runner import RunnerDeployment

    from deployments.worker.worker import WarmWorker

    sys.path.insert(0, str(HERE))
    import warm_cases

    with get_client(sync_client=True) as client:
        template = WarmWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, type="warm", base_job_template=template, concurrency_limit=limit)
        client.create_work_pool(pool, overwrite=True)
        deployments = {}
        for flow in FLOWS:
            deployment = RunnerDeployment.from_flow(getattr(warm_cases, flow), name=name, work_pool_name=name)
            deployment.entrypoint = f"warm_cases.{flow}"
            created = deployment.apply()
            deployments[flow] = asyncio.run(created) if asyncio.iscoroutine(created) else created
        environment = {**server.environment, "PYTHONPATH": str(HERE), "PREFECT_WORKER_QUERY_SECONDS": "30"}
        pool = WarmPool(client, environment, deployments, folder / "worker.log", name)
        yield pool
        if pool.worker is not None and pool.worker.poll() is None:
            pool.worker.kill()
            pool.worker.wait()


@pytest.fixture(scope="module")
def warm_pool(prefect_server, tmp_path_factory) -> Iterator[WarmPool]:
    with running_pool(prefect_server, POOL, tmp_path_factory.mktemp("warm"), limit=2) as pool:
        yield pool


@pytest.fixture
def warm(warm_pool) -> WarmPool:
    """The pool with a live worker; what another test killed is started again."""
    if warm_pool.worker is None or warm_pool.worker.poll() is not None:
        warm_pool.start_worker()
    return warm_pool


@pytest.fixture
def idle_pool(warm_pool, monkeypatch):
    """The pool without a worker, and the environment for one in this process."""
    warm_pool.stop_worker_if_any()
    for name, value in warm_pool.environment.items():
        monkeypatch.setenv(name, value)
    return warm_pool


@pytest.fixture(autouse=True)
def _told(monkeypatch) -> None:
    """A worker that a test makes in its own process is told how many processes it has, as by `make up`."""
    monkeypatch.setenv("BATCHSCRIBE_WARM_CHILDREN", "1")
