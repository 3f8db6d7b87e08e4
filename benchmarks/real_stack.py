"""Server, workers and dashboard as `make up` runs them, in a folder of their own; devices are simulated or measured."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from processes import children, free_port, running

from deployments.local.environment import (
    CPU_POOL,
    SLOTS_PER_DEVICE,
    cpu_worker_environment,
    device_worker_environment,
    server_environment,
    shared_environment,
)
from tasks.batches import BATCH_DEPLOYMENT, BATCH_FLOW, BATCH_QUEUE, GPU_TAG, RECORDING_FLOW, ROUTER_LIMIT
from tasks.devices import Device
from tasks.settings import Settings

BENCHMARKS = Path(__file__).parent
START_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class RealStack:
    """The processes of the stack, by id, and clients of both servers."""

    settings: Settings
    server: int
    cpu_worker: int
    device_workers: tuple[int, ...]
    dashboard: int
    api: httpx.AsyncClient
    prefect: httpx.AsyncClient

    @property
    def batch_processes(self) -> tuple[int, ...]:
        """The warm processes in which batch runs execute, with the one that they are forked from."""
        return tuple(children(self.cpu_worker))

    def holds(self, device: int) -> list[tuple[float, float]]:
        """Return the start and end of each hold of the device, so far."""
        log = self.settings.data / f"gpu-{device}.jsonl"
        if not log.exists():
            return []
        return [(begin, end) for begin, end in map(json.loads, log.read_text(encoding="utf-8").splitlines())]


@contextlib.asynccontextmanager
async def running_stack(
    folder: Path, devices: int, *, engine: str = "simulated_engine", warm_up: str = ""
) -> AsyncIterator[RealStack]:
    """Run the stack as long as the block lasts, with the recording flow of the module *engine*."""
    os.environ |= {
        "BATCHSCRIBE_DATA": str(folder),
        "BATCHSCRIBE_PORT": str(free_port()),
        "BATCHSCRIBE_PREFECT_PORT": str(free_port()),
        "BATCHSCRIBE_DISK_RESERVE_BYTES": "0",
    }
    settings = Settings()
    settings.prefect_home.mkdir(parents=True, exist_ok=True)
    os.environ |= shared_environment(settings)  # for Prefect's client in this process
    python, simulated = sys.executable, {"PYTHONPATH": str(BENCHMARKS), "BATCHSCRIBE_WARM_UP": warm_up or engine}
    async with contextlib.AsyncExitStack() as stack:

        def start(name: str, *module: str, environment: Mapping[str, str]) -> int:
            return stack.enter_context(running([python, "-m", *module], folder, name, environment))

        port = str(settings.prefect_port)
        server = start("server", "deployments.local.prefect_server", port, environment=server_environment(settings))
        await _set_up(devices, engine)
        dashboard = start("dashboard", "dashboard", environment=shared_environment(settings))
        cpu = start(CPU_POOL, "deployments.worker", CPU_POOL, environment=cpu_worker_environment(settings))
        workers = tuple(
            start(name, "deployments.worker", name, environment=environment | simulated)
            for name in (f"gpu-{number}" for number in range(devices))
            for environment in [device_worker_environment(settings, Device(name=name, kind="cpu"))]
        )
        api = httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}/api", timeout=60)
        prefect = httpx.AsyncClient(base_url=settings.prefect_api_url, timeout=60)
        running_now = RealStack(
            settings,
            server=server,
            cpu_worker=cpu,
            device_workers=workers,
            dashboard=dashboard,
            api=await stack.enter_async_context(api),
            prefect=await stack.enter_async_context(prefect),
        )
        await _ready(running_now, pools=1 + devices)
        yield running_now


async def _set_up(devices: int, engine: str) -> None:
    """Make pools and deployments as `deployments.local.provision` does, the devices' with the *engine*."""
    from prefect.client.orchestration import get_client

    from deployments.local.provision import set_up_cpu_pool, set_up_pool
    from deployments.worker.waiting import wait_for_server

    await wait_for_server(warn=print)
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(ROUTER_LIMIT, 1)
        batches, recordings = [await client.create_flow_from_name(name) for name in (BATCH_FLOW, RECORDING_FLOW)]
        await set_up_cpu_pool(client, Settings())
        await client.create_deployment(
            batches,
            name=BATCH_DEPLOYMENT.rpartition("/")[2],
            work_pool_name=CPU_POOL,
            work_queue_name=BATCH_QUEUE,
            entrypoint="flows.transcribe_batch.transcribe_batch",
            enforce_parameter_schema=False,
        )
        for number in range(devices):
            name = f"gpu-{number}"
            await set_up_pool(client, name, slots=SLOTS_PER_DEVICE, description=engine)
            await client.create_deployment(
                recordings,
                name=name,
                work_pool_name=name,
                entrypoint=f"{engine}.transcribe_recording",
                tags=[GPU_TAG],
                enforce_parameter_schema=False,
            )


async def _ready(stack: RealStack, *, pools: int) -> None:
    """Wait until the dashboard is well and every pool has its worker with its processes."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            found = (await stack.prefect.post("/work_pools/filter", json={})).json()
            online = sum(pool["status"] == "READY" for pool in found)
            if online == pools and (await stack.api.get("/health")).is_success:
                return
        await asyncio.sleep(0.5)
    msg = f"The stack did not answer within {START_SECONDS:.0f} s. Its logs: {stack.settings.data}"
    raise TimeoutError(msg)
