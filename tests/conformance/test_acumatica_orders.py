"""Acumatica: bills that are taken off orders and receipts (dossier 9.5, 10.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from conformance.acumatica import AcumaticaBench, bench_of, client_of
from conformance.enduring import settle
from conformance.reading import read_all
from conformance.stage import bill_of, line_of, only, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Refused
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, BillLine, BillStatus
from ml_connector.records.master_data import PurchaseOrder
from ml_connector.records.reason import Reason

RELEASES = {"method": "POST", "path": r"/Bill/ReleaseBill$"}
GOODS = {"Account": "6120", "LineDescription": "Boxes", "OrderQty": "20", "UnitCost": "10", "TaxCategory": "VAT24"}
OTHER_GOODS = {**GOODS, "OrderQty": "5", "UnitCost": "4"}


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


async def order_of(bench: AcumaticaBench, ledger: Ledger, *lines: Mapping[str, Any], **how: Any) -> PurchaseOrder:
    """An order of the usual supplier, as the ledger tells it: what the payables system matches against."""
    made = await bench.hook("orders", **{"VendorID": bench.facts.vendor, "Details": lines, **how})
    records, _ = await read_all(ledger, Flow.PURCHASE_ORDERS)
    (order,) = [each for each in records if isinstance(each, PurchaseOrder) and each.number == made["number"]]
    return order


def matched(order: PurchaseOrder, quantity: str, net: str, *, line: int = 0, receipt: str = "") -> BillLine:
    """A row as the payables system gives it once it matched the line, and maybe one receipt of it."""
    of = order.lines[line]
    return BillLine(
        account=of.account, net=Decimal(net), description=of.description, tax_code=of.tax_code,
        quantity=Decimal(quantity), order_number=order.number, order_line=of.number, receipt_number=receipt,
    )  # fmt: skip


async def taken_of(bench: AcumaticaBench, bill: Bill) -> list[tuple[str | None, Decimal]]:
    """The orders' lines that the lines of the bill that stands are taken from, and their quantities."""
    (row,) = [each for each in await bench.rows() if each["vendorInvoiceNumber"] == bill.number]
    return [(line["order"], Decimal(str(line["quantity"]))) for line in row["rows"]]


async def post(ledger: Ledger, bill: Bill) -> None:
    """Checked, posted, and for the sum that was said."""
    assert await ledger.check([bill]) == {bill.key: ()}
    posted = await posted_of(ledger, bill)
    assert (posted.net, posted.gross) == (bill.net, bill.gross)


async def reasons_of(ledger: Ledger, bill: Bill) -> list[Reason]:
    return [each.reason for each in (await ledger.check([bill]))[bill.key]]


async def test_an_order_is_billed_in_parts_beside_coded_rows(bench: AcumaticaBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, GOODS, OTHER_GOODS)
    lines = (matched(order, "8", "80.00"), line_of(bench, net=Decimal("7.50")), matched(order, "5", "20.00", line=1))
    first = bill_of(bench, "O-1", lines=lines)
    await post(ledger, first)
    assert await taken_of(bench, first) == [
        (f"Normal/{order.number}/{order.lines[0].number}", Decimal(8)),
        (None, (await taken_of(bench, first))[1][1]),
        (f"Normal/{order.number}/{order.lines[1].number}", Decimal(5)),
    ]
    over = bill_of(bench, "O-2", lines=(matched(order, "20.5", "205.00"),))
    assert await reasons_of(ledger, over) == [Reason.ORDER_DIFFERS]
    with pytest.raises(Refused):
        await ledger.create(over)
    assert await standing(bench, over) == []


async def test_a_price_other_than_the_orders_is_billed_as_it_is(bench: AcumaticaBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, GOODS)
    bill = bill_of(bench, "O-1", lines=(matched(order, "7", "71.23"),))
    await post(ledger, bill)
    assert (await only(bench, bill)).net == Decimal("71.23")


async def test_received_goods_are_billed_by_their_receipt(bench: AcumaticaBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, GOODS, receive={"1": 6})
    rows = await client_of(ledger).rows("PurchaseReceipt", select=("Type", "ReceiptNbr"))
    receipt = max(row["ReceiptNbr"] for row in rows)
    bill = bill_of(bench, "O-1", lines=(matched(order, "6", "60.00", receipt=receipt),))
    await post(ledger, bill)
    assert [quantity for _, quantity in await taken_of(bench, bill)] == [6]
    strange = bill_of(bench, "O-2", lines=(matched(order, "1", "10.00", receipt="999999"),))
    assert await reasons_of(ledger, strange) == [Reason.ORDER_DIFFERS]


@pytest.mark.parametrize("status", ["closed", "canceled", "on hold"])
async def test_an_order_on_which_nothing_can_be_billed_is_found_beforehand(
    bench: AcumaticaBench, ledger: Ledger, status: str
) -> None:
    order = await order_of(bench, ledger, GOODS)
    await bench.hook("orders", number=order.number, status=status)
    bill = bill_of(bench, "O-1", lines=(matched(order, "1", "10.00"),))
    assert await reasons_of(ledger, bill) == [Reason.ORDER_UNKNOWN]
    other = bill_of(bench, "O-2", lines=(replace(matched(order, "1", "10.00"), order_line="99"),))
    assert await reasons_of(ledger, other) == [Reason.ORDER_UNKNOWN]


async def test_an_order_of_somebody_else_or_in_another_currency_is_found_beforehand(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    order = await order_of(bench, ledger, GOODS)
    bill = bill_of(bench, "O-1", lines=(matched(order, "1", "10.00"),))
    for wrong in (replace(bill, vendor=bench.facts.other_vendor), replace(bill, currency="USD")):
        (finding,) = (await ledger.check([wrong]))[bill.key]
        assert finding.reason is Reason.ORDER_DIFFERS
        assert order.number in finding.subject


async def test_an_order_that_was_received_and_billed_in_full_is_told_as_over(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    order = await order_of(bench, ledger, GOODS, receive=True)
    _, mark = await read_all(ledger, Flow.PURCHASE_ORDERS)
    await bench.pass_time(600)
    await post(ledger, bill_of(bench, "O-1", lines=(matched(order, "20", "200.00"),)))
    records, _ = await read_all(ledger, Flow.PURCHASE_ORDERS, since=mark)
    (told,) = [each for each in records if isinstance(each, PurchaseOrder) and each.key == order.key]
    assert (told.active, [line.closed for line in told.lines]) == (False, [True])
    late = bill_of(bench, "O-2", lines=(matched(order, "1", "10.00"),))
    assert await reasons_of(ledger, late) == [Reason.ORDER_UNKNOWN]


async def test_an_order_without_quantities_is_billed_by_its_sum(bench: AcumaticaBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, {**GOODS, "OrderQty": "0", "UnitCost": "0", "ExtendedCost": "300"})
    bill = bill_of(bench, "O-1", lines=(matched(order, "1", "120.00"), line_of(bench, net=Decimal("5.00"))))
    await post(ledger, bill)
    assert [line.net for line in (await only(bench, bill)).lines] == [Decimal("120.00"), Decimal("5.00")]
    rest = bill_of(bench, "O-2", lines=(matched(order, "1", "180.00"),))
    await post(ledger, rest)
    assert await reasons_of(ledger, bill_of(bench, "O-3", lines=rest.lines)) == [Reason.ORDER_UNKNOWN]


async def test_a_matched_bill_whose_answer_is_lost_takes_its_order_once(bench: AcumaticaBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, GOODS)
    bill = bill_of(bench, "O-1", lines=(matched(order, "8", "80.00"),))
    await bench.hook("faults", kind="lost_reply", method="PUT", path=r"/Bill\?", count=2)
    await bench.hook("faults", kind="lost_reply", **RELEASES)
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    assert await taken_of(bench, bill) == [(f"Normal/{order.number}/{order.lines[0].number}", Decimal(8))]
    shown = await bench.hook("orders", number=order.number)
    assert [Decimal(str(line["billed"])) for line in shown["lines"]] == [8]


async def test_an_order_that_is_closed_under_the_bill_is_refused_by_the_ledger(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    order = await order_of(bench, ledger, GOODS)
    bill = bill_of(bench, "O-1", lines=(matched(order, "8", "80.00"),))
    await bench.hook("faults", kind="hold", method="PUT", path=r"/Bill\?")

    async def close() -> None:
        while not (await bench.show("held"))["held"]:
            await asyncio.sleep(0.01)
        await bench.hook("orders", number=order.number, status="canceled")
        await bench.hook("release", drop=False)

    closing = asyncio.ensure_future(close())
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    await closing
    assert refused.value.reason is Reason.ORDER_UNKNOWN
    assert order.number in refused.value.findings[0].subject
    assert Reason.ACCOUNT_UNKNOWN not in {each.reason for each in refused.value.findings}
    assert await bench.bills() == []
