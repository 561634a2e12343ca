"""Several workers on one PostgreSQL: one is killed, others are only stopped and come back; the bills are counted."""

from __future__ import annotations

import signal

import pytest
from conftest import Opened
from crash_world import until

pytestmark = pytest.mark.xdist_group("scale")

CONNECTIONS = 20
INVOICES = 50


async def test_two_workers_share_the_connections_and_one_is_killed_half_way(open_world: Opened) -> None:
    world = await open_world(CONNECTIONS)
    world.sandbox.widen()
    offered = {code: world.offer(code, INVOICES) for code in world.companies}
    # Neither can take all of them, either can take what the other leaves.
    killed, other = world.workers(2, concurrency=CONNECTIONS - 6)
    world.ask_for_runs("invoices")
    until(lambda: world.finished() >= CONNECTIONS * INVOICES * 4 // 10, "some are done")
    shares = world.worked_by()
    assert set(shares.values()) == {killed.pid, other.pid}
    killed.kill()
    left = {name for name, pid in shares.items() if pid == killed.pid}
    unfinished = {
        row["connection_id"]
        for row in world.query("SELECT DISTINCT connection_id FROM document WHERE next_due IS NOT NULL")
    } & left
    assert unfinished
    until(lambda: {world.worked_by()[name] for name in unfinished} == {other.pid}, "the other has taken them over",
          seconds=20)  # fmt: skip
    until(lambda: world.finished() == CONNECTIONS * INVOICES, "all are done", seconds=120)
    for code, documents in offered.items():
        world.check(documents, code=code)
    other.send(signal.SIGTERM)
    assert other.ended() == 0, other.told()
