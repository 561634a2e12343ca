"""What settled a bill: pure, and against a ledger whose bills do not change with their payments (dossier 11, U10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.applications import Link, Picture, explains, links_of, settlement_of
from ml_connector.connectors.acumatica.settlements import Marks, SettlementReader
from ml_connector.connectors.acumatica.values import instant_text
from ml_connector.connectors.rows import Row
from ml_connector.records.invoice import Settlement

BILL: Row = {
    "id": "b1", "Type": "Bill", "ReferenceNbr": "005933", "Status": "Open", "Vendor": "V1", "VendorRef": "INV-1",
    "CurrencyID": "EUR", "Amount": Decimal("124.0000"), "Balance": Decimal("124.0000"), "TaxTotal": Decimal(24),
    "LastModifiedDateTime": "2026-11-18T23:15:14.04-05:00",
}  # fmt: skip
cents = st.integers(0, 100_000).map(lambda each: Decimal(each) / 100)


def paid(bill: Row, amount: str) -> Row:
    left = bill["Amount"] - Decimal(amount)
    return {**bill, "Balance": left, "Status": "Open" if left else "Closed"}


def payment(number: str = "000077", **changes: Any) -> Row:
    usual = {
        "Type": "Payment", "ReferenceNbr": number, "Status": "Closed", "CurrencyID": "EUR", "PaymentMethod": "WIRE",
        "ApplicationDate": "2026-11-19T00:00:00-05:00", "Vendor": "V1",
        "History": [
            {"DocType": "Bill", "ReferenceNbr": "005933", "AmountPaid": Decimal(100), "CashDiscountTaken": Decimal(2)},
            {"DocType": "Debit Adj.", "ReferenceNbr": "005933", "AmountPaid": Decimal(7)},
            {"DocType": "Bill", "ReferenceNbr": "005934", "AmountPaid": Decimal(9)},
        ],
    }  # fmt: skip
    return {**usual, **changes}


def link(amount: str, *, discount: str = "0", currency: str = "EUR", day: int = 19, number: str = "7") -> Link:
    return Link(number, date(2026, 11, day), Decimal(amount), Decimal(discount), "WIRE", currency)


# ------------------------------------------------------------------ pure


def test_a_payment_is_linked_by_type_and_number() -> None:
    (found,) = links_of(BILL, payment())
    assert found == Link("000077", date(2026, 11, 19), Decimal(100), Decimal(2), "WIRE", "EUR")


@pytest.mark.parametrize(
    "changes",
    [{"Status": "Voided"}, {"Status": "On Hold"}, {"Type": "Voided Payment"}, {"Type": "Voided Check"}],
)
def test_what_is_voided_or_only_planned_paid_nothing(changes: dict[str, str]) -> None:
    assert links_of(BILL, payment(**changes)) == []


@given(st.lists(st.tuples(cents, cents), max_size=4), cents, cents)
def test_what_settled_a_bill_adds_up(
    links: list[tuple[Decimal, Decimal]], set_off: Decimal, reversed_sum: Decimal
) -> None:
    settled = sum((amount + discount for amount, discount in links), set_off + reversed_sum)
    bill = {**BILL, "Amount": settled + 1, "Balance": Decimal(1)}
    picture = Picture([link(str(one), discount=str(two)) for one, two in links], settled, reversed_sum)
    told = settlement_of(bill, picture)
    assert told.paid_total + told.discount + reversed_sum == settled
    assert min(told.paid_total, told.discount) >= 0
    assert not told.is_settled
    assert (told.paid_on is not None) is (settled > reversed_sum)


def test_the_latest_payment_gives_day_number_and_method() -> None:
    told = settlement_of(paid(BILL, "124"), Picture([link("100", day=20, number="8"), link("24", day=19, number="9")]))
    assert (told.paid_on, told.payment_number, told.method) == (date(2026, 11, 20), "8", "WIRE")
    assert (told.is_settled, told.dated_by_ledger) == (True, True)


def test_without_a_payment_the_day_is_the_one_on_which_it_was_noticed() -> None:
    told = settlement_of(paid(BILL, "24"), Picture(applied=Decimal(24)))
    assert (told.paid_on, told.dated_by_ledger, told.paid_total) == (date(2026, 11, 19), False, Decimal("24.00"))


def test_a_discount_of_a_payment_in_another_currency_is_what_the_applications_leave() -> None:
    bill = paid(BILL, "124")
    told = settlement_of(bill, Picture([link("140", discount="3", currency="USD")], applied=Decimal("121.52")))
    assert (told.paid_total, told.discount) == (Decimal("121.52"), Decimal("2.48"))
    assert not explains(bill, [link("124", currency="USD")])


def test_the_same_sums_are_told_in_the_same_digits() -> None:
    bills = [paid(BILL, "124"), {**paid(BILL, "124"), "Amount": Decimal(124), "Balance": Decimal("0.0")}]
    told = {str(settlement_of(bill, Picture([link("124.0", discount="0.0000")]))) for bill in bills}
    assert len(told) == 1


def test_a_bill_over_nothing_is_not_taken_for_a_cancelled_one() -> None:
    told = settlement_of({**BILL, "Amount": Decimal(0), "Balance": Decimal(0), "Status": "Closed"}, Picture())
    assert not told.is_settled


def test_a_voided_bill_is_settled_with_nothing_paid() -> None:
    told = settlement_of({**BILL, "Status": "Voided", "Balance": Decimal(0)}, Picture())
    assert (told.paid_total, told.is_settled, told.reversal_of) == (0, True, "")


# ------------------------------------------------------------------ where U10 does not hold


class Books:
    """A ledger in memory: `bills` and `payments` are listed by their stamps, as a client of it would."""

    def __init__(self, bills: list[Row], payments: list[Row]) -> None:
        self.bills, self.payments = bills, payments
        self.asked: list[str] = []

    async def pages(self, entity: str, *, where: str = "", **_: Any) -> AsyncIterator[list[Row]]:
        self.asked.append(f"list {entity} {where}")
        rows = self.bills if entity == "Bill" else self.payments
        if "ReferenceNbr eq" in where:
            yield [row for row in rows if f"ReferenceNbr eq '{row['ReferenceNbr']}'" in where]
            return
        since = where.partition("datetimeoffset'")[2].partition("'")[0]
        open_too = "Status eq 'Open'" in where
        yield [row for row in rows if row["LastModifiedDateTime"] >= since or (open_too and row["Status"] == "Open")]

    async def rows(self, entity: str, **asked: Any) -> list[Row]:
        return [row async for page in self.pages(entity, **asked) for row in page]

    async def get(self, entity: str, *keys: str, **_: Any) -> Row | None:
        self.asked.append(f"get {entity} {'/'.join(keys)}")
        rows = self.bills if entity == "Bill" else self.payments
        return next((row for row in rows if keys in ((row["id"],), (row["Type"], row["ReferenceNbr"]))), None)


async def read(books: Books, mark: str | None) -> tuple[list[Settlement], str]:
    async def ours(asked: Sequence[str]) -> Mapping[str, str]:
        return {each: "n" for each in asked if each.startswith("b")}

    told: list[Settlement] = []
    reached = ""
    reader = SettlementReader(books)  # type: ignore[arg-type]
    async for page in reader.pages(since=mark, ours=ours):
        told += page.records
        reached = page.mark or reached
    return told, reached


def at(day: int, minute: int = 0) -> str:
    return instant_text(datetime(2026, 11, day, 12, minute, tzinfo=UTC))


async def test_a_payment_whose_bill_did_not_change_is_looked_into() -> None:
    bill = {**BILL, "LastModifiedDateTime": at(18)}
    books = Books([bill], [])
    _, mark = await read(books, None)
    books.bills = [paid(bill, "124")]
    made = payment(id="p1", LastModifiedDateTime=at(18, 30))
    made["History"][0] |= {"AmountPaid": Decimal(124), "CashDiscountTaken": Decimal(0)}
    books.payments = [made]
    (told,), mark = await read(books, mark)
    assert (told.bill_id, told.paid_total, told.is_settled) == ("b1", Decimal("124.00"), True)
    books.asked.clear()
    assert (await read(books, mark))[0] == []
    assert len(books.asked) == 2


async def test_what_is_open_is_looked_at_anew_when_a_day_has_begun() -> None:
    old = {**BILL, "LastModifiedDateTime": at(17)}
    other = {**BILL, "id": "x2", "ReferenceNbr": "005940", "LastModifiedDateTime": at(18)}
    books = Books([old, other], [])
    _, mark = await read(books, None)
    books.bills = [{**old, "Balance": Decimal(100)}, {**other, "LastModifiedDateTime": at(19)}]
    told, mark = await read(books, mark)
    assert told == []
    (told_later,), mark = await read(books, mark)
    assert (told_later.bill_id, told_later.paid_total) == ("b1", Decimal("24.00"))
    assert Marks.parse(mark).swept == "2026-11-19"
    assert (await read(books, mark))[0] == []
