"""The parts of an installation in Prefect that all batches share: pools, the dispatchers' lock, workers' reports."""

import asyncio
from functools import partial

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkQueueFilter, WorkQueueFilterName
from prefect.client.schemas.objects import Variable, WorkPoolStatus
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from tasks.batches import BATCH_POOL, BATCH_QUEUE, ROUTER_LIMIT
from tasks.devices import REPORT_PREFIX, DeviceReport
from tasks.orchestration.notices import BatchPool, Installation, RouterLimit
from tasks.orchestration.paging import read_all
from tasks.orchestration.pools import read_pools


async def read_installation(client: PrefectClient) -> Installation:
    """Return the pools and limits that all batches need, without the batches that run."""
    batch_pool, router, gpu_pools = await asyncio.gather(
        read_batch_pool(client), read_router_limit(client), read_pools(client)
    )
    return Installation(batch_pool, gpu_pools, router)


async def read_batch_pool(client: PrefectClient) -> BatchPool:
    """Return the work pool of the batch runs, as far as it is theirs: their queue in it has a limit of its own."""
    try:
        pool = await client.read_work_pool(BATCH_POOL)
    except ObjectNotFound:
        return BatchPool(BATCH_POOL, exists=False, online=False)
    queues = await client.read_work_queues(
        work_pool_name=BATCH_POOL,
        work_queue_filter=WorkQueueFilter(name=WorkQueueFilterName(any_=[BATCH_QUEUE])),
    )
    limits = [pool.concurrency_limit, *(queue.concurrency_limit for queue in queues)]
    return BatchPool(
        BATCH_POOL,
        online=pool.status is not WorkPoolStatus.NOT_READY,
        paused=pool.is_paused or any(queue.is_paused for queue in queues),
        slots=min((limit for limit in limits if limit is not None), default=None),
    )


async def read_router_limit(client: PrefectClient) -> RouterLimit | None:
    """Return the limit that is the dispatchers' lock, or None: the first batch that needs it makes it."""
    try:
        limit = await client.read_global_concurrency_limit_by_name(ROUTER_LIMIT)
    except ObjectNotFound:
        return None
    return RouterLimit(limit=limit.limit, active=limit.active)


async def read_reports(client: PrefectClient) -> dict[str, DeviceReport]:
    """Return the workers' reports on their devices, by pool; most of those on CPUs send none."""
    reports = {}
    for variable in await read_all(partial(_read_page, client)):
        if not variable.name.startswith(REPORT_PREFIX):
            continue
        try:
            report = DeviceReport.model_validate(variable.value)
        except ValidationError:  # a worker of another version, or a person's doing
            continue
        reports[variable.name.removeprefix(REPORT_PREFIX)] = report
    return reports


async def _read_page(client: PrefectClient, *, limit: int, offset: int) -> list[Variable]:
    """Return a page of report variables; the method of Prefect's client neither filters nor pages."""
    asked = {"variables": {"name": {"like_": REPORT_PREFIX}}, "limit": limit, "offset": offset}
    answer = await client.request("POST", "/variables/filter", json=asked)
    return Variable.model_validate_list(answer.json())
