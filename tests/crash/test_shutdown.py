"""A worker is told to end in mid-work; the database goes away under one: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal

import pytest
from crash_ledgers import with_one_ledger
from crash_world import Child, Opened, World, check_imported

from ml_connector.store.embedded import start_embedded
from simulation.systems import call, until

pytestmark = pytest.mark.xdist_group("scale")

CONNECTIONS = 4
INVOICES = 80
FEW_SECONDS = 8.0


def assert_ends_soon(child: Child) -> None:
    child.send(signal.SIGTERM)
    assert child.ended(seconds=FEW_SECONDS) == 0, child.told()


async def test_a_worker_told_to_end_in_mid_work_leaves_all_to_the_next(open_world: Opened) -> None:
    world = await open_world(CONNECTIONS)
    world.widen()
    invoices = INVOICES // world.way.costs
    offered = {code: world.offer(code, invoices) for code in world.companies}
    (first,) = world.workers(1)
    world.ask_for_runs("invoices")
    until(lambda: world.finished() >= 10, "some are done")
    assert_ends_soon(first)
    assert 10 <= world.finished() < CONNECTIONS * invoices
    assert world.query("SELECT id FROM procrastinate_jobs WHERE status = 'doing'") == []
    assert world.query("SELECT key FROM document WHERE intent IS NOT NULL OR status = 'unconfirmed'") == []
    (second,) = world.workers(1)
    until(lambda: world.finished() == CONNECTIONS * invoices, "the next has done the rest")
    for code, documents in offered.items():
        world.check(documents, code=code)
    assert_ends_soon(second)


@with_one_ledger
def test_a_worker_told_to_end_while_it_waits_for_an_import(world: World) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    call("POST", f"{world.sandbox.basware}/_sandbox/import-delay", {"seconds": 60})
    try:
        (first,) = world.workers(1)
        world.ask_for_runs("vendors")
        until(lambda: world.query("SELECT 1 FROM import_request"), "the import is under way")
        assert_ends_soon(first)
    finally:
        call("POST", f"{world.sandbox.basware}/_sandbox/import-delay", {"seconds": 0.2})
    assert [row["status"] for row in world.query("SELECT status FROM run WHERE flow = 'vendors'")] == ["running"]
    world.sandbox.let_time_pass(60)
    (second,) = world.workers(1)
    until(lambda: world.query("SELECT 1 FROM run WHERE flow = 'vendors' AND status = 'finished'"), "it was taken up")
    world.sandbox.let_time_pass(-60)
    check_imported(world)
    assert_ends_soon(second)


def test_a_worker_told_to_end_while_the_ledger_keeps_it_waiting(world: World) -> None:
    offered = world.offer(world.companies[0], 3)
    world.put(world.way.post, "hold_after")
    (first,) = world.workers(1)
    world.ask_for_runs("invoices")
    until(world.sandbox.held, "a posting is held")
    first.send(signal.SIGTERM)
    assert first.ended(seconds=20) == 0, first.told()
    world.sandbox.release(drop=True)
    world.settled()
    world.check(offered)


# ------------------------------------------------------------------ the database


@with_one_ledger
async def test_the_database_ends_all_sessions_again_and_again(open_world: Opened) -> None:
    world = await open_world(CONNECTIONS)
    world.widen()
    offered = {code: world.offer(code, INVOICES) for code in world.companies}
    (worker,) = world.workers(1)
    world.ask_for_runs("invoices")
    for share in (1, 2, 3):
        until(lambda share=share: world.finished() >= CONNECTIONS * INVOICES * share // 5, "some are done")
        world.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    until(lambda: world.finished() == CONNECTIONS * INVOICES, "the worker went on by itself")
    for code, documents in offered.items():
        world.check(documents, code=code)
    assert_ends_soon(worker)


@with_one_ledger
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["in good order", "at once"])
async def test_the_database_server_is_restarted(open_world_of_its_own: Opened, how: int) -> None:
    world = await open_world_of_its_own(CONNECTIONS)
    world.widen()
    offered = {code: world.offer(code, INVOICES) for code in world.companies}
    (worker,) = world.workers(1)
    world.ask_for_runs("invoices")
    until(lambda: world.finished() >= CONNECTIONS * INVOICES // 4, "some are done")
    data = world.home / "postgres"
    server = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    os.kill(server, how)
    until(lambda: not (data / "postmaster.pid").exists(), "the server is gone")
    start_embedded(world.home)
    until(lambda: world.finished() == CONNECTIONS * INVOICES, "the worker went on by itself")
    for code, documents in offered.items():
        world.check(documents, code=code)
    assert_ends_soon(worker)
