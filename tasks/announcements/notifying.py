"""
Send a notice to one of the addresses of ``BATCHSCRIBE_NOTIFY`` with Apprise, which knows over a hundred services.

Apprise logs what went wrong, with parts of addresses and of answers in it. Of that only the HTTP status is passed on.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.announcements.notice import Notice
from tasks.errors import ReceiverUnset
from tasks.settings import Settings
from tasks.webhook_signature import Answer, meaning_of

_STATUS = re.compile(r"\berror=(\d{3})\b")


def addresses(settings: Settings) -> dict[str, str]:
    """Return the addresses by place and service: ``1-mailtos``, ``2-slack``. The names tell no secret."""
    given = settings.notify.get_secret_value().split()
    return {f"{place}-{address.partition('://')[0].lower()}": address for place, address in enumerate(given, 1)}


def notify(settings: Settings, receiver: str, notice: Notice) -> tuple[str, Answer]:
    """
    Send *notice* to the address of that name and return what came of it, as a sentence and as its meaning.

    Blocks for some seconds at the most. Raises `ReceiverUnset`.
    """
    from apprise import Apprise, AppriseAsset  # takes a while, and most runs send nothing

    address = addresses(settings).get(receiver)
    if address is None:
        msg = (
            f"BATCHSCRIBE_NOTIFY has no address {receiver} where this run executes. Set it there and retry, or leave "
            "it if the addresses have changed."
        )
        raise ReceiverUnset(msg)
    own = AppriseAsset(app_id="Batchscribe", app_desc="Batchscribe", app_url="", image_url_mask="", image_url_logo="")
    with _failures_read() as failures:
        service = Apprise.instantiate(address, asset=own, suppress_exceptions=True)
        if service is None:
            msg = (
                f"Apprise does not understand address {receiver} of BATCHSCRIBE_NOTIFY. Look up how the address of "
                "that service is written (https://appriseit.com/services/), correct it and retry."
            )
            raise ReceiverUnset(msg)
        sender = Apprise(asset=own)
        sender.add(service)
        taken = sender.notify(body=notice.body, title=notice.title)
    name = f"{service.service_name} ({receiver})"
    if taken:
        return f"{name} took the notice.", Answer.TAKEN
    statuses = [int(status) for failure in failures for status in _STATUS.findall(failure)]
    if not statuses:
        return f"{name} could not be reached, or did not take the notice.", Answer.LATER
    meaning = meaning_of(statuses[-1])
    return f"{name} answered {statuses[-1]}.", Answer.LATER if meaning is Answer.TAKEN else meaning


class _Reader(logging.Handler):
    """Keeps what one thread logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's message."""
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


@contextmanager
def _failures_read() -> Iterator[list[str]]:
    """Collect what Apprise warns of in this thread, and let nothing of it into a log, nor addresses of requests."""
    logger, reader = logging.getLogger("apprise"), _Reader()
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.INFO)
    logger.addHandler(reader)
    try:
        yield reader.messages
    finally:
        logger.removeHandler(reader)
