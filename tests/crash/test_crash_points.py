"""A worker is killed (SIGKILL) at every outgoing call and every checkpoint, another goes on, the bills are counted."""

from __future__ import annotations

import re
import signal
import time
from random import Random

import pytest
from crash_ledgers import (
    BUSINESS_CENTRAL_WAY,
    IMPORT_VENDORS,
    ONE_OF_A_KIND,
    PAYMENT_RESPONSE,
    REQUEST_STATUS,
    Call,
    Way,
    each,
    with_one_ledger,
)
from crash_world import Checkpoint, Child, Fields, World, check_imported, check_paid, pay_all

from ml_connector.operations.balance import DifferenceKind
from simulation.ledgers import DRAFT, POSTED
from simulation.systems import call, until

pytestmark = pytest.mark.xdist_group("crash")

GOOD = 2
BAD = ("unknown vendor", "other totals")


def begin(world: World) -> tuple[list[Fields], Child]:
    """Approves the invoices, asks for a run and has a process begin it."""
    offered = world.offer(world.companies[0], GOOD, *BAD)
    world.ask_for_runs("invoices")
    return offered, world.settle()


def check(world: World, offered: list[Fields]) -> None:
    world.check(offered[:GOOD], offered[GOOD:])


# ------------------------------------------------------------------ outgoing calls


def kill_at(world: World, child: Child) -> None:
    until(lambda: world.sandbox.held() or not child.runs, "the call is held")
    assert world.sandbox.held(), child.told()
    child.kill()


@each(lambda way: way.invoice_calls)
def test_killed_while_a_call_is_on_its_way(world: World, name: str) -> None:
    world.put(world.way.invoice_calls[name], "hold")
    offered, child = begin(world)
    kill_at(world, child)
    world.sandbox.release(drop=True)
    world.settled()
    check(world, offered)


@each(lambda way: way.invoice_calls if way is BUSINESS_CENTRAL_WAY else way.invoice_writes)
def test_killed_when_a_call_was_done_and_before_its_answer(world: World, name: str) -> None:
    """A read that was done has done nothing: of the other ledgers only what they write."""
    world.put(world.way.invoice_calls[name], "hold_after")
    offered, child = begin(world)
    kill_at(world, child)
    world.sandbox.release(drop=True)
    world.settled()
    check(world, offered)


@each(lambda way: way.bill_writes)
def test_killed_and_the_call_is_done_only_when_the_next_process_works_already(world: World, name: str) -> None:
    world.put(world.way.invoice_calls[name], "hold")
    offered, child = begin(world)
    kill_at(world, child)
    following = world.settle()
    world.sandbox.release(drop=False)
    assert following.ended() == 0, following.told()
    check(world, offered)


def test_a_create_that_is_done_when_all_is_over_becomes_no_second_bill(world: World) -> None:
    if world.way.stray is not None:
        # Where posting is direct, only the company's own setting is left to refuse what comes that late.
        call("POST", f"{world.ledger}/_sandbox/duplicates", {"company": world.companies[0], **world.way.stray})
    world.put(world.way.create, "hold")
    offered, child = begin(world)
    kill_at(world, child)
    world.settled()
    check(world, offered)
    before = len(world.sandbox.calls(world.ledger))
    world.sandbox.release(drop=False)
    until(lambda: len(world.sandbox.calls(world.ledger)) > before, "the late call is through")
    left = [] if world.way.stray is not None else [DRAFT]
    assert sorted(bill["standing"] for bill in world.bills()) == sorted([*left, *[POSTED] * GOOD])
    world.ask_for_runs("invoices")
    world.settled()
    assert sum(bill["standing"] == POSTED for bill in world.bills()) == GOOD
    named = [each.words for each in world.differences() if each.kind is DifferenceKind.SECOND_DRAFT]
    assert len(named) == len(left), named


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_at_random_moments(world: World, seed: int) -> None:
    moments = Random(seed)
    offered = world.offer(world.companies[0], 20, *BAD)
    world.ask_for_runs("invoices")
    for _ in range(10):
        child = world.settle()
        time.sleep(moments.uniform(0.05, 0.35))
        child.send(signal.SIGKILL)  # it may have come to its end just now
        child.ended()
    world.settled()
    world.check(offered[:20], offered[20:])


def test_every_call_of_the_way_is_among_those_at_which_it_is_killed(world: World) -> None:
    _, child = begin(world)
    assert child.ended() == 0, child.told()
    for address, ledger in ((world.sandbox.basware, False), (world.ledger, True)):
        named = [known for known in world.way.invoice_calls.values() if known.ledger is ledger]
        for made in world.sandbox.calls(address):
            assert any(known.method == made["method"] and re.search(known.path, made["path"]) for known in named), made


# ------------------------------------------------------------------ checkpoints


@each(lambda way: way.steps, ways=ONE_OF_A_KIND)
def test_killed_before_a_checkpoint_is_committed(world: World, name: str) -> None:
    checkpoint = Checkpoint(world, name)
    offered, child = begin(world)
    checkpoint.kill_at(child)
    checkpoint.undo()
    world.settled()
    check(world, offered)


@each(lambda way: way.steps, ways=ONE_OF_A_KIND)
def test_killed_when_a_checkpoint_was_committed_and_before_the_process_knew(world: World, name: str) -> None:
    checkpoint = Checkpoint(world, name)
    offered, child = begin(world)
    checkpoint.kill_at(child)
    checkpoint.open()
    world.settled()
    check(world, offered)


@each(lambda way: [step for step in ("to create", "created", "posted") if step in way.steps], ways=ONE_OF_A_KIND)
def test_killed_and_its_last_commit_comes_when_the_next_process_has_begun(world: World, name: str) -> None:
    checkpoint = Checkpoint(world, name)
    offered, child = begin(world)
    checkpoint.kill_at(child)
    following = world.settle()
    until(lambda: world.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s "
                              "AND datname = current_database()", "UPDATE lease%"),
          "the next process waits for the one before")  # fmt: skip
    checkpoint.open()
    assert following.ended() == 0, following.told()
    check(world, offered)


def test_every_step_of_the_way_is_among_those_at_which_it_is_killed(world: World) -> None:
    _, child = begin(world)
    assert child.ended() == 0, child.told()
    steps = {row["step"] for row in world.query("SELECT DISTINCT step FROM trail WHERE flow = 'invoices'")}
    assert steps == set(world.way.steps)


# ------------------------------------------------------------------ payments


def payment_calls(way: Way) -> dict[str, Call]:
    """What a payment costs."""
    return {**way.payment_reads, "payment response": PAYMENT_RESPONSE}


def prepare_payments(world: World) -> list[Fields]:
    """Invoices posted here and paid in the ledger, of which Basware does not know yet."""
    offered = world.offer(world.companies[0], GOOD)
    world.ask_for_runs("invoices")
    world.settled()
    pay_all(world)
    world.ask_for_runs("payments")
    return offered


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@each(payment_calls)
def test_killed_at_a_call_of_a_payment(world: World, name: str, kind: str) -> None:
    offered = prepare_payments(world)
    world.put(payment_calls(world.way)[name], kind)
    kill_at(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_paid(world, offered)


@with_one_ledger
@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
def test_killed_at_the_checkpoint_of_a_payment(world: World, committed: bool) -> None:
    offered = prepare_payments(world)
    checkpoint = Checkpoint(world, "payment told")
    checkpoint.kill_at(world.settle())
    checkpoint.open() if committed else checkpoint.undo()
    world.settled()
    check_paid(world, offered)


# ------------------------------------------------------------------ imports


def import_calls(way: Way) -> dict[str, Call]:
    """What an import of vendors costs."""
    return {"read vendors": way.read_vendors, "import vendors": IMPORT_VENDORS, "request status": REQUEST_STATUS}


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@each(import_calls)
def test_killed_at_a_call_of_an_import(world: World, name: str, kind: str) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    world.put(import_calls(world.way)[name], kind)
    world.ask_for_runs("vendors")
    kill_at(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_imported(world)


@with_one_ledger
@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
@pytest.mark.parametrize("step", ["sent", "imported"])
def test_killed_at_a_checkpoint_of_an_import(world: World, step: str, committed: bool) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    checkpoint = Checkpoint(world, step)
    world.ask_for_runs("vendors")
    checkpoint.kill_at(world.settle())
    checkpoint.open() if committed else checkpoint.undo()
    world.settled()
    check_imported(world)
