"""
The environment of the processes that `make up` starts: the shared part, and the part of each.

A user's own Prefect must not leak in: of the ``PREFECT_`` variables of the shell only those pass that
`deployments.local.prefect_settings` lists, and Prefect's home, with its profiles and its database, is a folder of this
installation.
"""

import importlib.util
import math
import os
from collections.abc import Mapping
from pathlib import Path

from deployments.local.prefect_settings import for_clients, for_our_server, given_settings
from tasks.batches import BATCH_POOL
from tasks.cross_origin import is_loopback
from tasks.devices import Device
from tasks.settings import Settings

SLOTS_PER_DEVICE = 2
"""While one run holds the device, the other fetches or publishes: measured, the device then idles under 1 %."""

CPU_POOL = BATCH_POOL
"""Work pool of the flows that need no device."""

SLOTS_BESIDE_BATCHES = 8
"""Room in the `cpu` pool for flows such as clean-up, which open batches never take."""
WARM_CHILDREN_VARIABLE = "BATCHSCRIBE_WARM_CHILDREN"
"""Environment variable with the number of a worker's processes; not set if it was started by hand."""

PREFECT_WORKER_SETTINGS = {
    "PREFECT_WORKER_QUERY_SECONDS": "30",  # events and polls of our own come first (`deployments.worker.wake`)
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",  # a dead worker counts as offline after three of them
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}

CUDA_PACKAGES = ("nvidia.cublas", "nvidia.cudnn", "nvidia.cuda_nvrtc")
"""
Packages with the libraries that a model on a GPU needs. CTranslate2 4.8 asks for cuBLAS, other versions for cuDNN as
well, and that for NVRTC.
"""


class ServerUnclear(Exception):
    """Two settings name two Prefect servers."""


def with_named_server(settings: Settings, inherited: Mapping[str, str] = os.environ) -> Settings:
    """
    Return *settings* with the Prefect server that ``PREFECT_API_URL`` names, for commands that take it that way.

    Raises `ServerUnclear` if ``BATCHSCRIBE_PREFECT_URL`` names another one.
    """
    if not inherited.get("PREFECT_API_URL"):
        return settings
    named = Settings(prefect_url=inherited["PREFECT_API_URL"]).prefect_url
    if settings.prefect_url and settings.prefect_url != named:
        msg = (
            f"PREFECT_API_URL names {named}, and BATCHSCRIBE_PREFECT_URL {settings.prefect_url}. Which of the "
            "two servers is meant? Take one of the settings away."
        )
        raise ServerUnclear(msg)
    return settings.model_copy(update={"prefect_url": named})


def shared_environment(settings: Settings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of every process of this installation."""
    own = {name: value for name, value in inherited.items() if not name.startswith("PREFECT_")}
    existing = bool(settings.prefect_url)
    return own | {
        "BATCHSCRIBE_DATA": str(settings.data.absolute()),
        "PREFECT_HOME": str(settings.prefect_home),
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "5",  # not 2: fewer requests with log lines
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",  # a line reaches the log when it is written
        # One request less for each client: our server checks none.
        **({} if existing else {"PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false"}),
        **for_clients(given_settings(inherited), of_existing_server=existing),
    }


def server_environment(settings: Settings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of the Prefect server."""
    origins = ",".join(f"http://{host}:{settings.prefect_port}" for host in ("127.0.0.1", "localhost"))
    database = settings.prefect_database.get_secret_value()
    return shared_environment(settings, inherited) | {
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,  # the default lets every web page read the API
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # In memory, the leases of held limits are lost with the server, and their slots with them.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # A job that waits for its turn is not late, and marking it contends with its worker for the database.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        # A round costs some reads for each open run and each one cancelled within a day. Batch runs and pages cancel
        # jobs themselves; this is for batches whose process is gone.
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "20",
        # Runs of a job take a third of a megabyte, which nothing else removes. Batches and documents are in the store.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}),
        # Its pages call it by the name under which a browser elsewhere has loaded them.
        **({} if is_loopback(settings.prefect_host) else {"PREFECT_SERVER_UI_API_URL": "/api"}),
        **for_our_server(given_settings(inherited)),
    }


def cpu_worker_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the worker of the pool for flows that need no device."""
    return shared_environment(settings) | PREFECT_WORKER_SETTINGS | cpu_worker_settings(settings)


def cpu_slots(settings: Settings) -> int:
    """Return the number of runs at the same time in the pool for flows that need no device."""
    return settings.open_batches + SLOTS_BESIDE_BATCHES


def device_worker_environment(settings: Settings, device: Device) -> dict[str, str]:
    """Return the environment of the worker of *device*."""
    return shared_environment(settings) | PREFECT_WORKER_SETTINGS | device_worker_settings(settings, device)


def cpu_worker_settings(settings: Settings) -> dict[str, str]:
    """Return the settings of the worker of the batch runs, in addition to those shared by all processes."""
    processes = settings.batch_processes
    slots = math.ceil(cpu_slots(settings) / processes)
    return _warm_settings(settings, processes=processes, slots=slots) | {
        "BATCHSCRIBE_WARM_UP": "flows.transcribe_batch",
        "BATCHSCRIBE_WARM_FORK": "1",
        # A run that is fetched before its time waits for it in a process; not 0, since clocks of two hosts differ.
        "PREFECT_WORKER_PREFETCH_SECONDS": "2",
    }


def device_worker_settings(settings: Settings, device: Device) -> dict[str, str]:
    """Return the settings of the worker of *device*, in addition to those shared by all processes."""
    return _warm_settings(settings, processes=1, slots=SLOTS_PER_DEVICE) | {
        "BATCHSCRIBE_DEVICE": device.model_dump_json(),
        "BATCHSCRIBE_WARM_UP": "flows.transcribe_recording:warm_up",
        "BATCHSCRIBE_WARM_IDLE": "tasks.transcription.transcribe:unload_idle",
        "BATCHSCRIBE_WARM_IDLE_SECONDS": str(settings.model_idle_seconds),
        "OMP_NUM_THREADS": str(device.cpu_threads),
        **(_cuda_environment(os.environ) if device.kind == "cuda" else {}),
    }


def _warm_settings(settings: Settings, *, processes: int, slots: int) -> dict[str, str]:
    """Return the settings of a worker with so many processes and so many slots in each."""
    return {
        WARM_CHILDREN_VARIABLE: str(processes),
        "BATCHSCRIBE_WARM_SLOTS": str(slots),
        "BATCHSCRIBE_WARM_RUNS": str(settings.runs_per_process),
    }


def _cuda_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variable with the folders of the installed CUDA libraries.

    CTranslate2 loads cuBLAS by its bare name when the model is first called, looking only next to itself and where the
    dynamic linker looks, and the linker reads its variable when a process starts. So it is set for the worker, whose
    processes inherit it. Libraries that the shell named come last: those of the packages are the ones that were locked.
    """
    folders = [str(folder) for package in CUDA_PACKAGES for folder in _library_folders(package)]
    named = [inherited["LD_LIBRARY_PATH"]] if inherited.get("LD_LIBRARY_PATH") else []
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders + named)} if folders else {}


def _library_folders(package: str) -> list[Path]:
    """Return the folders of shared libraries of *package*; none if it is not installed."""
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # nor is anything else of nvidia
        return []
    places = [Path(place) / "lib" for place in (found.submodule_search_locations or ())] if found else []
    return [place for place in places if place.is_dir()]
