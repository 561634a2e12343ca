"""How far a bill is paid: only what was posted counts, and of that only money (Epicor dossier 11)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.settlements import Marks, Trace, settlement_of
from ml_connector.connectors.errors import Refused
from ml_connector.records.invoice import Settlement

HEADERS: dict[int, dict[str, Any]] = {
    1: {"HeadNum": 1, "CheckNum": 5001, "PMUIDName": "Wire"},
    2: {"HeadNum": 2, "CheckNum": 5002, "PMUIDName": "Cheque"},
    3: {"HeadNum": 3, "ApplyingPayment": True},
}


def invoice(balance: str, total: str = "124.00", **changes: Any) -> dict[str, Any]:
    """A posted invoice with what is left open."""
    return {
        "SysRowID": "A-1", "InvoiceNum": "INV-1", "VendorNum": 7, "CurrencyCode": "EUR", "Posted": True,
        "OpenPayable": Decimal(balance) != 0, "DocInvoiceAmt": Decimal(total), "DocInvoiceBal": Decimal(balance),
        **changes,
    }  # fmt: skip


def pay(head: int, amount: str, day: str = "2026-02-01", **changes: Any) -> dict[str, Any]:
    """A posted payment."""
    return {
        "HeadNum": head, "TranType": "Pay", "Posted": True, "Voided": False, "DocTranAmt": Decimal(amount),
        "TranDate": f"{day}T00:00:00", **changes,
    }  # fmt: skip


def told(row: dict[str, Any], *rows: dict[str, Any]) -> Settlement:
    return settlement_of(row, rows, HEADERS)


def test_parts_add_up_and_the_newest_dates_them() -> None:
    found = told(invoice("0"), pay(2, "100.00", "2026-02-03"), pay(1, "24.00"))
    assert (found.paid_total, found.paid_on, found.payment_number, found.method, found.is_settled) == (
        124, date(2026, 2, 3), "5002", "Cheque", True,
    )  # fmt: skip


def test_a_planned_payment_is_none() -> None:
    found = told(invoice("124.00"), pay(1, "124.00", Posted=False))
    assert (found.paid_total, found.paid_on, found.is_settled) == (0, None, False)


def test_a_voided_payment_cancels_out_and_is_named_where_nothing_is_left() -> None:
    void = pay(1, "-124.00", "2026-02-05", Voided=True)
    found = told(invoice("124.00"), pay(1, "124.00"), void)
    assert (found.paid_total, found.reversal_of, found.paid_on, found.is_settled) == (0, "5001", None, False)
    again = told(invoice("0"), pay(1, "124.00"), void, pay(2, "124.00", "2026-02-09"))
    assert (again.paid_total, again.reversal_of, again.payment_number) == (124, "", "5002")


def test_an_applied_debit_memo_and_an_adjustment_are_no_money() -> None:
    adjusted = {"HeadNum": 0, "TranType": "Adj", "Posted": True, "DocTranAmt": Decimal("24.00")}
    found = told(invoice("0"), pay(3, "100.00"), adjusted)
    assert (found.paid_total, found.is_settled, found.payment_number) == (0, True, "")
    part = told(invoice("0"), pay(3, "100.00"), pay(1, "24.00"))
    assert (part.paid_total, part.is_settled) == (24, True)


@pytest.mark.parametrize("amount", ["124.00", "121.52"], ids=["within the sum", "beside it"])
def test_a_discount_is_told_apart_whichever_way_sums_are_kept(amount: str) -> None:
    found = told(invoice("0"), pay(1, amount, DocDiscAmt=Decimal("2.48")))
    assert (found.paid_total, found.discount) == (Decimal("121.52"), Decimal("2.48"))


def test_a_credit_note_that_is_paid_out_is_told_positive() -> None:
    memo = invoice("0", "-124.00", DebitMemo=True)
    assert told(memo, pay(1, "-124.00")).paid_total == 124


def test_a_cancelled_bill_is_settled_without_a_payment() -> None:
    found = told(invoice("0", RefCancelledby="INV-1-C"))
    assert (found.is_settled, found.paid_total, found.reversal_of) == (True, 0, "")


STAMPED = st.lists(
    st.tuples(
        st.builds(datetime.combine, st.dates(date(2026, 1, 1), date(2026, 3, 1)), st.times()), st.integers(1, 2**60)
    ),
    max_size=20,
)
"""Stamps are of the server's own clock, without a zone."""


@given(rows=STAMPED)
def test_a_mark_knows_the_rows_that_the_next_read_meets_again(rows: list[tuple[datetime, int]]) -> None:
    trace = Trace({})
    made = [
        {"SysRowID": str(place), "SysRevID": version, "ChangeDate": stamp.isoformat()}
        for place, (stamp, version) in enumerate(rows)
    ]
    trace.note("APTranSearches", made)
    marks = Marks.parse(str(trace.marks()))
    since = marks.since("APTranSearches")
    for (stamp, version), row in zip(rows, made, strict=True):
        assert since is not None
        if stamp.replace(microsecond=0) >= since:
            assert marks.knows(row)
            assert not marks.knows({**row, "SysRevID": version + 1})


@pytest.mark.parametrize("strange", ["{", "[]", '{"reached": 1, "seen": {}}', '{"reached": {"x": "soon"}, "seen": {}}'])
def test_a_mark_of_another_hand_is_refused(strange: str) -> None:
    with pytest.raises(Refused):
        Marks.parse(strange)
