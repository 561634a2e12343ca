"""What settles invoices in the simulated Epicor Kinetic: behaviours 20 and 43 to 46 of the dossier's section 17."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from epicor_kinetic_papers import INVOICES, NUMBER, make_invoice, post, read_invoice
from epicor_kinetic_wire import COMPANY, Wire

SEARCH = "Erp.BO.APTranSearchSvc"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def _head(wire: Wire, vendor: int, number: str = NUMBER) -> dict[str, Any]:
    return (await read_invoice(wire, vendor, number))["APInvHed"][0]


async def _data(wire: Wire, vendor: int, number: str = NUMBER) -> dict[str, Any]:
    reply = await wire.call(f"{SEARCH}/GetPaymentData", vendorNum=vendor, invoiceNum=number)
    assert reply.status == 200, reply.body
    return reply.body["returnObj"]


async def test_an_invoice_without_payments_has_no_rows(wire: Wire) -> None:
    posted = await post(wire)
    assert (await _data(wire, posted["vendorNum"]))["APTranSearch"] == []


async def test_an_invoice_that_is_not_posted_is_open_and_cannot_be_paid(wire: Wire) -> None:
    head = (await make_invoice(wire))["APInvHed"][0]
    assert head["OpenPayable"] is True
    await wire.control("pay", status=400, number=NUMBER)


async def test_an_entered_payment_moves_the_unposted_balance_only(wire: Wire) -> None:
    posted = await post(wire)
    payment = (await wire.control("pay", id=posted["id"], posted=False))["payment"]
    head = await _head(wire, posted["vendorNum"])
    assert (head["DocUnpostedBal"], head["DocInvoiceBal"], head["OpenPayable"]) == (0, 124, True)
    assert (await _data(wire, posted["vendorNum"]))["APTranSearch"][0]["Posted"] is False
    await wire.control("post-payment", payment=payment)
    head = await _head(wire, posted["vendorNum"])
    assert (head["DocUnpostedBal"], head["DocInvoiceBal"], head["OpenPayable"]) == (0, 0, False)


async def test_partial_payments_are_rows_of_their_own_and_the_last_one_settles(wire: Wire) -> None:
    posted = await post(wire)
    for amount in (100, 24):
        await wire.control("pay", id=posted["id"], amount=amount)
    rows = (await _data(wire, posted["vendorNum"]))["APTranSearch"]
    assert [(row["APTranNo"], row["DocTranAmt"], row["TranType"], row["Posted"]) for row in rows] == [
        (0, 100, "Pay", True),
        (0, 24, "Pay", True),
    ]
    assert rows[0]["HeadNum"] != rows[1]["HeadNum"]
    assert rows[0]["CheckNum"] > 50_000_000
    assert (await _head(wire, posted["vendorNum"]))["OpenPayable"] is False


async def test_a_cash_discount_is_told_apart(wire: Wire) -> None:
    posted = await post(wire)
    paid = await wire.control("pay", id=posted["id"], discount=4)
    data = await _data(wire, posted["vendorNum"])
    assert (data["APTranSearch"][0]["DocTranAmt"], data["APTranSearch"][0]["DocDiscAmt"]) == (120, 4)
    assert (data["PaymentTotals"][0]["DocCashRcv"], data["PaymentTotals"][0]["DocDscTaken"]) == (120, 4)
    assert (paid["remaining"], paid["status"]) == (0, "settled")


async def test_paying_moves_no_date_of_the_invoice_but_its_version(wire: Wire) -> None:
    posted = await post(wire)
    before = await _head(wire, posted["vendorNum"])
    await wire.control("clock", seconds=60)
    await wire.control("pay", id=posted["id"])
    after = await _head(wire, posted["vendorNum"])
    assert after["ChangeDate"] == before["ChangeDate"]
    assert after["SysRevID"] > before["SysRevID"]
    asked = f"ChangeDate gt {before['ChangeDate'][:19]}Z"
    assert len((await wire.get(f"{SEARCH}/APTranSearches", filter=asked)).rows) == 1


async def test_a_voided_payment_leaves_a_twin_with_flipped_signs_and_the_invoice_open(wire: Wire) -> None:
    posted = await post(wire)
    payment = (await wire.control("pay", id=posted["id"]))["payment"]
    opened = await wire.control("unpay", id=posted["id"])
    assert (opened["status"], opened["remaining"]) == ("open", 124)
    rows = (await _data(wire, posted["vendorNum"]))["APTranSearch"]
    assert [(row["HeadNum"], row["Voided"], row["DocTranAmt"]) for row in rows] == [
        (payment, False, 124),
        (payment, True, -124),
    ]
    check = (await wire.get(f"Erp.BO.PaymentEntrySvc/PaymentEntries('{COMPANY}',{payment})")).body
    assert (check["Voided"], check["ApplyingPayment"]) == (True, False)
    await wire.control("unpay", status=400, payment=payment)


async def test_an_adjustment_settles_without_a_payment(wire: Wire) -> None:
    posted = await post(wire)
    settled = await wire.control("adjust", id=posted["id"])
    row = (await _data(wire, posted["vendorNum"]))["APTranSearch"][0]
    assert (row["TranType"], row["HeadNum"], row["DocTranAmt"]) == ("Adj", 0, 124)
    assert (settled["status"], settled["remaining"]) == ("settled", 0)


async def test_a_debit_memo_is_applied_by_a_payment_that_moves_no_money(wire: Wire) -> None:
    posted = await post(wire)
    memo = await post(wire, number="CN-1", debit_memo=True, group="BW2")
    applied = await wire.control("apply", id=posted["id"], **{"with": memo["id"]})
    check = (await wire.get(f"Erp.BO.PaymentEntrySvc/PaymentEntries('{COMPANY}',{applied['payment']})")).body
    assert (check["ApplyingPayment"], check["DocPaymentTotal"]) == (True, 0)
    for number, amount in ((NUMBER, 124), ("CN-1", -124)):
        row = (await _data(wire, posted["vendorNum"], number))["APTranSearch"][0]
        assert (row["TranType"], row["DocTranAmt"], row["HeadNum"]) == ("Pay", amount, applied["payment"])
        head = await _head(wire, posted["vendorNum"], number)
        assert (head["DocInvoiceBal"], head["OpenPayable"]) == (0, False)


async def test_one_payment_pays_several_bills_with_a_debit_memo_taken_off(wire: Wire) -> None:
    posted = await post(wire)
    memo = await post(wire, number="CN-1", debit_memo=True, group="BW2", amounts=(50,), total=62)
    paid = await wire.control("pay-many", bills=[posted["id"], {"id": memo["id"]}], reference="4711")
    assert paid["check"] == 4711
    check = (await wire.get(f"Erp.BO.PaymentEntrySvc/PaymentEntries('{COMPANY}',{paid['payment']})")).body
    assert check["DocPaymentTotal"] == 62
    assert [each["status"] for each in paid["bills"]] == ["settled", "settled"]


async def test_more_than_what_is_open_is_not_paid(wire: Wire) -> None:
    posted = await post(wire)
    await wire.control("pay", status=400, id=posted["id"], amount=125)


async def test_a_cancelled_invoice_and_what_took_it_back_name_each_other(wire: Wire) -> None:
    posted = await post(wire)
    cancelled = await wire.control("cancel", id=posted["id"])
    assert cancelled["status"] == "cancelled"
    head = await _head(wire, posted["vendorNum"])
    mirror = await _head(wire, posted["vendorNum"], head["RefCancelledby"])
    assert (mirror["CancellationInv"], mirror["InvoiceRef"], mirror["DocInvoiceAmt"]) == (True, NUMBER, -124)
    assert (head["DocInvoiceBal"], head["OpenPayable"], mirror["OpenPayable"]) == (0, False, False)


async def test_a_renamed_supplier_keeps_its_number_and_its_invoices(wire: Wire) -> None:
    posted = await post(wire)
    await wire.control("vendors", number=posted["vendor"], rename="RENAMED")
    asked = f"VendorNum eq {posted['vendorNum']} and InvoiceNum eq '{NUMBER}'"
    assert len((await wire.get(f"{INVOICES}/APInvoices", filter=asked)).rows) == 1
    shown = (await wire.show("bills?company=4000"))["bills"]
    assert next(each for each in shown if each["id"] == posted["id"])["vendor"] == "RENAMED"
