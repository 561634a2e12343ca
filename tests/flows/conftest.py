"""The world of a connection whose invoices go into the payables system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from supplied_world import World, opened


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(database_url, tmp_path) as made:
        yield made
