"""What is only assumed of Epicor Kinetic's documents, turned the other way (Epicor dossier 17, at its end)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from epicor_kinetic_papers import (
    GROUP,
    GROUPS,
    INVOICES,
    NUMBER,
    make_group,
    make_invoice,
    post,
    read_invoice,
    vendor_of,
)
from epicor_kinetic_wire import COMPANY, Wire

ORDER = 990001


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def test_amounts_of_debit_memos_may_be_entered_with_their_sign(wire: Wire) -> None:
    await wire.control("habits", signed_input=True)
    ds = await make_invoice(wire, debit_memo=True)
    assert (ds["APInvHed"][0]["DocInvoiceVendorAmt"], ds["APInvDtl"][0]["DocExtCost"]) == (124, 100)
    right = await make_invoice(wire, number="CN-2", debit_memo=True, total=-124, amounts=(-100,))
    head, line, amount = right["APInvHed"][0], right["APInvDtl"][0], right["APInvExp"][0]
    assert (head["DocInvoiceVendorAmt"], head["DocInvoiceAmt"], line["DocExtCost"]) == (-124, -124, -100)
    assert (line["ScrDocExtCost"], amount["DocExpAmt"]) == (100, -100)


async def test_a_held_group_may_take_writes_all_the_same(wire: Wire) -> None:
    await make_group(wire)
    await wire.control("groups", lock={"group": GROUP, "user": "anna"})
    asked = {"ds": {}, "cGroupID": GROUP}
    assert (await wire.call(f"{INVOICES}/GetNewAPInvHedInvoice", **asked)).status == 400
    await wire.control("habits", lax_locks=True)
    assert (await wire.call(f"{INVOICES}/GetNewAPInvHedInvoice", **asked)).status == 200


async def test_a_group_may_stay_when_all_of_it_was_posted(wire: Wire) -> None:
    await wire.control("habits", keeps_groups=True)
    assert (await post(wire))["posted"]
    group = (await wire.get(f"{GROUPS}/APInvGrps('{COMPANY}','{GROUP}')")).body
    assert (group["PostInProcess"], group["PostErrorLog"]) == (False, "")


async def test_an_entered_invoice_may_be_no_open_payable(wire: Wire) -> None:
    await wire.control("habits", settled_before=True)
    assert (await make_invoice(wire))["APInvHed"][0]["OpenPayable"] is False
    assert (await post(wire, number="INV-78", group="BW2"))["status"] == "open"


async def test_payments_and_receipts_may_move_dates(wire: Wire) -> None:
    await wire.control("habits", dates_move=True)
    posted = await post(wire)
    line = {"line": 1, "description": "Bolts", "quantity": 10, "price": 5}
    await wire.control("orders", number=ORDER, vendor=vendor_of(wire), lines=[line])
    address = f"Erp.BO.POSvc/POes('{COMPANY}',{ORDER})"
    before = (await wire.get(address)).body["ChangeDate"]
    invoice = (await read_invoice(wire, posted["vendorNum"]))["APInvHed"][0]["ChangeDate"]
    await wire.control("clock", seconds=60)
    await wire.control("receipts", order=ORDER)
    await wire.control("pay", id=posted["id"])
    assert (await wire.get(address)).body["ChangeDate"] > before
    assert (await read_invoice(wire, posted["vendorNum"]))["APInvHed"][0]["ChangeDate"] > invoice


async def test_the_cash_discount_may_be_part_of_the_amount(wire: Wire) -> None:
    await wire.control("habits", discount_inside=True)
    posted = await post(wire)
    await wire.control("pay", id=posted["id"], discount=4)
    row = (await wire.get("Erp.BO.APTranSearchSvc/APTranSearches")).rows[0]
    assert (row["DocTranAmt"], row["DocDiscAmt"]) == (124, 4)
    assert (await read_invoice(wire, posted["vendorNum"]))["APInvHed"][0]["DocInvoiceBal"] == 0
    await wire.control("unpay", id=posted["id"])
    assert (await read_invoice(wire, posted["vendorNum"]))["APInvHed"][0]["DocInvoiceBal"] == 124


async def test_a_posted_invoice_may_take_no_files(wire: Wire) -> None:
    await wire.control("habits", files_early=True)
    posted = await post(wire)
    link = {"VendorNum": posted["vendorNum"], "InvoiceNum": NUMBER, "FileName": "a.pdf", "RowMod": "A"}
    assert (await wire.call(f"{INVOICES}/Update", ds={"APInvHedAttch": [link]})).status == 400
