"""SAP Business One: orders and receipts, duplicates, cancelled bills, approvals, tax fields (dossier 7, 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from conformance.approving import kept_waiting
from conformance.reading import read_all
from conformance.sap_business_one import SapBusinessOneBench, bench_of
from conformance.settling import register_of, settlements_of
from conformance.stage import assert_stands_as_said, bill_of, found_of, line_of, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.master_data import PurchaseOrder
from ml_connector.records.money import round_amount
from ml_connector.records.reason import Reason

ITEM = {"ItemCode": "I0001", "Quantity": 20, "UnitPrice": 10, "VatGroup": "VAT24"}
OTHER_ITEM = {"ItemCode": "I0002", "Quantity": 5, "UnitPrice": 4, "VatGroup": "VAT24"}
SERVICE = {"ItemDescription": "Cleaning", "AccountCode": "6120", "UnitPrice": 300, "VatGroup": "VAT24"}


@pytest.fixture(params=["v2", "v1"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[SapBusinessOneBench]:
    async with bench_of(base_url=f"{{base}}/b1s/{request.param}") as made:
        yield made


@pytest.fixture
async def ledger(bench: SapBusinessOneBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


# ------------------------------------------------------------------ orders and receipts


async def order_of(bench: SapBusinessOneBench, ledger: Ledger, *lines: Mapping[str, Any], **how: Any) -> PurchaseOrder:
    """An order of the usual supplier, as the ledger tells it: what the payables system matches against."""
    made = await bench.hook("orders", **{"CardCode": bench.facts.vendor, "DocumentLines": lines, **how})
    return await told_order(ledger, made["number"])


async def told_order(ledger: Ledger, number: str) -> PurchaseOrder:
    records, _ = await read_all(ledger, Flow.PURCHASE_ORDERS)
    (order,) = [each for each in records if isinstance(each, PurchaseOrder) and each.number == number]
    return order


def matched(order: PurchaseOrder, quantity: str, net: str, *, line: int = 0, receipt: int | None = None) -> BillLine:
    """A row as the payables system gives it once it matched the line, and maybe one receipt of it."""
    of = order.lines[line]
    return BillLine(
        account=of.account, net=Decimal(net), description=of.description, tax_code=of.tax_code,
        quantity=Decimal(quantity), order_number=order.number, order_line=of.number,
        receipt_number="" if receipt is None else of.receipts[receipt].number,
    )  # fmt: skip


async def bases_of(bench: SapBusinessOneBench, bill: Bill) -> list[tuple[str, Decimal]]:
    """What the lines of the bill that stands are based on, without their numbers, and their quantities."""
    (row,) = [each for each in await bench.rows() if each["vendorInvoiceNumber"] == bill.number]
    return [(str(line["base"]).split(":")[0], Decimal(str(line["quantity"]))) for line in row["rows"]]


async def reasons_of(ledger: Ledger, bill: Bill) -> list[Reason]:
    return [each.reason for each in (await ledger.check([bill]))[bill.key]]


async def post(ledger: Ledger, bill: Bill) -> None:
    """Checked, posted, and for the sum that was said."""
    assert await ledger.check([bill]) == {bill.key: ()}
    posted = await posted_of(ledger, bill)
    assert (posted.net, posted.gross) == (bill.net, bill.gross)


async def test_an_order_is_invoiced_in_parts_until_nothing_is_left(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, ITEM, OTHER_ITEM)
    first = bill_of(bench, "O-1", lines=(matched(order, "8", "80.00"), matched(order, "5", "20.00", line=1)))
    await post(ledger, first)
    assert await bases_of(bench, first) == [("22", Decimal(8)), ("22", Decimal(5))]
    there = await told_order(ledger, order.number)
    assert [(each.invoiced_quantity, each.closed) for each in there.lines] == [(8, False), (5, True)]
    more = bill_of(bench, "O-2", lines=(matched(order, "12.5", "125.00"),))
    assert await reasons_of(ledger, more) == [Reason.ORDER_DIFFERS]
    await post(ledger, bill_of(bench, "O-3", lines=(matched(order, "12", "120.00"),)))
    late = bill_of(bench, "O-4", lines=(matched(order, "1", "10.00"),))
    assert await reasons_of(ledger, late) == [Reason.ORDER_UNKNOWN]
    with pytest.raises(Refused):
        await ledger.create(late)
    assert await standing(bench, late) == []


async def test_received_goods_are_invoiced_by_their_receipts(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, ITEM, receive={"0": 5})
    await bench.hook("orders", number=order.number, receive={"0": 15})
    order = await told_order(ledger, order.number)
    assert order.active
    assert [each.quantity for each in order.lines[0].receipts] == [5, 15]
    named = bill_of(bench, "O-1", lines=(matched(order, "10", "100.00", receipt=1),))
    await post(ledger, named)
    assert await bases_of(bench, named) == [("20", Decimal(10))]
    rest = bill_of(bench, "O-2", lines=(matched(order, "10", "100.00"),))
    await post(ledger, rest)
    assert await bases_of(bench, rest) == [("20", Decimal(5)), ("20", Decimal(5))]
    after = bill_of(bench, "O-3", lines=(matched(order, "1", "10.00", receipt=0),))
    (finding,) = (await ledger.check([after]))[after.key]
    assert finding.reason is Reason.ORDER_DIFFERS


async def test_a_price_other_than_the_orders_is_invoiced_as_it_is(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, ITEM)
    bill = bill_of(bench, "O-1", lines=(matched(order, "7", "71.23"),))
    await post(ledger, bill)
    assert await bases_of(bench, bill) == [("22", Decimal(7))]


async def test_a_service_order_is_invoiced_by_its_sum_beside_coded_rows(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    order = await order_of(bench, ledger, SERVICE, DocType="dDocument_Service")
    bill = bill_of(bench, "O-1", lines=(matched(order, "1", "120.00"), line_of(bench, net=Decimal("5.00"))))
    await post(ledger, bill)
    assert [base for base, _ in await bases_of(bench, bill)] == ["22", "None"]
    over = bill_of(bench, "O-2", lines=(matched(order, "1", "180.01"),))
    assert await reasons_of(ledger, over) == [Reason.ORDER_DIFFERS]


async def test_items_and_coded_rows_do_not_go_into_one_document(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, ITEM)
    bill = bill_of(bench, "O-1", lines=(matched(order, "1", "10.00"), line_of(bench)))
    assert await reasons_of(ledger, bill) == [Reason.ORDER_DIFFERS]
    with pytest.raises(Refused):
        await ledger.create(bill)
    assert await bench.bills() == []


@pytest.mark.parametrize("code", [-5002, -10])
async def test_an_order_that_is_closed_under_the_bill_is_refused_by_the_ledger(
    bench: SapBusinessOneBench, ledger: Ledger, code: int
) -> None:
    await bench.hook("switches", closed_base_code=code)
    order = await order_of(bench, ledger, ITEM)
    bill = bill_of(bench, "O-1", lines=(matched(order, "8", "80.00"),))
    # Closed between the look at the order and the request that is based on it.
    posting = await held_post(bench, ledger, bill)
    await bench.hook("orders", number=order.number, status="closed")
    await bench.hook("release", drop=False)
    with pytest.raises(Refused) as refused:
        await posting
    assert refused.value.reason is Reason.ORDER_UNKNOWN
    assert await bench.bills() == []


async def test_of_two_bills_on_the_same_rest_of_an_order_one_is_refused(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    order = await order_of(bench, ledger, ITEM)
    slow, quick = (bill_of(bench, number, lines=(matched(order, "15", "150.00"),)) for number in ("O-1", "O-2"))
    posting = await held_post(bench, ledger, slow)
    await post(ledger, quick)
    await bench.hook("release", drop=False)
    with pytest.raises(Refused) as refused:
        await posting
    assert refused.value.reason is Reason.ORDER_DIFFERS
    assert await standing(bench, slow) == []
    assert await reasons_of(ledger, slow) == [Reason.ORDER_DIFFERS]


async def held_post(bench: SapBusinessOneBench, ledger: Ledger, bill: Bill) -> asyncio.Future[LedgerBill]:
    """A bill whose request has arrived and is not worked on yet."""
    await bench.hook("faults", kind="hold", method="POST", path=r"/PurchaseInvoices$")
    posting = asyncio.ensure_future(ledger.create(bill))
    async with asyncio.timeout(20):
        while not (await bench.show("held"))["held"]:
            await asyncio.sleep(0.01)
    return posting


async def test_a_cancelled_bill_gives_the_order_back(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    order = await order_of(bench, ledger, ITEM)
    bill = bill_of(bench, "O-1", lines=(matched(order, "20", "200.00"),))
    await post(ledger, bill)
    (found,) = await found_of(ledger, bill)
    await bench.hook("cancel", id=found.id)
    again = bill_of(bench, "O-2", lines=(matched(order, "20", "200.00"),))
    await post(ledger, again)


# ------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("mode", ["off", "warning"])
async def test_a_number_is_taken_twice_where_nobody_checks_and_both_are_found(
    bench: SapBusinessOneBench, ledger: Ledger, mode: str
) -> None:
    await bench.hook("duplicates", mode=mode)
    bill = bill_of(bench, "D-1")
    pair = [(await posted_of(ledger, bill)).id for _ in range(2)]
    assert [each.id for each in await found_of(ledger, bill)] == pair


@pytest.mark.parametrize("kind", list(DocumentKind))
@pytest.mark.parametrize("mode", ["partner", "all"])
async def test_a_number_is_refused_twice_where_the_company_says_so(
    bench: SapBusinessOneBench, ledger: Ledger, mode: str, kind: DocumentKind
) -> None:
    await bench.hook("duplicates", mode=mode)
    bill = bill_of(bench, "D-1", kind=kind)
    first = await posted_of(ledger, bill)
    for again in (bill, replace(bill, vendor=bench.facts.other_vendor)):
        if again is bill or mode == "all":
            with pytest.raises(Refused) as refused:
                await ledger.create(again)
            assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
        else:
            await posted_of(ledger, again)
    assert [each.id for each in await found_of(ledger, bill)] == [first.id]


@pytest.mark.parametrize("mode", ["off", "partner"])
async def test_a_lost_reply_is_one_bill_whether_numbers_are_checked_or_not(
    bench: SapBusinessOneBench, ledger: Ledger, mode: str
) -> None:
    await bench.hook("duplicates", mode=mode)
    bill = bill_of(bench, "D-1")
    await bench.hook("faults", kind="lost_reply", method="POST", path=r"/PurchaseInvoices$")
    with pytest.raises(ConnectorError):
        await ledger.create(bill)
    (found,) = await found_of(ledger, bill)
    assert (await ledger.post(bill, found)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


# ------------------------------------------------------------------ cancelled bills


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_the_mirror_that_cancels_a_bill_is_never_taken_for_one(
    bench: SapBusinessOneBench, ledger: Ledger, kind: DocumentKind
) -> None:
    bill = bill_of(bench, "X-1", kind=kind)
    posted = await posted_of(ledger, bill)
    _, mark = await settlements_of(ledger, {posted.id: posted.number})
    mirror = (await bench.hook("cancel", id=posted.id))["mirror"]
    assert [(each.id, each.status) for each in await found_of(ledger, bill)] == [(posted.id, BillStatus.CANCELLED)]
    day = bench.facts.open_day
    assert {row.id for row in (await register_of(ledger, day, day)).values()} == {posted.id}
    told, mark = await settlements_of(ledger, {posted.id: posted.number, mirror: "mirror"}, since=mark)
    assert [(each.bill_id, each.paid_total, each.paid_on) for each in told] == [(posted.id, 0, None)]
    again = await posted_of(ledger, bill)
    assert [each.id for each in await found_of(ledger, bill) if each.status is BillStatus.POSTED] == [again.id]


# ------------------------------------------------------------------ approvals


@pytest.mark.parametrize("status", [404, 400])
@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_refusal_that_leaves_a_draft_is_a_bill_that_waits(
    bench: SapBusinessOneBench, ledger: Ledger, kind: DocumentKind, status: int
) -> None:
    await bench.hook("switches", approval_status=status)
    bill = bill_of(bench, "A-1", kind=kind)
    waiting = await kept_waiting(bench, ledger, bill)
    assert waiting.status is BillStatus.PENDING
    await bench.hook("approve", draft=waiting.id, add=False)
    there = await ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.PENDING  # approved, but nobody has added it yet


async def test_a_refusal_without_a_draft_is_one(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    await bench.leave_unposted()
    bill = bill_of(bench, "A-1")
    await ledger.check([bill])
    # A rule that is gone is answered with -2028 too (dossier 7.5).
    await bench.hook("dimension-values", dimension="1", code=bench.facts.values[0], delete=True)
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    assert refused.value.reason not in (Reason.AWAITS_APPROVAL, Reason.UNEXPECTED)
    assert await bench.bills() == []


async def test_an_approval_that_is_cancelled_ends_the_wait(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.hook("reject", draft=waiting.id, cancel=True)
    there = await ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.CANCELLED
    assert await found_of(ledger, bill) == ()


async def test_a_draft_that_somebody_else_keeps_is_not_ours(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    body = {
        "DocObjectCode": "oPurchaseInvoices", "DocType": "dDocument_Service", "CardCode": bill.vendor,
        "NumAtCard": bill.number, "DocumentLines": [{**SERVICE, "UnitPrice": 1}],
    }  # fmt: skip
    await ledger.check([bill])
    await ledger._client.create("Drafts", body)  # type: ignore[attr-defined]
    assert await found_of(ledger, bill) == ()
    await posted_of(ledger, bill)


async def test_an_approved_bill_is_paid_under_its_own_id(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.approve(waiting.id)
    posted = await ledger.post(bill, waiting)
    await bench.pay(posted.id, day=bench.facts.open_day)
    told, _ = await settlements_of(ledger, {posted.id: posted.number})
    assert [(each.bill_id, each.paid_total, each.is_settled) for each in told] == [(posted.id, bill.gross, True)]


# ------------------------------------------------------------------ tax


@pytest.mark.parametrize("setting", ["", "TaxCode"])
async def test_where_sales_tax_is_used_the_line_carries_its_code(
    bench: SapBusinessOneBench, ledger: Ledger, setting: str
) -> None:
    await bench.hook("localisation", localisation="US")
    chosen = bench.open(bench.side(values={"tax_field": setting}))
    try:
        bill = bill_of(bench, "US-1")
        await post(chosen, bill)
        stands = await assert_stands_as_said(bench, bill)
        assert [line.tax_code for line in stands.lines] == [bench.facts.tax_code]
        assert {each.key for each in (await read_all(chosen, Flow.TAX_CODES))[0]} >= {bench.facts.tax_code}
    finally:
        await chosen.close()


async def test_the_setting_overrules_the_localisation(bench: SapBusinessOneBench) -> None:
    await bench.hook("localisation", localisation="US")
    chosen = bench.open(bench.side(values={"tax_field": "VatGroup"}))
    try:
        await post(chosen, bill_of(bench, "US-1"))
    finally:
        await chosen.close()


async def test_tax_that_is_rounded_once_for_each_code_is_foretold(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    await bench.hook("switches", group_tax=True)
    lines = tuple(line_of(bench, net=Decimal("0.11")) for _ in range(3))
    bill = bill_of(bench, "G-1", lines=lines, tax=Decimal("0.08"), gross=Decimal("0.41"))
    await post(ledger, bill)


@pytest.mark.parametrize("grouped", [False, True], ids=["tax by line", "tax by code"])
@pytest.mark.parametrize("currency", ["EUR", "USD"])
async def test_a_total_that_passes_the_check_is_the_ledgers_own(
    bench: SapBusinessOneBench, ledger: Ledger, currency: str, grouped: bool
) -> None:
    await bench.hook("switches", group_tax=grouped)
    chance, rates = Random(7), {"VAT24": 24, "VAT14": 14, "VAT10": 10, "VAT0": 0}
    outcomes: list[bool] = []
    for number in range(40):
        lines = tuple(
            line_of(bench, net=Decimal(chance.randrange(1, 5000)) / 100, tax_code=chance.choice(list(rates)))
            for _ in range(chance.randrange(1, 6))
        )
        # Some suppliers round their tax once, some by code, some by line.
        by = chance.choice([lambda _: 0, lambda line: line.tax_code, id])
        exact: dict[object, Decimal] = {}
        for line in lines:
            exact[by(line)] = exact.get(by(line), Decimal(0)) + line.net * rates[line.tax_code] / 100
        tax = sum((round_amount(each, currency) for each in exact.values()), Decimal(0))
        gross = sum((line.net for line in lines), tax)
        bill = bill_of(bench, f"R-{number}", lines=lines, currency=currency, tax=tax, gross=gross)
        found = await reasons_of(ledger, bill)
        assert found in ([], [Reason.TOTALS_DIFFER])
        outcomes.append(not found)
        if not found:
            posted = await posted_of(ledger, bill)
            assert (posted.net, posted.tax, posted.gross) == (bill.net, tax, gross)
    assert set(outcomes) == {True, False}
