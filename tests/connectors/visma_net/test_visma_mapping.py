"""Master data as our records."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connectors.visma_net.mapping import (
    account_of,
    bank_account_of,
    is_of_suppliers,
    payment_term_of,
    percent_of,
    project_of,
    segment_values,
    tax_code_of,
    vats_of,
    vendor_of,
)
from ml_connector.records.master_data import Address, BankAccount, DimensionValue, PaymentTerm, Vendor

SUPPLIER: dict[str, Any] = {
    "internalId": 214, "number": "50012", "name": "Kontor & Møbel AS", "status": "Active",
    "mainAddress": {"addressLine1": "Storgata 4", "postalCode": "0155", "city": "Oslo",
                    "country": {"id": "NO", "name": "Norway"}, "county": {"id": "03", "name": "Oslo"}},
    "mainContact": {"email": "faktura@example.no", "phone1": "+47 22 00 00 00"},
    "creditTerms": {"id": "30", "description": "30 days net"}, "currencyId": "NOK",
    "accountUsedForPayment": "BBAN", "vatRegistrationId": "NO912345678MVA", "corporateId": "912345678",
    "supplierPaymentMethodDetails": [{
        "paymentMethodDetailID": "1", "paymentMethodDetailDescription": "Account number",
        "paymentMethodDetailValue": "15030000000", "paymentMethodDetailBankingDetailType": "AccountNo",
    }],
}  # fmt: skip


def details(*given: tuple[str, str, str], used: str = "") -> dict[str, Any]:
    return {
        "currencyId": "EUR",
        "accountUsedForPayment": used,
        "supplierPaymentMethodDetails": [
            {
                "paymentMethodDetailBankingDetailType": kind,
                "paymentMethodDetailDescription": label,
                "paymentMethodDetailValue": value,
            }
            for kind, label, value in given
        ],
    }


def test_a_supplier_goes_by_its_internal_id() -> None:
    assert vendor_of(SUPPLIER) == Vendor(
        key="214", number="50012", name="Kontor & Møbel AS", currency="NOK", payment_term="30",
        tax_number="NO912345678MVA", email="faktura@example.no", phone="+47 22 00 00 00",
        address=Address(street="Storgata 4", postal_code="0155", city="Oslo", region="Oslo", country="NO"),
        bank_accounts=(BankAccount(number="15030000000", currency="NOK"),),
    )  # fmt: skip


def test_what_is_left_out_is_empty() -> None:
    assert vendor_of({"internalId": 1, "number": "1", "name": "A", "status": "Active"}) == Vendor("1", "1", "A")


@pytest.mark.parametrize(
    ("status", "active", "blocked"),
    [
        ("Active", True, False), ("OneTime", True, False), ("HoldPayments", True, True),
        ("OnHold", False, False), ("Inactive", False, False),
    ],
)  # fmt: skip
def test_a_suppliers_status_says_whether_it_trades(status: str, active: bool, blocked: bool) -> None:
    found = vendor_of({**SUPPLIER, "status": status})
    assert (found.active, found.payment_blocked) == (active, blocked)


@pytest.mark.parametrize(
    ("row", "iban", "number"),
    [
        (details(("AccountNo", "Account number", "FI21 1234 5600 0007 85")), "FI2112345600000785", ""),
        (details(("AccountNo", "Account number", "FI2112345600000786")), "", "FI2112345600000786"),
        (details(("", "IBAN", "FI2112345600000785"), ("", "Kontonummer", "1503")), "FI2112345600000785", ""),
        (details(("Iban", "", "FI2112345600000785"), ("AccountNo", "", "1503"), used="BBAN"), "", "1503"),
        (details(("", "Bankgiro", "991-2346")), "", "991-2346"),
        (details(("", "Konto", "1503"), ("", "Referanse", "FI2112345600000785")), "FI2112345600000785", ""),
    ],
)
def test_the_account_is_found_by_type_label_or_form(row: dict[str, Any], iban: str, number: str) -> None:
    found = bank_account_of(row)
    assert found is not None
    assert (found.iban, found.number) == (iban, number)


def test_details_without_an_account_are_none() -> None:
    assert bank_account_of(details(("", "Swift", "NDEAFIHH"), ("AccountNo", "", ""))) is None


@pytest.mark.parametrize(
    "change",
    [{"active": False}, {"allowManualEntry": False}, {"cashAccount": True}, {"controlAccountModule": "AP"}],
)
def test_accounts_that_no_invoice_may_be_coded_on_are_inactive(change: dict[str, Any]) -> None:
    row = {"accountID": 7, "accountCD": "6540", "description": "Furniture", "type": "Expense", "active": True}
    assert account_of(row).active
    assert (account_of(row).key, account_of(row).name, account_of(row).category) == ("6540", "Furniture", "Expense")
    assert not account_of(row | change).active


def test_values_of_the_wanted_segments_alone_are_told_in_our_spelling() -> None:
    dimension = {"segments": [
        {"segmentId": 1, "segmentValues": [
            {"segmentId": 1, "valueId": "0100", "description": "Admin", "active": True},
            {"segmentId": 1, "valueId": "0200", "active": False},
        ]},
        {"segmentId": 2, "segmentValues": [{"segmentId": 2, "valueId": "01"}]},
    ]}  # fmt: skip
    assert segment_values(dimension, {"1": "1"}) == [
        DimensionValue("1/0100", "1", "0100", "Admin"),
        DimensionValue("1/0200", "1", "0200", "0200", active=False),
    ]


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({}, True), ({"status": "Completed"}, False), ({"visibility": {"visibleInAp": False}}, False),
        ({"hold": True}, False),
    ],
)  # fmt: skip
def test_a_project_is_active_while_it_runs_and_is_visible(change: dict[str, Any], active: bool) -> None:
    row = {"projectID": "P-100", "description": "Move", "status": "Active", "visibility": {"visibleInAp": True}}
    found = project_of(row | change, "project")
    assert found == DimensionValue("Project/P-100", "project", "P-100", "Move", active)


def category(*rates: tuple[str, list[tuple[str, str]]]) -> dict[str, Any]:
    lines = [
        {
            "vatId": vat,
            "vatRates": [{"vatRate": Decimal(rate), "startDate": f"{begin}T00:00:00"} for begin, rate in told],
        }
        for vat, told in rates
    ]
    return {"vatCategoryId": "1", "description": "Input", "active": True, "vatCategoryLines": lines}


def test_a_categorys_rate_is_that_of_today() -> None:
    row = category(("1", [("2013-01-01", "24.000000"), ("2024-09-01", "25.5"), ("2027-01-01", "26")]))
    assert percent_of(row, date(2026, 9, 1)) == Decimal("25.5")
    assert tax_code_of(row, date(2024, 8, 31)).percent == Decimal(24)
    assert percent_of(row, date(2012, 1, 1)) is None


def test_vats_that_differ_leave_the_rate_open() -> None:
    row = category(("1", [("2013-01-01", "24")]), ("EU", [("2013-01-01", "0")]))
    assert percent_of(row, date(2026, 9, 1)) is None
    assert percent_of(category(), date(2026, 9, 1)) == 0
    assert vats_of([row]) == {"1": frozenset({"1", "EU"})}


def test_what_does_not_raise_the_total_has_no_rate() -> None:
    row = category(("1", [("2013-01-01", "24")]), ("W", [("2013-01-01", "30")]))
    row["vatCategoryLines"][1]["type"] = "Withholding"
    assert percent_of(row, date(2026, 9, 1)) == 24
    row["vatCategoryLines"].pop(0)
    row["vatCategoryLines"][0]["type"] = "ReverseVat"
    assert percent_of(row, date(2026, 9, 1)) == 0


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        ("N", 14, (14, 0, 0)), ("E", 0, (0, 1, 0)), ("M", 0, (0, 2, 0)), ("D", 15, (0, 1, 15)), ("P", 20, (0, 1, 20)),
        ("D", 31, (None, 0, 0)), ("T", 15, (None, 0, 0)), ("C", 0, (None, 0, 0)),
    ],
)  # fmt: skip
def test_terms_are_said_in_days_and_months_where_they_can(
    kind: str, day: int, expected: tuple[int | None, int, int]
) -> None:
    found = payment_term_of({"termsId": "1", "description": "Terms", "dueDateType": kind, "dueDay1": day})
    assert (found.due_days, found.end_of_month, found.days_after_month_end) == expected


def test_terms_have_their_discount_and_whom_they_are_for() -> None:
    row = {
        "termsId": "14", "description": "14 days", "visibleTo": "VE", "dueDateType": "N", "dueDay1": 14,
        "discountType": "N", "discountDay": 7, "discountPercent": Decimal("2.0"),
    }  # fmt: skip
    assert payment_term_of(row) == PaymentTerm(
        "14", "14", "14 days", due_days=14, discount_days=7, discount_percent=Decimal("2.0")
    )
    assert not payment_term_of(row | {"visibleTo": "DS"}).active
    assert payment_term_of(row | {"instalmentType": "M"}).due_days is None
    assert not is_of_suppliers({"visibleTo": "CU"})
