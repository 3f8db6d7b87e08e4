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

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class CrossOriginProtection:
    """
    ASGI middleware around a whole application: it refuses requests that the rules above do not let in.

    A refusal names the *server* and says what to do *instead*. It closes the connection, because the
    request body is not read.
    Starlette's own check of the host knows no IPv6 address and gives no reason.
    """

    def __init__(self, app: ASGIApp, *, server: str, instead: str) -> None:
        self._app = app
        self._server = server
        self._instead = instead

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else ""
        if not refusal:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            answer = JSONResponse({"detail": refusal}, status_code=403, headers={"Connection": "close"})
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_addressed_here(host):
            return f"{self._server} does not answer to the name {host!r}. {self._instead}"
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return ""
        if not is_of_same_site(host=host, origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site")):
            return f"The call comes from a page of another site. {self._server} has pages of its own: use these."
        return ""


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
