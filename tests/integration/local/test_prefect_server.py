"""Prefect's server on SQLite: who waits for whom."""

import asyncio
import gc

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from deployments.local.prefect_server import ImmediateSqlite


@pytest.fixture
def database(tmp_path):
    """A database with a table, of the kind that Prefect's server has here."""
    config = ImmediateSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")

    async def create():
        async with (await config.engine()).begin() as connection:
            await connection.execute(text("CREATE TABLE runs (name TEXT NOT NULL)"))

    asyncio.run(create())
    return config


async def names(config):
    async with await config.session(await config.engine()) as session:
        return list(await session.scalars(text("SELECT name FROM runs")))


def test_a_transaction_that_reads_first_loses_no_write_of_another(database):
    async def add_one_more():
        async with await database.session(await database.engine()) as session, database.begin_transaction(session):
            count = len(list(await session.scalars(text("SELECT name FROM runs"))))
            await asyncio.sleep(0)  # the others get their chance to write in between
            await session.execute(text("INSERT INTO runs VALUES (:name)"), {"name": str(count)})

    async def story():
        await asyncio.gather(*(add_one_more() for _ in range(8)))
        return await names(database)

    assert sorted(asyncio.run(story())) == [str(number) for number in range(8)]


def test_a_session_that_reads_while_a_transaction_lasts_does_not_wait_for_it(database):
    async def story():
        async with asyncio.timeout(30):  # SQLite gives up after 60 s
            async with await database.session(await database.engine()) as session, database.begin_transaction(session):
                await session.execute(text("INSERT INTO runs VALUES ('kept')"))
                return await names(database)

    assert asyncio.run(story()) == []


def test_a_statement_that_failed_holds_up_no_other(database):
    async def story():
        engine = await database.engine()
        begun = asyncio.Event()
        async with engine.connect() as other, engine.connect() as connection:
            try:
                await connection.execute(text("INSERT INTO runs VALUES (NULL)"))
            except IntegrityError as error:
                failed = error
            await connection.rollback()
            await other.exec_driver_sql("BEGIN IMMEDIATE")
            loop = asyncio.get_running_loop()
            event.listen(
                connection.sync_connection,
                "before_cursor_execute",
                lambda *_: loop.call_later(0.5, begun.set),  # it waits in a thread, unseen from here
            )
            waiting = asyncio.create_task(connection.execute(text("INSERT INTO runs VALUES ('waited')")))
            await begun.wait()
            del failed
            gc.collect()
            await other.exec_driver_sql("ROLLBACK")
            await waiting
            await connection.commit()
        return await names(database)

    assert asyncio.run(story()) == ["waited"]
