"""
Send a webhook: tell another program that a batch has ended.

The batch run makes this run and does not wait for it. Until the message is taken it is sent again, for a day; between
two tries the run waits in Prefect as AwaitingRetry and holds no process. The id of the message stays the same, so a
receiver that has it already can drop it. A user's Retry of a failed run begins another day.

Requires: ``BATCHSCRIBE_WEBHOOK`` and ``BATCHSCRIBE_WEBHOOK_SECRET``. Both stay out of parameters, logs and states.
"""

from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry, Cancelled, Completed, Failed

from tasks.announcements.batch_end import BatchEnd
from tasks.announcements.webhook import first_try_of_this_run, post
from tasks.cancellation import RunCancelled
from tasks.errors import TranscriptionError, WebhookUnavailable
from tasks.settings import Settings
from tasks.webhook_signature import Answer, meaning_of, next_try


@flow(name="send-webhook")
async def send_webhook(message_id: str, end: BatchEnd) -> State[Any]:
    """Send the end of a batch to the webhook, or say when it is tried again."""
    try:
        status = await post(Settings(), message_id, end)
        said, answer = f"The webhook answered {status}.", meaning_of(status)
    except RunCancelled:
        return Cancelled(message="Cancelled; the webhook may have been told.")
    except WebhookUnavailable as error:
        said, answer = str(error), Answer.LATER
    except TranscriptionError as error:
        return Failed(message=str(error))
    get_run_logger().info(said)
    match answer:
        case Answer.TAKEN:
            return Completed(message=said)
        case Answer.REFUSED:
            return Failed(message=f"{said} Mend BATCHSCRIBE_WEBHOOK or what answers there, then press Retry.")
        case Answer.LATER:
            return await _later(said)


async def _later(said: str) -> State[Any]:
    now = datetime.now(UTC)
    again_at = next_try(await first_try_of_this_run(), now)
    if again_at is None:
        return Failed(message=f"{said} It was tried for a day. Look into what answers there, then press Retry.")
    return AwaitingRetry(scheduled_time=again_at, message=f"{said} Trying again at {again_at:%H:%M:%S} UTC.")
