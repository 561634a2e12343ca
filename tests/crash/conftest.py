"""One sandbox and one nursery of processes for all crash tests, a database and companies of its own for each."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash_ledgers import WAYS, Way
from crash_world import Nursery, Opened, Sandbox, World
from inbound_opening import inbound, open_inbound, route  # noqa: F401 - fixtures

from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.connections import apply
from ml_connector.store.database import Database, initialise_database
from ml_connector.store.keys import create_key
from ml_connector.store.settings import Settings
from ml_connector.store.trail import verify_trail
from ml_connector.store.vault import Vault
from simulation.ledgers import SECRETS


@dataclass(frozen=True, slots=True)
class Stage:
    """The processes that every world is opened on, and the ledger it is opened with."""

    sandbox: Sandbox
    nursery: Nursery
    way: Way


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """With each ledger in turn; a test that names what it tries names the ledger with it."""
    return request.param


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
def stage(sandbox: Sandbox, nursery: Nursery, way: Way) -> Stage:
    """What a world is opened on."""
    return Stage(sandbox, nursery, way)


@pytest.fixture
async def open_world(stage: Stage, database: Database, tmp_path: Path) -> AsyncGenerator[Opened]:
    """Opens the test's world with so many connections. At the end every chain of the trail is verified."""
    async with _opening(stage, database, Settings(home=tmp_path / "home"), tmp_path) as opened:
        yield opened


@pytest.fixture
async def open_world_of_its_own(stage: Stage, tmp_path: Path) -> AsyncGenerator[Opened]:
    """The same on a PostgreSQL that the test may do with as it likes."""
    home = Path(tempfile.mkdtemp(prefix="ml-connector-"))
    # What is registered first is done last: after the server was stopped.
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    settings = Settings(home=home, database_url=None)
    database = await initialise_database(settings)
    async with _opening(stage, database, settings, tmp_path) as opened:
        yield opened
    await database.close()


@asynccontextmanager
async def _opening(stage: Stage, database: Database, settings: Settings, folder: Path) -> AsyncGenerator[Opened]:
    vault = Vault(create_key(settings))
    worlds: list[World] = []

    async def open_with(connections: int = 1) -> World:
        stage.sandbox.quiet()
        url = database.url.render_as_string(hide_password=False)
        world = World(stage.sandbox, stage.nursery, stage.way, settings.home, database.dsn, url, folder)
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
