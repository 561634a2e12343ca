"""Several workers on the road into Basware: one is killed, others are only stopped and come back; what entered is
counted."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from crash_ledgers import Call
from crash_world import Checkpoint, Child
from inbound_world import ENTERS, WRITES, InboundWorld, Opened

from simulation.systems import until

pytestmark = pytest.mark.xdist_group("inbound")


def finished(world: InboundWorld) -> int:
    """The invoices that entered."""
    return world.query("SELECT count(*) AS n FROM document WHERE status = 'transferred'")[0]["n"]


async def test_two_workers_share_the_connections_and_one_is_killed_half_way(open_inbound: Opened, route: str) -> None:
    world = await open_inbound(connections=6, route=route)
    papers = {code: world.bring(12, code=code) for code in world.companies}
    killed, other = world.workers(2, concurrency=4)
    world.ask_for_runs("supplier-invoices")
    until(lambda: finished(world) >= 12, "some have entered", seconds=10)
    killed.kill()
    until(lambda: finished(world) == 6 * 12, "all have entered", seconds=30)
    for code, brought in papers.items():
        world.check(brought, code=code)
    other.send(signal.SIGTERM)
    assert other.ended() == 0, other.told()


class Answer:
    """The moment when a write of a connection was done and its answer is held."""

    def __init__(self, world: InboundWorld, trap: Call) -> None:
        self._world = world
        self._trap = trap
        world.put(trap, "hold_after")

    def reached(self) -> bool:
        return any(
            re.search(self._trap.path, each["path"]) and each["asks"] == self._trap.asks
            for each in self._world.sandbox.held()
        )

    def open(self) -> None:
        pass


Trap = Checkpoint | Answer


async def test_stopped_workers_come_back_after_the_take_over_and_do_no_harm(open_inbound: Opened, route: str) -> None:
    world = await open_inbound(connections=4, route=route)
    papers = {code: world.bring(6, code=code) for code in world.companies}
    traps = set_traps(world)
    zombies = world.workers(len(world.companies), concurrency=1, pool_size=1)
    world.ask_for_runs("supplier-invoices")
    stop_all(world, zombies, traps)
    for trap in traps.values():
        trap.open()
    world.sandbox.release(drop=False)

    (heir,) = world.workers(1, concurrency=len(world.companies), pool_size=5)
    until(lambda: finished(world) == 4 * 6, "the other has finished their work", seconds=30)
    for zombie in zombies:
        zombie.send(signal.SIGCONT)
    until(lambda: world.working() >= {zombie.pid for zombie in zombies}, "they are awake again", seconds=10)
    for code, brought in papers.items():
        world.check(brought, code=code)

    heir.send(signal.SIGTERM)
    assert heir.ended() == 0, heir.told()
    for code in world.companies:
        papers[code] += world.bring(2, code=code)
    world.ask_for_runs("supplier-invoices")
    until(lambda: finished(world) == 4 * 8, "they work as before", seconds=10)
    for code, brought in papers.items():
        world.check(brought, code=code)
    for zombie in zombies:
        zombie.send(signal.SIGTERM)
    for zombie in zombies:
        assert zombie.ended() == 0, zombie.told()


def set_traps(world: InboundWorld) -> dict[str, Trap]:
    """For each company where its worker is stopped."""
    *codes, last = world.companies
    steps = ("received", "to hand in", "entered")
    at_checkpoints = {
        code: Checkpoint(world, step, connection=f"c{code}") for code, step in zip(codes, steps, strict=True)
    }
    enters = WRITES[world.route][ENTERS[world.route]]
    return {**at_checkpoints, last: Answer(world, replace(enters, asks=f"L{last}-"))}


def stop_all(world: InboundWorld, zombies: list[Child], traps: Mapping[str, Trap]) -> None:
    """Stops each worker as soon as its connection is where it was to be stopped."""
    by_pid = {zombie.pid: zombie for zombie in zombies}
    left = dict(traps)
    limit = time.monotonic() + 10
    while left:
        assert time.monotonic() < limit, f"These were not reached: {left}. {world.story()}"
        for code, trap in list(left.items()):
            worker = world.worked_by().get(f"c{code}") if trap.reached() else None
            if worker is not None:
                by_pid[worker].send(signal.SIGSTOP)
                del left[code]
