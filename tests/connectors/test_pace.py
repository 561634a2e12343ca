from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.connectors.pace import Pace


async def test_calls_that_fit_the_window_do_not_wait() -> None:
    pace = Pace(100, 3_600.0)
    await asyncio.wait_for(asyncio.gather(*(pace.wait() for _ in range(100))), timeout=60)


async def test_a_call_beyond_the_window_waits_until_the_oldest_has_left_it() -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(3, 0.1, clock=loop.time)
    begun: list[float] = []
    for _ in range(7):
        await pace.wait()
        begun.append(loop.time())
    assert all(later - earlier >= 0.1 for earlier, later in zip(begun, begun[3:], strict=False))


@settings(max_examples=30)
@given(calls=st.integers(1, 5), steps=st.lists(st.floats(0, 0.02), min_size=1, max_size=12))
def test_no_window_ever_holds_more_however_they_come(calls: int, steps: list[float]) -> None:
    per = 0.01

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        pace = Pace(calls, per, clock=loop.time)
        begun: list[float] = []

        async def call(after: float) -> None:
            await asyncio.sleep(after)
            await pace.wait()
            begun.append(loop.time())

        await asyncio.gather(*(call(step) for step in steps))
        return sorted(begun)

    begun = asyncio.run(run())
    assert all(later - earlier >= per - 0.0005 for earlier, later in zip(begun, begun[calls:], strict=False))


async def test_those_who_wait_go_in_the_order_they_came() -> None:
    pace = Pace(1, 0.01, clock=asyncio.get_running_loop().time)
    order: list[int] = []

    async def call(number: int) -> None:
        await pace.wait()
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(5)))
    assert order == list(range(5))
