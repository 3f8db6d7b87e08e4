"""Routes for the installation: its GPU work pools and its health."""

from fastapi import APIRouter, Response, status

from dashboard.api.client import ClientOfProcess
from tasks.orchestration.status import Health, PoolStatus

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
