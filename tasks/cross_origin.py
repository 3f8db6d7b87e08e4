"""
Access checks for a server without sign-in: only the browser and the programs of its own machine may call it.

- A request must be addressed to a loopback name. A page elsewhere that has its own name resolved to 127.0.0.1 (DNS
  rebinding) still sends that name.
- A call that changes something must not come from a page of another site (CSRF). Browsers say where a call comes from
  in ``Origin`` and ``Sec-Fetch-Site``; other programs send neither.
"""

import ipaddress
from typing import Final
from urllib.parse import SplitResult, urlsplit

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


def is_loopback(host: str) -> bool:
    """Return whether *host*, a name or an address, is a loopback host."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_addressed_here(host: str) -> bool:
    """Return whether *host*, a request's ``Host``, is a loopback name, with or without a port."""
    return is_loopback(_split(f"//{host}").hostname or "")


def is_of_same_site(*, host: str, origin: str | None, fetch_site: str | None) -> bool:
    """
    Return whether a call to *host* comes from a page of the same server, or from no page.

    *origin* and *fetch_site* are what the browser says in ``Origin`` and ``Sec-Fetch-Site``. ``localhost`` and
    ``127.0.0.1`` are the same server if the port is the same, though a browser calls them two sites.
    """
    if origin is not None:
        page = _split(origin)
        return is_loopback(page.hostname or "") and _port(page) == _port(_split(f"//{host}"))
    return fetch_site in (None, "same-origin", "none")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # "[" begins an address that never ends
        return urlsplit("")


def _port(address: SplitResult) -> int | None:
    try:
        return address.port
    except ValueError:
        return None
