"""
Find the GPU work pools: those with a deployment of ``transcribe-recording`` that is tagged ``gpu``.

Type and name of a pool do not matter, nor does the deployment's name: Prefect's process, docker and kubernetes workers
serve as the warm ones do. Finding all of them takes the same few requests however many there are.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowFilter,
    FlowFilterName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import DeploymentStatus, WorkPool, WorkPoolStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort

from tasks.core.batches import GPU_TAG, RECORDING_FLOW
from tasks.paging import read_all

SECONDS_KEPT = 10.0
"""Deployments hardly ever change, and each of them costs the server as much as all that a pool runs."""


@dataclass(frozen=True, slots=True)
class GpuWorkPool:
    """A work pool that transcribes, and the deployment by which it gets runs."""

    work_pool: WorkPool
    deployment_id: UUID
    online: bool
    """Whether it has a worker that answers."""


@dataclass(frozen=True, slots=True)
class _Read:
    at: float
    by_pool: Mapping[str, DeploymentResponse]


_latest: WeakKeyDictionary[PrefectClient, _Read] = WeakKeyDictionary()


async def read_gpu_pools(client: PrefectClient) -> list[GpuWorkPool]:
    """Return all GPU work pools, by name. A new deployment is noticed after ten seconds at the most."""
    deployments = await _read_deployments(client)
    if not deployments:
        return []
    named = WorkPoolFilter(name=WorkPoolFilterName(any_=sorted(deployments)))
    work_pools = await read_all(client.read_work_pools, work_pool_filter=named)
    return [
        GpuWorkPool(pool, deployments[pool.name].id, online=_is_online(pool, deployments[pool.name]))
        for pool in work_pools
    ]


def forget_deployments(client: PrefectClient) -> None:
    """Read the deployments again at the next look, since one of them is gone."""
    _latest.pop(client, None)


async def _read_deployments(client: PrefectClient) -> Mapping[str, DeploymentResponse]:
    """Return the deployment of each GPU work pool; of several on one pool the first by name."""
    known = _latest.get(client)
    if known is not None and time.monotonic() - known.at < SECONDS_KEPT:
        return known.by_pool
    began = time.monotonic()
    deployments = await read_all(
        client.read_deployments,
        flow_filter=FlowFilter(name=FlowFilterName(any_=[RECORDING_FLOW])),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[GPU_TAG])),
        sort=DeploymentSort.NAME_ASC,
    )
    by_pool = {each.work_pool_name: each for each in reversed(deployments) if each.work_pool_name}
    if by_pool:  # a server that is being set up has them in a moment
        _latest[client] = _Read(began, by_pool)
    return by_pool


def _is_online(pool: WorkPool, deployment: DeploymentResponse) -> bool:
    """
    Return whether the pool has a worker that answers.

    The status of a pool says so, unless the pool is paused: it then stays Paused, however dead its worker is. Workers
    ask for runs of a paused pool all the same, and the deployment counts as not ready a minute after the last time.
    """
    if pool.status is not WorkPoolStatus.PAUSED:
        return pool.status is not WorkPoolStatus.NOT_READY
    return deployment.status is not DeploymentStatus.NOT_READY
