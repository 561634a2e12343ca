from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ml_connector.flows.pages import read_ahead


class Pages:
    """A list of three pages that tells how far it was read."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.read = 0
        self.closed = False
        self._fails_after = fails_after

    async def all(self) -> AsyncIterator[int]:
        try:
            for page in (1, 2, 3):
                if self.read == self._fails_after:
                    raise ValueError("the list broke off")
                self.read = page
                yield page
        finally:
            self.closed = True


async def test_pages_come_in_order_and_the_next_is_read_meanwhile() -> None:
    pages, ahead = Pages(), list[tuple[int, int]]()
    async for page in read_ahead(pages.all()):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ahead.append((page, pages.read))
    assert ahead == [(1, 2), (2, 3), (3, 3)]


async def test_pages_before_a_failure_are_all_seen() -> None:
    reading = read_ahead(Pages(fails_after=2).all())
    assert [await anext(reading), await anext(reading)] == [1, 2]
    with pytest.raises(ValueError, match="broke off"):
        await anext(reading)


async def test_nothing_is_read_on_for_one_who_leaves() -> None:
    pages = Pages()
    reading = read_ahead(pages.all())
    assert await anext(reading) == 1
    await reading.aclose()
    await asyncio.sleep(0)
    assert pages.read <= 2
