"""Kinetic's rows as our records (Epicor dossier 8, 12 to 14)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connectors.epicor_kinetic.mapping import (
    account_of,
    dimension_value_of,
    is_usable,
    payment_term_of,
    tax_code_of,
    vendor_of,
)
from ml_connector.connectors.epicor_kinetic.orders import order_of, per_unit, receipt_of
from ml_connector.records.master_data import Address, BankAccount, MatchingMode, PurchaseOrder

TODAY = date(2026, 11, 20)
VENDOR: dict[str, Any] = {
    "VendorNum": 1042, "VendorID": "ACME", "Name": "Acme Steel Oy", "Address1": "Teollisuuskatu 1", "Address2": "2 krs",
    "Address3": "", "City": "Helsinki", "ZIP": "00510", "State": "", "CountryNumISOCode": "fi", "TermsCode": "N30",
    "CurrencyCode": "EUR", "TaxPayerID": "FI123", "OrgRegCode": "123-4", "PrimaryBankID": "B2", "PayHold": True,
    "Inactive": False, "EMailAddress": "ap@acme.example", "PhoneNum": "+358",
}  # fmt: skip


def vendor(*banks: dict[str, Any], field: str = "TaxPayerID", **changes: Any) -> Any:
    return vendor_of({**VENDOR, **changes}, banks, vat_number_field=field)


def test_a_supplier_is_known_by_its_lasting_number_and_called_by_its_code() -> None:
    found = vendor()
    assert (found.key, found.number, found.name, found.tax_number) == ("1042", "ACME", "Acme Steel Oy", "FI123")
    assert found.address == Address("Teollisuuskatu 1", "2 krs", "Helsinki", "00510", "", "FI")


def test_a_supplier_may_be_paid_late_and_still_be_billed() -> None:
    assert (vendor().active, vendor().payment_blocked) == (True, True)
    assert vendor(Inactive=True).active is False


def test_the_vat_number_stands_where_the_settings_say() -> None:
    assert vendor(field="OrgRegCode").tax_number == "123-4"


def test_a_country_that_is_no_code_is_left_out() -> None:
    assert vendor(CountryNumISOCode="FIN").address.country == ""


def test_the_main_bank_account_comes_first_and_empty_ones_not_at_all() -> None:
    found = vendor(
        {"BankID": "B1", "BankName": "Old", "IBANCode": "FI1"},
        {"BankID": "B2", "BankName": "Main", "IBANCode": "FI2", "SwiftNum": "NDEAFIHH"},
        {"BankID": "B3", "BankName": "None"},
    )
    assert found.bank_accounts == (BankAccount("Main", "NDEAFIHH", "FI2"), BankAccount("Old", "", "FI1"))


def segment_value(**changes: Any) -> dict[str, Any]:
    usual = {"SegmentNbr": 2, "SegmentCode": "D010", "SegmentName": "Department 10", "ActiveFlag": True,
             "EffectiveFrom": None, "EffectiveTo": None, "Category": "EXPENSE"}  # fmt: skip
    return {**usual, **changes}


@pytest.mark.parametrize(
    ("begins", "ends", "usable"),
    [
        (None, None, True),
        ("2026-11-20T00:00:00", "2026-11-20T00:00:00", True),
        ("2026-11-20T00:00:00+02:00", None, True),
        ("2026-11-21T00:00:00", None, False),
        (None, "2026-11-19T00:00:00", False),
    ],
)
def test_a_value_is_active_within_its_days_both_included(begins: str | None, ends: str | None, usable: bool) -> None:
    assert is_usable(segment_value(EffectiveFrom=begins, EffectiveTo=ends), TODAY) is usable
    assert is_usable(segment_value(EffectiveFrom=begins, EffectiveTo=ends, ActiveFlag=False), TODAY) is False


def test_a_value_of_the_first_segment_is_an_account() -> None:
    found = account_of(segment_value(SegmentNbr=1, SegmentCode="5100", SegmentName="", SegmentDesc="Supplies"), TODAY)
    assert (found.key, found.number, found.name, found.category) == ("5100", "5100", "Supplies", "EXPENSE")


def test_a_value_of_another_segment_is_named_as_the_settings_spell_its_dimension() -> None:
    found = dimension_value_of(segment_value(), "department", TODAY)
    assert (found.key, found.dimension, found.code, found.name) == ("2/D010", "department", "D010", "Department 10")


def test_a_tax_category_has_no_rate_of_its_own() -> None:
    assert tax_code_of({"TaxCatID": "VAT24", "Description": ""}).percent is None


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"DueDays": 30}, (30, 0, 0)),
        ({"DueDays": 0, "NumberOfDays": 14}, (14, 0, 0)),
        ({"DueDays": 15, "Monthly": True}, (0, 1, 15)),
        ({"DueDays": 30, "NumberOfPayments": 3}, (None, 0, 0)),
        ({"NumberOfMonths": 2, "NumberOfDays": 5}, (None, 0, 0)),
        ({"DueOnDay": 15}, (None, 0, 0)),
    ],
)
def test_terms_say_when_a_bill_is_due_where_days_can_say_it(columns: dict[str, Any], told: tuple[Any, ...]) -> None:
    found = payment_term_of({"TermsCode": "X", **columns})
    assert (found.due_days, found.end_of_month, found.days_after_month_end) == told


# ------------------------------------------------------------------ orders

HEADER = {"PONum": 4211, "VendorNum": 1042, "CurrencyCode": "EUR", "OrderDate": "2026-11-01T00:00:00",
          "OpenOrder": True, "VoidOrder": False, "Approve": True, "ApprovalStatus": "A",
          "TermsCode": "N30"}  # fmt: skip
LINE = {"PONUM": 4211, "POLine": 1, "OpenLine": True, "VoidLine": False, "LineDesc": "Bolts",
        "OrderQty": Decimal(200), "PUM": "EA",
        "DocUnitCost": Decimal("12.5"), "CostPerCode": "C", "DocExtCost": Decimal(25)}  # fmt: skip
RELEASE = {"PONum": 4211, "POLine": 1, "PORelNum": 1, "RelQty": Decimal(120), "ReceivedQty": Decimal(100),
           "InvoicedQty": Decimal(40), "VoidRelease": False}  # fmt: skip
CODED = {"PONum": 4211, "POLine": 1, "PORelNum": 1, "RecordType": "A", "IsMainBook": True, "GLAccount": "5100|D010",
         "SegValue1": "5100", "SegValue2": "D010", "SegValue3": ""}  # fmt: skip
RECEIVED = {"VendorNum": 1042, "PurPoint": "", "PackSlip": "L-9001", "PackLine": 1, "PONum": 4211, "POLine": 1,
            "VendorQty": Decimal(100), "DocVendorUnitCost": Decimal("12.5"), "CostPerCode": "C", "Received": True,
            "ReceiptDate": "2026-11-05T00:00:00"}  # fmt: skip


def order(*, header: Any = None, line: Any = None, releases: Any = None, receipts: Any = None) -> PurchaseOrder:
    ds = {
        "POHeader": [{**HEADER, **(header or {})}], "PODetail": [{**LINE, **(line or {})}],
        "PORel": releases if releases is not None else [RELEASE, {**RELEASE, "PORelNum": 2, "RelQty": Decimal(80),
                                                                  "ReceivedQty": 0, "InvoicedQty": 0}],
        "PORelTGLC": [{**CODED, "IsMainBook": False, "SegValue1": "9"}, CODED],
    }  # fmt: skip
    return order_of(
        ds, receipts if receipts is not None else [RECEIVED], vendor="ACME", dimensions={2: "dept", 3: "area"}
    )


@pytest.mark.parametrize(("code", "price"), [("E", "12.5"), ("", "12.5"), ("C", "0.125"), ("M", "0.0125")])
def test_a_price_is_for_one_whatever_it_is_told_for(code: str, price: str) -> None:
    assert per_unit(Decimal("12.5"), code) == Decimal(price)


def test_quantities_are_those_of_the_releases() -> None:
    line = order().lines[0]
    assert (line.quantity, line.received_quantity, line.invoiced_quantity) == (200, 100, 40)
    assert (line.unit_price, line.net) == (Decimal("0.125"), 25)


def test_a_void_release_counts_for_nothing() -> None:
    assert order(releases=[RELEASE, {**RELEASE, "PORelNum": 2, "VoidRelease": True}]).lines[0].quantity == 120


def test_a_line_is_coded_as_the_main_book_says() -> None:
    line = order().lines[0]
    assert (line.account, line.dimensions) == ("5100", {"dept": "D010"})


def test_a_delivery_note_is_told_with_its_line() -> None:
    (found,) = order(receipts=[RECEIVED, {**RECEIVED, "PackLine": 2, "POLine": 2}]).lines[0].receipts
    assert (found.key, found.number, found.line, found.quantity) == ("1042//L-9001/1", "L-9001", "1", 100)
    assert (found.unit_price, found.received_on) == (Decimal("0.125"), date(2026, 11, 5))
    assert receipt_of(RECEIVED) == found


def test_goods_that_are_only_entered_are_not_received() -> None:
    assert order(receipts=[{**RECEIVED, "Received": False}]).lines[0].receipts == ()


@pytest.mark.parametrize(
    ("header", "line", "active"),
    [
        ({}, {}, True),
        ({"Approve": False, "ApprovalStatus": "P"}, {}, False),
        ({"Approve": False, "ApprovalStatus": "A"}, {}, True),
        ({"VoidOrder": True}, {}, False),
        ({"OpenOrder": False}, {"OpenLine": False}, True),  # received in part, and not invoiced in full
    ],
)
def test_an_order_is_active_while_something_of_it_can_be_invoiced(header: Any, line: Any, active: bool) -> None:
    assert order(header=header, line=line).active is active


def test_an_order_that_is_received_and_invoiced_is_over() -> None:
    done = {**RELEASE, "RelQty": Decimal(200), "ReceivedQty": Decimal(200), "InvoicedQty": Decimal(200)}
    found = order(header={"OpenOrder": False}, line={"OpenLine": False}, releases=[done])
    assert (found.active, found.lines[0].closed) == (False, True)


def test_a_line_without_a_quantity_is_matched_by_its_sum() -> None:
    line = order(line={"OrderQty": 0, "DocExtCost": Decimal(500)}, releases=[]).lines[0]
    assert (line.mode, line.quantity, line.unit_price, line.net) == (MatchingMode.BLANKET, 1, 500, 500)
