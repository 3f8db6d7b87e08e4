"""Delivery of a message by a flow run of its own: the state that it ends with, or the time of the next try."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry, Completed, Failed

from tasks.orchestration.prefect_runs import read_retry
from tasks.webhook_signature import Answer, next_try


async def state_after(said: str, answer: Answer, *, mend: str) -> State[Any]:
    """
    Return the state of a delivery that was answered: *said* tells how, and *mend* names the setting to look into.

    Between two tries the run waits in Prefect and holds no process. A user's Retry begins another day of tries.
    """
    get_run_logger().info(said)
    match answer:
        case Answer.TAKEN:
            return Completed(message=said)
        case Answer.REFUSED:
            return Failed(message=f"{said} Mend {mend} or what answers there, then press Retry.")
        case Answer.LATER:
            return await _later(said)


async def _later(said: str) -> State[Any]:
    now = datetime.now(UTC)
    again_at = next_try(await _first_try(), now)
    if again_at is None:
        return Failed(message=f"{said} It was tried for a day. Look into what answers there, then press Retry.")
    return AwaitingRetry(scheduled_time=again_at, message=f"{said} Trying again at {again_at:%H:%M:%S} UTC.")


async def _first_try() -> datetime:
    """Return the time of this flow run's first try, since the user's last retry of it if there was one."""
    run_id, now = UUID(flow_run.get_id() or ""), datetime.now(UTC)
    try:
        async with get_client() as client:
            retry = await read_retry(client, run_id)
            run = await client.read_flow_run(run_id)
    except httpx.HTTPError:  # Prefect is away: this try counts as the first, and the next one asks again
        return now
    return retry.at if retry else run.start_time or now
