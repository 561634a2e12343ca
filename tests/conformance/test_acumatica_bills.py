"""Acumatica: releases, refusals line by line, duplicates, reversals, approvals, orders, files (dossier 6-10)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from conformance.acumatica import AcumaticaBench, bench_of, client_of
from conformance.approving import kept_waiting
from conformance.enduring import settle
from conformance.reading import read_all
from conformance.settling import register_of, settlements_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, found_of, line_of, only, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind
from ml_connector.records.master_data import PurchaseOrder
from ml_connector.records.reason import Reason

RELEASES = {"method": "POST", "path": r"/Bill/ReleaseBill$"}
STATUS_OF_RELEASE = {"method": "GET", "path": r"/Bill/ReleaseBill/status/"}


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


async def writes_of(bench: AcumaticaBench) -> list[str]:
    """The writes that came, by method and what stands behind the endpoint."""
    return [
        f"{call.method} {call.path.split('.001/')[-1].split('?')[0]}" for call in await bench.calls() if call.writes
    ]


# ------------------------------------------------------------------ releasing


@pytest.mark.parametrize(
    "how", [{"polls": 0}, {"polls": 7, "seconds": 60}, {"immediate": True}, {"immediate": True, "location": True}],
    ids=["done when asked", "polled", "done at once", "done at once with a dead address"],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_release_is_followed_to_its_end(
    bench: AcumaticaBench, ledger: Ledger, kind: DocumentKind, how: Mapping[str, Any]
) -> None:
    await bench.hook("actions", **how)
    bill = bill_of(bench, "R-1", kind=kind)
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
    assert await writes_of(bench) == ["PUT Bill", "PUT Bill", "POST Bill/ReleaseBill"]
    asked = [call.path for call in await bench.calls() if call.method == "GET" and "/ReleaseBill/" in call.path]
    assert all("/ReleaseBill/status/" in path for path in asked)


@pytest.mark.parametrize("status", [404, 401, 403, 500, 503])
async def test_a_release_that_cannot_be_asked_after_is_judged_by_the_bill(
    bench: AcumaticaBench, ledger: Ledger, status: int
) -> None:
    await bench.hook("actions", seconds=0)
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("faults", kind="status", status=status, count=99, **STATUS_OF_RELEASE)
    try:
        posted = await ledger.post(bill, draft)
    except OutcomeUnknown:
        (posted,) = await found_of(ledger, bill)
    assert posted.status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    assert (await writes_of(bench)).count("POST Bill/ReleaseBill") == 1


async def test_a_release_that_answers_too_late_is_found_done(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("actions", slow=1.5, immediate=True)
    bench.be_impatient(ledger, 0.4)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    bench.be_impatient(ledger, 30)
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_session_that_ends_while_a_release_runs_loses_only_its_answer(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("actions", polls=10_000, seconds=1)
    posting = asyncio.ensure_future(ledger.post(bill, draft))
    async with asyncio.timeout(20):
        while not any("/status/" in call.path for call in await bench.calls()):
            await asyncio.sleep(0.01)
    await bench.expire_sessions()
    try:
        await posting
    except OutcomeUnknown:
        (found,) = await found_of(ledger, bill)
        assert found.status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_bill_that_was_saved_and_not_released_is_released_by_the_next_process(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("faults", kind="cut", **RELEASES)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    assert [row["status"] for row in await bench.rows()] == ["Balanced"]
    fresh = bench.open(bench.side())
    try:
        (found,) = await found_of(fresh, bill)
        assert found.status is BillStatus.DRAFT
        completed = await fresh.complete(bill, found)
        assert (await fresh.post(bill, completed)).status is BillStatus.POSTED
    finally:
        await fresh.close()
    await assert_stands_as_said(bench, bill)


async def test_a_balanced_bill_can_still_be_discarded(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("bill", id=draft.id, Hold=False)
    await ledger.discard(bill, draft)
    assert await bench.bills() == []


@pytest.mark.parametrize("seconds", [0.3, 2.0], ids=["soon over", "long"])
async def test_a_release_that_still_runs_unasked_holds_up_the_next_bill_and_spoils_nothing(
    bench: AcumaticaBench, ledger: Ledger, seconds: float
) -> None:
    first, second, third = [bill_of(bench, f"R-{at}") for at in range(3)]
    drafts = [await draft_of(ledger, bill) for bill in (first, second)]
    await ledger.post(first, drafts[0])
    await bench.hook("actions", polls=10_000, seconds=seconds)
    await bench.hook("faults", kind="lost_reply", **RELEASES)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(second, drafts[1])
    # The form is busy in this session until that is over (dossier 2.3): whatever is refused meanwhile comes to pass.
    await bench.hook("actions", immediate=True)
    for bill in (third, second, first):
        assert (await settle(ledger, bill)).status is BillStatus.POSTED
        await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize(
    "words",
    ["The previous operation has not been completed yet.", "Another process has updated the 'APRegister' record."],
)
async def test_a_release_that_is_turned_away_for_now_is_no_refusal(
    bench: AcumaticaBench, ledger: Ledger, words: str
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    said = {"message": "An error has occurred.", "exceptionMessage": words, "exceptionType": "PX.Data.PXException"}
    answer = {"status": 500, "body": json.dumps(said), "content_type": "application/json"}
    await bench.hook("faults", kind="status", **answer, **RELEASES)
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await ledger.post(bill, draft)
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_release_that_is_refused_at_once_is_told_in_the_ledgers_words(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    said = {"message": "An error has occurred.", "exceptionType": "PX.Data.PXException",
            "exceptionMessage": "The month is under audit."}  # fmt: skip
    answer = {"status": 500, "body": json.dumps(said), "content_type": "application/json"}
    await bench.hook("faults", kind="status", **answer, **RELEASES)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "under audit" in refused.value.findings[0].vendor_text
    assert [each.status for each in await found_of(ledger, bill)] == [BillStatus.DRAFT]


async def test_many_bills_are_released_one_at_a_time_in_one_session(bench: AcumaticaBench, ledger: Ledger) -> None:
    bills = [bill_of(bench, f"R-{at}", kind=list(DocumentKind)[at % 2]) for at in range(8)]
    await ledger.check(bills)
    await asyncio.gather(*(posted_of(ledger, bill) for bill in bills))
    for bill in bills:
        await assert_stands_as_said(bench, bill)
    assert (await bench.show("state"))["opened"] == 1


# ------------------------------------------------------------------ refusals


async def switch_off(bench: AcumaticaBench) -> None:
    """An account, a department and a tax category, behind the back of the check."""
    await bench.hook("accounts", number=bench.facts.other_account, Active=False)
    await bench.block_value(bench.facts.dimension, bench.facts.values[1])
    await bench.hook("records", entity="TaxCategory", key=bench.facts.untaxed_code, delete=True)


async def test_all_that_a_refusal_names_in_the_lines_is_told_at_once(bench: AcumaticaBench, ledger: Ledger) -> None:
    facts = bench.facts
    lines = (
        line_of(bench),
        line_of(bench, account=facts.other_account),
        line_of(bench, dimensions={facts.dimension: facts.values[1]}),
        line_of(bench, tax_code=facts.untaxed_code),
    )
    bill = bill_of(bench, "F-1", lines=lines)
    assert await ledger.check([bill]) == {bill.key: ()}
    await switch_off(bench)
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    told = {each.reason: each.subject for each in refused.value.findings}
    assert set(told) == {Reason.ACCOUNT_BLOCKED, Reason.DIMENSION_BLOCKED, Reason.TAX_CODE_UNKNOWN}
    assert told[Reason.ACCOUNT_BLOCKED] == facts.other_account
    assert facts.values[1] in told[Reason.DIMENSION_BLOCKED]
    assert told[Reason.TAX_CODE_UNKNOWN] == facts.untaxed_code
    assert "raised at least one error" not in " ".join(each.sentence() for each in refused.value.findings)
    assert await bench.bills() == []


async def test_a_name_that_the_endpoint_does_not_have_never_leaves(bench: AcumaticaBench, ledger: Ledger) -> None:
    await found_of(ledger, bill_of(bench, "F-1"))
    before = len(await bench.calls())
    client = client_of(ledger)
    with pytest.raises(Refused):
        await client.put("Bill", {"Type": "Bill", "VendorReference": "F-1"})
    with pytest.raises(Refused):
        await client.put("Bill", {"Details": [{"LineDescription": "x"}]})
    assert len(await bench.calls()) == before


@pytest.mark.parametrize("validates", [True, False])
async def test_a_total_that_is_a_cent_off_is_told_and_posted_within_the_tolerance(
    bench: AcumaticaBench, validates: bool
) -> None:
    await bench.hook("preferences", validate_totals=validates)
    bench.tolerance = {"EUR": Decimal("0.01")}
    ledger = bench.open(bench.side())
    bill = bill_of(bench, "F-1", tax=Decimal("24.01"), gross=Decimal("124.01"))
    draft = await draft_of(ledger, bill)
    assert (draft.net, draft.tax, draft.gross) == (bill.net, Decimal("24.00"), Decimal("124.00"))
    posted = await ledger.post(bill, draft)
    await ledger.close()
    assert (posted.status, posted.gross) == (BillStatus.POSTED, Decimal("124.00"))
    assert [row["total"] for row in await bench.rows()] == [124]


async def test_a_total_beyond_the_tolerance_leaves_a_draft_that_can_be_discarded(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "F-1", tax=Decimal("24.01"), gross=Decimal("124.01"))
    draft = await draft_of(ledger, bill)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    await ledger.discard(bill, draft)
    assert await bench.bills() == []


async def test_a_draft_that_somebody_changed_since_it_was_compared_is_not_released(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "F-1")
    draft = await draft_of(ledger, bill)
    more = {"Account": bench.facts.account, "ExtendedCost": "50", "TaxCategory": bench.facts.untaxed_code}
    await bench.hook("bill", id=draft.id, Details=[more])
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    assert not (await only(bench, bill)).is_posted


async def test_rights_that_are_taken_away_are_told_with_the_form(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "F-1")
    await ledger.check([bill])
    await bench.hook("rights", entity="Bill", allowed=False)
    for call in (found_of(ledger, bill), ledger.create(bill)):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.reason is Reason.RIGHTS_MISSING
        assert "AP301000" in str(refused.value)


async def test_a_user_who_may_only_look_posts_nothing_and_is_told(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("preferences", saves_silently=True)
    bill = bill_of(bench, "F-1")
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    assert refused.value.reason is Reason.RIGHTS_MISSING
    assert await bench.bills() == []


async def test_without_subaccounts_bills_are_posted_that_need_none(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("features", subaccounts=False, projects=False)
    bill = bill_of(bench, "F-1", lines=(line_of(bench, dimensions={}),))
    assert await ledger.check([bill]) == {bill.key: ()}
    await posted_of(ledger, bill)
    coded = bill_of(bench, "F-2")
    with pytest.raises(Refused):
        await posted_of(ledger, coded)
    assert await standing(bench, coded) == []


# ------------------------------------------------------------------ duplicates and reversals


@pytest.mark.parametrize("status", [500, 422])
async def test_a_duplicate_is_told_with_the_bill_that_is_there(
    bench: AcumaticaBench, ledger: Ledger, status: int
) -> None:
    await bench.hook("duplicates", enabled=True, status=status)
    bill = bill_of(bench, "D-1")
    await bench.hook("faults", kind="lost_reply", method="PUT", path=r"/Bill\?")
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    # Somebody who does not look first.
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    (found,) = await found_of(ledger, bill)
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert found.number in refused.value.findings[0].subject
    assert (await ledger.post(bill, found)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    note = bill_of(bench, "D-1", kind=DocumentKind.CREDIT_NOTE)
    await posted_of(ledger, note)
    await assert_stands_as_said(bench, note)


async def test_where_nobody_checks_numbers_both_bills_are_found(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "D-1")
    pair = {(await posted_of(ledger, bill)).id for _ in range(2)}
    assert {each.id for each in await found_of(ledger, bill)} == pair


async def test_a_reversal_is_never_taken_for_the_invoice(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "X-1")
    posted = await posted_of(ledger, bill)
    _, mark = await settlements_of(ledger, {posted.id: posted.number})
    mirror = (await bench.hook("cancel", id=posted.id))["mirror"]
    assert [each.id for each in await found_of(ledger, bill)] == [posted.id]
    told, _ = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
    assert [(each.bill_id, each.paid_total, each.paid_on) for each in told] == [(posted.id, 0, None)]
    note = bill_of(bench, "X-1", kind=DocumentKind.CREDIT_NOTE)
    assert await found_of(ledger, note) == ()
    day = bench.facts.open_day
    listed = await register_of(ledger, day, day)
    assert {row.id for row in listed.values()} == {posted.id} != {mirror}


# ------------------------------------------------------------------ approvals


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_bill_that_is_approved_and_not_released_is_released_by_us(
    bench: AcumaticaBench, ledger: Ledger, kind: DocumentKind
) -> None:
    bill = bill_of(bench, "A-1", kind=kind)
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.hook("approve", id=waiting.id)
    there = await ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.DRAFT
    assert (await ledger.post(bill, there)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_rejected_bill_that_is_put_on_hold_again_is_a_draft(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.turn_down(waiting.id)
    assert [each.status for each in await found_of(ledger, bill)] == [BillStatus.CANCELLED]
    await bench.hook("bill", id=waiting.id, Hold=True)
    (again,) = await found_of(ledger, bill)
    assert (again.id, again.status) == (waiting.id, BillStatus.DRAFT)
    assert (await ledger.post(bill, again)).status is BillStatus.PENDING


async def test_a_rejected_bill_can_be_discarded(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.turn_down(waiting.id)
    await ledger.discard(bill, waiting)
    assert await bench.bills() == []


# ------------------------------------------------------------------ orders and receipts

GOODS = {"Account": "6120", "LineDescription": "Boxes", "OrderQty": "20", "UnitCost": "10", "TaxCategory": "VAT24"}
OTHER_GOODS = {**GOODS, "OrderQty": "5", "UnitCost": "4"}


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


# ------------------------------------------------------------------ files


async def test_files_go_to_the_bill_by_its_own_link_and_keep_their_names(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "FILE-1")
    draft = await draft_of(ledger, bill)
    names = ["Rechnung Größe 100 %.pdf", "O'Brien+Co #1?.xml", "a" * 200 + ".pdf"]
    for at, name in enumerate(names):
        await ledger.attach(bill, draft, name=name, content=b"first" if at else b"")
    posted = await ledger.post(bill, draft)
    for name in names:
        await ledger.attach(bill, posted, name=name, content=b"second")
    (row,) = await bench.rows()
    assert row["attachments"] == 3
    assert all("/files/PX.Objects.AP.APInvoiceEntry/Document/" in call.path for call in await bench.calls()
               if call.method == "PUT" and "/files/" in call.path)  # fmt: skip


async def test_a_file_for_a_bill_that_is_gone_is_refused(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "FILE-1")
    draft = await draft_of(ledger, bill)
    await ledger.discard(bill, draft)
    with pytest.raises((Refused, Unavailable)) as refused:
        await ledger.attach(bill, draft, name="a.pdf", content=b"x")
    assert isinstance(refused.value, Refused)
