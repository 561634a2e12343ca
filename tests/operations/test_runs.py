"""Following runs: what breaks the work off reaches who waits, and the wait ends with the runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ml_connector.operations.runs import working


class Bench:
    """Stands in for a process: works, fails, or is busy elsewhere, as told."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.worked = 0
        self.put_down_called = False
        self.clock = lambda: datetime.now(UTC)

    async def work_now(self, connection: str) -> bool:
        self.worked += 1
        if self.fails:
            raise RuntimeError("the database is gone")
        await asyncio.sleep(0)
        return True

    def put_down(self, connection: str) -> None:
        self.put_down_called = True


async def test_what_breaks_the_work_off_is_raised_where_it_is_waited_for():
    with pytest.raises(RuntimeError, match="the database is gone"):
        async with working(Bench(fails=True), "acme"):  # pyright: ignore[reportArgumentType]
            await asyncio.sleep(30)


async def test_the_end_of_the_block_puts_the_work_down():
    bench = Bench()
    async with working(bench, "acme"):  # pyright: ignore[reportArgumentType]
        while not bench.worked:
            await asyncio.sleep(0)
    assert bench.put_down_called


async def test_a_cancelled_wait_puts_the_work_down_and_stays_cancelled():
    bench = Bench()

    async def wait() -> None:
        async with working(bench, "acme"):  # pyright: ignore[reportArgumentType]
            await asyncio.sleep(30)

    waiting = asyncio.create_task(wait())
    while not bench.worked:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert bench.put_down_called
