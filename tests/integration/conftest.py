"""One Prefect server for all tests that need no more of the installation: starting one takes ten seconds or more."""

from collections.abc import Iterator

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    temporary_settings,
)

from tests.support.prefect_server import PrefectServer, running_prefect_server


@pytest.fixture(scope="session")
def _shared_prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with running_prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="module")
def prefect_server(_shared_prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """The server, which this process speaks to. A test that kills it starts it again."""
    server = _shared_prefect_server
    told = {PREFECT_API_URL: server.url, PREFECT_HOME: server.home, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
    with temporary_settings(told):
        yield server
