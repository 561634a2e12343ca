"""Acumatica's rows as our records."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.mapping import (
    payment_term_of,
    percent_of,
    rate_on,
    subaccount_values,
    tasks_of,
    vendor_of,
)
from ml_connector.connectors.acumatica.orders import order_of
from ml_connector.connectors.acumatica.subaccounts import (
    Dimension,
    DimensionKind,
    blank_of,
    dimension_of,
    put_together,
    segments,
)
from ml_connector.records.master_data import MatchingMode

TODAY = date(2026, 11, 18)


# ------------------------------------------------------------------ vendors


@pytest.mark.parametrize(
    ("status", "active", "blocked"),
    [
        ("Active", True, False), ("One-Time", True, False), ("Hold Payments", True, True), ("On Hold", False, False),
        ("Inactive", False, False),
    ],
)  # fmt: skip
def test_what_a_vendors_status_means(status: str, active: bool, blocked: bool) -> None:
    vendor = vendor_of({"VendorID": "V1", "Status": status})
    assert (vendor.active, vendor.payment_blocked) == (active, blocked)


def test_a_vendors_accounts_are_those_of_its_methods_its_own_first() -> None:
    rows = [
        {"PaymentMethod": "ACH", "PaymentInstructionsID": "1", "Description": "Bank account no.", "Value": "123"},
        {"PaymentMethod": "ACH", "PaymentInstructionsID": "2", "Description": "SWIFT code", "Value": "NDEAFIHH"},
        {"PaymentMethod": "VSEPA", "PaymentInstructionsID": "IBAN", "Description": None, "Value": "FR76"},
        {"PaymentMethod": "VSEPA", "PaymentInstructionsID": "BIC", "Description": None, "Value": None},
        {"PaymentMethod": "CHECK", "PaymentInstructionsID": "REF", "Description": "Reference", "Value": "x"},
    ]
    vendor = vendor_of({"VendorID": "V1", "PaymentMethod": "VSEPA", "PaymentInstructions": rows})
    assert [(each.iban, each.number, each.bic) for each in vendor.bank_accounts] == [
        ("FR76", "", ""), ("", "123", "NDEAFIHH"),
    ]  # fmt: skip


def test_a_vendor_of_which_nothing_is_told_is_still_one() -> None:
    vendor = vendor_of({"VendorID": "V1", "MainContact": None, "PaymentInstructions": None})
    assert vendor.address.city == ""
    assert vendor.bank_accounts == ()


# ------------------------------------------------------------------ dimensions


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("Subaccount", Dimension(DimensionKind.SUBACCOUNT)),
        ("subaccount.2", Dimension(DimensionKind.SEGMENT, 2)),
        ("PROJECT", Dimension(DimensionKind.PROJECT)),
        ("ProjectTask", Dimension(DimensionKind.TASK)),
        ("Subaccount.0", None),
        ("Subaccount.", None),
        ("DEPARTMENT", None),
        ("", None),
    ],
)
def test_a_dimension_by_the_settings_name(setting: str, meant: Dimension | None) -> None:
    assert dimension_of(setting) == meant


def test_a_segment_is_named_by_the_subaccount_in_which_it_stands_alone() -> None:
    rows = [
        {"SubaccountCD": "0000-000", "Description": "Default", "Active": True},
        {"SubaccountCD": "D010-000", "Description": "Sales", "Active": False},
        {"SubaccountCD": "D010-A01", "Description": "Sales, North", "Active": True},
        {"SubaccountCD": "D020-A01", "Description": "Stores, North", "Active": False},
    ]
    first = subaccount_values(rows, "Subaccount.1", Dimension(DimensionKind.SEGMENT, 1))
    second = subaccount_values(rows, "AREA", Dimension(DimensionKind.SEGMENT, 2))
    assert [(each.key, each.name, each.active) for each in first] == [
        ("Subaccount.1/D010", "Sales", True), ("Subaccount.1/D020", "D020", False),
    ]  # fmt: skip
    assert [(each.key, each.dimension, each.name) for each in second] == [("Subaccount.2/A01", "AREA", "A01")]


_SEGMENT = st.text("ABC0123", min_size=1, max_size=4)


@given(st.lists(_SEGMENT, min_size=1, max_size=4))
def test_a_code_taken_apart_and_put_together_is_the_same(parts: list[str]) -> None:
    code = "-".join(parts)
    assert segments(code) == tuple(parts)
    assert put_together(dict(enumerate(parts, 1)), base=blank_of([code])) == code
    assert put_together({}, base=code) == code


def test_segments_that_are_not_given_are_those_of_the_default() -> None:
    assert put_together({2: "A01"}, base="D010-000") == "D010-A01"
    assert put_together({3: "X"}, base="D010-000") is None
    assert put_together({1: "X"}, base="") is None
    assert blank_of([]) == ""
    assert blank_of(["D010-A01"]) == "0000-000"


def test_a_task_that_many_projects_have_is_one_value() -> None:
    rows = [
        {"ProjectTaskID": "01", "Description": "Execution", "Status": "Canceled"},
        {"ProjectTaskID": "01", "Description": "Execution", "Status": "Active"},
        {"ProjectTaskID": "02", "Description": "Warranty", "Status": "Completed"},
        {"ProjectTaskID": "02", "Description": "Defects", "Status": "Canceled"},
    ]
    assert [(each.code, each.name, each.active) for each in tasks_of(rows, "ProjectTask")] == [
        ("01", "Execution", True), ("02", "02", False),
    ]  # fmt: skip


# ------------------------------------------------------------------ tax


def tax(code: str, rate: str, *zones: str, **fields: Any) -> dict[str, Any]:
    return {
        "TaxID": code, "TaxType": "VAT", "TaxSchedule": [{"StartDate": "2015-01-01", "TaxRate": Decimal(rate)}],
        "Zones": [{"TaxZoneID": zone} for zone in zones], **fields,
    }  # fmt: skip


def category(*taxes: str, excludes: bool = False) -> dict[str, Any]:
    return {"TaxCategoryID": "C", "ExcludeListedTaxes": excludes, "Details": [{"TaxID": each} for each in taxes]}


@pytest.mark.parametrize(
    ("of", "taxes", "percent"),
    [
        (category("VAT24"), [tax("VAT24", "24", "HOME"), tax("VAT10", "10", "HOME")], Decimal(24)),
        (category(), [tax("VAT24", "24", "HOME")], Decimal(0)),
        (category("STATE", "CITY"), [tax("STATE", "4", "NY"), tax("CITY", "4.5", "NY")], Decimal("8.5")),
        (category("VAT24"), [tax("VAT24", "24", "HOME", "EU")], Decimal(24)),
        (category("A", "B"), [tax("A", "24", "FI"), tax("B", "19", "DE")], None),
        (category("VAT10", excludes=True), [tax("VAT24", "24", "HOME"), tax("VAT10", "10", "HOME")], Decimal(24)),
        (category("OLD"), [tax("OLD", "22", "HOME", NotValidAfter="2020-12-31T00:00:00+00:00")], Decimal(0)),
        (category("RC"), [tax("RC", "24", "EU", ReverseVAT=True)], Decimal(0)),
        (category("WH"), [tax("WH", "10", "HOME", TaxType="Withholding")], Decimal(0)),
    ],
)
def test_a_categorys_rate(of: dict[str, Any], taxes: list[dict[str, Any]], percent: Decimal | None) -> None:
    assert percent_of(of, taxes, TODAY) == percent


def test_the_rate_is_the_newest_that_is_in_effect() -> None:
    schedule = [
        {"StartDate": "2015-01-01T00:00:00-05:00", "TaxRate": Decimal("24.0")},
        {"StartDate": "2024-09-01T00:00:00-04:00", "TaxRate": Decimal("25.5")},
        {"StartDate": "2027-01-01T00:00:00-05:00", "TaxRate": Decimal("26.0")},
    ]
    assert rate_on({"TaxSchedule": schedule}, TODAY) == Decimal("25.5")
    assert rate_on({"TaxSchedule": schedule}, date(2014, 1, 1)) is None


# ------------------------------------------------------------------ terms


@pytest.mark.parametrize(
    ("due", "days", "said"),
    [
        ("Fixed Number of Days", 30, (30, 0, 0)),
        ("N", 14, (14, 0, 0)),
        ("End of Month", 0, (0, 1, 0)),
        ("End of Next Month", 0, (0, 2, 0)),
        ("Day of Next Month", 15, (0, 1, 15)),
        ("Prox", 10, (None, 0, 0)),
        ("Custom", 0, (None, 0, 0)),
    ],
)
def test_terms_in_days_where_they_can_be_said_so(due: str, days: int, said: tuple[int | None, int, int]) -> None:
    term = payment_term_of({"TermsID": "T", "Descr": "Terms", "DueType": due, "DayDue00": days, "VisibleTo": "All"})
    assert (term.due_days, term.end_of_month, term.days_after_month_end) == said
    assert term.active


def test_terms_for_customers_only_are_inactive() -> None:
    assert not payment_term_of({"TermsID": "T", "VisibleTo": "Customer"}).active


# ------------------------------------------------------------------ orders

WANTED = {
    "Subaccount.1": Dimension(DimensionKind.SEGMENT, 1), "Project": Dimension(DimensionKind.PROJECT),
    "ProjectTask": Dimension(DimensionKind.TASK), "Subaccount.3": Dimension(DimensionKind.SEGMENT, 3),
}  # fmt: skip


def order(status: str = "Open", **line: Any) -> dict[str, Any]:
    plain = {
        "LineNbr": 1, "LineType": "Non-Stock", "OrderQty": Decimal(4), "UnitCost": Decimal("2.5"), "UOM": "EA",
        "ExtendedCost": Decimal(10), "Subaccount": "D010-A01", "Project": "X", "ProjectTask": None,
        "QtyOnReceipts": Decimal(3), "Cancelled": False,
    }  # fmt: skip
    return {"Type": "Normal", "OrderNbr": "PO000123", "Status": status, "Details": [{**plain, **line}]}


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("Open", True), ("Completed", True), ("Closed", False), ("Canceled", False), ("On Hold", False),
        ("Pending Approval", False), ("Rejected", False), ("Pending Printing", False),
    ],
)  # fmt: skip
def test_what_can_be_billed(status: str, active: bool) -> None:
    made = order_of(order(status), WANTED)
    assert made.key == "Normal/PO000123"
    assert made.active is active


def test_an_order_line() -> None:
    line = order_of(order(), WANTED).lines[0]
    assert (line.quantity, line.unit_price, line.net, line.received_quantity) == (4, Decimal("2.5"), 10, 3)
    assert line.dimensions == {"Subaccount.1": "D010"}, "no project is none, and no third segment is none either"
    assert line.mode is MatchingMode.STANDARD
    assert not line.closed


def test_a_line_without_a_quantity_is_matched_by_its_sum() -> None:
    line = order_of(order(OrderQty=Decimal(0), UnitCost=Decimal(0)), WANTED).lines[0]
    assert (line.quantity, line.unit_price, line.mode) == (1, 10, MatchingMode.BLANKET)


def test_remarks_are_no_lines_and_cancelled_ones_are_closed() -> None:
    assert order_of(order(LineType="Description"), WANTED).lines == ()
    assert order_of(order(Cancelled=True), WANTED).lines[0].closed


def test_what_was_billed_is_told_for_whole_orders() -> None:
    line = order_of(order("Closed"), WANTED).lines[0]
    assert line.invoiced_quantity == line.quantity
    assert order_of(order("Completed"), WANTED).lines[0].invoiced_quantity == 0
