"""
The environment of the processes that `make up` starts: what they share, and what each gets for itself.

A user's own Prefect must not leak in: every ``PREFECT_`` variable of the shell is dropped, and Prefect's home, with its
profiles and its database, is a folder of this installation.
"""

import os
from collections.abc import Mapping

from tasks.core.devices import Device
from tasks.core.settings import Settings

SLOTS_PER_DEVICE = 2
"""While one run holds the device, the other fetches or publishes: measured, the device then idles under 1 %."""

CPU_POOL = "cpu"
"""Work pool of the flows that need no device."""


def shared_environment(settings: Settings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of every process of this installation."""
    own = {name: value for name, value in inherited.items() if not name.startswith("PREFECT_")}
    return own | {
        "BATCHSCRIBE_DATA": str(settings.data.absolute()),
        "PREFECT_HOME": str(settings.prefect_home),
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # one request less for each client; our server checks none
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",  # a line reaches the log when it is written
    }


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the Prefect server."""
    origins = ",".join(f"http://{host}:{settings.prefect_port}" for host in ("127.0.0.1", "localhost"))
    return shared_environment(settings) | {
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,  # the default lets every web page read the API
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # In memory, the leases of held limits are lost with the server, and their slots with them.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # A job that waits for its turn is not late, and marking it contends with its worker for the database.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "5",  # not 20: a person waits for it
    }


def worker_environment(settings: Settings, *, processes: int, slots: int) -> dict[str, str]:
    """Return the environment of a worker with so many processes and so many slots in each."""
    return shared_environment(settings) | {
        "BATCHSCRIBE_WARM_CHILDREN": str(processes),
        "BATCHSCRIBE_WARM_SLOTS": str(slots),
        "BATCHSCRIBE_WARM_RUNS": str(settings.runs_per_process),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",  # a dead worker counts as offline after three of them
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


def cpu_worker_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the worker of the pool for flows that need no device."""
    return worker_environment(settings, processes=settings.batch_processes, slots=1) | {
        "BATCHSCRIBE_WARM_UP": "flows.transcribe_batch"
    }


def device_worker_environment(settings: Settings, device: Device) -> dict[str, str]:
    """Return the environment of the worker of *device*."""
    return worker_environment(settings, processes=1, slots=SLOTS_PER_DEVICE) | {
        "BATCHSCRIBE_DEVICE": device.model_dump_json(),
        "BATCHSCRIBE_WARM_UP": "flows.transcribe_recording:warm_up",
        "BATCHSCRIBE_WARM_IDLE": "tasks.transcribe:unload_idle",
        "BATCHSCRIBE_WARM_IDLE_SECONDS": str(settings.model_idle_seconds),
        "OMP_NUM_THREADS": str(device.cpu_threads),
    }
