"""What speaks against a bill, and how it is laid out: pure, with what was looked up given (dossier 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from acumatica_world import bill_of, coded
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.books import Period, Subaccounts, VendorFacts, periods_of, vendor_facts
from ml_connector.connectors.acumatica.checking import Knowledge, findings_of, plan_of
from ml_connector.connectors.acumatica.documents import Match
from ml_connector.connectors.acumatica.matching import Papers, matches_of
from ml_connector.records.invoice import Bill, BillLine, DocumentKind
from ml_connector.records.reason import Finding, Reason

DAY = date(2026, 11, 18)
CODES = [f"{first}-{second}" for first in ("0000", "D010", "D040") for second in ("000", "A01", "A02")]
SUBACCOUNTS = Subaccounts.of({"SubaccountCD": each, "Active": each != "D040-A02"} for each in CODES)
KNOWN = Knowledge(
    vendors={"V00001": VendorFacts("V00001", is_usable=True, subaccount="0000000")},
    accounts={"6120": True, "6990": False},
    subaccounts=SUBACCOUNTS,
    projects={"P1": True, "P2": False},
    tasks={"P1/01": True},
    tax_categories={"VAT24": ("VAT24", True), "OLD": ("OLD", False)},
    currencies=frozenset({"EUR", "USD"}),
    periods={DAY: Period("112026", date(2026, 11, 1), date(2026, 11, 30), is_open=True)},
)
ORDER: dict[str, Any] = {
    "Type": "Normal", "OrderNbr": "PO1", "Status": "Open", "VendorID": "V00001", "CurrencyID": "EUR",
    "Details": [
        {"LineNbr": 1, "OrderQty": Decimal(10), "MaxReceiptPercent": Decimal(110), "Cancelled": False},
        {"LineNbr": 2, "OrderQty": Decimal(0), "Cancelled": False},
        {"LineNbr": 3, "OrderQty": Decimal(5), "Cancelled": True},
    ],
}  # fmt: skip


def bill(*lines: BillLine, **changes: Any) -> Bill:
    return bill_of("1", **{"lines": lines, "invoice_date": DAY, "posting_date": DAY, **changes})


def found(*lines: BillLine, known: Knowledge = KNOWN, **changes: Any) -> list[tuple[Reason, str]]:
    return [(each.reason, each.subject) for each in findings_of(bill(*lines, **changes), known)]


def subaccount_of(**dimensions: str) -> str | None:
    coding = {name.replace("_", "."): value for name, value in dimensions.items()}
    made = bill(coded(dimensions=coding))
    assert findings_of(made, KNOWN) == ()
    subaccounts = plan_of(made, KNOWN, branch="").subaccounts
    return None if subaccounts is None else subaccounts.get(0)


# ------------------------------------------------------------------ subaccounts


def test_segments_are_put_together_and_what_is_left_out_is_blank() -> None:
    assert subaccount_of() is None
    assert subaccount_of(Subaccount_1="D010", Subaccount_2="A01") == "D010-A01"
    assert subaccount_of(Subaccount_2="a02") == "0000-A02"
    assert subaccount_of(Subaccount="d010-a01") == "D010-A01"
    assert subaccount_of(Subaccount="D010A01") == "D010-A01"
    assert subaccount_of(Subaccount="D010-A01", Subaccount_2="A02") == "D010-A02"


def test_what_is_left_out_is_the_vendors() -> None:
    vendors = {"V00001": VendorFacts("V00001", is_usable=True, subaccount="D040A01")}
    made = bill(coded(dimensions={"Subaccount.1": "D010"}))
    assert plan_of(made, replace(KNOWN, vendors=vendors), branch="").subaccounts == {0: "D010-A01"}


@given(st.dictionaries(st.sampled_from([1, 2]), st.sampled_from(["D010", "0000", "A01", "000"]), min_size=1))
def test_a_code_is_either_one_that_exists_or_a_finding(given_segments: dict[int, str]) -> None:
    made = bill(coded(dimensions={f"Subaccount.{place}": value for place, value in given_segments.items()}))
    findings = findings_of(made, KNOWN)
    subaccounts = plan_of(made, KNOWN, branch="").subaccounts or {}
    if findings:
        assert {each.reason for each in findings} == {Reason.DIMENSION_UNKNOWN}
        assert subaccounts == {}
    else:
        assert subaccounts[0] in CODES
        for place, value in given_segments.items():
            assert subaccounts[0].split("-")[place - 1] == value


@pytest.mark.parametrize(
    ("dimensions", "reason", "subject"),
    [
        ({"Subaccount.1": "NOPE"}, Reason.DIMENSION_UNKNOWN, "Subaccount segment 1 NOPE"),
        ({"Subaccount.3": "A01"}, Reason.DIMENSION_UNKNOWN, "Subaccount segment 3 A01"),
        ({"Subaccount": "D099-A01"}, Reason.DIMENSION_UNKNOWN, "Subaccount D099-A01"),
        ({"Subaccount.1": "D040", "Subaccount.2": "A02"}, Reason.DIMENSION_BLOCKED, "Subaccount D040-A02"),
        ({"Project": "P2"}, Reason.DIMENSION_BLOCKED, "Project P2"),
        ({"Project": "P9"}, Reason.DIMENSION_UNKNOWN, "Project P9"),
        ({"Project": "P1", "ProjectTask": "07"}, Reason.DIMENSION_UNKNOWN, "Project task 07"),
        ({"ProjectTask": "01"}, Reason.DIMENSION_MISSING, "the project of task 01"),
        ({"CAMPAIGN": "X"}, Reason.DIMENSION_UNKNOWN, "The dimension CAMPAIGN"),
    ],
)
def test_a_dimension_that_cannot_be_is_named(dimensions: dict[str, str], reason: Reason, subject: str) -> None:
    assert found(coded(dimensions=dimensions)) == [(reason, subject)]


def test_without_the_feature_a_subaccount_cannot_be_named() -> None:
    off = replace(KNOWN, subaccounts=Subaccounts.of(()))
    assert found(coded(dimensions={}), known=off) == []
    assert found(known=off)[0][0] is Reason.DIMENSION_UNKNOWN


# ------------------------------------------------------------------ the rest of a bill


def test_a_bill_that_is_right_is_not_found_fault_with() -> None:
    assert found(coded(dimensions={"Project": "P1", "ProjectTask": "01"})) == []


def test_each_thing_is_named_once() -> None:
    line = coded(account="6990", tax_code="OLD")
    assert found(line, line) == [(Reason.TAX_CODE_UNKNOWN, "OLD"), (Reason.ACCOUNT_BLOCKED, "6990")]


def test_a_vendor_of_one_currency_is_billed_in_no_other() -> None:
    facts = vendor_facts({"VendorID": "V00001", "Status": "Active", "CurrencyID": "EUR",
                          "EnableCurrencyOverride": False})  # fmt: skip
    known = replace(KNOWN, vendors={"V00001": facts})
    assert found(coded(), known=known) == []
    ((reason, subject),) = found(coded(), known=known, currency="USD")
    assert reason is Reason.SETUP_INCOMPLETE
    assert "EUR only" in subject


@pytest.mark.parametrize(
    ("status", "usable"), [("Active", True), ("One-Time", True), ("Hold Payments", True), ("Inactive", False)]
)
def test_a_vendor_whose_payments_are_held_may_be_billed(status: str, usable: bool) -> None:
    assert vendor_facts({"VendorID": "V1", "Status": status}).is_usable is usable


# ------------------------------------------------------------------ periods


def period(number: int, starts: str, ends: str, **changes: Any) -> dict[str, Any]:
    return {
        "FinancialPeriodID": f"{number:02d}-2027", "StartDate": f"{starts}T00:00:00-05:00",
        "EndDate": f"{ends}T00:00:00-04:00", "Status": "Open", "AdjustmentPeriod": False,
        "ClosedInAP": False, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("last", ["2026-07-31", "2026-08-01"])
def test_a_period_ends_where_the_next_begins_however_its_end_is_told(last: str) -> None:
    rows = [
        period(2, "2026-08-01", "2026-08-31", Status="Closed"),
        period(1, "2026-07-01", last, ClosedInAP=True),
        period(13, "2027-06-30", "2027-06-30", AdjustmentPeriod=True),
    ]
    first, second = periods_of(rows)
    assert (first.id, first.starts, first.ends) == ("012027", date(2026, 7, 1), date(2026, 7, 31))
    assert (second.id, second.ends) == ("022027", date(2026, 8, 31))
    assert not first.is_open
    assert not second.is_open
    assert periods_of([period(1, "2026-07-01", last)])[0].is_open


# ------------------------------------------------------------------ orders


def matched(place: str = "1", quantity: str = "4", **changes: Any) -> BillLine:
    return coded(order_number="PO1", order_line=place, quantity=Decimal(quantity), **changes)


def test_lines_are_taken_off_their_order_and_need_no_coding_of_their_own() -> None:
    made = bill(matched(account="NOPE"), matched("2"))
    known = replace(KNOWN, papers=Papers([ORDER]))
    assert findings_of(made, known) == ()
    assert plan_of(made, known, branch="").matches == {
        0: Match("Normal", "PO1", 1), 1: Match("Normal", "PO1", 2, is_counted=False),
    }  # fmt: skip


def test_the_receipts_line_is_found_by_the_orders_one() -> None:
    receipt = {
        "Type": "Receipt", "ReceiptNbr": "PR1", "Details": [
            {"LineNbr": 1, "POOrderType": "Normal", "POOrderNbr": "PO1", "POLineNbr": 2},
            {"LineNbr": 2, "POOrderType": "Normal", "POOrderNbr": "PO1", "POLineNbr": 1},
        ],
    }  # fmt: skip
    found_matches = matches_of(bill(matched(receipt_number="pr1")), Papers([ORDER], [receipt]))
    assert found_matches == {0: Match("Normal", "PO1", 1, "PR1", 2)}


@pytest.mark.parametrize(
    ("lines", "order", "reason"),
    [
        ([matched("7")], ORDER, Reason.ORDER_UNKNOWN),
        ([matched("3")], ORDER, Reason.ORDER_UNKNOWN),
        ([matched("")], ORDER, Reason.ORDER_UNKNOWN),
        ([matched()], {**ORDER, "Status": "Closed"}, Reason.ORDER_UNKNOWN),
        ([matched()], {**ORDER, "Type": "Drop-Ship"}, Reason.ORDER_UNKNOWN),
        ([matched()], {**ORDER, "VendorID": "V00002"}, Reason.ORDER_DIFFERS),
        ([matched()], {**ORDER, "CurrencyID": "USD"}, Reason.ORDER_DIFFERS),
        ([matched(quantity="11.01")], ORDER, Reason.ORDER_DIFFERS),
        ([matched(quantity="6"), matched(quantity="6")], ORDER, Reason.ORDER_DIFFERS),
        ([matched(net=Decimal(-1))], ORDER, Reason.ORDER_DIFFERS),
        ([matched(receipt_number="PR9")], ORDER, Reason.ORDER_DIFFERS),
    ],
)
def test_what_does_not_fit_is_said(lines: list[BillLine], order: dict[str, Any], reason: Reason) -> None:
    findings = matches_of(bill(*lines), Papers([order]))
    assert isinstance(findings, tuple)
    assert [each.reason for each in findings] == [reason]


def test_a_credit_note_is_not_matched_and_a_line_without_quantity_is_only_coded() -> None:
    assert matches_of(bill(matched(), kind=DocumentKind.CREDIT_NOTE), Papers()) == {}
    assert matches_of(bill(coded(order_number="PO1")), Papers()) == {}
    (finding,) = findings_of(bill(coded(order_number="PO1", account="NOPE")), KNOWN)
    assert finding == Finding(Reason.ACCOUNT_UNKNOWN, "NOPE")
