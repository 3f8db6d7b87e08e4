"""Callers that a server without a sign-in accepts."""

import pytest

from tasks.cross_origin import is_addressed_here, is_of_same_site

HERE = "127.0.0.1:4200"


@pytest.mark.parametrize("host", [HERE, "localhost:4200", "LOCALHOST", "127.0.0.1", "127.1.2.3:80", "[::1]:4200"])
def test_a_request_to_a_loopback_name_is_addressed_here(host):
    assert is_addressed_here(host)


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:4200", "127.0.0.1.evil.example", "10.0.0.1", "["])
def test_a_request_to_any_other_name_is_not(host):
    assert not is_addressed_here(host)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),  # a program
        (None, "same-origin"),
        (None, "none"),  # typed into the address bar
        ("http://127.0.0.1:4200", "same-origin"),
        ("http://localhost:4200", "cross-site"),  # the same server under its other name
    ],
)
def test_its_own_pages_and_programs_may_call(origin, fetch_site):
    assert is_of_same_site(host=HERE, origin=origin, fetch_site=fetch_site)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        ("https://evil.example", "cross-site"),
        ("https://evil.example:4200", None),
        ("http://127.0.0.1:8000", "same-site"),  # another server of this machine
        ("null", "cross-site"),  # a sandboxed frame
        ("http://[", None),
        ("http://127.0.0.1:port", None),
        (None, "cross-site"),
        (None, "same-site"),
    ],
)
def test_pages_of_other_sites_may_not(origin, fetch_site):
    assert not is_of_same_site(host=HERE, origin=origin, fetch_site=fetch_site)
