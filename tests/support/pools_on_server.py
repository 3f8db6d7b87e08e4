"""GPU work pools and batch runs on a real Prefect server, without workers."""

from contextlib import asynccontextmanager
from uuid import UUID

from prefect.client.schemas.actions import WorkPoolCreate

from tasks.batches import BATCH_FLOW, GPU_TAG, RECORDING_FLOW


@asynccontextmanager
async def gpu_pools(client, *names, pool_type="process", tags=(GPU_TAG,)):
    """Pools with a worker that answers and a deployment of another name, for as long as the context lasts."""
    flow_id = await client.create_flow_from_name(RECORDING_FLOW)
    beat = {"name": "a worker", "heartbeat_interval_seconds": 600}
    deployments = []
    try:
        for name in names:
            await client.create_work_pool(WorkPoolCreate(name=name, type=pool_type))
            await client.request("POST", f"/work_pools/{name}/workers/heartbeat", json=beat)
            deployments.append(
                await client.create_deployment(flow_id, f"of {name}", work_pool_name=name, tags=list(tags))
            )
        yield
    finally:
        for deployment in deployments:
            await client.delete_deployment(deployment)
        for name in names:
            await client.delete_work_pool(name)


async def batch_run(client, *tags):
    """Return the id of a new batch run."""
    flow_id = await client.create_flow_from_name(BATCH_FLOW)
    created = await client.request("POST", "/flow_runs/", json={"flow_id": str(flow_id), "tags": tags})
    return UUID(created.json()["id"])
