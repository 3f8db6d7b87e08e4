"""
Run the dashboard: ``python -m dashboard``.

It runs uvicorn itself, because ``streamlit run`` waits for open uploads without limit when it is told to stop. The
websocket settings are those of ``streamlit run``; uvloop and httptools are found by uvicorn.
"""

import gc
import logging
import os
import sys

import uvicorn

from dashboard.middleware import ListensElsewhere, check_listens_here
from tasks.settings import Settings

SECONDS_TO_STOP = 3
"""Time for open transfers to finish when the process is told to stop."""

WEBSOCKET_SECONDS = 30
MAX_WEBSOCKET_BYTES = 200 * 2**20


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of the dashboard process, apart from what its user has set."""
    return {
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_HOME": str(settings.prefect_home),
        "PREFECT_CLIENT_MAX_RETRIES": "1",  # a page says that Prefect is away; it does not wait for it
        "DO_NOT_TRACK": "1",  # Prefect's client reports its use otherwise
    }


def main() -> None:
    """Serve until the process is told to stop."""
    settings = Settings()
    try:
        check_listens_here(settings.host)
    except ListensElsewhere as error:
        sys.exit(str(error))
    for name, value in environment_of(settings).items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line for each call to Prefect otherwise
    gc.disable()  # until all is imported: looking for garbage takes a tenth of that time, and finds none
    from dashboard.app import app  # Prefect reads its environment when it is imported

    gc.freeze()
    gc.enable()

    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        ws="websockets-sansio",
        ws_ping_interval=WEBSOCKET_SECONDS,
        ws_ping_timeout=WEBSOCKET_SECONDS,
        ws_max_size=MAX_WEBSOCKET_BYTES,
        timeout_graceful_shutdown=SECONDS_TO_STOP,
    )


if __name__ == "__main__":
    main()
