"""Payments followed in the simulated company, and the register of what is posted (Epicor dossier 11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from epicor_company import Office, office, post, settled
from epicor_papers import TODAY, bill_of

from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.records.invoice import BillStatus, DocumentKind


@pytest.fixture
async def place() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


@pytest.fixture
def ledger(place: Office) -> KineticLedger:
    return place.open()


async def test_an_applied_debit_memo_settles_both_and_pays_neither(place: Office, ledger: KineticLedger) -> None:
    posted = await post(ledger, bill_of("P-1", vendor=place.vendor))
    memo = await post(ledger, bill_of("P-2", vendor=place.vendor, kind=DocumentKind.CREDIT_NOTE))
    await place.hook("apply", id=posted.id, **{"with": memo.id})
    told = await settled(ledger, posted, memo)
    assert [(each.is_settled, each.paid_total, each.payment_number) for each in told.values()] == [(True, 0, "")] * 2


async def test_an_adjustment_settles_without_a_payment(place: Office, ledger: KineticLedger) -> None:
    posted = await post(ledger, bill_of("P-1", vendor=place.vendor))
    await place.hook("adjust", id=posted.id)
    (told,) = (await settled(ledger, posted)).values()
    assert (told.is_settled, told.paid_total, told.paid_on) == (True, 0, None)


async def test_an_entered_payment_counts_once_it_is_posted(place: Office, ledger: KineticLedger) -> None:
    posted = await post(ledger, bill_of("P-1", vendor=place.vendor))
    made = await place.hook("pay", id=posted.id, posted=False)
    (told,) = (await settled(ledger, posted)).values()
    assert (told.is_settled, told.paid_total) == (False, 0)
    await place.hook("post-payment", payment=made["payment"])
    (told,) = (await settled(ledger, posted)).values()
    assert (told.is_settled, told.paid_total, told.paid_on) == (True, posted.gross, TODAY)
    assert told.payment_number == str(made["check"])
    assert told.method


async def test_one_payment_of_many_bills_pays_each(place: Office, ledger: KineticLedger) -> None:
    bills = [await post(ledger, bill_of(f"P-{index}", vendor=place.vendor)) for index in range(3)]
    await place.hook("pay-many", bills=[each.id for each in bills])
    told = await settled(ledger, *bills)
    assert {key: (each.paid_total, each.is_settled) for key, each in told.items()} == {
        each.id: (each.gross, True) for each in bills
    }


async def test_the_same_number_of_another_supplier_is_another_bill(place: Office, ledger: KineticLedger) -> None:
    other = next(
        each.number for each in place.company.vendors
        if each.currency == "EUR" and not each.blocked and each.number != place.vendor
    )  # fmt: skip
    mine = await post(ledger, bill_of("P-1", vendor=place.vendor))
    theirs = await post(ledger, bill_of("P-1", vendor=other, key="c/theirs/1"))
    await place.hook("pay", id=theirs.id)
    told = await settled(ledger, mine, theirs)
    assert {key: each.is_settled for key, each in told.items()} == {mine.id: False, theirs.id: True}


async def test_a_cancelled_bill_is_told_so_and_what_cancelled_it_is_none(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("P-1", vendor=place.vendor)
    posted = await post(ledger, bill)
    await place.hook("cancel", id=posted.id)
    assert [each.status for each in (await ledger.find([bill]))[bill.key]] == [BillStatus.CANCELLED]
    pages = ledger.posted(since=TODAY, until=TODAY)
    assert [(each.id, each.status) async for page in pages for each in page.records] == [
        (posted.id, BillStatus.CANCELLED)
    ]
    (told,) = (await settled(ledger, posted)).values()
    assert (told.is_settled, told.paid_total) == (True, 0)


@pytest.mark.parametrize("inside", [False, True])
async def test_a_discount_is_told_apart_whichever_way_the_server_keeps_sums(
    place: Office, ledger: KineticLedger, inside: bool
) -> None:
    await place.hook("habits", discount_inside=inside)
    posted = await post(ledger, bill_of("P-1", vendor=place.vendor))
    await place.hook("pay", id=posted.id, discount="2.48")
    (told,) = (await settled(ledger, posted)).values()
    assert (told.paid_total, told.discount, told.is_settled) == (Decimal("121.52"), Decimal("2.48"), True)
