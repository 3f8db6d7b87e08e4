"""
The client through which the HTTP API and the pages reach batches, jobs and pools.

Routes use a `Client`. Pages run in threads of their own and ask the same client through `ask`:

>>> page = ask(lambda client: client.overview.batches(limit=20))
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect.client.orchestration import get_client

from dashboard.links.service import LinkService
from dashboard.search.service import SearchService
from dashboard.services.batch_filter import BatchFilter
from dashboard.services.batch_runs import AllBatchRuns
from dashboard.services.batches import BatchService
from dashboard.services.health import HealthCheck
from dashboard.services.inboxes import Inboxes
from dashboard.services.jobs import JobService
from dashboard.services.labels import LabelService
from dashboard.services.pools import PoolFacts, PoolService
from dashboard.services.prefect_links import ui_url
from dashboard.services.queries import BatchQueries
from dashboard.services.record_cache import RecordCache
from dashboard.services.revisions import RevisionService
from dashboard.services.runs import PrefectService
from dashboard.services.transcripts import TranscriptService
from dashboard.services.uploads import UploadService
from dashboard.services.usage import UsageService
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_late

__all__ = ["SECONDS_A_PAGE_WAITS", "Client", "ask", "begin", "open_client", "ui_url"]

_Answer = TypeVar("_Answer")

SECONDS_A_PAGE_WAITS = 30.0


@dataclass(frozen=True, slots=True)
class Client:
    """
    The services of the dashboard: queries (`overview`), transcripts (`reading`), their corrections (`revisions`), the
    search in them (`search`), operations on batches (`lifecycle`) and on some of their jobs (`jobs`), names and tags
    (`labels`), uploads (`intake`) and those that links lead to (`links`), watched folders (`inboxes`), health checks
    (`health`) and figures of use (`usage`).
    """

    settings: Settings
    store: Store
    records: RecordCache
    intake: UploadService
    links: LinkService
    overview: BatchQueries
    reading: TranscriptService
    search: SearchService
    revisions: RevisionService
    lifecycle: BatchService
    jobs: JobService
    labels: LabelService
    inboxes: Inboxes
    health: HealthCheck
    usage: UsageService


@dataclass(frozen=True, slots=True)
class _Serving:
    client: Client
    loop: asyncio.AbstractEventLoop


_serving: _Serving | None = None


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Client]:
    """
    Yield the client of this process, which `ask` uses while it is open.

    One connection pool to Prefect serves all requests: a client of its own for each would cost 50 ms of TLS set-up.
    """
    global _serving  # noqa: PLW0603 - pages are scripts: Streamlit gives them nothing that belongs to the process
    store = open_late(settings)
    async with get_client() as prefect:
        search = SearchService(store, settings.search_folder)
        records, runs = RecordCache(store, on_change=search.indexer.touch), PrefectService(prefect)
        intake = UploadService(records, settings)
        pools = PoolService(records, runs, PoolFacts(prefect))
        overview = BatchQueries(records, runs, intake, pools, BatchFilter(records, AllBatchRuns(prefect)))
        lifecycle = BatchService(records, runs, intake, overview, settings)
        client = Client(
            settings=settings,
            store=store,
            records=records,
            intake=intake,
            links=LinkService(intake, settings),
            overview=overview,
            reading=TranscriptService(store, records, overview, settings),
            search=search,
            revisions=RevisionService(store, records),
            lifecycle=lifecycle,
            jobs=JobService(records, runs, overview, lifecycle, settings),
            labels=LabelService(records),
            inboxes=Inboxes(prefect, store),
            health=HealthCheck(overview, runs, store),
            usage=UsageService(prefect),
        )
        _serving = _Serving(client, asyncio.get_running_loop())
        try:
            yield client
        finally:
            _serving = None


def ask(question: Callable[[Client], Coroutine[Any, Any, _Answer]]) -> _Answer:
    """Return the client's answer to *question*. For pages: it blocks, so never call it in the event loop."""
    return begin(question).result(SECONDS_A_PAGE_WAITS)


def begin(question: Callable[[Client], Coroutine[Any, Any, _Answer]]) -> "Future[_Answer]":
    """Start answering *question* in the background while the page goes on."""
    if _serving is None:
        msg = "The dashboard is starting or stopping. Load the page again."
        raise RuntimeError(msg)
    return asyncio.run_coroutine_threadsafe(question(_serving.client), _serving.loop)
