"""
Set up a Prefect server for this machine: work pools, deployments and the limit that keeps two batches apart.

Doing it again changes nothing, so every start does it. One pool per device, one deployment of transcribe-recording on
each; those of a device of this machine that is gone are paused, not deleted, since their runs are history.

``python -m deployments.local.provision`` waits for the server, however long that is away, and sets it up for the
devices of this machine, which it looks for unless they are given as JSON records. With ``BATCHSCRIBE_DEVICE`` it adds
that one (a further machine's) instead. `deployments.local.deploy` does the same to any server, once and without
waiting.
"""

import argparse
import asyncio
import contextlib
import math
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from prefect.cli import app as prefect_program
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, ObjectUnsupported
from prefect.settings import PREFECT_API_URL

from deployments.local.devices import DeviceUnavailable, find_devices, machine_name
from deployments.local.environment import CPU_POOL, SLOTS_PER_DEVICE, cpu_slots
from deployments.local.inboxes import deploy_inboxes
from deployments.worker.waiting import NoAnswer, wait_for_server, wait_for_store
from deployments.worker.worker import WarmWorker
from tasks.batches import BATCH_QUEUE, RECORDING_FLOW, ROUTER_LIMIT
from tasks.devices import Device
from tasks.errors import InboxInvalid, PrefectUnavailable
from tasks.orchestration.pool_model import PoolHealth
from tasks.orchestration.pool_variables import (
    DEVICE_KIND_VARIABLE,
    DEVICE_VARIABLE,
    MACHINE_VARIABLE,
    device_and_machine,
    health_of,
    variable_default,
    with_health,
)
from tasks.orchestration.pools import last_heartbeat
from tasks.outages import retry_until_accepted
from tasks.settings import Settings

PROJECT = Path(__file__).parents[2]
PATTERN = "gpu-0"
"""Deployment of transcribe-recording in prefect.yaml after which those of the other devices are made."""

ADDED_VARIABLE = "added"
"""Job variable of a work pool whose default says that `make worker` added the pool."""

SLOTS_VARIABLE = "slots"
"""Job variable of a work pool whose default says which concurrency limit we gave it: a user set any other."""

LONGEST_PAUSE_SECONDS = 4.0
HEARTBEAT_SECONDS = 15.0
"""Time within which a worker sends a heartbeat: one in ten seconds, more or less (`deployments.local.environment`)."""


class SetUpFailed(Exception):
    """The Prefect server could not be set up."""


async def set_up(settings: Settings, devices: Sequence[Device]) -> None:
    """Set up pools, deployments and limits for *devices* on the server that Prefect's settings name."""
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(ROUTER_LIMIT, 1)
        await set_up_cpu_pool(client, settings)
        for device in devices:
            await _set_up_device_pool(client, device, added=False)
        await pause_gone(client, {device.name for device in devices})
        await _deploy_file()
        for device in devices:
            await _deploy_like_pattern(client, device.name)
        await deploy_inboxes(client, settings)


async def set_up_unattended(settings: Settings, devices: Sequence[Device]) -> None:
    """Do the same unless a pool has a worker already. Raises `SetUpFailed` then."""
    async with get_client() as client:
        pools = (CPU_POOL, *(device.name for device in devices))
        await asyncio.gather(*(_check_unattended(client, pool) for pool in pools))
    await set_up(settings, devices)


async def add_device(device: Device) -> None:
    """Add the pool and the deployment of *device* to a server that is set up. Raises `SetUpFailed`."""
    async with get_client() as client:
        await _check_unattended(client, device.name)
        await _set_up_device_pool(client, device, added=True)
        await _deploy_like_pattern(client, device.name)


async def _check_unattended(client: PrefectClient, pool: str) -> None:
    """
    Raise `SetUpFailed` if the pool has a worker: it would take the other's runs for orphans, and start them again.

    One that has just ended counts as online for a while. So its next heartbeat is waited for.
    """
    known = await last_heartbeat(client, pool)
    deadline = time.monotonic() + HEARTBEAT_SECONDS
    while known is not None and time.monotonic() < deadline:
        await asyncio.sleep(1)
        latest = await last_heartbeat(client, pool)
        if latest is not None and latest > known:
            msg = f"{pool} has a worker, which answers. Stop it first, or name another pool: make worker POOL=gpu-…"
            raise SetUpFailed(msg)


async def _set_up_device_pool(client: PrefectClient, device: Device, *, added: bool) -> None:
    description = f"{device.title} on {machine_name()}"
    defaults = {
        DEVICE_KIND_VARIABLE: device.kind,
        DEVICE_VARIABLE: device.title,
        MACHINE_VARIABLE: machine_name(),
        ADDED_VARIABLE: added,
    }
    await set_up_pool(client, device.name, slots=SLOTS_PER_DEVICE, description=description, defaults=defaults)


async def set_up_cpu_pool(client: PrefectClient, settings: Settings) -> None:
    """Create the pool of the flows that need no device, and the queue that bounds the batch runs in it."""
    await set_up_pool(client, CPU_POOL, slots=cpu_slots(settings), description="Batches: convert, collect")
    limit = settings.open_batches
    try:
        await client.create_work_queue(BATCH_QUEUE, concurrency_limit=limit, work_pool_name=CPU_POOL)
    except ObjectAlreadyExists:
        queue = await client.read_work_queue_by_name(BATCH_QUEUE, work_pool_name=CPU_POOL)
        await client.update_work_queue(queue.id, concurrency_limit=limit)


async def set_up_pool(
    client: PrefectClient,
    name: str,
    *,
    slots: int,
    description: str,
    defaults: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """
    Create the warm pool *name*, or bring it up to date. A pause and a concurrency limit that a user set are kept.

    Raises `SetUpFailed` if the server cannot have it.
    """
    template = WarmWorker.get_default_base_job_template()
    for variable, default in {**defaults, SLOTS_VARIABLE: slots}.items():
        template["variables"]["properties"][variable]["default"] = default
    wanted = WorkPoolCreate(
        name=name,
        type=WarmWorker.type,
        description=description,
        base_job_template=template,
        concurrency_limit=slots,
    )
    try:
        await client.create_work_pool(wanted)
    except ObjectUnsupported as error:
        msg = (
            f"The plan of this Prefect Cloud workspace has no work pools with workers of one's own, so {name} cannot "
            "be made. Use another plan, or a Prefect server of your own."
        )
        raise SetUpFailed(msg) from error
    except ObjectAlreadyExists:
        await _bring_up_to_date(client, wanted)


async def _bring_up_to_date(client: PrefectClient, wanted: WorkPoolCreate) -> None:
    pool = await client.read_work_pool(wanted.name)
    if pool.type != wanted.type:
        msg = (
            f"The server has a work pool {pool.name} of type {pool.type} already, which is not ours. Delete it there, "
            "or use another server or workspace."
        )
        raise SetUpFailed(msg)
    paused_by_us = health_of(pool) in (PoolHealth.GONE, PoolHealth.QUARANTINED)
    ours = variable_default(pool, SLOTS_VARIABLE)  # None in pools of earlier versions, which set it at every start
    limit_is_ours = ours is None or pool.concurrency_limit in (None, ours)
    update = WorkPoolUpdate(
        description=wanted.description,
        base_job_template=wanted.base_job_template,
        concurrency_limit=wanted.concurrency_limit if limit_is_ours else pool.concurrency_limit,
        is_paused=pool.is_paused and not paused_by_us,
    )
    await client.update_work_pool(pool.name, update)


async def pause_gone(client: PrefectClient, present: set[str]) -> None:
    """Pause the device pools of this machine that are not *present*, but for added ones: they have their own worker."""
    for pool in await client.read_work_pools():
        if pool.name not in present and _is_of_this_machine(pool):
            update = with_health(pool, PoolHealth.GONE)
            update.is_paused = True
            await client.update_work_pool(pool.name, update)


def _is_of_this_machine(pool: WorkPool) -> bool:
    _, machine = device_and_machine(pool)
    return (
        pool.type == WarmWorker.type
        and pool.name != CPU_POOL
        and not variable_default(pool, ADDED_VARIABLE)
        and health_of(pool) is not PoolHealth.GONE
        and machine == machine_name()
    )


async def _deploy_file() -> None:
    """Deploy prefect.yaml with Prefect's own command, which alone knows all that the file may say."""
    with contextlib.chdir(PROJECT):
        status = await asyncio.to_thread(_run_prefect, "--no-prompt", "deploy", "--all")
    if status:
        msg = f"Deploying prefect.yaml ended with {status}. The lines above say why."
        raise SetUpFailed(msg)


def _run_prefect(*arguments: str) -> str | int | None:
    """Run a command of Prefect's in this process, which has imported most of it by now; return its exit status."""
    ours = sys.argv
    sys.argv = ["prefect", *arguments]
    try:
        prefect_program()
    except SystemExit as end:
        return end.code
    finally:
        sys.argv = ours
    return None


async def _deploy_like_pattern(client: PrefectClient, pool: str) -> None:
    """Make the deployment of transcribe-recording on *pool* after that of the first pool in prefect.yaml."""
    if pool == PATTERN:
        return
    pattern = await client.read_deployment_by_name(f"{RECORDING_FLOW}/{PATTERN}")
    await client.create_deployment(**_copied(pattern), name=pool, work_pool_name=pool)


def _copied(pattern: DeploymentResponse) -> dict[str, Any]:
    """Return the fields a deployment has in common with *pattern*: all but its name and its pool."""
    return {
        "flow_id": pattern.flow_id,
        "entrypoint": pattern.entrypoint,
        "path": pattern.path,
        "tags": pattern.tags,
        "description": pattern.description,
        "version": pattern.version,
        "parameters": pattern.parameters,
        "parameter_openapi_schema": pattern.parameter_openapi_schema,
        "enforce_parameter_schema": pattern.enforce_parameter_schema,
        "job_variables": pattern.job_variables,
        "pull_steps": pattern.pull_steps,
    }


async def through_outages(set_it_up: Callable[[], Awaitable[None]], *, seconds: float) -> None:
    """
    Wait for the server and set it up; after an outage in the middle once more, since doing it again does no harm.

    Raises `NoAnswer` if the server is away for so many *seconds*.
    """

    async def set_it_all_up() -> None:
        await wait_for_server(warn=_warn, seconds=seconds)
        try:
            await set_it_up()
        except (httpx.HTTPError, SetUpFailed) as error:
            if await _is_away():
                raise PrefectUnavailable(str(error)) from error
            raise

    def tell(error: Exception) -> None:
        _warn(f"The server was away in the middle of the set-up ({error}); beginning again.")

    await retry_until_accepted(set_it_all_up, tell=tell, longest_pause=LONGEST_PAUSE_SECONDS)


async def _is_away() -> bool:
    try:
        await wait_for_server(warn=_warn, seconds=0)
    except NoAnswer:
        return True
    return False


def _warn(sentence: str) -> None:
    sys.stdout.write(f"WARNING:  {sentence}\n")
    sys.stdout.flush()


def main() -> None:
    """Set up the server for the devices of this machine, or add the one of ``BATCHSCRIBE_DEVICE``."""
    parser = argparse.ArgumentParser(description="Set up a Prefect server: work pools, deployments, limits.")
    parser.add_argument("devices", nargs="*", type=Device.model_validate_json, help="JSON records")
    parser.add_argument("--within", type=float, default=math.inf, help="seconds to wait for the server")
    parser.add_argument("--unattended", action="store_true", help="refuse if a pool has a worker already")
    given = parser.parse_args()
    settings = Settings()
    try:
        if settings.device is not None:
            setting_up = partial(add_device, settings.device)
        else:
            how = set_up_unattended if given.unattended else set_up
            setting_up = partial(how, settings, given.devices or find_devices(settings))
        asyncio.run(through_outages(setting_up, seconds=given.within))
        if settings.device is not None:
            asyncio.run(wait_for_store(settings, warn=_warn))
    except (DeviceUnavailable, InboxInvalid, NoAnswer, SetUpFailed) as error:
        sys.exit(str(error))
    except (httpx.HTTPError, ObjectNotFound) as error:
        where = PREFECT_API_URL.value()
        sys.exit(f"The Prefect server at {where} did not take the set-up: {error}. Look into its log.")


if __name__ == "__main__":
    main()
