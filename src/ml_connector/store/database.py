"""The database: one PostgreSQL, the embedded one or a given one, migrated to this version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ml_connector.store.embedded import start_embedded
from ml_connector.store.settings import Settings

MIGRATIONS: Final = Path(__file__).with_name("migrations")
NEWEST: Final = "0001"
"""The newest migration. Said here so that commands that migrate nothing need not load what migrates."""
_MIGRATION_LOCK: Final = 0x6D6C_636F
_ABANDONED_AFTER: Final = 8_000
"""Milliseconds after which the server ends a session that leaves its transaction idle."""


class NotInitialised(RuntimeError):
    """The home or the database has not been set up yet."""


class Database:
    """Transactions on the pool."""

    def __init__(self, engine: AsyncEngine, url: URL) -> None:
        self.engine = engine
        self.url = url
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def dsn(self) -> str:
        """The address as libpq takes it; it may hold a password and must not be shown."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncGenerator[AsyncConnection]:
        """For a single statement that is a transaction by itself: it saves two round trips."""
        async with self._single.connect() as connection:
            yield connection

    async def fetch(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of one statement, in a transaction of its own."""
        async with self.statement() as connection:
            rows = await connection.execute(text(sql), values)
            return [dict(row) for row in rows.mappings()]

    async def fetch_one(self, sql: str, **values: Any) -> dict[str, Any] | None:
        """The first row, None where there is none."""
        rows = await self.fetch(sql, **values)
        return rows[0] if rows else None

    async def execute(self, sql: str, **values: Any) -> int:
        """Runs one statement in a transaction of its own; the number of rows it touched."""
        async with self.statement() as connection:
            return (await connection.execute(text(sql), values)).rowcount

    async def close(self) -> None:
        """Closes the pool."""
        await self.engine.dispose()


def database_url(settings: Settings) -> URL:
    """Where the database is; starts the embedded server where none is given."""
    if settings.database_url is not None:
        given = settings.database_url.get_secret_value()
    elif (settings.home / "postgres" / "PG_VERSION").exists():
        given = start_embedded(settings.home)
    else:
        raise NotInitialised(f"There is no database in {settings.home}. Run `ml-connector init` first.")
    return make_url(given.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")


async def open_database(settings: Settings, *, pool_size: int = 10) -> Database:
    """Connects to a database that is up to date. Raises `NotInitialised` where it is not."""
    url = await asyncio.to_thread(database_url, settings)
    database = _connect(url, pool_size=pool_size)
    async with database.engine.connect() as connection:
        current = await connection.run_sync(_revision)
    if current != NEWEST:
        await database.close()
        raise NotInitialised(
            f"The database is at version {current or 'none'}, this program needs {NEWEST}. Run `ml-connector init`."
        )
    return database


async def initialise_database(settings: Settings) -> Database:
    """Creates the embedded server where none is given, and brings the schema to this version. Idempotent."""
    if settings.database_url is None:
        await asyncio.to_thread(start_embedded, settings.home)
    url = await asyncio.to_thread(database_url, settings)
    database = _connect(url, pool_size=5)
    async with database.engine.begin() as connection:
        await connection.run_sync(_migrate)
    return database


def _connect(url: URL, *, pool_size: int) -> Database:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        pool_use_lifo=True,
        connect_args={
            "application_name": "ml-connector",
            "connect_timeout": 10,
            # A process stopped in mid-transaction must not keep its locks from the one that takes over.
            "options": f"{url.query.get('options', '')} -c idle_in_transaction_session_timeout={_ABANDONED_AFTER}",
        },
    )
    return Database(engine, url)


def _revision(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    # Two processes may start at once: the second waits and finds nothing to do.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        from procrastinate.schema import SchemaManager

        connection.exec_driver_sql(SchemaManager.get_schema(), execution_options={"no_parameters": True})
