"""The device that one model runs on."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from tasks.batches import StoredModel


class Device(StoredModel):
    """A GPU, or the share of the CPU that one model gets."""

    name: str = Field(description="unique on this machine, for example cuda:0 or cpu:1")
    kind: Literal["cuda", "cpu"]
    index: int = Field(default=0, ge=0, description="number among the devices of its kind")
    uuid: str = Field(default="", description="what the driver knows a GPU by, whatever is hidden or reordered")
    title: str = Field(default="", description="what people call it: the product name of the GPU or the CPU")
    memory_bytes: int = Field(default=0, ge=0, description="its own memory; 0 where it shares the machine's")
    cpu_threads: int = Field(default=1, ge=1, description="threads of the model on a CPU")
    compute_type: str = Field(default="int8", description="CTranslate2's name of the number format: int8, float16, …")
    batch_size: int = Field(default=4, ge=1, description="most chunks of audio that enter the model together")


REPORT_PREFIX = "batchscribe-device-"
"""Prefix of the names of the Prefect variables that hold the reports, one for each GPU work pool."""


class DeviceLoad(StoredModel):
    """Memory and utilisation of a GPU, as its driver gives them."""

    memory_used_bytes: int = Field(ge=0)
    memory_total_bytes: int = Field(gt=0)
    utilisation: float = Field(ge=0, le=1, description="share of the last seconds in which the GPU computed")


class Quarantine(StoredModel):
    """The quarantine of a pool: why it takes no jobs, and when its device is tried with one."""

    failures: int = Field(description="runs in a row that the device failed")
    reason: str = Field(description="of the last one")
    probe_at: datetime


class DeviceReport(StoredModel):
    """A worker's report about its device at one moment."""

    at: datetime
    load: DeviceLoad | None = None
    quarantine: Quarantine | None = None


def report_name(work_pool: str) -> str:
    """Return the name of the Prefect variable that holds the report of the pool's worker."""
    return f"{REPORT_PREFIX}{work_pool}"
