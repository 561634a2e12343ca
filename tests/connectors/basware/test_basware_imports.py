"""Master data as import items: every payload is one that Basware's first step takes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from basware_facts import faults
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.basware.changes import deactivated, touched
from ml_connector.connectors.basware.codes import cut, external_code, length, source_system
from ml_connector.connectors.basware.imports import Importer
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.import_items import ImportItem
from ml_connector.connectors.side import DimensionRule, MappingRules
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import (
    Account,
    Address,
    BankAccount,
    DimensionValue,
    MasterRecord,
    MatchingMode,
    OrderLine,
    PaymentTerm,
    PurchaseOrder,
    Receipt,
    TaxCode,
    Vendor,
)
from ml_connector.records.reason import Reason

RULES = MappingRules(
    dimensions=(
        DimensionRule(basware="costCenterCode", erp="DEPARTMENT", list="costCenters"),
        DimensionRule(basware="projectCode", erp="PROJECT", list="projects"),
        DimensionRule(basware="dimCode1", erp="AREA", list="ACC_LIST_1"),
        DimensionRule(basware="dimCode2", erp="CAMPAIGN", list="ACC_LIST_11"),
        DimensionRule(basware="dimCode3", erp="UNLISTED"),
    ),
    tax_codes={"T24": "VAT24", "T24EU": "VAT24"},
)
IMPORTER = Importer("acme-bc", "1000", RULES)
VENDOR = Vendor(
    key="6a1f0c0e-6f5b-4f8a-9a11-0c2b6f7f3d10", number="V000123", name="Nordic Paper Oy", currency="EUR",
    payment_term="NET30", tax_number="FI12345678", email="ar@nordic.example", phone="+358401234567",
    address=Address("Satamakatu 4", "B 12", "Helsinki", "00160", "", "FI"),
    bank_accounts=(
        BankAccount("Nordea", "NDEAFIHH", iban="FI21 1234 5600 0007 85", currency="EUR"),
        BankAccount("Nordea", "NDEAFIHH", iban="FI2112345600000785"),
        BankAccount(number="12345-6"),
    ),
)  # fmt: skip
LINE = OrderLine(
    key="l1", number="10000", description="Paper", quantity=Decimal(10), unit_price=Decimal("1.5"), net=Decimal(15),
    tax_code="VAT24", tax_percent=Decimal(24), unit="PCS", account="6050",
    dimensions={"DEPARTMENT": "310", "AREA": "30", "ELSE": "x"}, invoiced_quantity=Decimal(3), receipt_required=True,
    receipts=(Receipt("r1", "RC1", "1", Decimal(10), Decimal("1.5"), date(2026, 1, 19)),),
)  # fmt: skip
ORDER = PurchaseOrder(
    key="o1", number="PO004711", vendor="V000123", currency="EUR", ordered_on=date(2026, 1, 10), lines=(LINE,)
)
RECORDS: list[tuple[Flow, MasterRecord]] = [
    (Flow.VENDORS, VENDOR),
    (Flow.VENDORS, Vendor(key="k", number="1", name="")),
    (Flow.ACCOUNTS, Account(key="6050", number="6050", name="X", category="Expense", tax_code="VAT24")),
    (Flow.DIMENSIONS, DimensionValue(key="310", dimension="DEPARTMENT", code="310", name="Warehouse")),
    (Flow.DIMENSIONS, DimensionValue(key="p", dimension="PROJECT", code="P1", name="n" * 300)),
    (Flow.DIMENSIONS, DimensionValue(key="30", dimension="AREA", code="30", name="Europe")),
    (Flow.DIMENSIONS, DimensionValue(key="c", dimension="CAMPAIGN", code="C" * 50, name="c" * 300)),
    (Flow.TAX_CODES, TaxCode(key="VAT24", code="VAT24", name="VAT 24 %", percent=Decimal(24))),
    (Flow.TAX_CODES, TaxCode(key="NOVAT", code="NOVAT", name="")),
    (Flow.PAYMENT_TERMS, PaymentTerm("k", "2D10N30", "2 %", 30, 1, 5, 10, Decimal(2))),
    (Flow.PAYMENT_TERMS, PaymentTerm("h", "HAND", "By hand", None)),
    (Flow.PURCHASE_ORDERS, ORDER),
]


def items_of(flow: Flow, record: MasterRecord, *, active: bool = True) -> tuple[ImportItem, ...]:
    return IMPORTER.items(flow, record, active=active)


@pytest.mark.parametrize(("flow", "record"), RECORDS)
@pytest.mark.parametrize("active", [True, False])
def test_every_item_fits_as_it_is_switched_off_and_touched(flow: Flow, record: Any, active: bool) -> None:
    items = items_of(flow, record, active=active)
    assert items
    for item in items:
        off = deactivated(item)
        for each in (item, touched(item, "token-1"), touched(item, "t" * 500), *([off] if off else [])):
            assert faults(each.resource, each.payload) == []
            assert each.payload["externalCode"] == each.code == item.code


@pytest.mark.parametrize(("flow", "record"), RECORDS)
def test_touching_differs_by_token_and_leaves_the_rest(flow: Flow, record: Any) -> None:
    for item in items_of(flow, record):
        first, second = touched(item, "one"), touched(item, "two")
        assert first.payload != item.payload
        assert first.payload != second.payload
        assert touched(first, "two").payload == second.payload
        changed = {name for name in first.payload if first.payload[name] != item.payload.get(name)}
        assert len(changed) == 1


@pytest.mark.parametrize(("flow", "record"), RECORDS)
def test_switching_off_twice_is_once(flow: Flow, record: Any) -> None:
    for item in items_of(flow, record):
        off = deactivated(item)
        assert off is not None
        assert deactivated(off) is None


def test_an_inactive_record_is_switched_off_by_itself() -> None:
    (item,) = items_of(Flow.ACCOUNTS, Account(key="1", number="1", name="Cash", active=False))
    assert item.payload["companies"] == [{"companyCode": "1000", "inherit": False, "active": False}]
    (vendor,) = items_of(Flow.VENDORS, VENDOR, active=False)
    assert vendor.payload["processingStatus"] == {"active": False, "paymentDenied": False}


def test_bank_accounts_go_once_each_and_the_first_is_the_default() -> None:
    (item,) = items_of(Flow.VENDORS, VENDOR)
    (means,) = item.payload["paymentMeans"]
    given_ = [account["financialAccountIdentifiers"][0] for account in means["financialAccounts"]]
    assert [(each["schemeId"], each["id"], each["default"]) for each in given_] == [
        ("IBAN", "FI2112345600000785", True),
        ("BBAN", "12345-6", False),
    ]


def test_dimensions_go_to_their_lists_and_nowhere_else() -> None:
    resources = {
        name: [item.resource for item in items_of(Flow.DIMENSIONS, DimensionValue("k", name, "C", "Name"))]
        for name in ("DEPARTMENT", "PROJECT", "AREA", "UNLISTED", "UNKNOWN")
    }
    assert resources == {
        "DEPARTMENT": ["costCenters"], "PROJECT": ["projects"], "AREA": ["lists/ACC_LIST_1"],
        "UNLISTED": [], "UNKNOWN": [],
    }  # fmt: skip


def test_a_list_that_does_not_exist_is_a_matter_of_set_up() -> None:
    rules = MappingRules(dimensions=(DimensionRule(basware="dimCode1", erp="AREA", list="ACC_LIST_36"),))
    with pytest.raises(Refused, match="ACC_LIST_36") as caught:
        Importer("c", "1000", rules).items(Flow.DIMENSIONS, DimensionValue("k", "AREA", "1", "n"), active=True)
    assert caught.value.reason is Reason.SETUP_INCOMPLETE


def test_tax_codes_go_under_the_payables_system_s_own_codes() -> None:
    mapped = items_of(Flow.TAX_CODES, TaxCode(key="VAT24", code="VAT24", name="VAT 24 %", percent=Decimal(24)))
    assert [item.payload["taxCode"] for item in mapped] == ["T24", "T24EU"]
    assert len({item.code for item in mapped}) == 2
    (other,) = items_of(Flow.TAX_CODES, TaxCode(key="NOVAT", code="NOVAT", name="None"))
    assert (other.payload["taxCode"], other.payload["taxPercentage"]) == ("NOVAT", 0)


def test_an_order_is_a_header_and_then_its_lines() -> None:
    header, line = items_of(Flow.PURCHASE_ORDERS, ORDER)
    assert (header.resource, header.stage, line.resource, line.stage) == (
        "matchingOrders", 0, "matchingOrderLines", 1,
    )  # fmt: skip
    assert line.payload["orderExternalCode"] == header.code
    assert "invoicedQuantity" not in line.payload
    (coding,) = line.payload["orderLineCoding"]
    assert (coding["accountCode"], coding["costCenterCode"], coding["dimCode1"], coding["taxCode"]) == (
        "6050", "310", "30", "T24",
    )  # fmt: skip


def changed_line(**changes: Any) -> dict[str, Any]:
    line = OrderLine(**{**{name: getattr(LINE, name) for name in LINE.__slots__}, **changes})
    order = PurchaseOrder(key="o", number="1", vendor="V", currency="EUR", lines=(line,))
    _, item = items_of(Flow.PURCHASE_ORDERS, order)
    assert faults(item.resource, item.payload) == []
    return dict(item.payload)


def test_a_service_line_has_quantity_one_and_its_coding_on_the_receipt() -> None:
    line = changed_line(mode=MatchingMode.SERVICE)
    assert (line["quantity"], line["netPrice"], line["isReceiptRequired"], line["isReceiptBasedMatching"]) == (
        1, 15, True, True,
    )  # fmt: skip
    assert "orderLineCoding" not in line
    assert line["goodsReceipts"][0]["receiptCoding"][0]["accountCode"] == "6050"


def test_a_blanket_line_needs_no_receipt() -> None:
    line = changed_line(mode=MatchingMode.BLANKET, quantity=Decimal(0))
    assert (line["quantity"], line["isReceiptRequired"]) == (1, False)


def test_a_return_has_a_positive_quantity_and_a_negative_price() -> None:
    line = changed_line(quantity=Decimal(-2), net=Decimal(-3), tax=Decimal("-0.72"))
    assert (line["matchingMode"], line["quantity"], line["netPrice"], line["netSum"], line["taxSum"]) == (
        "Return", 2, Decimal("-1.5"), -3, Decimal("-0.72"),
    )  # fmt: skip


def test_a_comment_line_is_no_line() -> None:
    comment = OrderLine(
        key="c", number="2", description="Note", quantity=Decimal(0), unit_price=Decimal(0), net=Decimal(0)
    )
    order = PurchaseOrder(key="o", number="1", vendor="V", currency="EUR", lines=(comment,))
    assert [item.resource for item in items_of(Flow.PURCHASE_ORDERS, order)] == ["matchingOrders"]


@pytest.mark.parametrize(
    ("flow", "record", "limit"),
    [
        (Flow.VENDORS, Vendor(key="k", number="V" * 26, name="n"), "25"),
        (Flow.VENDORS, Vendor(key="k", number="V", name="n", payment_term="P" * 26), "25"),
        (Flow.ACCOUNTS, Account(key="k", number="1" * 26, name="n"), "25"),
        (Flow.DIMENSIONS, DimensionValue("k", "CAMPAIGN", "C" * 51, "n"), "50"),
        (Flow.TAX_CODES, TaxCode(key="k", code="T" * 26, name="n"), "25"),
        (Flow.PURCHASE_ORDERS, PurchaseOrder(key="k", number="1" * 101, vendor="V", currency="EUR"), "100"),
        (Flow.PURCHASE_ORDERS, PurchaseOrder(key="k", number="1", vendor="V", currency=""), "2"),
    ],
)
def test_what_identifies_is_refused_rather_than_cut(flow: Flow, record: Any, limit: str) -> None:
    with pytest.raises(Refused, match=limit) as caught:
        items_of(flow, record)
    assert caught.value.reason is Reason.RECORD_REFUSED


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (PaymentTerm("k", "P", "n", 30, discount_days=7, discount_percent=Decimal("1.2345678901234567890")), "digits"),
        (PaymentTerm("k", "P", "30 days\0net", 30), "NUL"),
        (PaymentTerm("k", "P", "C:\\\0", 30), "NUL"),
    ],
)
def test_what_cannot_be_written_or_kept_is_refused_by_name(record: PaymentTerm, word: str) -> None:
    with pytest.raises(Refused, match=word) as caught:
        items_of(Flow.PAYMENT_TERMS, record)
    assert caught.value.reason is Reason.RECORD_REFUSED


def test_a_text_that_only_looks_like_an_escape_is_kept() -> None:
    (item,) = items_of(Flow.PAYMENT_TERMS, PaymentTerm("k", "P", "C:\\u0000", 30))
    assert item.payload["paymentTermNames"][0]["translation"] == "C:\\u0000"


def test_a_bank_account_that_does_not_fit_is_not_told_in_the_error() -> None:
    number = "9" * 33
    with pytest.raises(Refused, match="32") as caught:
        items_of(Flow.VENDORS, Vendor(key="k", number="V", name="n", bank_accounts=(BankAccount(number=number),)))
    assert number not in str(caught.value)


# ------------------------------------------------------------------ codes and texts

texts = st.text(max_size=60)


@given(st.lists(texts, min_size=3, max_size=4), st.lists(texts, min_size=3, max_size=4))
def test_external_codes_fit_and_tell_records_apart(one: list[str], two: list[str]) -> None:
    first, second = external_code(*one), external_code(*two)
    assert 1 <= len(first) <= 36
    assert (first == second) == (one == two)
    assert first == external_code(*one)


def test_external_codes_stay_readable_and_lasting() -> None:
    assert external_code("acme-bc", "V", "V000123") == "acme-bc.V.V000123"
    long = external_code("acme-bc", "V", "6a1f0c0e-6f5b-4f8a-9a11-0c2b6f7f3d10")
    assert long == "acme-bc.V.6a1f0c0e-~4cifmavcx6esoiqf"
    assert external_code("a", "V", "b.c") != external_code("a", "V", "b", "c")


@given(st.text(max_size=80), st.integers(2, 60))
def test_cut_texts_fit_and_say_so(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert length(kept) <= limit
    assert kept == text or (kept.endswith("…") and text.startswith(kept[:-1]))


def test_a_character_of_two_units_is_not_torn() -> None:
    assert cut("a😀😀", 4) == "a😀…"


@given(st.text(min_size=1, max_size=80), st.sampled_from([32, 36]))
def test_source_systems_fit(name: str, limit: int) -> None:
    assert len(source_system(name, limit)) <= limit
