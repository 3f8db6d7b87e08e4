"""
The scripts of the pages: ES modules that the browser loads from this server, each by its own name.

Streamlit takes the script of a component as one text. Here that text imports the component's module, and that one
imports what it needs. A digest of all modules is part of their addresses, so a browser asks for each of them once, and
again only after they have changed.
"""

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

FRONTEND: Final = Path(__file__).parent
SAMPLE: Final = FRONTEND / "samples" / "lecture-welcome.mp3"
SAMPLE_ADDRESS: Final = f"/frontend/samples/{SAMPLE.name}"
MODULES: Final = {path.relative_to(FRONTEND).as_posix(): path.read_bytes() for path in sorted(FRONTEND.rglob("*.js"))}
VERSION: Final = hashlib.sha256(b"\0".join(MODULES.values())).hexdigest()[:12]
UNCHANGING: Final = "public, max-age=31536000, immutable"


def component_script(module: str) -> str:
    """Return the script of a component whose *module*, for example ``uploader/uploader.js``, has the default export."""
    address = f"/frontend/{VERSION}/{module}"
    return f'const module = await import(new URL("{address}", location.origin));\nexport default module.default;\n'


async def serve_module(request: Request) -> Response:
    """Return a module. A page that was opened before an update asks for those of another version, and gets ours."""
    content = MODULES.get(request.path_params["path"])
    if content is None:
        return PlainTextResponse("There is no such module.", 404)
    known = request.path_params["version"] == VERSION
    return Response(
        content, media_type="text/javascript", headers={"Cache-Control": UNCHANGING if known else "no-cache"}
    )


async def serve_sample(_request: Request) -> Response:
    """Return the recording that anyone can try the installation with."""
    return FileResponse(SAMPLE, media_type="audio/mpeg")


ROUTES: Final = (
    Route(SAMPLE_ADDRESS, serve_sample),
    Route("/frontend/{version}/{path:path}", serve_module),
)
