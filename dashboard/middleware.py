"""
Cross-origin protection: while the dashboard has no sign-in, only this machine's browser and programs may call it.

The dashboard listens on a loopback address only, or does not start. Started by another server, on another address, it
refuses the requests that arrive there. `tasks.cross_origin` decides which calls are let in.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.cross_origin import SAFE_METHODS, is_addressed_here, is_loopback, is_of_same_site

UPLOAD_PATH: Final = "/api/upload"
MAX_JSON_BYTES: Final = 32 * 2**20
"""Largest body of an API call that is not an upload: it is read into memory as a whole."""


class ListensElsewhere(Exception):
    """The dashboard would listen on an address that others can reach, and it has no sign-in."""


def check_listens_here(address: str) -> None:
    """Raise `ListensElsewhere` unless *address* can only be reached from this machine."""
    if not is_loopback(address):
        raise _listens_elsewhere(address)


def _listens_elsewhere(address: str) -> ListensElsewhere:
    return ListensElsewhere(
        f"The dashboard listens on {address}, where anybody on the network could read and delete everything: it has no "
        "sign-in yet. Set BATCHSCRIBE_HOST=127.0.0.1 and reach it from elsewhere through SSH: "
        "ssh -L 8501:127.0.0.1:8501 this-machine"
    )


class CrossOriginProtection:
    """ASGI middleware around the whole application; it does not touch bodies, so uploads stream through it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_safe_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)


def _refusal(scope: Scope) -> Response | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    server = scope.get("server")
    if server is not None and server[1] is not None and not is_loopback(server[0]):  # without a port: a socket file
        return _refused(403, str(_listens_elsewhere(server[0])))
    if not is_addressed_here(host):
        return _refused(403, f"The dashboard does not answer to the name {host!r}. Open it as 127.0.0.1 or localhost.")
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return None
    if not is_of_same_site(host=host, origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site")):
        return _refused(403, "The call comes from a page of another site. Use the dashboard's own pages.")
    return _refused_body(scope, headers) if scope["type"] == "http" else None


def _refused_body(scope: Scope, headers: Headers) -> Response | None:
    path = scope["path"].rstrip("/")
    if not path.startswith("/api/") or path == UPLOAD_PATH:
        return None
    if "transfer-encoding" in headers:
        return _refused(411, "The size of the body must be known before it is sent. Send it with Content-Length.")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_JSON_BYTES:
        return _refused(413, f"The body has {length} bytes; {MAX_JSON_BYTES} are accepted. Send it in several calls.")
    return None


def _refused(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status, headers={"Connection": "close"})


def _with_safe_headers(send: Send) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return send_safely
