"""
The dashboard process: Streamlit's pages and the HTTP API in one ASGI application, on one port.

``python -m dashboard`` runs it. Any ASGI server, or ``streamlit run``, can run ``app`` as well.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount
from streamlit import config

from dashboard.api.service import make_api
from dashboard.client import Client, open_client
from dashboard.frontend.modules import ROUTES as FRONTEND_ROUTES
from dashboard.frontend.shell import ROUTES as PAGE_ROUTES
from dashboard.middleware import RequestLimits
from dashboard.services.threads import STORE_THREADS, in_thread
from dashboard.theme import THEME
from tasks.cleanup.deletion import sweep_uploads
from tasks.cross_origin import CrossOriginProtection
from tasks.errors import StoreUnavailable
from tasks.settings import Settings

PAGES = Path(__file__).parent / "pages" / "main.py"
STREAMLIT_OPTIONS = {
    "server.fileWatcherType": "none",  # it reloads modules that the routes hold on to
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",  # the choice of the theme, and nothing for developers
    "client.showErrorDetails": "none",  # a traceback belongs into the log; `notices` says where
}
SECONDS_BETWEEN_SWEEPS_TRIED = 10.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[None]:
    """Keep the client open and the background tasks running."""
    async with open_client(Settings()) as client:
        api.state.client = client
        beside = [
            _beside("sweep", _sweep(client)),
            _beside("interrupted starts", client.lifecycle.finish_starts()),
            _beside("search", client.search.indexer.follow()),
            _beside("cancelled batches", client.lifecycle.remove_cancelled(client.store)),
        ]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _sweep(client: Client) -> None:
    """Remove unfinished uploads of earlier processes as soon as the store answers."""
    while True:
        try:
            await in_thread(STORE_THREADS, sweep_uploads, client.store, client.settings.uploads_folder)
        except StoreUnavailable as error:
            logger.warning("unfinished uploads are not swept yet: %s", error)
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS_TRIED)
        else:
            return


def _beside(name: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Run *work* in the background; an error that ends it is logged."""

    async def watched() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await work
            except Exception:
                logger.exception("%s: stopped by an error", name)

    return asyncio.create_task(watched(), name=name)


for _name, _value in (STREAMLIT_OPTIONS | THEME).items():
    config.set_option(_name, _value)
api = make_api()
app = st.App(
    PAGES,
    routes=[Mount("/api", app=api), *FRONTEND_ROUTES, *PAGE_ROUTES],
    middleware=[
        Middleware(RequestLimits),
        Middleware(CrossOriginProtection, server="The dashboard", instead="Open it as 127.0.0.1 or localhost."),
    ],
    lifespan=_lifespan,
)
