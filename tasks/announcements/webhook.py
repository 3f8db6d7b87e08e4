"""Webhook delivery: send the message in one POST, and find the time of the first try."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tasks.announcements.batch_end import BatchEnd
from tasks.cancellation import current_token
from tasks.errors import WebhookUnavailable, WebhookUnset
from tasks.orchestration.prefect_runs import read_retry
from tasks.settings import Settings
from tasks.webhook_signature import signed_headers, webhook_key

SECONDS_TO_ANSWER = 10.0


async def post(settings: Settings, message_id: str, end: BatchEnd) -> int:
    """
    Send the message and return the HTTP status of the answer, whose body is not read.

    Raises `WebhookUnset`, `WebhookUnavailable` and `RunCancelled`.
    """
    url = settings.webhook.get_secret_value()
    if not url:
        msg = "No webhook is set where this run executes. Set BATCHSCRIBE_WEBHOOK there, then press Retry."
        raise WebhookUnset(msg)
    body = end.model_dump_json().encode()
    headers = signed_headers(webhook_key(settings.webhook_secret), message_id, body, now=datetime.now(UTC))
    loop, posting = asyncio.get_running_loop(), asyncio.ensure_future(_status(url, body, headers))

    def give_up() -> None:
        loop.call_soon_threadsafe(posting.cancel)

    try:
        with current_token().calling(give_up):
            return await posting
    except asyncio.CancelledError:
        current_token().raise_if_cancelled()
        raise
    except TimeoutError as error:
        msg = f"The webhook has not answered for {SECONDS_TO_ANSWER:.0f} s."
        raise WebhookUnavailable(msg) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"The webhook cannot be reached ({type(error).__name__})."  # the error's own text may hold the address
        raise WebhookUnavailable(msg) from error


async def _status(url: str, body: bytes, headers: dict[str, str]) -> int:
    async with (
        asyncio.timeout(SECONDS_TO_ANSWER),
        httpx.AsyncClient(timeout=SECONDS_TO_ANSWER, follow_redirects=False) as http,
        http.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code


async def first_try_of_this_run() -> datetime:
    """Return the time of this flow run's first try, since the user's last retry of it if there was one."""
    run_id, now = UUID(flow_run.get_id() or ""), datetime.now(UTC)
    try:
        async with get_client() as client:
            retry = await read_retry(client, run_id)
            run = await client.read_flow_run(run_id)
    except httpx.HTTPError:  # Prefect is away: this try counts as the first, and the next one asks again
        return now
    return retry.at if retry else run.start_time or now
