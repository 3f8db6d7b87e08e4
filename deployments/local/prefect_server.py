"""
Prefect's server, on SQLite without its "database is locked" answers.

Prefect begins most transactions as readers. One that reads first and then writes fails at once if another has written
in between: SQLite cannot wait for what would end in a lost update. With a handful of workers a fifth of all calls
were answered with 503 for that reason. Here every transaction begins as a writer, so it waits for its turn instead; the
same number of runs went through, without a failed call (docs/decisions/0005).

Start: ``python -m deployments.local.prefect_server PORT [HOST]``, in the environment that
`deployments.local.environment` makes.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is imported: looking for garbage takes a tenth of that time, and finds none

import asyncio
import contextlib
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Self

import uvicorn
from asyncpg import InterfaceError, PostgresError
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration, AsyncPostgresConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_SERVER_API_AUTH_STRING
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction
from starlette.types import ASGIApp

from tasks.cross_origin import CrossOriginProtection

STOP_SECONDS = 5
SECONDS_TO_CONNECT = 10.0
SECONDS_BETWEEN_WARNINGS = 60.0
WRITES = "batchscribe_writes"
"""Execution option of connections whose transactions begin as writers."""


class ClosingCursor(sqlite3.Cursor):
    """
    A cursor that lets go of a statement that failed.

    The error, and with it the cursor, may live on until Python collects garbage, in the thread of the event loop. There
    it would wait until the connection is idle: if another statement waits on it for the database, the server stands
    still for a minute, since the one that holds the database needs the event loop to end.
    """

    def execute(self, *arguments: Any) -> Self:
        """Execute a statement, as in the base class."""
        return self._or_close(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Self:
        """Execute a statement for many rows, as in the base class."""
        return self._or_close(super().executemany, *arguments)

    def _or_close(self, execute: Callable[..., Self], *arguments: Any) -> Self:
        try:
            return execute(*arguments)
        except BaseException:
            self.close()
            raise


class ClosingConnection(sqlite3.Connection):
    """A connection whose cursors are `ClosingCursor`s."""

    def cursor(self, *_arguments: Any) -> Any:
        """Return a new cursor."""
        return super().cursor(ClosingCursor)


class ImmediateSqlite(AioSqliteConfiguration):
    """SQLite whose transactions take the write lock when they begin, and wait for it."""

    async def engine(self) -> AsyncEngine:
        """Return the engine of the running event loop."""
        engine = await super().engine()
        if not event.contains(engine.sync_engine, "do_connect", _close_failed_cursors):
            event.listen(engine.sync_engine, "do_connect", _close_failed_cursors)
        return engine

    @contextlib.asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = True,  # noqa: FBT001, FBT002 - Prefect's signature
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """
        Begin a transaction that may write, whatever it was announced as.

        That holds for this session alone. Prefect notes it in the context, so for all sessions that are opened
        meanwhile: one that only reads something for an event would begin as a writer too, and wait for this one, which
        waits for it.
        """
        del with_for_update
        bind = session.sync_session.bind
        session.sync_session.bind = bind.execution_options(**{WRITES: True}) if bind is not None else None
        async with session.begin() as transaction:
            yield transaction

    def begin_sqlite_stmt(self, conn: Connection) -> None:
        """Begin a transaction as a writer if its session is one; else as in the base class, which knows migrations."""
        if conn.get_execution_options().get(WRITES):
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            super().begin_sqlite_stmt(conn)


def _close_failed_cursors(_dialect: Any, _record: Any, _arguments: list[Any], named: dict[str, Any]) -> None:
    """Connect with `ClosingConnection`."""
    named["factory"] = ClosingConnection


def app() -> ASGIApp:
    """
    Return Prefect's own application, protected from pages of other sites.

    One that has its callers sign in may be called by any name: a page of another site lacks the auth string. A database
    other than SQLite is left as it is.
    """
    address = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if address.startswith("sqlite"):
        set_database_config(ImmediateSqlite(connection_url=address))
    prefect = create_app(final=True)
    if PREFECT_SERVER_API_AUTH_STRING.value():
        return prefect
    elsewhere = "Call it as 127.0.0.1, from elsewhere through SSH: ssh -L 4200:127.0.0.1:4200 this-machine"
    return CrossOriginProtection(prefect, server="Prefect's server", instead=elsewhere)


async def wait_for_database(address: str) -> None:
    """Wait until the database lets us in, with warnings meanwhile. Prefect's server would end instead."""
    engine = await AsyncPostgresConfiguration(
        connection_url=address
    ).engine()  # with Prefect's settings of TLS and so on
    next_warning = 0.0
    while True:
        try:
            async with asyncio.timeout(SECONDS_TO_CONNECT), engine.connect():
                break
        except (SQLAlchemyError, InterfaceError, PostgresError, OSError, TimeoutError) as error:
            if time.monotonic() > next_warning:
                next_warning = time.monotonic() + SECONDS_BETWEEN_WARNINGS
                why = str(error).partition("\n")[0] or type(error).__name__
                sys.stdout.write(f"WARNING:  The database {engine.url!r} can't be used: {why}. Waiting for it.\n")
                sys.stdout.flush()
        await asyncio.sleep(1)
    await engine.dispose()


def main() -> None:
    """Serve on the port named on the command line, for this machine only unless an address is named as well."""
    gc.freeze()
    gc.enable()
    address = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if not address.startswith("sqlite"):
        asyncio.run(wait_for_database(address))
    uvicorn.run(
        "deployments.local.prefect_server:app",
        factory=True,
        host=sys.argv[2] if sys.argv[2:] else "127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        timeout_keep_alive=30,  # longer than the pauses between polls: connections are kept
        timeout_graceful_shutdown=STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
