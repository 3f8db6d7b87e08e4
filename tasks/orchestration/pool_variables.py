"""
A work pool's device in Prefect: its kind, name, machine and health are the defaults of the pool's job variables.

A pool has no other field that programs can read, and that is changed in one request with its pause. The description
says the same to users of Prefect's UI: it is written from here and never read, but for pools that have no such
variables, since an earlier version or another program made them.
"""

import copy
from typing import Any, Literal

from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool

from tasks.orchestration.pool_model import WARM, PoolHealth

DEVICE_KIND_VARIABLE = "device_kind"
DEVICE_VARIABLE = "device"
MACHINE_VARIABLE = "machine"
HEALTH_VARIABLE = "health"

MARKS = {
    PoolHealth.HEALTHY: "",
    PoolHealth.QUARANTINED: "Quarantined: ",
    PoolHealth.PROBE: "On probation: ",
    PoolHealth.GONE: "Gone: ",
}
"""Beginnings of a pool's description, by which users see its health in Prefect's UI."""


def variable_default(pool: WorkPool, variable: str) -> Any:
    """Return the default of a job variable of *pool*; None if it has none."""
    return pool.base_job_template.get("variables", {}).get("properties", {}).get(variable, {}).get("default")


def health_of(pool: WorkPool) -> PoolHealth:
    """Return the health of *pool*: only a warm worker knows that of its device."""
    if pool.type != WARM:
        return PoolHealth.HEALTHY
    said = variable_default(pool, HEALTH_VARIABLE)
    if said is None:  # of an earlier version, which told it by the description
        marks = ((health, mark) for health, mark in MARKS.items() if mark)
        description = pool.description or ""
        return next((health for health, mark in marks if description.startswith(mark)), PoolHealth.HEALTHY)
    return PoolHealth(said) if said in list(PoolHealth) else PoolHealth.HEALTHY


def with_health(pool: WorkPool, health: PoolHealth) -> WorkPoolUpdate:
    """Return the update that gives *pool* the health; its pause is left as it is."""
    template = copy.deepcopy(pool.base_job_template)
    properties = template.setdefault("variables", {}).setdefault("properties", {})
    properties.setdefault(HEALTH_VARIABLE, {"type": "string"})["default"] = health.value
    return WorkPoolUpdate(base_job_template=template, description=f"{MARKS[health]}{_description(pool)}")


def _description(pool: WorkPool) -> str:
    return (pool.description or "").removeprefix(MARKS[health_of(pool)])


def device_kind(pool: WorkPool) -> Literal["cuda", "cpu"]:
    """Return the kind of the pool's device; where its template says none, the one that its type suggests."""
    said = variable_default(pool, DEVICE_KIND_VARIABLE) or ("cpu" if pool.type == WARM else "cuda")
    return "cuda" if said == "cuda" else "cpu"


def device_and_machine(pool: WorkPool) -> tuple[str, str]:
    """Return the names of the pool's device and of its machine, as users know them; empty where they are not known."""
    if device := variable_default(pool, DEVICE_VARIABLE):
        return device, variable_default(pool, MACHINE_VARIABLE) or ""
    description = _description(pool)
    device, _, machine = description.rpartition(" on ")
    return (device, machine) if device else (description, "")
