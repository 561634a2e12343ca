"""Fixtures of the crash tests for the road that runs the other way."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from crash_world import Nursery, Sandbox
from inbound_world import InboundWorld, Opened

from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.connections import apply
from ml_connector.store.database import Database
from ml_connector.store.keys import create_key
from ml_connector.store.settings import Settings
from ml_connector.store.trail import verify_trail
from ml_connector.store.vault import Vault
from simulation.sources import NETWORK, ROUTES, SECRETS


@pytest.fixture(params=ROUTES)
def route(request: pytest.FixtureRequest) -> str:
    """By each route in turn; a test that names what it tries names the route with it."""
    return request.param


@pytest.fixture
async def open_inbound(
    sandbox: Sandbox, nursery: Nursery, database: Database, tmp_path: Path
) -> AsyncGenerator[Opened]:
    """Opens worlds. At the end every chain of the trail is verified."""
    settings = Settings(home=tmp_path / "home")
    vault = Vault(create_key(settings))
    worlds: list[InboundWorld] = []

    async def open_with(*, connections: int = 1, route: str = NETWORK, **more: Any) -> InboundWorld:
        sandbox.quiet()
        url = database.url.render_as_string(hide_password=False)
        world = InboundWorld(sandbox, nursery, route, settings.home, database.dsn, url, tmp_path, **more)
        worlds.append(world)
        world.found(connections)
        configuration = parse_configuration(
            world.configuration(), file="crash.yaml", folder=tmp_path, environment=SECRETS
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
async def inbound(open_inbound: Opened, route: str) -> InboundWorld:
    """A world with one connection, which writes nothing back."""
    return await open_inbound(route=route)
