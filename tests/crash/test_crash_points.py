"""A worker is killed (SIGKILL) at every outgoing call and every checkpoint, another goes on, the bills are counted."""

from __future__ import annotations

import re
import signal
import time
from random import Random

import pytest
from crash_world import Call, Checkpoint, Child, Fields, World, check_imported, check_paid, pay_all, until

pytestmark = pytest.mark.xdist_group("crash")

GOOD = 2
BAD = ("unknown vendor", "other totals")


INVOICE_CALLS = {
    "sign in to Basware": Call("POST", "/v1/tokens$", ledger=False),
    "list": Call("GET", "ProcessingStatus=WaitingForTransfer", ledger=False),
    "redirect": Call("GET", "^/basware-sandbox/", ledger=False),
    "recovery list": Call("GET", "ProcessingStatus=TransferInProgress", ledger=False),
    "acknowledge": Call("POST", "/acknowledge$", ledger=False),
    "sign in to the ledger": Call("POST", "/oauth2/v2.0/token$"),
    "check the period": Call("GET", "/generalLedgerSetup"),
    "check vendors": Call("GET", "/vendors"),
    "check accounts": Call("GET", "/accounts"),
    "check dimensions": Call("GET", "/dimensions"),
    "check taxes": Call("GET", "/taxGroups"),
    "find": Call("GET", r"/purchaseInvoices\?\$filter"),
    "create": Call("POST", r"/\$batch$", r'"vendorInvoiceNumber": ?"'),
    "write dimensions": Call("POST", r"/\$batch$", r'^(?!.*"vendorInvoiceNumber": ?").*"valueCode"'),
    "post": Call("POST", r"/\$batch$", r"Microsoft\.NAV\.post"),
    "transfer response": Call("POST", "/transferResponses$", '"success": ?true', ledger=False),
    "read before discarding": Call("GET", r"/purchaseInvoices\("),
    "discard": Call("DELETE", r"/purchaseInvoices\("),
    "failure response": Call("POST", "/transferResponses$", '"success": ?false', ledger=False),
    "look for files": Call("GET", "/accountingDocuments/[0-9a-f]{32}$", ledger=False),
}
WRITES = ("create", "write dimensions", "post", "transfer response", "discard", "failure response")
INVOICE_STEPS = (
    "received", "checked", "to create", "created", "compared", "posted", "discarded", "transferred", "returned", "run",
)  # fmt: skip


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


@pytest.mark.parametrize("name", INVOICE_CALLS)
def test_killed_while_a_call_is_on_its_way(world: World, name: str) -> None:
    INVOICE_CALLS[name].put(world.sandbox, "hold")
    offered, child = begin(world)
    kill_at(world, child)
    world.sandbox.release(drop=True)
    world.settled()
    check(world, offered)


@pytest.mark.parametrize("name", INVOICE_CALLS)
def test_killed_when_a_call_was_done_and_before_its_answer(world: World, name: str) -> None:
    INVOICE_CALLS[name].put(world.sandbox, "hold_after")
    offered, child = begin(world)
    kill_at(world, child)
    world.sandbox.release(drop=True)
    world.settled()
    check(world, offered)


@pytest.mark.parametrize("name", WRITES)
def test_killed_and_the_call_is_done_only_when_the_next_process_works_already(world: World, name: str) -> None:
    INVOICE_CALLS[name].put(world.sandbox, "hold")
    offered, child = begin(world)
    kill_at(world, child)
    following = world.settle()
    world.sandbox.release(drop=False)
    assert following.ended() == 0, following.told()
    check(world, offered)


def test_a_create_that_is_done_when_all_is_over_becomes_no_second_bill(world: World) -> None:
    INVOICE_CALLS["create"].put(world.sandbox, "hold")
    offered, child = begin(world)
    kill_at(world, child)
    world.settled()
    check(world, offered)
    world.sandbox.release(drop=False)
    until(lambda: len(world.bills()) > GOOD, "the draft that nobody waits for any more is there")
    assert sorted(bill["status"] for bill in world.bills()) == ["Draft", *["Open"] * GOOD]
    world.ask_for_runs("invoices")
    world.settled()
    assert sum(bill["status"] == "Open" for bill in world.bills()) == GOOD


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
    for address, ledger in ((world.sandbox.basware, False), (world.sandbox.ledger, True)):
        named = [each for each in INVOICE_CALLS.values() if each.ledger is ledger]
        for made in world.sandbox.calls(address):
            assert any(each.method == made["method"] and re.search(each.path, made["path"]) for each in named), made


# ------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("step", INVOICE_STEPS)
def test_killed_before_a_checkpoint_is_committed(world: World, step: str) -> None:
    checkpoint = Checkpoint(world, step)
    offered, child = begin(world)
    checkpoint.kill_at(child)
    checkpoint.undo()
    world.settled()
    check(world, offered)


@pytest.mark.parametrize("step", INVOICE_STEPS)
def test_killed_when_a_checkpoint_was_committed_and_before_the_process_knew(world: World, step: str) -> None:
    checkpoint = Checkpoint(world, step)
    offered, child = begin(world)
    checkpoint.kill_at(child)
    checkpoint.open()
    world.settled()
    check(world, offered)


@pytest.mark.parametrize("step", ["to create", "created", "posted"])
def test_killed_and_its_last_commit_comes_when_the_next_process_has_begun(world: World, step: str) -> None:
    checkpoint = Checkpoint(world, step)
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
    assert steps == set(INVOICE_STEPS)


# ------------------------------------------------------------------ payments


PAYMENT_CALLS = {
    "read what is paid": Call("GET", "/purchaseInvoices"),
    "payment response": Call("POST", "/paymentResponses$", ledger=False),
}


def prepare_payments(world: World) -> list[Fields]:
    """Invoices posted here and paid in the ledger, of which Basware does not know yet."""
    offered = world.offer(world.companies[0], GOOD)
    world.ask_for_runs("invoices")
    world.settled()
    pay_all(world)
    world.ask_for_runs("payments")
    return offered


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@pytest.mark.parametrize("name", PAYMENT_CALLS)
def test_killed_at_a_call_of_a_payment(world: World, name: str, kind: str) -> None:
    offered = prepare_payments(world)
    PAYMENT_CALLS[name].put(world.sandbox, kind)
    kill_at(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_paid(world, offered)


@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
def test_killed_at_the_checkpoint_of_a_payment(world: World, committed: bool) -> None:
    offered = prepare_payments(world)
    checkpoint = Checkpoint(world, "payment told")
    checkpoint.kill_at(world.settle())
    checkpoint.open() if committed else checkpoint.undo()
    world.settled()
    check_paid(world, offered)


# ------------------------------------------------------------------ imports


IMPORT_CALLS = {
    "read vendors": Call("GET", "/vendors"),
    "import vendors": Call("POST", "/v1/vendors$", ledger=False),
    "request status": Call("GET", "/requestStatus", ledger=False),
}


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@pytest.mark.parametrize("name", IMPORT_CALLS)
def test_killed_at_a_call_of_an_import(world: World, name: str, kind: str) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    IMPORT_CALLS[name].put(world.sandbox, kind)
    world.ask_for_runs("vendors")
    kill_at(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_imported(world)


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
