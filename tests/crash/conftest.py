"""One sandbox and one nursery of processes for all crash tests, a database and companies of its own for each."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash_world import SECRETS, Nursery, Opened, Sandbox, World

from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.connections import apply
from ml_connector.store.database import Database, initialise_database
from ml_connector.store.keys import create_key
from ml_connector.store.settings import Settings
from ml_connector.store.trail import verify_trail
from ml_connector.store.vault import Vault


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sandbox]:
    started = Sandbox(tmp_path_factory.mktemp("sandbox") / "log")
    yield started
    started.close()


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nursery]:
    started = Nursery(tmp_path_factory.mktemp("nursery") / "log")
    yield started
    started.close()


@pytest.fixture
async def open_world(sandbox: Sandbox, nursery: Nursery, database: Database, tmp_path: Path) -> AsyncGenerator[Opened]:
    """Opens the test's world with so many connections. At the end every chain of the trail is verified."""
    async with _opening(sandbox, nursery, database, Settings(home=tmp_path / "home"), tmp_path) as opened:
        yield opened


@pytest.fixture
async def open_world_of_its_own(sandbox: Sandbox, nursery: Nursery, tmp_path: Path) -> AsyncGenerator[Opened]:
    """The same on a PostgreSQL that the test may do with as it likes."""
    home = Path(tempfile.mkdtemp(prefix="ml-connector-"))
    # What is registered first is done last: after the server was stopped.
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    settings = Settings(home=home, database_url=None)
    database = await initialise_database(settings)
    async with _opening(sandbox, nursery, database, settings, tmp_path) as opened:
        yield opened
    await database.close()


@asynccontextmanager
async def _opening(
    sandbox: Sandbox, nursery: Nursery, database: Database, settings: Settings, folder: Path
) -> AsyncGenerator[Opened]:
    vault = Vault(create_key(settings))
    worlds: list[World] = []

    async def open_with(connections: int = 1) -> World:
        sandbox.quiet()
        url = database.url.render_as_string(hide_password=False)
        world = World(sandbox, nursery, settings.home, database.dsn, url, folder)
        worlds.append(world)
        world.found(connections)
        configuration = parse_configuration(
            world.configuration(), file="crash.yaml", folder=folder, environment=SECRETS
        )
        await apply(database, vault, configuration, actor="test", now=datetime.now(UTC))
        await database.execute("UPDATE schedule SET next_due = now() + interval '1 hour'")
        return world

    yield open_with
    for world in worlds:
        world.close()
    # Its sessions may have been ended by the test.
    await database.engine.dispose()
    faults = [each async for each in verify_trail(database, await vault.trail_key(database)) if each.fault]
    assert faults == []


@pytest.fixture
async def world(open_world: Opened) -> World:
    """A world with one connection."""
    return await open_world()
