"""Signatures of webhooks, the meaning of answers, and repeated sending."""

import base64
import hashlib
import hmac
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from tasks.settings import Settings
from tasks.webhook_signature import PATIENCE, Answer, meaning_of, next_try, signed_headers, webhook_key

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_signature_is_that_of_standard_webhooks():
    """The example of the specification's own libraries."""
    key = webhook_key(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', now=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_another_body_or_time_has_another_signature():
    key = webhook_key(SecretStr(SECRET))
    headers = [
        signed_headers(key, "id", body, now=at)
        for body, at in ((b"{}", NOON), (b"[]", NOON), (b"{}", NOON + timedelta(seconds=1)))
    ]
    assert len({each["webhook-signature"] for each in headers}) == 3
    signed = hmac.new(bytes(range(32)), b"id.1767355200.{}", hashlib.sha256).digest()
    assert headers[0]["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer.TAKEN),
        (204, Answer.TAKEN),
        (302, Answer.REFUSED),  # never followed
        (400, Answer.REFUSED),
        (408, Answer.LATER),
        (410, Answer.REFUSED),
        (425, Answer.LATER),
        (429, Answer.LATER),
        (500, Answer.LATER),
        (599, Answer.LATER),  # no status that Python has a name for
    ],
)
def test_an_answer_takes_the_message_or_refuses_it_or_says_later(status, answer):
    assert meaning_of(status) is answer


def test_a_message_is_tried_for_a_day_with_growing_pauses():
    tries = [NOON]
    while (again := next_try(NOON, tries[-1])) is not None:
        tries.append(again)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert 10 < len(tries) < 20  # a worker takes 20 starts of one run for a loop
    assert PATIENCE / 2 < tries[-1] - NOON <= PATIENCE


@pytest.mark.parametrize(
    ("webhook", "secret", "told"),
    [
        ("ftp://example.org/", SECRET, "http:// or https://"),
        ("example.org/hook", SECRET, "http:// or https://"),
        ("http://example.org:http/", SECRET, "http:// or https://"),
        ("https://example.org/", "", "whsec_"),
        ("https://example.org/", "secret", "whsec_"),
        ("https://example.org/", "whsec_c2hvcnQ=", "24 to 64"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_at_the_start(webhook, secret, told):
    with pytest.raises(ValidationError, match=told):
        Settings(webhook=webhook, webhook_secret=secret, _env_file=None)


def test_neither_address_nor_secret_is_shown():
    settings = Settings(webhook="https://example.org/token-of-mine", webhook_secret=SECRET, _env_file=None)
    assert "token-of-mine" not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("chosen", "address"),
    [
        ({}, "http://127.0.0.1:8501"),
        ({"host": "::1", "port": 9000}, "http://[::1]:9000"),
        ({"public_address": "https://talks.example.org/"}, "https://talks.example.org"),
    ],
)
def test_links_lead_to_the_address_that_people_use(chosen, address):
    assert Settings(**chosen, _env_file=None).address == address
