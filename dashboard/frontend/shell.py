"""
The HTML that every page begins with: Streamlit's own, told where its server is.

Opened at an address like ``/batches``, Streamlit's script would first look for its server below that, and the browser
would log two requests that fail.
"""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit.file_util import get_static_dir

PATHS: Final = ("/batches", "/inbox", "/transcript", "/gpus", "/usage")
"""The pages apart from the first, below whose address its server is."""

SCRIPT: Final = '<script>window.__streamlit = { BACKEND_BASE_URL: location.origin + "/" }</script>'


HTML: Final = (
    (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8").replace("<head>", f"<head>\n    {SCRIPT}", 1)
)


async def serve_shell(_request: Request) -> HTMLResponse:
    """Return the HTML of the page."""
    return HTMLResponse(HTML, headers={"Cache-Control": "no-cache"})


ROUTES: Final = tuple(Route(path, serve_shell) for path in PATHS)
