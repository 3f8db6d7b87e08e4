"""
Send a notice: tell people by e-mail, chat or whatever Apprise knows that a batch has ended.

The batch run makes one such run for each address and does not wait for it: a service that is away delays no other.
Tries, pauses and Retry are those of ``send-webhook``.

Requires: ``BATCHSCRIBE_NOTIFY``. *receiver* is the place of an address in it and its service; the address itself stays
out of parameters, logs and states.
"""

import asyncio
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from tasks.announcements.delivery import state_after
from tasks.announcements.notice import Notice
from tasks.announcements.notifying import notify
from tasks.cancellation import RunCancelled, unless_cancelled
from tasks.errors import TranscriptionError
from tasks.settings import Settings


@flow(name="send-notice")
async def send_notice(receiver: str, title: str, body: str) -> State[Any]:
    """Send a notice to one address, or say when it is tried again."""
    try:
        said, answer = await unless_cancelled(asyncio.to_thread(notify, Settings(), receiver, Notice(title, body)))
    except RunCancelled:
        return Cancelled(message="Cancelled; the notice may have been sent.")
    except TranscriptionError as error:
        return Failed(message=str(error))
    return await state_after(said, answer, mend="BATCHSCRIBE_NOTIFY")
