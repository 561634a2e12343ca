"""Every write of an invoice's way into Basware loses its answer, or is refused for the moment; what entered is
counted."""

from __future__ import annotations

import json

import pytest
from inbound_world import ENTERS, HEARS, LOOKS, NOTES, READS, WRITES, InboundWorld, Opened, each_call
from test_lost_replies import PROXY_ERROR, SORTS, TROUBLES

from simulation.sources import NETWORK, SMARTPDF
from simulation.systems import call, until

pytestmark = pytest.mark.xdist_group("inbound")

INVOICES = 3
DONE = ["done, answer lost", "done, answered 500", "done, answered 502", "done, answered 504"]
"""The write was done, and its sender cannot know."""


def run_to_rest(world: InboundWorld) -> None:
    """The run, and whatever it left for later."""
    world.run("supplier-invoices")
    assert world.sandbox.to_come() == []


@pytest.mark.parametrize("trouble", SORTS)
@each_call(lambda route: ["sign in to the ERP", *WRITES[route]])
def test_trouble_with_one_write(inbound: InboundWorld, name: str, trouble: str) -> None:
    papers = inbound.bring(INVOICES)
    inbound.put({**READS, **WRITES[inbound.route]}[name], **TROUBLES[trouble])
    run_to_rest(inbound)
    inbound.check(papers)
    assert inbound.written_to_the_erp() == []


@pytest.mark.parametrize("trouble", ["done, answer lost", "done, answered 500", "cut before the work", "503"])
def test_trouble_with_every_third_write(inbound: InboundWorld, trouble: str) -> None:
    papers = inbound.bring(9)
    for write in WRITES[inbound.route].values():
        for turn in range(3):
            inbound.put(write, **TROUBLES[trouble], skip=2 * turn)
    inbound.run("supplier-invoices")
    inbound.check(papers)


@pytest.mark.parametrize("trouble", ["done, answer lost", "cut before the work"])
def test_trouble_with_the_look_too(inbound: InboundWorld, trouble: str) -> None:
    papers = inbound.bring(1)
    inbound.put(WRITES[inbound.route][ENTERS[inbound.route]], **TROUBLES[trouble])
    looks = LOOKS[inbound.route]
    inbound.put(looks, "cut")
    inbound.put(looks, "status", status=503)
    inbound.put(looks, "status", status=200, body="{")
    inbound.run("supplier-invoices")
    for _ in range(3):
        inbound.make_due()
        inbound.run("supplier-invoices")
    inbound.check(papers)


@pytest.mark.parametrize("trouble", DONE)
def test_a_document_that_does_not_show_yet_is_handed_in_again_under_the_same_admission(
    inbound: InboundWorld, trouble: str
) -> None:
    inbound.in_basware("inbound-delay", seconds=3600)
    papers = inbound.bring(2)
    inbound.put(WRITES[inbound.route][ENTERS[inbound.route]], **TROUBLES[trouble])
    run_to_rest(inbound)
    inbound.in_basware("inbound-delay", seconds=0)
    inbound.check(papers)
    # The network knows its invoices at once; a PDF is put to the same address once more.
    assert sorted(each["times"] for each in inbound.entered()["inbound"]) == (
        [1, 1] if inbound.route == NETWORK else [1, 2]
    )


def test_an_answer_that_is_lost_again_and_again_makes_one_document(inbound: InboundWorld) -> None:
    inbound.in_basware("inbound-delay", seconds=3600)
    papers = inbound.bring(1)
    inbound.put(WRITES[inbound.route][ENTERS[inbound.route]], "lost_reply", count=3)
    inbound.put(LOOKS[inbound.route], "cut", count=2)
    for _ in range(5):
        inbound.run("supplier-invoices")
        inbound.make_due()
    inbound.in_basware("inbound-delay", seconds=0)
    inbound.check(papers)


def test_a_refusal_of_the_repetition_is_not_taken_for_one_of_the_first_time(inbound: InboundWorld) -> None:
    inbound.in_basware("inbound-delay", seconds=3600)
    (paper,) = inbound.bring(1)
    enters = WRITES[inbound.route][ENTERS[inbound.route]]
    inbound.put(enters, "lost_reply")
    if inbound.route == NETWORK:
        inbound.put(LOOKS[NETWORK], "status", status=500, body=PROXY_ERROR, content_type="text/html", count=3)
    inbound.put(enters, "status", status=400, body=json.dumps({"version": "1.0", "errors": {"message": "No."}}))
    for _ in range(3):
        inbound.run("supplier-invoices")
        inbound.make_due()
    inbound.sandbox.mend()
    inbound.in_basware("inbound-delay", seconds=0)
    inbound.make_due()
    inbound.run("supplier-invoices")
    inbound.check([paper])


def test_what_was_refused_and_is_replayed_by_a_changed_invoice_enters_once(inbound: InboundWorld) -> None:
    (paper,) = inbound.bring(1)
    enters = WRITES[inbound.route][ENTERS[inbound.route]]
    inbound.put(enters, "status", status=400, body="<Code>Refused</Code><Message>An extension says no.</Message>")
    inbound.run("supplier-invoices")
    (row,) = inbound.rows().values()
    assert row["status"] == "rejected", inbound.story()
    assert inbound.entered()["inbound"] == []
    inbound.in_erp("invoices", key=paper.key, description="Corrected")
    inbound.run("supplier-invoices")
    inbound.check([paper])


def test_an_invoice_that_changes_while_its_answer_is_lost_enters_once(inbound: InboundWorld) -> None:
    (paper,) = inbound.bring(1)
    enters = WRITES[inbound.route][ENTERS[inbound.route]]
    inbound.put(enters, "hold_after")
    inbound.ask_for_runs("supplier-invoices")
    child = inbound.settle()
    until(inbound.sandbox.held, "the answer is held")
    inbound.in_erp("invoices", key=paper.key, description="Changed meanwhile", lines=[{"text": "More", "net": "900"}])
    inbound.sandbox.release(drop=True)
    assert child.ended() == 0, child.told()
    inbound.run("supplier-invoices")
    inbound.check([paper])


# ------------------------------------------------------------------ statuses and notes


@pytest.mark.parametrize("trouble", ["done, answer lost", "cut before the work", "429", "503"])
@each_call(HEARS.__getitem__)
async def test_trouble_with_hearing(open_inbound: Opened, route: str, name: str, trouble: str) -> None:
    world = await open_inbound(route=route)
    papers = world.bring(INVOICES)
    world.run("supplier-invoices")
    ids = [row["admission_id"] for row in world.rows().values()]
    for each in ids:
        world.in_basware("inbound", bumId=each, status="Paid", paidTotal=100, paidOn="2026-11-20")
    world.put(HEARS[route][name], **TROUBLES[trouble])
    world.run("statuses")
    world.run("statuses")
    assert world.sandbox.to_come() == []
    world.check(papers, standing="paid")
    told = world.query("SELECT record, count(*) AS n FROM trail WHERE step = 'status' GROUP BY record")
    assert {row["record"]: row["n"] for row in told} == {paper.key: 1 for paper in papers}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", NOTES)
async def test_trouble_with_a_note(open_inbound: Opened, name: str, trouble: str) -> None:
    world = await open_inbound(route=SMARTPDF, write_back="note")
    (paper,) = world.bring(1)
    world.run("supplier-invoices")
    (row,) = world.rows().values()
    world.in_basware("inbound", bumId=row["admission_id"], status="Removed", reason="Duplicate")
    world.put(NOTES[name], **TROUBLES[trouble])
    for _ in range(2):
        world.run("statuses")
    assert world.sandbox.to_come() == []
    assert (world.bills()[paper.key]["note"] or "").count("Basware: removed") == 1, world.story()
    assert {method for method, _ in world.written_to_the_erp()} == {"PUT"}
    (row,) = world.rows().values()
    assert (row["status"], row["notes_due"]) == ("cancelled", None)


def test_tokens_of_the_erp_that_end_again_and_again(inbound: InboundWorld) -> None:
    papers = inbound.bring(20)
    inbound.ask_for_runs("supplier-invoices")
    child = inbound.settle()
    for _ in range(3):
        # A token that is refused while it is new would be another story: the wrong tenant's.
        until(lambda: _is_let_in(inbound) or not child.runs, "a call was answered", seconds=10)
        inbound.sandbox.forget_calls()
        call("POST", f"{inbound.erp}/_sandbox/tokens", {"expire": True})
    # A call that was on its way with the token before may meet two refusals in a row: then the ERP rests for a minute.
    assert child.ended(seconds=150) == 0, child.told()
    inbound.check(papers)


def _is_let_in(world: InboundWorld) -> bool:
    """True once the newest token was good for something."""
    calls = [(each["path"].endswith("/connect/token"), each["status"]) for each in world.sandbox.calls(world.erp)]
    newest = max((place for place, (is_token, _) in enumerate(calls) if is_token), default=None)
    return newest is not None and (False, 200) in calls[newest:]
