"""Supplier invoices enter the payables system once, when what they refer to is there, in their newest version."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from supplied_world import CODE, NAME, World

from ml_connector.engine.roads import SuppliedRoad
from ml_connector.flows.workplace import LeaseLost
from ml_connector.operations.documents import find_document
from ml_connector.operations.reconcile import reconcile
from ml_connector.operations.replay import Step, replay

INVOICE = "Invoice/300001"
LINES = [{"text": "Paper", "net": 100, "account": "4010"}]
FIRST = ("vendors", "payment-terms")


async def _master_data(world: World) -> None:
    await world.run("tax-codes", "accounts", "dimensions", "payment-terms", "vendors", "purchase-orders")


async def _new(world: World, number: str, **asked: Any) -> str:
    """A new invoice of the first supplier, with its PDF."""
    given = {"number": number, "supplier": "V000001", "reference": f"R-{number}", "files": [f"{number}.pdf"], **asked}
    return (await world.erp("invoices", lines=given.pop("lines", LINES), **given))["key"]


async def _once(world: World) -> None:
    told = await world.read("basware", f"inbound?company={CODE}")
    assert told["duplicates"] == []
    assert all(each["times"] == 1 for each in told["inbound"])


@pytest.mark.parametrize("route", ["network", "smartpdf"])
async def test_each_invoice_enters_once_with_its_file_and_a_second_run_sends_nothing(world: World, route: str) -> None:
    await world.apply(route=route)
    states = await world.run()
    assert {flow: state.outcome for flow, state in states.items()} == dict.fromkeys(states, "ok")
    assert states["supplier-invoices"].counts["sent"] == 3
    entered = await world.entered()
    bills = await world.bills()
    assert sorted(each["number"] for each in entered) == sorted(each["reference"] for each in bills.values())
    assert all(len(each["files"]) == 1 for each in entered)
    again = await world.run()
    assert (again["supplier-invoices"].counts["read"], again["supplier-invoices"].counts["sent"]) == (0, 0)
    full = await world.run("supplier-invoices", full=True)
    assert (full["supplier-invoices"].counts["unchanged"], full["supplier-invoices"].counts["sent"]) == (3, 0)
    await _once(world)
    documents = await world.documents()
    assert {each["status"] for each in documents.values()} == {"transferred"}
    assert await world.process.database.fetch("SELECT 1 FROM secret WHERE side = 'admission'") == []


async def test_an_invoice_waits_for_its_supplier_and_goes_by_itself_once_that_one_is_accepted(world: World) -> None:
    await world.apply()
    await world.run("supplier-invoices")
    documents = await world.documents()
    assert {(each["status"], each["reason"]) for each in documents.values()} == {("held", "supplier awaited")}
    assert await world.entered() == []
    before = len(await world.trail(INVOICE))
    states = await world.run("supplier-invoices")
    assert states["supplier-invoices"].counts["sent"] == 0
    assert len(await world.trail(INVOICE)) == before, "waiting on is nothing to tell"
    await world.run(*FIRST)
    await world.process.work_now(NAME)
    assert {each["status"] for each in (await world.documents()).values()} == {"transferred"}
    await _once(world)


async def test_where_vendors_do_not_go_this_way_nothing_waits_for_one(world: World) -> None:
    await world.apply(more="    flows: {vendors: {enabled: false}, purchase-orders: {enabled: false}}\n")
    states = await world.run("supplier-invoices")
    assert states["supplier-invoices"].counts["sent"] == 3


async def test_an_order_waits_for_its_supplier_and_is_brought_on_by_the_run_that_has_it_accepted(world: World) -> None:
    await world.apply()
    await world.run("tax-codes", "accounts", "dimensions", "payment-terms")
    await world.run("vendors")
    # As if Basware had turned this supplier down the first time.
    await world.process.database.execute(
        "UPDATE imported SET status = 'rejected', unknown = true WHERE flow = 'vendors'"
    )
    states = await world.run("purchase-orders")
    run = states["purchase-orders"]
    assert (run.outcome, run.counts["held"], run.counts["sent"]) == ("partial", 10, 0)
    assert run.error is not None
    assert "V0000" in run.error
    again = (await world.run("purchase-orders"))["purchase-orders"]
    assert again.counts["held"] == 10
    waits = await world.process.database.fetch(
        "SELECT record FROM trail WHERE flow = 'purchase-orders' AND step = 'waits'"
    )
    assert len(waits) == 10, "each order's waiting is told once"
    await world.process.database.execute("UPDATE imported SET hash = 'other' WHERE flow = 'vendors'")
    assert (await world.run("vendors"))["vendors"].outcome == "ok"
    left = await world.process.database.fetch("SELECT 1 FROM import_pending WHERE flow = 'purchase-orders'")
    assert left == []


async def test_an_invoice_waits_for_an_order_that_is_on_its_way_but_not_for_one_that_never_comes(world: World) -> None:
    await world.apply()
    await world.run(*FIRST, "tax-codes", "accounts", "dimensions")
    known = await _order(world)
    waiting = await _new(world, "300801", lines=[{**LINES[0], "order": known, "order_line": 1}])
    await world.run("supplier-invoices")
    documents = await world.documents()
    assert (documents[waiting]["status"], documents[waiting]["reason"]) == ("held", "order awaited")
    await world.run("purchase-orders")
    await world.process.work_now(NAME)
    assert (await world.documents())[waiting]["status"] == "transferred"
    await world.process.database.execute("DELETE FROM imported WHERE flow = 'purchase-orders' AND number = :n", n=known)
    gone = await _new(world, "300802", lines=[{**LINES[0], "order": known, "order_line": 1}])
    await world.run("supplier-invoices")
    assert (await world.documents())[gone]["reason"] == "order awaited"
    await world.run("purchase-orders")
    await world.process.work_now(NAME)
    assert (await world.documents())[gone]["status"] == "transferred", "a run of the orders has not brought it"


async def _order(world: World) -> str:
    made = await world.erp(
        "orders", supplier="V000001", lines=[{"text": "Paper", "quantity": 10, "unit_cost": 10, "account": "4010"}]
    )
    return str(made.get("number") or made.get("orderNbr"))


async def test_what_is_on_hold_waits_and_goes_once_it_is_taken_off_hold(world: World) -> None:
    await world.apply()
    await _master_data(world)
    key = await _new(world, "300803", hold=True)
    await world.run("supplier-invoices")
    assert (await world.documents())[key]["reason"] == "on hold in the ERP"
    await world.erp("hold", key=key, on=False)
    await world.run("supplier-invoices")
    assert (await world.documents())[key]["status"] == "transferred"


async def test_what_is_voided_before_it_was_handed_in_never_enters(world: World) -> None:
    await world.apply()
    await _master_data(world)
    key = await _new(world, "300804", hold=True)
    await world.run("supplier-invoices")
    await world.erp("invoices", key=key, status="Voided")
    await world.run("supplier-invoices")
    document = (await world.documents())[key]
    assert (document["status"], document["reason"]) == ("cancelled", "voided in the ERP")
    assert "R-300804" not in {each["number"] for each in await world.entered()}


async def test_a_change_before_is_taken_and_a_change_afterwards_only_noted(world: World) -> None:
    await world.apply()
    await _master_data(world)
    key = await _new(world, "300805", hold=True)
    await world.run("supplier-invoices")
    await world.erp("invoices", key=key, hold=False, lines=[{**LINES[0], "net": 250}])
    await world.run("supplier-invoices")
    (entered,) = [each for each in await world.entered() if each["number"] == "R-300805"]
    assert entered["net"] == 250
    await world.erp("invoices", key=key, lines=[{**LINES[0], "net": 999}])
    states = await world.run("supplier-invoices")
    assert states["supplier-invoices"].counts["sent"] == 0
    document = (await world.documents())[key]
    assert (document["status"], document["net"]) == ("transferred", 250)
    changed = [each for each in await world.trail(key) if each["step"] == "changed"]
    assert "not sent again" in changed[-1]["summary"]
    await world.run("supplier-invoices", full=True)
    assert len([each for each in await world.trail(key) if each["step"] == "changed"]) == len(changed)
    await _once(world)


@pytest.mark.parametrize("kind", ["lost_reply", "cut"])
async def test_a_lost_reply_is_settled_by_looking_and_nothing_enters_twice(world: World, kind: str) -> None:
    await world.apply()
    await _master_data(world)
    await world.fault("basware", kind=kind, method="POST", path="/v1/invoices/", count=2)
    states = await world.run("supplier-invoices")
    assert states["supplier-invoices"].counts["sent"] == 3
    assert {each["status"] for each in (await world.documents()).values()} == {"transferred"}
    steps = {each["step"] for key in await world.documents() for each in await world.trail(key)}
    assert {"to hand in", "entered"} <= steps
    told = await world.read("basware", f"inbound?company={CODE}")
    assert (len(told["inbound"]), told["duplicates"]) == (3, [])


async def test_a_lost_upload_is_put_again_to_the_same_address(world: World) -> None:
    await world.apply(route="smartpdf")
    await _master_data(world)
    await world.fault("basware", kind="lost_reply", method="PUT", path="/smartpdf-upload/", count=1)
    await world.basware("inbound-delay", seconds=0)
    await world.run("supplier-invoices")
    await _until_rest(world)
    told = await world.read("basware", f"inbound?company={CODE}")
    assert (len(told["inbound"]), told["duplicates"]) == (3, [])


async def _until_rest(world: World) -> None:
    async with asyncio.timeout(30):
        while any(each["status"] in ("posting", "unconfirmed") for each in (await world.documents()).values()):
            await world.process.work_now(NAME)
            await asyncio.sleep(0.1)


async def _found_uncertain(world: World) -> str:
    """An upload whose address has ended before anybody could tell what came of it."""
    await world.apply(route="smartpdf")
    await world.run()
    key = await _new(world, "300806", reference="R-300806")
    await world.basware("inbound-delay", seconds=0, tickets=600)
    await world.fault("basware", kind="status", method="PUT", path="/smartpdf-upload/", status=403, count=1)
    await world.run("supplier-invoices")
    await world.process.database.execute(
        "UPDATE document SET status = 'unconfirmed', intent = 'hand in', reason = NULL, findings = '[]', "
        "posted_at = NULL, "
        "admission_id = '7c0e2a4e-0000-4000-8000-000000000001', "
        "admission_expires = :past, next_due = :past WHERE document_id = :d",
        past=world.clock.now(), d=key,
    )  # fmt: skip
    await world.process.work_now(NAME)
    return key


async def test_where_neither_the_address_nor_the_list_tells_a_person_is_asked(world: World) -> None:
    key = await _found_uncertain(world)
    document = (await world.documents())[key]
    assert (document["status"], document["reason"], document["intent"]) == ("held", "entry uncertain", "hand in")
    assert document["next_due"] is not None, "it is looked for again"


async def test_a_refusal_is_told_in_words_and_a_replay_goes_under_the_same_admission(world: World) -> None:
    await world.apply()
    await _master_data(world)
    body = (
        '{"version":"1.0","errors":{"validationErrors":[{"fieldId":"data.id","fieldMessage":"not today"}],'
        '"message":"Validation failed","id":"1","type":"VALIDATION","info":"","code":"Error.004.0002"}}'
    )
    await world.fault(
        "basware", kind="status", method="POST", path="/v1/invoices/", status=400, count=1, body=body,
        content_type="application/json",
    )  # fmt: skip
    states = await world.run("supplier-invoices")
    assert (states["supplier-invoices"].counts["rejected"], states["supplier-invoices"].outcome) == (1, "partial")
    (rejected,) = [each for each in (await world.documents()).values() if each["status"] == "rejected"]
    assert "not today" in str(rejected["findings"])
    found = await find_document(world.process.database, rejected["document_id"])
    (done,) = await replay(world.process, [found], step=Step.START, actor="test")
    assert done.refusal is None
    await world.process.work_now(NAME)
    after = (await world.documents())[rejected["document_id"]]
    assert (after["status"], after["admission_id"]) == ("transferred", rejected["admission_id"])
    (refused,) = await replay(world.process, [found], step=Step.START, actor="test")
    assert "nothing to replay" in str(refused.refusal)
    await _once(world)


@pytest.mark.parametrize("entered_before", [True, False])
async def test_what_a_crash_left_begins_with_a_look(world: World, *, entered_before: bool) -> None:
    await world.apply()
    await _master_data(world)
    await world.run("supplier-invoices")
    if not entered_before:
        key = await _new(world, "300807")
        await world.fault("basware", kind="status", method="POST", path="/v2/files", status=503, count=99)
        async with world.hurried():
            await world.run("supplier-invoices")
        await world.mend()
    else:
        key = INVOICE
    await world.process.database.execute(
        "UPDATE document SET status = 'posting', intent = 'hand in', posted_at = NULL, next_due = :now "
        "WHERE document_id = :d",
        now=world.clock.now(), d=key,
    )  # fmt: skip
    await world.process.database.execute("DELETE FROM circuit")
    await world.process.work_now(NAME)
    assert (await world.documents())[key]["status"] == "transferred"
    told = await world.read("basware", f"inbound?company={CODE}")
    assert told["duplicates"] == []
    (shown,) = [each for each in told["inbound"] if each["source"] == key]
    assert shown["times"] == 1


async def test_basware_out_of_reach_is_one_case_and_burns_no_attempt(world: World) -> None:
    await world.apply()
    await _master_data(world)
    await world.fault("basware", kind="status", method="POST", path="/v2/files", status=503, count=99)
    async with world.hurried():
        states = await world.run("supplier-invoices")
    assert states["supplier-invoices"].outcome == "partial"
    documents = await world.documents()
    assert {(each["status"], each["intent"]) for each in documents.values()} == {("received", None)}
    assert await world.entered() == []
    assert len(await world.process.database.fetch("SELECT side FROM circuit")) == 1


async def test_another_process_that_took_over_is_not_written_over(world: World) -> None:
    await world.apply()
    await _master_data(world)
    await world.fault("basware", kind="hold", method="POST", path="/v1/invoices/", count=1)
    run = asyncio.create_task(world.run("supplier-invoices"))
    async with asyncio.timeout(20):
        while not (await world.read("basware", "held"))["held"]:
            await asyncio.sleep(0.05)
    (taken,) = await world.process.database.fetch("UPDATE lease SET epoch = epoch + 1 RETURNING epoch")
    await world.basware("release", drop=False)
    async with world.hurried():
        await run
    (last,) = await world.process.database.fetch("SELECT epoch FROM lease")
    assert last["epoch"] > taken["epoch"]  # what was in hand was put down, and taken up under a lease of its own
    told = await world.read("basware", f"inbound?company={CODE}")
    assert (len(told["inbound"]), told["duplicates"]) == (3, [])
    assert {each["status"] for each in (await world.documents()).values()} == {"transferred"}


async def test_a_take_over_that_a_lane_notices_is_known_for_what_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bring_on_due(_: SuppliedRoad) -> int:
        raise LeaseLost("taken")

    await world.apply()
    monkeypatch.setattr(SuppliedRoad, "bring_on_due", bring_on_due)
    with pytest.raises(LeaseLost, match="taken"):
        await world.process.work_now(NAME)


async def test_a_reconciliation_names_what_differs(world: World) -> None:
    await world.apply()
    await world.run()
    key = await _new(world, "300808")
    result = await reconcile(world.process, NAME)
    assert [(each.kind.value, each.document_id) for each in result.differences] == [("in the ERP, unknown here", key)]
    await world.run("supplier-invoices")
    assert (await reconcile(world.process, NAME)).agrees
    await world.erp("invoices", key=key, status="Voided")
    result = await reconcile(world.process, NAME)
    assert [each.kind.value for each in result.differences] == ["entered, voided in the ERP afterwards"]
