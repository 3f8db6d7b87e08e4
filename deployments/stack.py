"""
The processes of an installation on one machine, and the order in which they start and stop.

::

    models ───────────────────────┐
    prefect ──► set-up ───────────┼──► workers, one per work pool ──► ready
    dashboard ────────────────────┘

What can start at the same time does: the first thing the processes do is import, and that needs no server.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from deployments.console import Console
from deployments.environment import (
    CPU_POOL,
    cpu_worker_environment,
    device_worker_environment,
    server_environment,
    shared_environment,
)
from deployments.log_lines import Level
from deployments.models import is_complete, models_needed
from deployments.processes import Command, GaveUp, KeptProcess
from tasks.core.devices import Device
from tasks.core.settings import Settings

READY_SECONDS = 180.0
SECONDS_BETWEEN_LOOKS = 0.5
"""Each look costs the server some 20 ms, of which it has none to spare while it starts."""
WORKER_STOP_SECONDS = 20.0
"""A worker hands its runs back before it ends, one request each."""

PROJECT = Path(__file__).parents[1]


class NotReady(Exception):
    """Something did not answer in time."""


class Stack:
    """Server, set-up, workers and dashboard."""

    def __init__(
        self, settings: Settings, devices: Sequence[Device], console: Console, on_start: Callable[[int], None]
    ) -> None:
        self._settings = settings
        self._console = console
        self._on_start = on_start
        self._models = models_needed(settings, devices)
        shared, records = shared_environment(settings), [device.model_dump_json() for device in devices]
        port = str(settings.prefect_port)
        self._server = self._process(
            "prefect",
            ["deployments.prefect_server", port],
            server_environment(settings),
        )
        self._dashboard = self._process("dashboard", ["dashboard"], shared)
        self._fetching = self._process(
            "models", ["deployments.models", *(model.name for model in self._models)], shared
        )
        self._set_up = self._process("set-up", ["deployments.work_pools", *records], shared)
        environments = {CPU_POOL: cpu_worker_environment(settings)} | {
            device.name: device_worker_environment(settings, device) for device in devices
        }
        self._workers = {
            pool: self._process(pool, ["deployments.serve_pool", pool], environment)
            for pool, environment in environments.items()
        }

    def _process(self, name: str, module: Sequence[str], environment: Mapping[str, str]) -> KeptProcess:
        command = Command(name, (sys.executable, "-m", *module), environment)
        return KeptProcess(
            command, folder=PROJECT, logs=self._settings.logs_folder, console=self._console, on_start=self._on_start
        )

    async def live(self, on_ready: Callable[[], None]) -> None:
        """
        Start everything, call *on_ready* once all of it answers, and keep it running until cancelled.

        Raises `GaveUp` or `NotReady`, in a group, if something does not start, or if later the server or the dashboard
        ends again and again. A worker that does so is given up alone: the others go on.
        """
        began = datetime.now(UTC)
        async with asyncio.TaskGroup() as processes, httpx.AsyncClient(timeout=5) as http:
            processes.create_task(self._server.keep())
            processes.create_task(self._dashboard.keep())
            fetched = processes.create_task(self._fetch_models())
            set_up = processes.create_task(self._set_up.run_to_end())
            for pool, worker in self._workers.items():
                await _until(f"The work pool {pool}", partial(self._has_pool, http, pool))
                if pool != CPU_POOL:
                    await fetched
                processes.create_task(self._keep_worker(worker))
            for pool in self._workers:
                await _until(f"The worker of {pool}", partial(self._is_online, http, pool, since=began))
            await set_up
            await _until("The dashboard", partial(_answers, http, f"{self._settings.local_address}/api/health"))
            for process in (self._server, self._dashboard, *self._workers.values()):
                process.has_settled = True
            on_ready()

    async def stop(self) -> None:
        """End everything, the server last: workers still tell it what they did not finish."""
        await asyncio.gather(self._fetching.stop(), self._set_up.stop(), self._dashboard.stop())
        await asyncio.gather(*(worker.stop(WORKER_STOP_SECONDS) for worker in self._workers.values()))
        await self._server.stop()

    def kill(self) -> None:
        """End everything at once; what was under way is picked up by the next start."""
        for process in (self._fetching, self._set_up, self._dashboard, *self._workers.values(), self._server):
            process.kill()

    async def _fetch_models(self) -> None:
        folder = self._settings.models_folder
        complete = [await asyncio.to_thread(is_complete, model, folder) for model in self._models]
        if all(complete):
            return
        names = ", ".join(model.name for model in self._models)
        self._console.say("models", f"Downloading the model {names}; this happens once.")
        await self._fetching.run_to_end()

    async def _keep_worker(self, worker: KeptProcess) -> None:
        try:
            await worker.keep()
        except GaveUp as error:
            if not worker.has_settled:
                raise
            self._console.say(worker.name, f"{error} Given up; the others go on.", Level.ERROR)

    async def _has_pool(self, http: httpx.AsyncClient, pool: str) -> bool:
        return await _answers(http, f"{self._settings.prefect_api_url}/work_pools/{pool}")

    async def _is_online(self, http: httpx.AsyncClient, pool: str, *, since: datetime) -> bool:
        """Return whether the pool's worker reported after *since*: one that was killed counts as online for a while."""
        answer = await http.post(f"{self._settings.prefect_api_url}/work_pools/{pool}/workers/filter", json={})
        if not answer.is_success:
            return False
        reports = [worker["last_heartbeat_time"] for worker in answer.json() if worker["status"] == "ONLINE"]
        return any(datetime.fromisoformat(report) > since for report in reports)


async def _answers(http: httpx.AsyncClient, address: str) -> bool:
    return (await http.get(address)).is_success


async def _until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):  # not listening yet
            if await holds():
                return
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
    msg = f"{what} did not answer for {READY_SECONDS:.0f} s. Look into the logs."
    raise NotReady(msg)
