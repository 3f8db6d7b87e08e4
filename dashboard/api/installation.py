"""Routes for the installation: its GPU work pools, its health and its use."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response, status

from dashboard.api.client import ClientOfProcess
from tasks.orchestration.status import Health, PoolStatus
from tasks.orchestration.usage import Usage

UTC = ZoneInfo("UTC")

router = APIRouter(tags=["installation"])


@router.get("/pools")
async def list_pools(client: ClientOfProcess) -> tuple[PoolStatus, ...]:
    """Return the GPU work pools and the work on them."""
    return await client.overview.pools()


@router.get("/health", responses={503: {"model": Health}})
async def read_health(client: ClientOfProcess, response: Response) -> Health:
    """Check whether Prefect's server, the store and workers answer, 503 if not; and what else holds up batches."""
    health = await client.health.read()
    if not health.well:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return health


@router.get("/usage")
async def read_usage(
    client: ClientOfProcess,
    days: Annotated[int, Query(ge=1, le=90, description="last days, today included")] = 30,
    timezone: Annotated[ZoneInfo, Query(description="time zone of the days, such as Europe/Berlin")] = UTC,
) -> Usage:
    """Return hours of audio, speed, failures and waiting times of the last days, at most a minute old."""
    return await client.usage.read_usage(days, timezone)
