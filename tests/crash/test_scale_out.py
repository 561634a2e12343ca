"""Several workers on one PostgreSQL: one is killed, others are only stopped and come back; the bills are counted."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from crash_ledgers import Call, Way, with_one_ledger
from crash_world import Checkpoint, Child, Fields, Opened, World

from ml_connector.operations.balance import DifferenceKind
from ml_connector.sandbox.business_central.books import company_id
from simulation.ledgers import DRAFT
from simulation.systems import until

pytestmark = pytest.mark.xdist_group("scale")

CONNECTIONS = 20
INVOICES = 50


@with_one_ledger
async def test_two_workers_share_the_connections_and_one_is_killed_half_way(open_world: Opened) -> None:
    world = await open_world(CONNECTIONS)
    world.widen()
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


# ------------------------------------------------------------------ stopped, and back

AT_CHECKPOINTS = ("received", "to create", "created", "posted")
AT_RANDOM = 2
EACH, AT_LEAST = 12, 6


async def test_stopped_workers_come_back_after_the_take_over_and_do_no_harm(open_world: Opened, way: Way) -> None:
    steps = [step for step in AT_CHECKPOINTS if step in way.steps]
    world = await open_world(len(steps) + len(way.answers) + AT_RANDOM)
    world.widen()
    each = max(EACH // way.costs, AT_LEAST)
    offered = {code: world.offer(code, each) for code in world.companies}
    traps = set_traps(world, steps, offered)
    zombies = world.workers(len(world.companies), concurrency=1, pool_size=1)
    world.ask_for_runs("invoices")
    stop_all(world, zombies, traps)
    for trap in traps.values():
        trap.open()
    world.sandbox.release(drop=False)

    (heir,) = world.workers(1, concurrency=len(world.companies), pool_size=5)
    # One that was stopped while it signed in keeps the others from signing in for 150 s, where a session is shared.
    until(lambda: world.finished() == len(world.companies) * each, "the other has finished their work", seconds=200)
    for zombie in zombies:
        zombie.send(signal.SIGCONT)
    until(lambda: world.working() >= {zombie.pid for zombie in zombies}, "they are awake again")
    for code, documents in offered.items():
        world.check(documents, code=code, drafts=world.way.may_leave_drafts)

    heir.send(signal.SIGTERM)
    assert heir.ended() == 0, heir.told()
    for code in world.companies:
        offered[code] += world.offer(code, 2, number_from=each)
    world.ask_for_runs("invoices")
    until(lambda: world.finished() == len(world.companies) * (each + 2), "they work as before")
    for code, documents in offered.items():
        world.check(documents, code=code, drafts=world.way.may_leave_drafts)
    for code in world.companies:
        # Whatever a draft was left by, a person is told of it.
        drafts = sorted(bill["vendorInvoiceNumber"] for bill in world.bills(code) if bill["standing"] == DRAFT)
        told = world.differences(code) if drafts else []
        named = [each for each in told if each.kind is DifferenceKind.SECOND_DRAFT]
        assert sorted(each.invoice_number for each in named) == drafts
    for zombie in zombies:
        zombie.send(signal.SIGTERM)
    for zombie in zombies:
        assert zombie.ended() == 0, zombie.told()


class Moment:
    """A moment after the start."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def reached(self) -> bool:
        return time.monotonic() >= self._at

    def open(self) -> None:
        pass


class Answer:
    """The moment when a call of a connection was done and its answer is held."""

    def __init__(self, world: World, trap: Call) -> None:
        self._sandbox = world.sandbox
        self._trap = trap
        world.put(trap, "hold_after")

    def reached(self) -> bool:
        return any(
            re.search(self._trap.path, each["path"]) and each["asks"] == self._trap.asks
            for each in self._sandbox.held()
        )

    def open(self) -> None:
        pass


Trap = Checkpoint | Answer | Moment


def set_traps(world: World, steps: Sequence[str], offered: dict[str, list[Fields]]) -> dict[str, Trap]:
    """For each company where its worker is stopped."""
    traps: dict[str, Trap] = {}
    codes = iter(world.companies)
    for step in steps:
        code = next(codes)
        traps[code] = Checkpoint(world, step, connection=f"c{code}")
    for call in world.way.answers.values():
        code = next(codes)
        names = {"{code}": code, "{company}": company_id(code), "{document}": offered[code][0]["invoiceId"]}
        path, asks = call.path, call.asks
        for name, value in names.items():
            path, asks = path.replace(name, value), asks.replace(name, value)
        traps[code] = Answer(world, replace(call, path=path, asks=asks))
    moments = Random(7)
    traps |= {code: Moment(moments.uniform(1.0, 4.0)) for code in codes}
    return traps


def stop_all(world: World, zombies: list[Child], traps: dict[str, Trap]) -> None:
    """Stops each worker as soon as its connection is where it was to be stopped."""
    by_pid = {zombie.pid: zombie for zombie in zombies}
    left = dict(traps)
    limit = time.monotonic() + 30
    while left:
        assert time.monotonic() < limit, f"These were not reached: {left}. {world.story()}"
        for code, trap in list(left.items()):
            worker = world.worked_by().get(f"c{code}") if trap.reached() else None
            if worker is not None:
                by_pid[worker].send(signal.SIGSTOP)
                del left[code]
