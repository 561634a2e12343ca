"""How far bills are paid: what is said of one, and what reading that costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sap_world import TODAY, World, simulated_world

from ml_connector.connectors.errors import Refused
from ml_connector.connectors.sap_business_one.documents import CREDIT_NOTES, INVOICES
from ml_connector.connectors.sap_business_one.settlements import RECENT, Marks, links_of, settlement_of
from ml_connector.records.invoice import DocumentKind, LedgerBill, Settlement

ROW: dict[str, Any] = {
    "DocEntry": 9120, "DocNum": 260331, "CardCode": "V1", "DocCurrency": "EUR", "DocTotal": Decimal("124.0"),
    "DocTotalFc": Decimal(0), "PaidToDate": Decimal(0), "PaidToDateFC": Decimal(0), "DocumentStatus": "bost_Open",
    "CancelStatus": "csNo", "DocDate": "2026-03-31T00:00:00Z", "CreationDate": "2026-03-31T00:00:00Z",
    "UpdateDate": "2026-04-24T00:00:00Z", "UpdateTime": "10:23:00",
}  # fmt: skip


def payment(entry: int, *settled: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "DocEntry": entry, "DocNum": entry + 40_000, "DocDate": f"2026-04-{entry:02d}T00:00:00Z", "CardCode": "V1",
        "Cancelled": "tNO", "TransferSum": Decimal("1.0"), "CashSum": Decimal(0), "PaymentChecks": [],
        "PaymentInvoices": list(settled), **changes,
    }  # fmt: skip


def settles(amount: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "DocEntry": 9120, "InvoiceType": "it_PurchaseInvoice", "SumApplied": Decimal(amount), "AppliedFC": Decimal(0),
        "TotalDiscount": Decimal(0), "TotalDiscountFC": Decimal(0),
    }  # fmt: skip
    return {**usual, **changes}


def told(row: dict[str, Any], *payments: dict[str, Any]) -> Settlement:
    links = links_of(INVOICES, [row], payments)
    return settlement_of(row, INVOICES, links.get(9120, ()))


def without_paid(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ROW, **changes}.items() if not name.startswith("PaidToDate")}


def test_nothing_is_paid_of_an_open_bill() -> None:
    settlement = told(ROW)
    assert (settlement.bill_id, settlement.bill_number) == ("18:9120", "260331")
    assert (settlement.paid_total, settlement.is_settled, settlement.paid_on) == (0, False, None)


def test_a_payment_tells_its_date_number_and_means() -> None:
    paid = {**ROW, "PaidToDate": Decimal("124.0"), "DocumentStatus": "bost_Close"}
    settlement = told(paid, payment(24, settles("124.0", DocNum=3301)))
    assert (settlement.paid_total, settlement.currency, settlement.is_settled) == (124, "EUR", True)
    assert (settlement.paid_on, settlement.payment_number, settlement.method) == (
        date(2026, 4, 24), "40024", "bank transfer",
    )  # fmt: skip
    assert settlement.dated_by_ledger


def test_a_part_is_a_part_and_the_latest_payment_dates_it() -> None:
    part = {**ROW, "PaidToDate": Decimal("100.0")}
    settlement = told(
        part, payment(20, settles("60")), payment(10, settles("40")), payment(28, settles("9", DocEntry=1))
    )
    assert (settlement.paid_total, settlement.is_settled, settlement.paid_on) == (100, False, date(2026, 4, 20))


def test_a_discount_is_told_beside_what_was_paid() -> None:
    paid = {**ROW, "PaidToDate": Decimal("124.0"), "DocumentStatus": "bost_Close"}
    settlement = told(paid, payment(24, settles("121.52", TotalDiscount=Decimal("2.48"))))
    assert (settlement.paid_total, settlement.discount, settlement.is_settled) == (
        Decimal("121.52"), Decimal("2.48"), True,
    )  # fmt: skip


def test_a_payment_taken_back_is_named() -> None:
    settlement = told(ROW, payment(24, settles("124"), Cancelled="tYES"))
    assert (settlement.paid_total, settlement.is_settled, settlement.reversal_of) == (0, False, "40024")


def test_a_payment_made_again_is_no_reversal() -> None:
    paid = {**ROW, "PaidToDate": Decimal("124.0")}
    settlement = told(paid, payment(20, settles("124"), Cancelled="tYES"), payment(24, settles("124")))
    assert (settlement.paid_total, settlement.payment_number, settlement.reversal_of) == (124, "40024", "")


def test_what_was_reconciled_is_settled_on_the_day_it_was_noticed() -> None:
    settlement = told({**ROW, "PaidToDate": Decimal("124.0"), "DocumentStatus": "bost_Close"})
    assert (settlement.paid_total, settlement.is_settled, settlement.paid_on) == (124, True, date(2026, 4, 24))
    assert not settlement.dated_by_ledger


def test_closed_by_hand_is_not_paid() -> None:
    settlement = told({**ROW, "DocumentStatus": "bost_Close"})
    assert (settlement.paid_total, settlement.is_settled) == (0, False)


def test_a_cancelled_bill_is_settled_without_a_payment() -> None:
    settlement = told({**ROW, "CancelStatus": "csYes", "DocumentStatus": "bost_Close", "PaidToDate": Decimal(124)})
    assert (settlement.paid_total, settlement.is_settled, settlement.reversal_of) == (0, True, "")


def test_a_foreign_bill_is_paid_in_its_own_currency() -> None:
    row = {
        **ROW, "DocCurrency": "USD", "DocTotalFc": Decimal("134.64"), "PaidToDateFC": Decimal("134.64"),
        "PaidToDate": Decimal("124.0"),
    }  # fmt: skip
    settlement = told(row, payment(24, settles("124", AppliedFC=Decimal("134.64"))))
    assert (settlement.paid_total, settlement.currency, settlement.is_settled) == (Decimal("134.64"), "USD", True)


def test_a_credit_note_offset_in_a_payment_is_paid_by_it() -> None:
    row = {**ROW, "PaidToDate": Decimal("124.0")}
    offset = payment(24, settles("-124", InvoiceType="it_PurchaseCreditNote"))
    links = links_of(CREDIT_NOTES, [row], [offset])
    settlement = settlement_of(row, CREDIT_NOTES, links[9120])
    assert (settlement.bill_id, settlement.paid_total, settlement.payment_number) == ("19:9120", 124, "40024")
    assert links_of(INVOICES, [row], [offset]) == {}


def test_without_a_paid_sum_the_payments_have_to_do() -> None:
    part = told(without_paid(), payment(24, settles("60")), payment(25, settles("9"), Cancelled="tYES"))
    assert (part.paid_total, part.is_settled) == (60, False)
    whole = told(without_paid(DocumentStatus="bost_Close"), payment(24, settles("124")))
    assert (whole.paid_total, whole.is_settled, whole.dated_by_ledger) == (124, True, True)
    reconciled = told(without_paid(DocumentStatus="bost_Close"))
    assert (reconciled.paid_total, reconciled.is_settled, reconciled.dated_by_ledger) == (124, True, False)


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ({"TransferSum": Decimal(5)}, "bank transfer"), ({"CashSum": Decimal(5)}, "cash"), ({}, ""),
        ({"PaymentChecks": [{"CheckSum": Decimal(5)}]}, "cheque"), ({"BillOfExchangeAmount": 5}, "bill of exchange"),
    ],
)  # fmt: skip
def test_the_means_are_told(means: dict[str, Any], word: str) -> None:
    paid = {**ROW, "PaidToDate": Decimal("124.0")}
    assert told(paid, payment(24, settles("124"), **{"TransferSum": Decimal(0), **means})).method == word


days = st.dates(date(2020, 1, 1), date(2040, 1, 1)).map(str)


@given(st.dictionaries(st.sampled_from(["18", "19"]), days), days, st.dictionaries(st.text(), st.text()))
def test_marks_read_back(reached: dict[str, str], swept: str, told: dict[str, str]) -> None:
    assert Marks.parse(str(Marks(reached, swept, told))) == Marks(reached, swept, told)


@pytest.mark.parametrize("text", ["2026-01-01", "{}", "[]", '{"days":{"18":"x"},"swept":"2026-01-01","told":{}}', "{"])
def test_a_strange_mark_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="mark"):
        Marks.parse(text)


# ------------------------------------------------------------------ against the simulated ledger


@pytest.fixture(params=["v2", "v1"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with simulated_world() as made:
        made.ledger = made.fresh_ledger(base_url=f"{made.base}/b1s/{request.param}")
        yield made


def ids_of(*bills: LedgerBill) -> dict[str, str]:
    return {each.id: each.number for each in bills}


async def test_a_payment_is_told_once_and_its_cancellation_too(world: World) -> None:
    posted = await world.ledger.create(world.bill("S-1"))
    first, mark = await world.settlements(ids_of(posted))
    assert [each.paid_total for each in first] == [0]
    await world.hook("pay", company="2000", id=posted.id, date=TODAY.isoformat(), amount="24.00")
    part, mark = await world.settlements(ids_of(posted), mark)
    assert [(each.paid_total, each.is_settled, each.paid_on) for each in part] == [(24, False, TODAY)]
    await world.hook("pay", company="2000", id=posted.id, date=TODAY.isoformat())
    whole, mark = await world.settlements(ids_of(posted), mark)
    assert [(each.paid_total, each.is_settled) for each in whole] == [(124, True)]
    assert await world.settlements(ids_of(posted), mark) == ([], mark)
    await world.hook("unpay", company="2000", id=posted.id)
    back, mark = await world.settlements(ids_of(posted), mark)
    assert [(each.paid_total, each.is_settled) for each in back] == [(0, False)]
    assert back[0].reversal_of == whole[0].payment_number


async def test_a_discount_and_a_foreign_payment(world: World) -> None:
    local = await world.ledger.create(world.bill("S-1"))
    vendor = next(each.number for each in world.company.vendors if not each.blocked and each.currency == "USD")
    foreign = await world.ledger.create(world.bill("S-2", currency="USD", vendor=vendor))
    await world.hook("pay", company="2000", id=local.id, discount="2.48")
    await world.hook("pay", company="2000", id=foreign.id)
    told, _ = await world.settlements(ids_of(local, foreign))
    assert [(each.paid_total, each.discount, each.currency, each.is_settled) for each in told] == [
        (Decimal("121.52"), Decimal("2.48"), "EUR", True), (124, 0, "USD", True),
    ]  # fmt: skip


async def test_an_invoice_and_a_credit_note_in_one_payment(world: World) -> None:
    invoice = await world.ledger.create(world.bill("S-1"))
    credit = await world.ledger.create(
        world.bill("S-2", kind=DocumentKind.CREDIT_NOTE, lines=world.bill("x").lines[:1])
    )
    await world.ledger.create(world.bill("S-3"))
    third = (await world.ledger.find([world.bill("S-3")]))["S-3"][0]
    await world.hook("pay-many", company="2000", bills=[invoice.id, credit.id, third.id])
    told, _ = await world.settlements(ids_of(invoice, credit))
    assert [(each.bill_id, each.paid_total, each.is_settled, each.dated_by_ledger) for each in told] == [
        (invoice.id, 124, True, True), (credit.id, 124, True, True),
    ]  # fmt: skip


async def test_a_reconciled_bill_is_settled_without_a_date(world: World) -> None:
    posted = await world.ledger.create(world.bill("S-1"))
    await world.hook("reconcile", company="2000", id=posted.id)
    ((settlement,), _) = await world.settlements(ids_of(posted))
    assert (settlement.is_settled, settlement.paid_total, settlement.dated_by_ledger) == (True, 124, False)


async def test_a_cancelled_bill_is_told_and_its_mirror_is_not(world: World) -> None:
    posted = await world.ledger.create(world.bill("S-1"))
    mirror = (await world.hook("cancel", company="2000", id=posted.id))["mirror"]
    told, _ = await world.settlements({posted.id: "1", mirror: "2"})
    assert [(each.bill_id, each.is_settled, each.paid_total) for each in told] == [(posted.id, True, 0)]


async def test_an_older_release_tells_by_its_payments(world: World) -> None:
    await world.hook("profile", company="2000", profile=2021)
    posted = await world.ledger.create(world.bill("S-1"))
    await world.hook("pay", company="2000", id=posted.id, amount="24.00")
    told, mark = await world.settlements(ids_of(posted))
    assert [(each.paid_total, each.is_settled) for each in told] == [(24, False)]
    await world.hook("pay", company="2000", id=posted.id)
    told, _ = await world.settlements(ids_of(posted), mark)
    assert [(each.paid_total, each.is_settled) for each in told] == [(124, True)]


async def test_with_nothing_changed_two_reads_do_and_payments_are_not_among_them(world: World) -> None:
    posted = [await world.ledger.create(world.bill(f"S-{index}")) for index in range(3)]
    await world.hook("pay", company="2000", id=posted[0].id)
    _, mark = await world.settlements(ids_of(*posted))
    before = world.calls
    told, mark = await world.settlements(ids_of(*posted), mark)
    assert (told, world.calls - before) == ([], 2)
    stranger = await world.ledger.create(world.bill("S-9"))
    await world.hook("pay", company="2000", id=stranger.id)
    before = world.calls
    told, _ = await world.settlements(ids_of(*posted), mark)
    assert (told, world.calls - before) == ([], 2)


async def test_recent_bills_are_looked_at_again_once_a_day(world: World) -> None:
    posted = await world.ledger.create(world.bill("S-1"))
    _, mark = await world.settlements(ids_of(posted))
    ahead = Marks.parse(mark)
    far = (TODAY + timedelta(days=9)).isoformat()
    never = str(Marks(dict.fromkeys(ahead.days, far), TODAY.isoformat(), {}))
    assert (await world.settlements(ids_of(posted), never))[0] == []
    yesterday = str(Marks(dict.fromkeys(ahead.days, far), (TODAY - timedelta(days=1)).isoformat(), {}))
    told, after = await world.settlements(ids_of(posted), yesterday)
    assert [each.bill_id for each in told] == [posted.id]
    assert Marks.parse(after).swept == TODAY.isoformat()
    assert timedelta(days=30) <= RECENT
