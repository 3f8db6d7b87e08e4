"""
Limits of all requests to the dashboard.

While it has no sign-in it listens on a loopback address only, or does not start. Started by another server, on another
address, it refuses the requests that arrive there. Which of those on a loopback address it lets in, decides
`tasks.cross_origin`.
"""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.cross_origin import is_loopback

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


class RequestLimits:
    """ASGI middleware around the whole application; it does not touch bodies, so uploads stream through it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, _with_safe_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)


def _refusal(scope: Scope) -> Response | None:
    server = scope.get("server")
    if server is not None and server[1] is not None and not is_loopback(server[0]):  # without a port: a socket file
        return _refused(HTTPStatus.FORBIDDEN, str(_listens_elsewhere(server[0])))
    path = scope["path"].rstrip("/")
    if scope["type"] == "websocket" or not path.startswith("/api/") or path == UPLOAD_PATH:
        return None
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        detail = "The size of the body must be known before it is sent. Send it with Content-Length."
        return _refused(HTTPStatus.LENGTH_REQUIRED, detail)
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_JSON_BYTES:
        detail = f"The body has {length} bytes; {MAX_JSON_BYTES} are accepted. Send it in several calls."
        return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return None


def _refused(status: HTTPStatus, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status, headers={"Connection": "close"})


def _with_safe_headers(send: Send) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return send_safely
