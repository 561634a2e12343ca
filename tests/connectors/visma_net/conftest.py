"""The gateway that the tests of the wire talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from visma_wire import Wire, running


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with running() as found:
        yield found
