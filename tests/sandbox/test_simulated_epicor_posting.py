"""Orders, receipts and the posting of groups in the simulated Epicor Kinetic (dossier 17.38, 39, 41 to 43)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from epicor_kinetic_papers import (
    GROUP,
    GROUPS,
    INVOICES,
    NUMBER,
    Tableset,
    bill,
    draw_header,
    make_group,
    make_invoice,
    post,
    read_invoice,
    save,
    submit,
    vendor_of,
)
from epicor_kinetic_wire import COMPANY, Reply, Wire

ORDER = 990001
TASKS = "Ice.BO.SysTaskSvc/SysTasks"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def _finish(wire: Wire) -> None:
    await wire.control("clock", seconds=5)


async def _group(wire: Wire, group: str = GROUP) -> dict[str, Any]:
    return (await wire.get(f"{GROUPS}/APInvGrps('{COMPANY}','{group}')")).body


async def _make_order(wire: Wire, *, receive: bool = True, **line: Any) -> None:
    wanted = {"line": 1, "description": "Bolts", "quantity": 10, "price": 5, "account": "6110|D010|A01", **line}
    await wire.control("orders", number=ORDER, vendor=vendor_of(wire), lines=[wanted])
    if receive:
        await wire.control("receipts", order=ORDER, pack_slip="L-1")


async def _header(wire: Wire, *, total: float = 62, number: str = NUMBER) -> dict[str, Any]:
    """A stored header without lines."""
    if not (await wire.get(f"{GROUPS}/APInvGrps")).rows:
        await make_group(wire)
    return (await save(wire, await draw_header(wire, total=total, number=number))).ds["APInvHed"][0]


async def _receipts(wire: Wire, head: dict[str, Any]) -> Tableset:
    asked = {"InVendorNum": head["VendorNum"], "InInvoiceNum": head["InvoiceNum"], "InPONum": ORDER}
    return (await wire.call(f"{INVOICES}/GetAPUninvoicedReceipts", ds={}, **asked)).ds


async def _select(wire: Wire, head: dict[str, Any], ds: Tableset, slip: str = "L-1") -> Tableset:
    for row in ds["APUninvoicedRcptLines"]:
        row |= {"SelectLine": row["PackSlip"] == slip, "RowMod": "U"}
    asked = {"InVendorNum": head["VendorNum"], "InPurPoint": "", "InPONum": ORDER, "InPackSlip": slip}
    more = {"InDropShip": False, "InvoiceNum": head["InvoiceNum"], "InGRNIClearing": False}
    return (await wire.call(f"{INVOICES}/SelectUninvoicedRcptLines", ds=ds, **asked, **more)).ds


async def _bill_receipt(wire: Wire, head: dict[str, Any], slip: str = "L-1") -> Reply:
    chosen = await _select(wire, head, await _receipts(wire, head), slip)
    return await wire.call(f"{INVOICES}/InvoiceSelectedLines", ds=chosen, opLOCMsg="")


# --- Orders and receipts (38-39) ------------------------------------------------------------------------------


async def test_receipts_are_billed_with_the_three_calls(wire: Wire) -> None:
    await _make_order(wire)
    head = await _header(wire)
    listed = await _receipts(wire, head)
    assert [(row["PackSlip"], row["VendorQty"]) for row in listed["APUninvoicedRcptLines"]] == [("L-1", 10)]
    reply = await _bill_receipt(wire, head)
    assert "APInvDtl" not in reply.ds
    stored = await read_invoice(wire, head["VendorNum"])
    line = stored["APInvDtl"][0]
    assert (line["LineType"], line["PONum"], line["PackSlip"], line["DocExtCost"]) == ("R", ORDER, "L-1", 50)
    assert (stored["APInvHed"][0]["DocInvoiceAmt"], stored["APInvHed"][0]["DocInvoiceVariance"]) == (62, 0)
    assert stored["APInvExpTGLC"][0]["GLAccount"] == "6110|D010|A01"


async def test_a_receipt_that_was_billed_meanwhile_is_refused(wire: Wire) -> None:
    await _make_order(wire)
    first, second = await _header(wire), await _header(wire, number="INV-78")
    chosen = await _select(wire, second, await _receipts(wire, second))
    assert (await _bill_receipt(wire, first)).status == 200
    late = await wire.call(f"{INVOICES}/InvoiceSelectedLines", ds=chosen, opLOCMsg="")
    assert (late.status, late.message) == (400, "Receipt line L-1/1 has already been invoiced.")
    assert (await _receipts(wire, second))["APUninvoicedRcptLines"] == []
    assert (await read_invoice(wire, second["VendorNum"], "INV-78"))["APInvDtl"] == []


async def test_less_of_a_receipt_can_be_billed_and_the_rest_stays_open(wire: Wire) -> None:
    await _make_order(wire)
    head = await _header(wire)
    await _bill_receipt(wire, head)
    line = (await read_invoice(wire, head["VendorNum"]))["APInvDtl"][0] | {"RowMod": "U"}
    changed = (await wire.call(f"{INVOICES}/ChangeVendorQty", ProposedVendorQty=4, ds={"APInvDtl": [line]})).ds
    stored = (await wire.call(f"{INVOICES}/Update", ds=changed)).ds
    assert (stored["APInvDtl"][0]["DocExtCost"], stored["APInvExp"][0]["DocExpAmt"]) == (20, 20)
    left = (await _receipts(wire, head))["APUninvoicedRcptLines"]
    assert [row["SupplierUnInvcReceiptQty"] for row in left] == [6]
    await wire.call(f"{INVOICES}/DeleteByID", vendorNum=head["VendorNum"], invoiceNum=NUMBER)
    head = await _header(wire)
    assert (await _receipts(wire, head))["APUninvoicedRcptLines"][0]["VendorQty"] == 10


async def test_a_receipt_that_was_only_entered_does_not_count(wire: Wire) -> None:
    await _make_order(wire, receive=False)
    await wire.control("receipts", order=ORDER, quantities={"1/1": 3}, received=False)
    head = await _header(wire)
    assert (await _receipts(wire, head))["APUninvoicedRcptLines"] == []
    assert (await wire.get("Erp.BO.POSvc/PORels", filter=f"PONum eq {ORDER}")).rows[0]["ReceivedQty"] == 0


async def test_a_receipt_moves_the_release_and_not_the_orders_date(wire: Wire) -> None:
    await _make_order(wire, receive=False)
    before = (await wire.get(f"Erp.BO.POSvc/POes('{COMPANY}',{ORDER})")).body["ChangeDate"]
    await _finish(wire)
    await wire.control("receipts", order=ORDER, quantities={"1/1": 3})
    after = (await wire.get(f"Erp.BO.POSvc/POes('{COMPANY}',{ORDER})")).body["ChangeDate"]
    assert after == before
    assert (await wire.get("Erp.BO.POSvc/PORels", filter=f"PONum eq {ORDER}")).rows[0]["ReceivedQty"] == 3


async def test_a_price_per_hundred_counts_as_such(wire: Wire) -> None:
    await _make_order(wire, price=500, per="C")
    order = (await wire.get(f"Erp.BO.POSvc/POes('{COMPANY}',{ORDER})", expand="PODetails")).body
    assert (order["PODetails"][0]["DocUnitCost"], order["PODetails"][0]["DocExtCost"]) == (500, 50)
    head = await _header(wire)
    await _bill_receipt(wire, head)
    line = (await read_invoice(wire, head["VendorNum"]))["APInvDtl"][0]
    assert (line["CostPerCode"], line["DocUnitCost"], line["DocExtCost"]) == ("C", 500, 50)


async def test_an_order_that_was_not_received_is_billed_by_its_release(wire: Wire) -> None:
    await _make_order(wire, receive=False, quantities=[4, 6])
    head = await _header(wire)
    asked = {"ds": {}, "iVendorNum": head["VendorNum"], "cInvoiceNum": NUMBER}
    ds = (await wire.call(f"{INVOICES}/GetNewAPInvDtlUnreceived", **asked)).ds
    ds = (await wire.call(f"{INVOICES}/ChangePONum", ProposedPONum=ORDER, ds=ds)).ds
    ds = (await wire.call(f"{INVOICES}/ChangePOLine", ProposedPOLine=1, ds=ds)).ds
    assert (await wire.call(f"{INVOICES}/Update", ds=ds)).status == 400
    ds = (await wire.call(f"{INVOICES}/ChangePORelNum", ProposedPORelNum=2, ds=ds)).ds
    stored = (await wire.call(f"{INVOICES}/Update", ds=ds)).ds
    line = stored["APInvDtl"][0]
    assert (line["LineType"], line["PORelNum"], line["VendorQty"], line["DocExtCost"]) == ("U", 2, 6, 30)
    assert stored["APInvExpTGLC"][0]["GLAccount"] == "6110|D010|A01"


# --- Posting (41-43) ------------------------------------------------------------------------------------------


async def test_posting_answers_at_once_and_is_done_later(wire: Wire) -> None:
    await wire.control("posting", seconds=60)
    ds = await make_invoice(wire)
    reply = await submit(wire)
    assert (reply.status, reply.body) == (200, {})
    entered = await bill(wire, id=ds["APInvHed"][0]["SysRowID"])
    assert (entered["posted"], (await _group(wire))["PostInProcess"]) == (False, True)
    assert (await wire.get(TASKS, filter="SubmitUser eq 'basware'")).rows[0]["TaskStatus"] == "Active"
    await wire.control("clock", seconds=61)
    head = (await read_invoice(wire, ds["APInvHed"][0]["VendorNum"]))["APInvHed"][0]
    assert (head["Posted"], head["OpenPayable"], head["GLPosted"]) == (True, True, False)
    assert head["JournalNum"] > 0
    assert (await wire.get(TASKS)).rows[0]["TaskStatus"] == "Complete"
    assert (await wire.get(f"{GROUPS}/APInvGrps")).rows == []


async def test_a_variance_is_told_before_and_keeps_the_invoice_from_posting(wire: Wire) -> None:
    ds = await make_invoice(wire, total=130)
    told = (await wire.call(f"{GROUPS}/PrePostGroupInvoices", PostGroupID=GROUP)).body["parameters"]
    assert NUMBER in told["VarianceMessage"]
    await submit(wire)
    await _finish(wire)
    assert not (await bill(wire, id=ds["APInvHed"][0]["SysRowID"]))["posted"]
    log = f"Invoice {NUMBER}: Invoice Total does not agree with vendor's total"
    assert (await _group(wire))["PostErrorLog"] == log
    assert (await wire.get(TASKS)).rows[0]["TaskStatus"] == "Complete"


@pytest.mark.parametrize(
    ("account", "fault"),
    [("", "GL Account is missing"), ("6110-D010-A01", "does not exist"), ("6990", "is not active")],
)
async def test_an_account_that_cannot_be_used_shows_when_the_group_is_posted(
    wire: Wire, account: str, fault: str
) -> None:
    await make_invoice(wire, account=account)
    assert (await wire.call(f"{GROUPS}/PrePostGroupInvoices", PostGroupID=GROUP)).body["parameters"][
        "VarianceMessage"
    ] == ""
    await submit(wire)
    await _finish(wire)
    assert fault in (await _group(wire))["PostErrorLog"]


async def test_an_invoice_without_lines_and_one_on_hold_stay_and_a_good_one_is_posted(wire: Wire) -> None:
    held = (await make_invoice(wire, number="HELD", InvoiceHeld=True))["APInvHed"][0]
    await save(wire, await draw_header(wire, number="EMPTY", total=0))
    good = (await make_invoice(wire, number="GOOD"))["APInvHed"][0]
    await submit(wire)
    await _finish(wire)
    log = (await _group(wire))["PostErrorLog"].split("\r\n")
    assert sorted(log) == ["Invoice EMPTY: Invoice with no detail", "Invoice HELD: Invoice is on hold"]
    assert (await bill(wire, id=good["SysRowID"]))["posted"]
    assert (await bill(wire, id=held["SysRowID"]))["status"] == "held"


async def test_one_bad_invoice_may_keep_the_whole_group(wire: Wire) -> None:
    await wire.control("posting", whole_group=True)
    await make_invoice(wire, number="BAD", total=1)
    good = (await make_invoice(wire, number="GOOD"))["APInvHed"][0]
    await submit(wire)
    await _finish(wire)
    assert not (await bill(wire, id=good["SysRowID"]))["posted"]


async def test_a_locked_group_is_not_posted(wire: Wire) -> None:
    ds = await make_invoice(wire)
    await wire.control("groups", lock={"group": GROUP, "user": "anna"})
    await submit(wire)
    await _finish(wire)
    assert not (await bill(wire, id=ds["APInvHed"][0]["SysRowID"]))["posted"]
    assert "in use by user anna" in (await _group(wire))["PostErrorLog"]


async def test_the_task_may_break_down_and_the_group_is_free_again(wire: Wire) -> None:
    await wire.control("posting", task="Error")
    ds = await make_invoice(wire)
    await submit(wire)
    await _finish(wire)
    task = (await wire.get(TASKS)).rows[0]
    assert (task["TaskStatus"], bool(task["ErrorMsg"])) == ("Error", True)
    assert (await _group(wire))["PostInProcess"] is False
    await wire.control("posting", task="Complete")
    await submit(wire)
    await _finish(wire)
    assert (await bill(wire, id=ds["APInvHed"][0]["SysRowID"]))["posted"]


async def test_without_an_agent_nothing_happens(wire: Wire) -> None:
    await wire.control("posting", agent=False)
    ds = await make_invoice(wire)
    assert (await submit(wire)).status == 200
    await _finish(wire)
    assert not (await bill(wire, id=ds["APInvHed"][0]["SysRowID"]))["posted"]


async def test_what_cannot_be_submitted_is_refused(wire: Wire) -> None:
    assert (await submit(wire, "NOWHERE")).status == 400
    await make_invoice(wire)
    assert (await submit(wire, agentID="Nobody")).status == 400
    await wire.control("posting", seconds=60)
    assert (await submit(wire)).status == 200
    assert (await submit(wire)).message == f"Group {GROUP} is being posted."


async def test_a_period_that_was_closed_meanwhile_keeps_the_invoice(wire: Wire) -> None:
    await make_invoice(wire)
    await wire.control("period", to="2001-12-31")
    await submit(wire)
    await _finish(wire)
    assert "Fiscal period is closed" in (await _group(wire))["PostErrorLog"]


async def test_a_posted_invoice_cannot_be_changed_or_deleted_but_gets_files(wire: Wire) -> None:
    posted = await post(wire)
    stored = await read_invoice(wire, posted["vendorNum"])
    for table in ("APInvHed", "APInvDtl", "APInvExpTGLC"):
        row = {**stored[table][0], "RowMod": "U"}
        assert (await wire.call(f"{INVOICES}/Update", ds={table: [row]})).status == 400
    deleted = await wire.call(f"{INVOICES}/DeleteByID", vendorNum=posted["vendorNum"], invoiceNum=NUMBER)
    assert deleted.status == 400
    link = {"Company": COMPANY, "VendorNum": posted["vendorNum"], "InvoiceNum": NUMBER, "FileName": "a.pdf"}
    linked = await wire.call(f"{INVOICES}/Update", ds={"APInvHedAttch": [{**link, "RowMod": "A"}]})
    assert [row["FileName"] for row in linked.ds["APInvHedAttch"]] == ["a.pdf"]
    assert len((await read_invoice(wire, posted["vendorNum"]))["APInvHedAttch"]) == 1


async def test_legal_numbers_are_given_when_an_invoice_is_posted(wire: Wire) -> None:
    await wire.control("switches", legal_numbers=True)
    posted = await post(wire)
    assert posted["number"].startswith("AP-")
    assert posted["vendorInvoiceNumber"] == NUMBER


async def test_a_bill_in_another_currency_has_its_sums_in_both(wire: Wire) -> None:
    posted = await post(wire, vendor=vendor_of(wire, currency="SEK"))
    head = (await read_invoice(wire, posted["vendorNum"]))["APInvHed"][0]
    assert (head["CurrencyCode"], head["DocInvoiceAmt"]) == ("SEK", 124)
    assert head["InvoiceAmt"] == (head["ExchangeRate"] * 124).quantize(Decimal("0.01"))


async def test_what_was_billed_counts_on_the_order_once_it_is_posted(wire: Wire) -> None:
    await _make_order(wire)
    head = await _header(wire)
    await _bill_receipt(wire, head)
    rows = await wire.get("Erp.BO.POSvc/PORels", filter=f"PONum eq {ORDER}")
    assert rows.rows[0]["InvoicedQty"] == 0
    await submit(wire)
    await _finish(wire)
    rows = await wire.get("Erp.BO.POSvc/PORels", filter=f"PONum eq {ORDER}")
    assert rows.rows[0]["InvoicedQty"] == 10
