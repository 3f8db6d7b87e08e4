"""
Webhook protocol: the signature of a message, the meaning of an answer and the times of further tries.

Key, headers and signature are those of the Standard Webhooks specification (https://www.standardwebhooks.com), so that
receivers can verify them with its libraries.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import SecretStr

from tasks.errors import is_passing, is_success

MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=4)
PATIENCE = timedelta(days=1)


class Answer(StrEnum):
    """The meaning of the answer to a message."""

    TAKEN = "taken"
    LATER = "later"
    REFUSED = "refused"


def is_http_address(text: str) -> bool:
    """Return whether *text* is an address that a POST can go to."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        return False


def webhook_key(secret: SecretStr) -> bytes:
    """Return the key that *secret* stands for. Raises `ValueError` if it does not stand for one."""
    prefix, _, encoded = secret.get_secret_value().partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if prefix != "whsec" or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        msg = (
            "a webhook needs whsec_ and 24 to 64 random bytes in base64 here. Make one: "
            "echo whsec_$(head -c 32 /dev/urandom | base64)"
        )
        raise ValueError(msg)
    return key


def signed_headers(key: bytes, message_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """Return the headers that prove who sent *body*, and when. A message that is sent again has the same id."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def meaning_of(status: int) -> Answer:
    """Return the meaning of an HTTP status for a message. A redirect is a refusal: secrets are not sent elsewhere."""
    if is_success(status):
        return Answer.TAKEN
    return Answer.LATER if is_passing(status) else Answer.REFUSED


def next_try(first_try: datetime, now: datetime) -> datetime | None:
    """
    Return the time at which a message is sent again, or None once it was tried for a day.

    Each pause is as long as all the time before it, up to four hours: some seventeen tries.
    """
    pause = min(max(now - first_try, FIRST_PAUSE), LONGEST_PAUSE)
    return now + pause if now + pause <= first_try + PATIENCE else None
