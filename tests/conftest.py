"""What every test may ask for: one PostgreSQL for the session, a database of its own for each test."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from ml_connector.store.database import Database, initialise_database, open_database
from ml_connector.store.settings import Settings

# How long an example takes says nothing on a machine that does other work, too.
properties.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("untimed")

_LONGEST: Final = ("crash", "acceptance", "conformance", "cli", "flows")
"""The folders whose files take long begin first, so that no worker is left alone with one of them at the end."""
_NUMBERS = count(1)
_PATTERN = "pattern"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {folder: place for place, folder in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


@pytest.fixture(scope="session")
def postgres() -> str:
    """The address of an embedded server, which also holds an up-to-date database to copy from.

    Not below pytest's own folder: the next session started beside this one closes that folder to others, and
    run by root, the server is another.
    """
    home = Path(tempfile.mkdtemp(prefix="ml-connector-"))
    # What is registered first is done last: after the server was stopped.
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return asyncio.run(_start(home))


@pytest.fixture
def database_url(postgres: str) -> Generator[str]:
    """The address of a fresh, empty database."""
    with _created(postgres, template="template0") as url:
        yield url


@pytest.fixture
async def database(postgres: str) -> AsyncGenerator[Database]:
    """A fresh database with the newest schema."""
    with _created(postgres, template=_PATTERN) as url:
        opened = await open_database(Settings(database_url=SecretStr(url)), pool_size=5)
        yield opened
        await opened.close()


async def _start(home: Path) -> str:
    initial = await initialise_database(Settings(home=home, database_url=None))
    await initial.close()
    with psycopg.connect(initial.dsn, autocommit=True) as admin:
        # A test's data need not outlive a power cut.
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("ALTER SYSTEM SET full_page_writes = off")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE DATABASE pattern TEMPLATE postgres")
    return initial.dsn


@contextmanager
def _created(server: str, *, template: str) -> Generator[str]:
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as admin:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
