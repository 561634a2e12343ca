"""Random walks over bills and payments in the simulated Acumatica: what is left of a bill always adds up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from ml_connector.sandbox.acumatica import document_hooks
from ml_connector.sandbox.acumatica.bills import put_bill
from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.errors import Invalid, Refusal
from ml_connector.sandbox.acumatica.people import at_the_desk, filled_in
from ml_connector.sandbox.acumatica.seed import open_books
from ml_connector.sandbox.acumatica.table import Store
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

ZERO = Decimal(0)
_MOVES = ("pay", "pay", "unpay", "offset", "cancel", "pay-many", "release-bill", "remove")


def _books() -> Books:
    clock = Clock()
    company = found("3000", today=clock.now().date(), vendors=20, orders=10, invoices=0)
    return open_books(Store(clock), company)


def _enter(books: Books, rng: Random) -> str:
    lines = [
        {"Account": "6110", "ExtendedCost": str(Decimal(rng.randint(1, 90000)) / 100), "TaxCategory": "VAT24"}
        for _ in range(rng.randint(1, 4))
    ]
    kind = rng.choice(("Bill", "Bill", "Debit Adj."))
    fields = {"Type": kind, "Vendor": "V000001", "VendorRef": str(rng.random()), "Hold": False, "Details": lines}
    return put_bill(at_the_desk(books), None, filled_in(books, "Bill", fields))["id"]


def _move(books: Books, rng: Random, known: list[str]) -> None:
    """One thing a person does; what the system refuses leaves everything as it was."""
    name, bill = rng.choice(_MOVES), rng.choice(known)
    asked: dict[str, Any] = {"id": bill, "with": rng.choice(known), "bills": rng.sample(known, min(2, len(known)))}
    if name in ("pay", "offset") and rng.random() < 0.5:
        asked["amount"] = str(Decimal(rng.randint(1, 50000)) / 100)
    if name == "pay" and rng.random() < 0.3:
        asked["discount"] = "1.5"
    mark = books.store.mark()
    try:
        document_hooks.ACTIONS[name](books, asked)
    except (Invalid, Refusal, LookupError, ValueError):
        books.store.rollback(mark)
    books.store.commit()


def _taken(books: Books, bill: dict[str, Any]) -> Decimal:
    """What released payments that stand, and adjustments, took off a bill, discounts and all."""
    key = (bill["Type"], bill["ReferenceNbr"])
    return sum(
        (
            line["AmountPaid"] + line["CashDiscountTaken"]
            for check in books.table("Check").all()
            if check["Status"] != "Voided" and not check["Type"].startswith("Voided")
            for line in check["History"]
            if (line["DocType"], line["ReferenceNbr"]) == key
        ),
        ZERO,
    )


def _given(books: Books, bill: dict[str, Any]) -> Decimal:
    """What a debit adjustment was applied to bills."""
    half = books.table("Check").get("Debit Adj.", bill["ReferenceNbr"]) if bill["Type"] == "Debit Adj." else None
    return sum((line["AmountPaid"] for line in (half or {}).get("History", ())), ZERO)


def _check(books: Books) -> None:
    for bill in books.table("Bill").all():
        assert bill["Balance"] == bill["_total"] - _taken(books, bill) - _given(books, bill), bill["ReferenceNbr"]
        if not bill.get("_released"):
            assert bill["Applications"] == []
            continue
        assert bill["Balance"] >= 0
        assert bill["Status"] == ("Open" if bill["Balance"] else "Closed")
        listed = sum((row["AmountPaid"] for row in bill["Applications"]), ZERO)
        assert ZERO <= _taken(books, bill) - listed <= Decimal("1.5") * len(bill["Applications"])
        if bill["Type"] == "Debit Adj.":
            half = books.table("Check").get("Debit Adj.", bill["ReferenceNbr"])
            assert half is not None
            assert (half["UnappliedBalance"], half["Status"]) == (bill["Balance"], bill["Status"])


@pytest.mark.parametrize("seed", range(8))
def test_balances_add_up_whatever_people_do(seed: int) -> None:
    books, rng = _books(), Random(seed)
    books.switches.validate_totals = False
    known = [_enter(books, rng) for _ in range(6)]
    for step in range(120):
        if step % 10 == 0 or not known:
            known.append(_enter(books, rng))
        _move(books, rng, known)
        known = [each for each in known if books.table("Bill").by_id(each) is not None]
        _check(books)
    moved = [bill for bill in books.table("Bill").all() if bill["Status"] == "Closed"]
    assert moved, "the walk went nowhere"


def test_what_was_refused_is_taken_back_to_the_last_field() -> None:
    books, rng = _books(), Random(1)
    books.switches.validate_totals = False
    bill = _enter(books, rng)
    document_hooks.ACTIONS["release-bill"](books, {"id": bill})
    books.store.commit()
    before = {name: dict(table.rows) for name, table in books.tables.items()}
    late = date(1990, 1, 1).isoformat()
    with pytest.raises(Invalid):
        document_hooks.ACTIONS["pay"](books, {"id": bill, "date": late})
    document_hooks.ACTIONS["cancel"](books, {"id": bill})
    books.store.rollback()
    assert {name: dict(table.rows) for name, table in books.tables.items()} == before
