"""Webhook delivery: send the message in one POST."""

import asyncio
from datetime import UTC, datetime

import httpx

from tasks.announcements.batch_end import BatchEnd
from tasks.cancellation import unless_cancelled
from tasks.errors import ReceiverUnavailable, ReceiverUnset
from tasks.settings import Settings
from tasks.webhook_signature import signed_headers, webhook_key

SECONDS_TO_ANSWER = 10.0


async def post(settings: Settings, message_id: str, end: BatchEnd) -> int:
    """
    Send the message and return the HTTP status of the answer, whose body is not read.

    Raises `ReceiverUnset`, `ReceiverUnavailable` and `RunCancelled`.
    """
    url = settings.webhook.get_secret_value()
    if not url:
        msg = "No webhook is set where this run executes. Set BATCHSCRIBE_WEBHOOK there, then press Retry."
        raise ReceiverUnset(msg)
    body = end.model_dump_json().encode()
    headers = signed_headers(webhook_key(settings.webhook_secret), message_id, body, now=datetime.now(UTC))
    try:
        return await unless_cancelled(_status(url, body, headers))
    except TimeoutError as error:
        msg = f"The webhook has not answered for {SECONDS_TO_ANSWER:.0f} s."
        raise ReceiverUnavailable(msg) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"The webhook cannot be reached ({type(error).__name__})."  # the error's own text may hold the address
        raise ReceiverUnavailable(msg) from error


async def _status(url: str, body: bytes, headers: dict[str, str]) -> int:
    async with (
        asyncio.timeout(SECONDS_TO_ANSWER),
        httpx.AsyncClient(timeout=SECONDS_TO_ANSWER, follow_redirects=False) as http,
        http.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code
