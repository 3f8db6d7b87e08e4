"""
Send a webhook: tell another program that a batch has ended.

The batch run makes this run and does not wait for it. Until the message is taken it is sent again, for a day; between
two tries the run waits in Prefect as AwaitingRetry and holds no process. The id of the message stays the same, so a
receiver that has it already can drop it. A user's Retry of a failed run begins another day.

Requires: ``BATCHSCRIBE_WEBHOOK`` and ``BATCHSCRIBE_WEBHOOK_SECRET``. Both stay out of parameters, logs and states.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from tasks.announcements.batch_end import BatchEnd
from tasks.announcements.delivery import state_after
from tasks.announcements.webhook import post
from tasks.cancellation import RunCancelled
from tasks.errors import ReceiverUnavailable, TranscriptionError
from tasks.settings import Settings
from tasks.webhook_signature import Answer, meaning_of


@flow(name="send-webhook")
async def send_webhook(message_id: str, end: BatchEnd) -> State[Any]:
    """Send the end of a batch to the webhook, or say when it is tried again."""
    try:
        status = await post(Settings(), message_id, end)
        said, answer = f"The webhook answered {status}.", meaning_of(status)
    except RunCancelled:
        return Cancelled(message="Cancelled; the webhook may have been told.")
    except ReceiverUnavailable as error:
        said, answer = str(error), Answer.LATER
    except TranscriptionError as error:
        return Failed(message=str(error))
    return await state_after(said, answer, mend="BATCHSCRIBE_WEBHOOK")
