"""The gateway that the tests of the wire talk to, and the simulated system."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from visma_wire import Wire, running
from visma_world import World, simulation


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with running() as found:
        yield found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with simulation(dimensions=("1", "project")) as found:
        yield found
