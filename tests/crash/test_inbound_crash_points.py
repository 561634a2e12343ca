"""A worker is killed (SIGKILL) at every outgoing call and checkpoint of an invoice's way into Basware; what entered is
counted."""

from __future__ import annotations

import re
import signal
import time
from random import Random

import pytest
from crash_world import Checkpoint, Child
from inbound_world import (
    ENTERS,
    HEARS,
    NOTES,
    REDIRECT,
    STEPS,
    WRITES,
    InboundWorld,
    Opened,
    Paper,
    calls_of,
    each_call,
    kill_at_the_call,
)

from ml_connector.records.flow import MASTER_DATA
from simulation.sources import ROUTES, SMARTPDF
from simulation.systems import until

pytestmark = pytest.mark.xdist_group("inbound")

INVOICES = 3


def begin(world: InboundWorld) -> tuple[list[Paper], Child]:
    """Puts invoices into the ERP, asks for a run and has a process begin it."""
    papers = world.bring(INVOICES)
    world.ask_for_runs("supplier-invoices")
    return papers, world.settle()


# ------------------------------------------------------------------ outgoing calls


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@each_call(calls_of)
def test_killed_at_a_call(inbound: InboundWorld, name: str, kind: str) -> None:
    inbound.put(calls_of(inbound.route)[name], kind)
    papers, child = begin(inbound)
    kill_at_the_call(inbound, child)
    inbound.sandbox.release(drop=True)
    inbound.settled()
    inbound.check(papers)
    assert inbound.written_to_the_erp() == []


@each_call(WRITES.__getitem__)
def test_killed_and_the_call_is_done_only_when_the_next_process_works_already(inbound: InboundWorld, name: str) -> None:
    inbound.put(WRITES[inbound.route][name], "hold")
    papers, child = begin(inbound)
    kill_at_the_call(inbound, child)
    following = inbound.settle()
    inbound.sandbox.release(drop=False)
    assert following.ended() == 0, following.told()
    inbound.check(papers)


@each_call(WRITES.__getitem__)
def test_a_write_that_is_done_when_all_is_over_makes_no_second_document(inbound: InboundWorld, name: str) -> None:
    inbound.put(WRITES[inbound.route][name], "hold")
    papers, child = begin(inbound)
    kill_at_the_call(inbound, child)
    inbound.settled()
    inbound.check(papers)
    before = len(inbound.sandbox.calls(inbound.sandbox.basware))
    inbound.sandbox.release(drop=False)
    until(lambda: len(inbound.sandbox.calls(inbound.sandbox.basware)) > before, "the late call is through")
    inbound.check(papers)
    inbound.run("supplier-invoices")
    inbound.check(papers)


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_at_random_moments(inbound: InboundWorld, seed: int) -> None:
    moments = Random(seed)
    papers = inbound.bring(24)
    inbound.ask_for_runs("supplier-invoices")
    for _ in range(8):
        child = inbound.settle()
        time.sleep(moments.uniform(0.05, 0.45))
        child.send(signal.SIGKILL)  # it may have come to its end just now
        child.ended()
    inbound.settled()
    inbound.check(papers)


async def test_killed_at_random_moments_of_the_whole_road_and_suppliers_came_first(
    open_inbound: Opened, route: str
) -> None:
    world = await open_inbound(route=route, flows="{vendors: {every: 1h}}")
    order = world.in_erp("orders", supplier="V000001", lines=[{"text": "Goods", "quantity": 2, "unit_cost": "60.25"}])
    lines = [{"text": "Goods", "net": "120.50", "order": order["number"], "order_line": 1}]
    papers = [*world.bring(8), *world.bring(1, supplier="V000001", lines=lines, type="Invoice")]
    moments = Random(route)
    world.ask_for_runs(*MASTER_DATA, "supplier-invoices", "statuses")
    for _ in range(8):
        child = world.settle()
        time.sleep(moments.uniform(0.2, 1.0))
        child.send(signal.SIGKILL)
        child.ended()
    world.settled()
    world.check(papers)
    unknown = {each["number"]: each["unknown"] for each in world.entered()["inbound"] if each["unknown"]}
    assert unknown == {}


def test_every_call_of_the_way_is_among_those_at_which_it_is_killed(inbound: InboundWorld) -> None:
    papers, child = begin(inbound)
    assert child.ended() == 0, child.told()
    inbound.check(papers)
    known = calls_of(inbound.route).values()
    for address, ledger in ((inbound.sandbox.basware, False), (inbound.erp, True)):
        named = [each for each in known if each.ledger is ledger]
        for made in inbound.sandbox.calls(address):
            assert any(each.method == made["method"] and re.search(each.path, made["path"]) for each in named), made


# ------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_a_checkpoint_is_committed(inbound: InboundWorld, step: str) -> None:
    checkpoint = Checkpoint(inbound, step)
    papers, child = begin(inbound)
    checkpoint.kill_at(child)
    checkpoint.undo()
    inbound.settled()
    inbound.check(papers)


@pytest.mark.parametrize("step", STEPS)
def test_killed_when_a_checkpoint_was_committed_and_before_the_process_knew(inbound: InboundWorld, step: str) -> None:
    checkpoint = Checkpoint(inbound, step)
    papers, child = begin(inbound)
    checkpoint.kill_at(child)
    checkpoint.open()
    inbound.settled()
    inbound.check(papers)


@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
def test_killed_at_the_checkpoint_of_a_look(inbound: InboundWorld, committed: bool) -> None:
    inbound.put(WRITES[inbound.route][ENTERS[inbound.route]], "cut")
    checkpoint = Checkpoint(inbound, "entered")
    papers, child = begin(inbound)
    checkpoint.kill_at(child)
    checkpoint.open() if committed else checkpoint.undo()
    inbound.settled()
    inbound.check(papers)


@pytest.mark.parametrize("step", ["to hand in", "entered"])
def test_killed_and_its_last_commit_comes_when_the_next_process_has_begun(inbound: InboundWorld, step: str) -> None:
    checkpoint = Checkpoint(inbound, step)
    papers, child = begin(inbound)
    checkpoint.kill_at(child)
    following = inbound.settle()
    until(lambda: inbound.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s "
                                "AND datname = current_database()", "UPDATE lease%"),
          "the next process waits for the one before")  # fmt: skip
    checkpoint.open()
    assert following.ended() == 0, following.told()
    inbound.check(papers)


def test_every_step_of_the_way_is_among_those_at_which_it_is_killed(inbound: InboundWorld) -> None:
    _, child = begin(inbound)
    assert child.ended() == 0, child.told()
    steps = {row["step"] for row in inbound.query("SELECT DISTINCT step FROM trail WHERE flow = 'supplier-invoices'")}
    assert steps == set(STEPS)


# ------------------------------------------------------------------ upload addresses that come to their end


def handed_in_and_forgotten(world: InboundWorld, kind: str) -> Paper:
    """Killed while the PDF is put; its address is over when the next process looks."""
    world.in_basware("inbound-delay", seconds=3600, tickets=61.5)
    (paper,) = world.bring(1)
    world.put(WRITES[SMARTPDF]["put the PDF"], kind)
    world.ask_for_runs("supplier-invoices")
    kill_at_the_call(world, world.settle())
    world.sandbox.release(drop=True)
    time.sleep(1.6)
    world.settled()
    (row,) = world.rows().values()
    assert (row["status"], row["reason"], row["intent"]) == ("held", "entry uncertain", "hand in"), world.story()
    return paper


@pytest.mark.parametrize("route", [SMARTPDF], indirect=True)
def test_what_shows_only_after_its_address_is_over_is_found_and_not_put_again(inbound: InboundWorld) -> None:
    paper = handed_in_and_forgotten(inbound, "hold_after")
    inbound.make_due()
    inbound.settled()
    (row,) = inbound.rows().values()
    assert row["status"] == "held"
    inbound.in_basware("inbound-delay", seconds=0)
    inbound.make_due()
    inbound.run("supplier-invoices")
    inbound.check([paper])
    tickets = [each for each in inbound.sandbox.calls(inbound.sandbox.basware) if "invoiceUpload" in each["path"]]
    assert len(tickets) == 1


@pytest.mark.parametrize("route", [SMARTPDF], indirect=True)
def test_what_never_got_there_is_not_put_again_without_a_person(inbound: InboundWorld) -> None:
    handed_in_and_forgotten(inbound, "hold")
    inbound.in_basware("inbound-delay", seconds=0)
    for _ in range(2):
        inbound.make_due()
        inbound.run("supplier-invoices")
    (row,) = inbound.rows().values()
    assert (row["status"], row["reason"]) == ("held", "entry uncertain")
    assert inbound.entered()["inbound"] == []


# ------------------------------------------------------------------ statuses and notes


async def enter(open_inbound: Opened, route: str, *, write_back: str = "none") -> tuple[InboundWorld, list[Paper]]:
    """Invoices that entered, and were heard of once; then one is paid and one is removed."""
    world = await open_inbound(route=route, write_back=write_back)
    papers = world.bring(INVOICES)
    world.run("supplier-invoices")
    world.run("statuses")
    world.check(papers)
    ids = {row["document_id"]: row["admission_id"] for row in world.rows().values()}
    world.in_basware("inbound", bumId=ids[papers[0].key], status="Paid", paidTotal=100, paidOn="2026-11-20")
    world.in_basware("inbound", bumId=ids[papers[1].key], status="Removed", reason="Duplicate")
    world.sandbox.forget_calls()
    return world, papers


def check_heard(world: InboundWorld, papers: list[Paper]) -> None:
    """Each standing stands in the trail once, and each document where Basware says."""
    rows = world.rows()
    assert [rows[paper.key]["status"] for paper in papers] == ["paid", "cancelled", "transferred"], world.story()
    told = world.query("SELECT record, outcome, summary FROM trail WHERE step = 'status' ORDER BY seq")
    told = [(row["record"], row["outcome"]) for row in told]
    news = [(papers[0].key, "ok"), (papers[1].key, "cancelled")]
    assert sorted(told) == sorted([*((paper.key, "ok") for paper in papers), *news]), world.story()


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@each_call(HEARS.__getitem__)
async def test_killed_at_a_call_of_the_statuses(open_inbound: Opened, route: str, name: str, kind: str) -> None:
    world, papers = await enter(open_inbound, route)
    world.put(HEARS[route][name], kind)
    world.ask_for_runs("statuses")
    kill_at_the_call(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_heard(world, papers)


@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
async def test_killed_at_the_checkpoint_of_a_status(open_inbound: Opened, committed: bool) -> None:
    world, papers = await enter(open_inbound, ROUTES[0])
    checkpoint = Checkpoint(world, "status")
    world.ask_for_runs("statuses")
    checkpoint.kill_at(world.settle())
    checkpoint.open() if committed else checkpoint.undo()
    world.settled()
    check_heard(world, papers)


def check_noted(world: InboundWorld, papers: list[Paper]) -> None:
    """Each piece of news stands once in the invoice's note, and nothing of the invoice is another."""
    bills = world.bills()
    for paper, words in zip(papers, ("paid", "removed", ""), strict=True):
        notes = [line for line in (bills[paper.key]["note"] or "").splitlines() if "Basware" in line]
        assert len(notes) == bool(words), (notes, world.story())
        assert all(words in line for line in notes)
    assert all(row["notes_due"] is None for row in world.rows().values())
    assert {method for method, _ in world.written_to_the_erp()} == {"PUT"}


@pytest.mark.parametrize("kind", ["hold", "hold_after"])
@pytest.mark.parametrize("name", NOTES)
async def test_killed_at_a_call_of_a_note(open_inbound: Opened, name: str, kind: str) -> None:
    world, papers = await enter(open_inbound, ROUTES[0], write_back="note")
    world.put(NOTES[name], kind)
    world.ask_for_runs("statuses")
    kill_at_the_call(world, world.settle())
    world.sandbox.release(drop=True)
    world.settled()
    check_noted(world, papers)
    check_heard(world, papers)


@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed"])
async def test_killed_at_the_checkpoint_of_a_note(open_inbound: Opened, committed: bool) -> None:
    world, papers = await enter(open_inbound, ROUTES[0], write_back="note")
    checkpoint = Checkpoint(world, "noted")
    world.ask_for_runs("statuses")
    checkpoint.kill_at(world.settle())
    checkpoint.open() if committed else checkpoint.undo()
    world.settled()
    check_noted(world, papers)


async def test_every_call_of_the_statuses_is_among_those_at_which_it_is_killed(
    open_inbound: Opened, route: str
) -> None:
    world, papers = await enter(open_inbound, route, write_back="note")
    world.run("statuses")
    check_noted(world, papers)
    known = {**HEARS[route], **NOTES, "sign in": calls_of(route)["sign in to the ERP"], "redirect": REDIRECT}.values()
    for address, ledger in ((world.sandbox.basware, False), (world.erp, True)):
        named = [each for each in known if each.ledger is ledger]
        for made in world.sandbox.calls(address):
            assert any(each.method == made["method"] and re.search(each.path, made["path"]) for each in named), made
