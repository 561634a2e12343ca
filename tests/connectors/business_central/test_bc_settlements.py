"""Payments as far as Business Central tells of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connectors.business_central.documents import CREDIT_MEMOS, INVOICES
from ml_connector.connectors.business_central.settlements import Marks, dated_by, settlement_of
from ml_connector.connectors.errors import Refused

ROW = {
    "id": "c6c8f2d0-94a1-f111-9c4f-6045bd1a0001", "number": "PPI1", "status": "Paid", "payToVendorNumber": "20000",
    "currencyCode": "NOK", "totalAmountIncludingTax": Decimal("124.00"),
    "lastModifiedDateTime": "2026-08-20T05:00:12.887Z",
}  # fmt: skip
ENTRY = {
    "documentType": "Payment", "documentNumber": "BP1", "vendorNumber": "20000", "postingDate": "2026-08-19",
    "lastModifiedDateTime": "2026-08-20T05:00:12.1Z",
}  # fmt: skip


def test_a_paid_bill_is_paid_in_full_on_the_day_it_became_so() -> None:
    settlement = settlement_of(ROW)
    assert settlement is not None
    assert (settlement.paid_total, settlement.paid_on) == (Decimal("124.00"), date(2026, 8, 20))
    assert settlement.is_settled
    assert not settlement.dated_by_ledger


@pytest.mark.parametrize(("status", "settled"), [("Open", False), ("Canceled", True)])
def test_open_and_cancelled_bills_have_nothing_paid(status: str, settled: bool) -> None:
    settlement = settlement_of({**ROW, "status": status})
    assert settlement is not None
    assert (settlement.paid_total, settlement.paid_on, settlement.is_settled) == (0, None, settled)


@pytest.mark.parametrize("status", ["Draft", "In_x0020_Review"])
def test_drafts_tell_nothing(status: str) -> None:
    assert settlement_of({**ROW, "status": status}) is None


@pytest.mark.parametrize(
    ("entries", "day", "number", "dated"),
    [
        ([ENTRY], date(2026, 8, 19), "BP1", True),
        ([ENTRY, {**ENTRY, "documentNumber": "BP2"}], date(2026, 8, 19), "", True),
        ([ENTRY, {**ENTRY, "postingDate": "2026-08-18"}], date(2026, 8, 20), "", False),
        ([{**ENTRY, "vendorNumber": "10000"}], date(2026, 8, 20), "", False),
        ([{**ENTRY, "documentType": "Credit_x0020_Memo"}], date(2026, 8, 20), "", False),
        ([{**ENTRY, "lastModifiedDateTime": "2026-08-20T05:01:00Z"}], date(2026, 8, 20), "", False),
        ([], date(2026, 8, 20), "", False),
    ],
)
def test_a_date_is_the_ledgers_only_where_it_is_beyond_doubt(
    entries: list[dict[str, Any]], day: date, number: str, dated: bool
) -> None:
    settlement = settlement_of(ROW)
    assert settlement is not None
    told = dated_by(settlement, ROW, entries, INVOICES)
    assert (told.paid_on, told.payment_number, told.dated_by_ledger) == (day, number, dated)


def test_credit_memos_are_settled_by_refunds() -> None:
    settlement = settlement_of(ROW)
    assert settlement is not None
    assert not dated_by(settlement, ROW, [ENTRY], CREDIT_MEMOS).dated_by_ledger
    assert dated_by(settlement, ROW, [{**ENTRY, "documentType": "Refund"}], CREDIT_MEMOS).dated_by_ledger


def test_marks_survive_being_written_down() -> None:
    marks = Marks("2026-08-20T05:00:12.887Z", None, frozenset({"0badcafe", "00000001"}))
    assert Marks.parse(str(marks)) == marks
    assert Marks.parse(None) == Marks()


@pytest.mark.parametrize("text", ["yesterday", "a|b", "x|y|z", "2026-08-20T05:00:12.887Z"])
def test_a_mark_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="mark"):
        Marks.parse(text)
