"""Lines of bills, and the orders and receipts they bill, in the simulated Acumatica (dossier 15, 36 and 37)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from acumatica_bills import (
    act,
    bill_line,
    change_bill,
    changed_bill,
    fault_of,
    make_bill,
    read_document,
    refused_bill,
    released_bill,
)
from acumatica_calls import Wire, plain, wrapped

from ml_connector.sandbox.trade import Order


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def test_a_line_is_changed_by_its_id_and_taken_away_by_delete(wire: Wire) -> None:
    made = await make_bill(wire)
    first, second = (line["id"] for line in made["Details"])
    lines = [
        {"id": first, **wrapped(ExtendedCost=150)},
        {"id": second, "delete": True},
        bill_line(Account="6230", ExtendedCost=50),
    ]
    changed = await changed_bill(wire, made, Hold=True, Details=lines)
    assert [(line["Account"], line["ExtendedCost"]) for line in changed["Details"]] == [("6110", 150), ("6230", 50)]
    assert changed["Details"][0]["id"] == first
    assert (changed["TaxTotal"], changed["Balance"]) == (48, 248)


async def test_a_line_without_id_is_another_line(wire: Wire) -> None:
    made = await make_bill(wire, Hold=True)
    assert len((await changed_bill(wire, made, Details=[bill_line()]))["Details"]) == 3


async def test_line_ids_are_those_of_the_session(wire: Wire) -> None:
    made = await make_bill(wire, Hold=True)
    await wire.control("seats", limit=0)
    wire.token = (await wire.grant()).body["access_token"]
    there = await read_document(wire, made)
    assert {line["id"] for line in there["Details"]}.isdisjoint({line["id"] for line in made["Details"]})
    stale = [{"id": made["Details"][0]["id"], **wrapped(ExtendedCost=1)}]
    assert (await change_bill(wire, made, Details=stale)).status == 500
    fresh = [{"id": there["Details"][0]["id"], **wrapped(ExtendedCost=1)}]
    assert (await changed_bill(wire, made, Details=fresh))["Balance"] == Decimal("249.24")


async def test_many_lines_come_in_parts(wire: Wire) -> None:
    made = await make_bill(wire, Hold=True, Details=[bill_line() for _ in range(120)])
    made = await changed_bill(wire, made, Details=[bill_line() for _ in range(30)])
    assert (len(made["Details"]), made["Balance"]) == (150, 18600)


def _order(wire: Wire, *, received: bool) -> Order:
    """An open order of several lines, wholly received or not at all."""
    return next(
        order
        for order in wire.company.orders
        if order.status == "Open"
        and len(order.lines) > 1
        and all(bool(line.received) == received for line in order.lines)
    )


async def _order_row(wire: Wire, order: Order) -> dict[str, Any]:
    return await wire.record(f"PurchaseOrder/Normal/{order.number}", expand="Details")


def _of_order(order: Order, **changes: Any) -> dict[str, Any]:
    return wrapped(POOrderType="Normal", POOrderNbr=order.number, **changes)


async def test_an_order_line_brings_everything_along(wire: Wire) -> None:
    order = _order(wire, received=False)
    line = order.lines[1]
    lines = [_of_order(order, POLine=line.line, Qty=1)]
    made = await make_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=lines, Hold=True)
    (mine,) = made["Details"]
    assert (mine["POOrderNbr"], mine["POLine"], mine["Qty"]) == (order.number, line.line, 1)
    assert (mine["UnitCost"], mine["TaxCategory"]) == (line.unit_cost, line.tax_group)
    assert (mine["TransactionDescription"], mine["InventoryID"]) == (
        line.description,
        line.number if line.kind == "Item" else None,
    )


async def test_an_order_without_a_line_number_brings_all_its_lines(wire: Wire) -> None:
    order = _order(wire, received=False)
    made = await make_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)], Hold=True)
    assert [line["POLine"] for line in made["Details"]] == [line.line for line in order.lines]
    assert [line["Qty"] for line in made["Details"]] == [line.quantity for line in order.lines]
    assert sum(line["ExtendedCost"] for line in made["Details"]) == sum(line.net for line in order.lines)


async def test_a_bad_order_reference_is_told_on_its_line(wire: Wire) -> None:
    order = _order(wire, received=False)
    draft = next(each for each in wire.company.orders if each.status == "Draft")
    unknown = {"POOrderType": "Normal", "POOrderNbr": "PO999999"}
    for vendor, line, field in (
        (order.vendor, wrapped(**unknown), "POOrderNbr"),
        (order.vendor, _of_order(order, POLine=7), "POLine"),
        (wire.vendor(place=5), _of_order(order), "POOrderNbr"),
        (draft.vendor, _of_order(draft), "POOrderNbr"),
        (order.vendor, wrapped(POOrderType="Curious", POOrderNbr=order.number), "POOrderType"),
    ):
        assert fault_of(await refused_bill(wire, Vendor=vendor, CurrencyID=None, Details=[line]), f"Details/0/{field}")


async def test_an_order_is_completed_by_receipts_and_closed_by_bills(wire: Wire) -> None:
    order = _order(wire, received=False)
    assert (await _order_row(wire, order))["Status"] == "Open"
    await wire.control("orders", number=order.number, receive=True)
    row = await _order_row(wire, order)
    assert row["Status"] == "Completed"
    assert [line["QtyOnReceipts"] for line in row["Details"]] == [line.quantity for line in order.lines]
    await wire.control("preferences", validate_totals=False)
    bill = await make_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)])
    assert (await _order_row(wire, order))["Status"] == "Completed"
    assert (await act(wire, "ReleaseBill", bill)).status == 204
    row = await _order_row(wire, order)
    assert row["Status"] == "Closed"
    assert all(line["Completed"] for line in row["Details"])
    assert fault_of(
        await refused_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)]),
        "Details/0/POOrderNbr",
    )


async def test_billing_a_part_leaves_the_order_open(wire: Wire) -> None:
    await wire.control("preferences", validate_totals=False)
    order = _order(wire, received=False)
    line = _of_order(order, POLine=order.lines[0].line, Qty=1)
    await released_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[line])
    assert (await _order_row(wire, order))["Status"] == "Open"
    shown = await wire.control("orders", number=order.number)
    assert [line["billed"] for line in shown["lines"]][:2] == [1, 0]


async def test_a_receipt_is_billed_line_by_line_or_whole(wire: Wire) -> None:
    order = _order(wire, received=True)
    receipts = await wire.rows("PurchaseReceipt", filter=f"VendorID eq '{order.vendor}'", expand="Details")
    receipt = next(each for each in receipts if each["Details"][0]["POOrderNbr"] == order.number)
    whole = wrapped(POReceiptType="Receipt", POReceiptNbr=receipt["ReceiptNbr"])
    made = await make_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[whole], Hold=True)
    assert [line["POReceiptLine"] for line in made["Details"]] == [line["LineNbr"] for line in receipt["Details"]]
    assert [line["POLine"] for line in made["Details"]] == [line.line for line in order.lines]
    one = wrapped(POReceiptType="Receipt", POReceiptNbr=receipt["ReceiptNbr"], POReceiptLine=2)
    bill = await make_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[one], Hold=True)
    assert len(bill["Details"]) == 1
    other = wrapped(POReceiptType="Receipt", POReceiptNbr="RC999999")
    refused = await refused_bill(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[other])
    assert fault_of(refused, "Details/0/POReceiptNbr")


async def test_orders_and_receipts_are_entered_by_put_and_billed_by_an_action(wire: Wire) -> None:
    line = wrapped(Account="6110", OrderQty=4, UnitCost=25, TaxCategory="VAT24", LineDescription="Paper")
    body = wrapped(Type="RO", VendorID=wire.vendor(), CurrencyID="EUR", Hold=False, Details=[line])
    order = plain((await wire.put("PurchaseOrder?$expand=Details,TaxDetails", body)).body)
    assert (order["Type"], order["Status"], order["OrderTotal"]) == ("Normal", "Open", 124)
    assert (order["Details"][0]["LineNbr"], order["Details"][0]["Description"]) == (1, "Stationery, domestic")
    part = wrapped(POOrderType="Normal", POOrderNbr=order["OrderNbr"], POLineNbr=1, ReceiptQty=3)
    body = wrapped(Type="Receipt", VendorID=wire.vendor(), VendorRef="R-1", Hold=False, Details=[part])
    receipt = plain((await wire.put("PurchaseReceipt?$expand=Details", body)).body)
    assert (receipt["Status"], receipt["TotalQty"], receipt["TotalCost"]) == ("Balanced", 3, 75)
    named = {"entity": {"id": receipt["id"]}}
    for action in ("ReleasePurchaseReceipt", "CreateAPBill"):
        reply = await wire.post(f"PurchaseReceipt/{action}", named)
        while reply.status == 202:
            reply = await wire.send("GET", reply.headers["Location"])
        assert reply.status == 204
    (bill,) = await wire.bills(vendorInvoiceNumber="R-1")
    assert (bill["status"], bill["net"], bill["rows"][0]["quantity"]) == ("On Hold", 75, 3)
    assert (await wire.record(f"PurchaseOrder/Normal/{order['OrderNbr']}"))["Status"] == "Open"
