"""What a connector keeps in mind, and what it looks at a second time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest

from ml_connector.connectors.remembered import Many, Remembered, forget_older


class Shelf:
    """Counts the reads, and tells their number."""

    def __init__(self) -> None:
        self.reads = 0

    async def one(self) -> int:
        self.reads += 1
        reads = self.reads
        await asyncio.sleep(0)
        return reads

    async def several(self, keys: frozenset[str]) -> Mapping[str, int]:
        self.reads += 1
        reads = self.reads
        await asyncio.sleep(0)
        return dict.fromkeys(keys, reads)


async def test_what_is_young_is_not_read_again() -> None:
    shelf = Shelf()
    one, many = Remembered(shelf.one, age=60), Many(shelf.several, age=60)
    assert not forget_older([one, many], seconds=0)
    await one.get()
    await many.get(["a"])
    assert not forget_older([one, many])
    assert (await one.get(), await many.get(["a"])) == (1, {"a": 2})


async def test_all_that_is_old_is_read_again_once() -> None:
    shelf = Shelf()
    one, other, many = Remembered(shelf.one, age=60), Remembered(shelf.one, age=60), Many(shelf.several, age=60)
    await asyncio.gather(one.get(), other.get(), many.get(["a"]))
    assert forget_older([one, other, many], seconds=0)
    assert not forget_older([one, other, many], seconds=0)
    assert sorted(await asyncio.gather(one.get(), other.get())) == [4, 5]
    assert await many.get(["a"]) == {"a": 6}


async def test_of_many_only_the_old_ones_are_read_again() -> None:
    shelf = Shelf()
    many = Many(shelf.several, age=60)
    await many.get(["a"])
    between = time.monotonic()
    await many.get(["b"])
    assert many.forget_before(between)
    assert await many.get(["a", "b"]) == {"a": 3, "b": 2}


@pytest.mark.parametrize("wanted", [["a", "b"], ["a"]])
async def test_forgetting_takes_nothing_from_those_who_wait(wanted: list[str]) -> None:
    shelf = Shelf()
    many = Many(shelf.several, age=60)
    await many.get(["a"])
    waiting = asyncio.create_task(many.get([*wanted, "c"]))
    await asyncio.sleep(0)
    many.forget_before(time.monotonic())
    assert (await waiting).keys() == {*wanted, "c"}


async def test_what_is_forgotten_is_read_again_and_nothing_else() -> None:
    shelf = Shelf()
    many = Many(shelf.several, age=60)
    await many.get(["a", "b"])
    many.forget(["a", "never met"])
    assert await many.get(["a", "b"]) == {"a": 2, "b": 1}
