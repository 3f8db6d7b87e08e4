"""Ask when the workers of a work pool were last heard of."""

from datetime import datetime
from http import HTTPStatus

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Worker, WorkerStatus


async def last_heartbeat(client: PrefectClient, work_pool: str) -> datetime | None:
    """Return the latest sign of life of the workers that count as online; None if none does, or there is no pool."""
    online = (worker for worker in await read_workers(client, work_pool) if worker.status is WorkerStatus.ONLINE)
    return max((worker.last_heartbeat_time for worker in online if worker.last_heartbeat_time), default=None)


async def read_workers(client: PrefectClient, work_pool: str) -> list[Worker]:
    """Return the workers of the pool; none if there is no such pool."""
    try:
        return await client.read_workers_for_work_pool(work_pool)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:  # it was deleted, or is not made yet
            return []
        raise
