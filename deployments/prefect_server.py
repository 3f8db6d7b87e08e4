"""
Prefect's server on SQLite, without its "database is locked" answers.

Prefect begins most transactions as readers. One that reads first and then writes fails at once if another has written
in between: SQLite cannot wait for what would end in a lost update. Under a handful of workers a fifth of all calls
were answered with 503 for that reason. Here every transaction begins as a writer, so it waits for its turn instead; the
same number of runs went through, without a failed call (docs/decisions/0005).

Start: ``python -m deployments.prefect_server PORT``, in the environment of `deployments.environment`.
"""

import contextlib
import sys
from collections.abc import AsyncGenerator

import uvicorn
from fastapi import FastAPI
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

STOP_SECONDS = 5


class PatientSqlite(AioSqliteConfiguration):
    """SQLite whose transactions take the write lock when they begin, and wait for it."""

    @contextlib.asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = True,  # noqa: FBT001, FBT002 - Prefect's signature
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction that may write, whatever it was announced as."""
        del with_for_update
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def app() -> FastAPI:
    """Return Prefect's own application; a database other than SQLite is left as it is."""
    address = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if address.startswith("sqlite"):
        set_database_config(PatientSqlite(connection_url=address))
    return create_app(final=True)


def main() -> None:
    """Serve on the port named on the command line, for this machine only."""
    uvicorn.run(
        "deployments.prefect_server:app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        timeout_keep_alive=30,  # longer than the pauses between polls: connections are kept
        timeout_graceful_shutdown=STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
