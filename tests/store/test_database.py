"""The database is what this program needs, or says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import text

from ml_connector.store import database as module
from ml_connector.store.database import Database, NotInitialised, initialise_database, open_database
from ml_connector.store.settings import Settings


def test_the_newest_migration_is_the_one_that_is_said() -> None:
    assert ScriptDirectory(str(module.MIGRATIONS)).get_current_head() == module.NEWEST


async def test_an_empty_database_is_refused_with_what_to_do(database_url: str) -> None:
    with pytest.raises(NotInitialised, match="ml-connector init"):
        await open_database(Settings(database_url=SecretStr(database_url)))


async def test_a_home_that_was_never_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotInitialised, match="ml-connector init"):
        await open_database(Settings(home=tmp_path, database_url=None))


async def test_making_it_twice_changes_nothing(database_url: str) -> None:
    settings = Settings(database_url=SecretStr(database_url))
    for _ in range(2):
        made = await initialise_database(settings)
        await made.close()
    opened = await open_database(settings)
    assert await opened.fetch("SELECT version_num FROM alembic_version") == [{"version_num": module.NEWEST}]
    await opened.close()


async def test_an_older_database_is_not_worked_with(database: Database) -> None:
    await database.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(NotInitialised, match="version 0000"):
        await open_database(Settings(database_url=SecretStr(database.dsn)))


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async def break_off() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text("INSERT INTO trail_head VALUES ('x', 1, 'a', 'b')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await break_off()
    assert await database.fetch("SELECT * FROM trail_head") == []
