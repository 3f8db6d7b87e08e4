"""Whether somebody works for a work pool, by Prefect's books."""

from datetime import datetime
from http import HTTPStatus

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Worker, WorkerStatus, WorkPool, WorkPoolStatus


async def is_attended(client: PrefectClient, pool: WorkPool) -> bool:
    """
    Return whether the pool has a worker that answers.

    The status of a pool says so, unless the pool is paused: it then stays Paused, however dead its worker is, and the
    workers themselves are asked for.
    """
    if pool.status is not WorkPoolStatus.PAUSED:
        return pool.status is not WorkPoolStatus.NOT_READY
    return any(worker.status is WorkerStatus.ONLINE for worker in await _read_workers(client, pool.name))


async def last_heartbeat(client: PrefectClient, work_pool: str) -> datetime | None:
    """Return the latest sign of life of the workers that count as online; None if none does, or there is no pool."""
    online = (worker for worker in await _read_workers(client, work_pool) if worker.status is WorkerStatus.ONLINE)
    return max((worker.last_heartbeat_time for worker in online if worker.last_heartbeat_time), default=None)


async def _read_workers(client: PrefectClient, work_pool: str) -> list[Worker]:
    try:
        return await client.read_workers_for_work_pool(work_pool)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:  # somebody deleted the pool, or it is not made yet
            return []
        raise
