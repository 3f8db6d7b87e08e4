"""The HTTP API as one ASGI application."""

from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from dashboard.api import batches, downloads, inboxes, installation, jobs, labels, links, revisions, search, uploads
from dashboard.api.errors import handle_errors

SUMMARY = "Upload recordings, start a batch, fetch text, subtitles and JSON."


def make_api() -> FastAPI:
    """
    Return the application, to be mounted at ``/api``. Its ``state.client`` must be set before the first request.

    Its documentation page brings its own scripts along: no request leaves the machine.
    """
    api = FastAPIOffline(title="Batchscribe", summary=SUMMARY, version=version("batchscribe"), redoc_url=None)
    handle_errors(api)
    for module in (batches, jobs, labels, uploads, links, downloads, revisions, search, inboxes, installation):
        api.include_router(module.router)
    return api
