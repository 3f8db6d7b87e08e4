"""
The processes of an installation on one machine, and the order in which they start and stop.

::

    models ─────────────┐
    prefect ──► set-up ─┼──► workers, one per work pool, once each has its pool ──► ready
    dashboard ──────────┘

Everything that can start at the same time does: the first thing the processes do is import, and that needs no server.
Each waits on its own for the others that it needs. Prefect's server may be an existing one: then none is started here.

A store, an existing server or its database that is away does not keep the rest from being up: it is reported, and the
start goes on when it is back.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
from pydantic import ValidationError

from deployments.local.console import Console, Level
from deployments.local.environment import (
    CPU_POOL,
    cpu_worker_environment,
    device_worker_environment,
    server_environment,
    shared_environment,
)
from deployments.local.models import missing_models, models_needed
from deployments.local.supervisor import Command, GaveUp, KeptProcess
from tasks.devices import Device
from tasks.orchestration.status import Health
from tasks.settings import Settings

READY_SECONDS = 180.0
AWAY_SECONDS = 20.0
"""Time without an answer from Prefect until the stack is reported up without it: a new server takes a moment."""
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_LOOKS_AT_OUTAGE = 5.0
HEALTH_SECONDS = 15.0
"""The dashboard itself waits a third of that for the answers it needs."""
WORKER_STOP_SECONDS = 20.0
"""A worker hands its runs back before it ends, one request each."""

PROJECT = Path(__file__).parents[2]


class NotReady(Exception):
    """Something did not answer in time."""


class Stack:
    """Server, set-up, workers and dashboard."""

    def __init__(
        self, settings: Settings, devices: Sequence[Device], console: Console, on_start: Callable[[int], None]
    ) -> None:
        self._settings = settings
        self._devices = devices
        self._console = console
        self._on_start = on_start
        shared, records = shared_environment(settings), [device.model_dump_json() for device in devices]
        serving = ["deployments.local.prefect_server", str(settings.prefect_port), settings.prefect_host]
        server = self._process("prefect", serving, server_environment(settings))
        self._servers = () if settings.prefect_url else (server,)
        self._prefect_may_be_away = bool(settings.prefect_url or settings.prefect_database.get_secret_value())
        self._dashboard = self._process("dashboard", ["dashboard"], shared)
        models = [model.name for model in models_needed(settings, devices)]
        self._fetching = self._process("models", ["deployments.local.models", *models], shared)
        # Another installation may be at work on an existing server: its runs would be taken for ours, left behind.
        unattended = ["--unattended"] if settings.prefect_url else []
        self._set_up = self._process("set-up", ["deployments.local.provision", *unattended, *records], shared)
        environments = {CPU_POOL: cpu_worker_environment(settings)} | {
            device.name: device_worker_environment(settings, device) for device in devices
        }
        self._workers = {
            pool: self._process(pool, ["deployments.worker", pool], environment)
            for pool, environment in environments.items()
        }

    def _process(self, name: str, module: Sequence[str], environment: Mapping[str, str]) -> KeptProcess:
        command = Command(name, (sys.executable, "-m", *module), environment)
        return KeptProcess(
            command, folder=PROJECT, logs=self._settings.logs_folder, console=self._console, on_start=self._on_start
        )

    async def live(self, on_ready: Callable[[str], None]) -> None:
        """
        Start everything, call *on_ready* once it is up, and keep it running until cancelled.

        *on_ready* gets a sentence on what is away although everything here is up; empty if nothing is.

        Raises `GaveUp` or `NotReady`, in a group, if something does not start, or if later the server or the dashboard
        ends again and again. A worker that does so is given up alone: the others go on.
        """
        async with asyncio.TaskGroup() as processes, httpx.AsyncClient(timeout=HEALTH_SECONDS) as http:
            for process in (*self._servers, self._dashboard):
                processes.create_task(process.keep())
            starting = processes.create_task(self._start_workers(processes))
            away = await self._once_up(http, starting)
            for process in (*self._servers, self._dashboard, *self._workers.values()):
                process.has_settled = True
            on_ready(away)
            await starting
            if away:
                await self._once_back(http)

    async def stop(self) -> None:
        """End everything, the server last: workers still tell it about unfinished runs."""
        await asyncio.gather(self._fetching.stop(), self._set_up.stop(), self._dashboard.stop())
        await asyncio.gather(*(worker.stop(WORKER_STOP_SECONDS) for worker in self._workers.values()))
        await asyncio.gather(*(server.stop() for server in self._servers))

    def kill(self) -> None:
        """End everything at once; the next start picks up unfinished work."""
        for process in (self._fetching, self._set_up, self._dashboard, *self._workers.values(), *self._servers):
            process.kill()

    async def _start_workers(self, processes: asyncio.TaskGroup) -> None:
        """Start the workers and return when each is known to the server, and that is set up."""
        set_up = processes.create_task(self._set_up.run_to_end())
        if self._settings.prefect_url:
            await set_up
        processes.create_task(self._keep_worker(self._workers[CPU_POOL]))
        await self._fetch_models()
        for pool, worker in self._workers.items():
            if pool != CPU_POOL:
                processes.create_task(self._keep_worker(worker))
        for worker in self._workers.values():
            await worker.ready.wait()
        await set_up

    async def _once_up(self, http: httpx.AsyncClient, starting: "asyncio.Task[None]") -> str:
        """Wait until everything answers, or all that must; return the problem, if any. Raises `NotReady`."""
        away_since: float | None = None
        deadline = time.monotonic() + READY_SECONDS
        while True:
            health, now = await self._read_health(http), time.monotonic()
            if health is not None and starting.done():
                return "" if health.prefect_server and health.store else health.detail
            if health is not None and self._prefect_may_be_away and not health.prefect_server:
                away_since = away_since or now
                if now - away_since > AWAY_SECONDS:
                    return health.detail
            else:
                away_since = None
            if away_since is not None or self._fetching.is_running:
                deadline = now + READY_SECONDS
            elif now > deadline:
                raise NotReady(self._what_does_not_answer(health))
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def _what_does_not_answer(self, health: Health | None) -> str:
        late = [f"the worker of {pool}" for pool, worker in self._workers.items() if not worker.ready.is_set()]
        names = ", ".join(["the dashboard"] if health is None else late or ["the set-up"])
        return f"Not ready after {READY_SECONDS:.0f} s: {names} did not answer. Look into the logs."

    async def _once_back(self, http: httpx.AsyncClient) -> None:
        """Report when all that was away at the start is back."""
        back = False
        while not back:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS_AT_OUTAGE)
            health = await self._read_health(http)
            back = health is not None and health.prefect_server and health.store
        self._console.say("batchscribe", "What was away is back: everything answers now.")

    async def _read_health(self, http: httpx.AsyncClient) -> Health | None:
        """Return the dashboard's report on itself, the server and the store; None if it does not answer."""
        try:
            return Health.model_validate_json((await http.get(f"{self._settings.local_address}/api/health")).content)
        except (httpx.TransportError, ValidationError):  # not listening yet, or in trouble
            return None

    async def _fetch_models(self) -> None:
        missing = await asyncio.to_thread(missing_models, self._settings, self._devices)
        if missing:
            names = ", ".join(model.name for model in missing)
            self._console.say("models", f"Downloading the model {names}; this happens once.")
            await self._fetching.run_to_end()

    async def _keep_worker(self, worker: KeptProcess) -> None:
        try:
            await worker.keep()
        except GaveUp as error:
            if not worker.has_settled:
                raise
            self._console.say(worker.name, f"{error} Given up; the others go on.", Level.ERROR)
