"""What the worker of a device tells the rest: how loaded the device is, and why it takes no jobs."""

from datetime import datetime

from pydantic import Field

from tasks.core.batches import Record

REPORT_PREFIX = "batchscribe-device-"
"""Begins the names of the Prefect variables that hold the reports, one for each GPU work pool."""


class DeviceLoad(Record):
    """Memory and utilisation of a GPU, as its driver gives them."""

    memory_used_bytes: int = Field(ge=0)
    memory_total_bytes: int = Field(gt=0)
    utilisation: float = Field(ge=0, le=1, description="share of the last seconds in which the GPU computed")


class Quarantine(Record):
    """Why a pool takes no jobs by itself, and when its device is tried with one."""

    failures: int = Field(description="runs in a row that the device failed")
    reason: str = Field(description="of the last one")
    probe_at: datetime


class DeviceReport(Record):
    """What a worker says about its device at one moment."""

    at: datetime
    load: DeviceLoad | None = None
    quarantine: Quarantine | None = None


def report_name(work_pool: str) -> str:
    """Return the name of the Prefect variable that holds the report of the pool's worker."""
    return f"{REPORT_PREFIX}{work_pool}"
