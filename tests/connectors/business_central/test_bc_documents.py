"""Bills as Business Central's documents: what is sent is allowed, fits, and says what the bill says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from bc_bills import BILL, bill, bills, dimensions, line, texts
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.business_central import mapping
from ml_connector.connectors.business_central.documents import (
    CREDIT_MEMOS,
    INVOICES,
    SORTS,
    common_dimensions,
    dimension_changes,
    document_body,
    file_name,
    header_changes,
    is_of,
    ledger_bill_of,
    spellings,
    status_of,
    wanted_dimensions,
)
from ml_connector.connectors.texts import cut, units
from ml_connector.records.invoice import BillStatus, DocumentKind

FIELDS: Final[dict[str, dict[str, list[Any]]]] = json.loads(
    (Path(__file__).parent / "fields.json").read_text(encoding="utf-8")
)
"""By entity set and property: longest text, whether it may not be written, whether it can be filtered by."""


def assert_writable(entity: str, body: dict[str, Any]) -> None:
    for name, value in body.items():
        if isinstance(value, list):
            continue
        longest, read_only, _ = FIELDS[entity][name]
        assert not read_only, f"{entity}.{name} may not be written"
        if longest is not None:
            assert units(value) <= longest, f"{entity}.{name} is too long"


@given(bills, dimensions)
def test_only_writable_properties_that_fit_are_sent(given_bill: Any, on_header: dict[str, str]) -> None:
    sort = SORTS[given_bill.kind]
    body = document_body(given_bill, dimensions=on_header)
    assert_writable(sort.documents, body)
    for each in body[sort.lines]:
        assert_writable(sort.lines, each)
    for each in body.get("dimensionSetLines", ()):
        assert_writable("dimensionSetLines", each)


@given(bills)
def test_lines_keep_their_sums_and_never_have_a_negative_cost(given_bill: Any) -> None:
    sent = document_body(given_bill, dimensions={})[SORTS[given_bill.kind].lines]
    assert len(sent) == len(given_bill.lines)
    for wanted, got in zip(given_bill.lines, sent, strict=True):
        assert got["unitCost"] >= 0
        assert got["quantity"] in (1, -1)
        assert got["quantity"] * got["unitCost"] == wanted.net


def test_the_body_goes_out_in_the_order_of_evaluation() -> None:
    body = document_body(bill(lines=(line(order_number="PO1"),)), dimensions={"AREA": "A"})
    assert list(body) == [
        "vendorNumber", "invoiceDate", "postingDate", "dueDate", "vendorInvoiceNumber", "currencyCode",
        "dimensionSetLines", "purchaseInvoiceLines",
    ]  # fmt: skip
    assert list(body["purchaseInvoiceLines"][0]) == [
        "lineType", "lineObjectNumber", "description", "description2", "quantity", "unitCost", "taxCode",
    ]  # fmt: skip


def test_a_credit_note_uses_the_credit_memos_own_names() -> None:
    body = document_body(
        bill(kind=DocumentKind.CREDIT_NOTE, due_date=None, lines=(line(order_number="PO1"),)), dimensions={}
    )
    assert list(body) == [
        "vendorNumber", "creditMemoDate", "postingDate", "vendorCreditMemoNumber", "currencyCode",
        "purchaseCreditMemoLines",
    ]  # fmt: skip
    assert "description2" not in body["purchaseCreditMemoLines"][0]


def test_the_currency_is_always_said_since_the_vendors_would_be_taken_else() -> None:
    assert document_body(BILL, dimensions={})["currencyCode"] == "NOK"


def test_without_a_tax_code_the_accounts_default_is_left_to_the_ledger() -> None:
    assert "taxCode" not in document_body(bill(lines=(line(tax_code=""),)), dimensions={})["purchaseInvoiceLines"][0]


@pytest.mark.parametrize("sort", [INVOICES, CREDIT_MEMOS])
def test_selected_and_filtered_properties_exist(sort: Any) -> None:
    for name in sort.header_fields.split(","):
        assert name in FIELDS[sort.documents], name
    for name in (sort.number, "vendorNumber", "lastModifiedDateTime"):
        assert FIELDS[sort.documents][name][2], f"{name} cannot be filtered by"


@pytest.mark.parametrize(
    ("entity", "names"),
    [
        ("vendors", mapping.VENDOR_FIELDS),
        ("accounts", mapping.ACCOUNT_FIELDS),
        ("taxGroups", mapping.TAX_GROUP_FIELDS),
        ("paymentTerms", mapping.TERM_FIELDS),
        ("purchaseOrders", mapping.ORDER_FIELDS),
    ],
)
def test_selected_master_data_exists(entity: str, names: tuple[str, ...]) -> None:
    assert set(names) <= FIELDS[entity].keys()


@given(texts, st.integers(0, 60))
def test_cut_texts_fit_as_the_server_counts(text: str, length: int) -> None:
    assert units(cut(text, length)) <= length
    assert not any(each in cut(text, length) for each in "\r\n\t\x00")


def test_a_surrogate_pair_is_never_split() -> None:
    assert cut("ab🥐", 3) == "ab"
    assert cut("ab🥐", 4) == "ab🥐"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_file_names_fit_and_hold_nothing_the_server_refuses(name: str) -> None:
    made = file_name(name)
    assert made
    assert units(made) <= 250
    assert not set(made) & set('<>:"/\\|?*')


def test_a_long_file_name_keeps_its_ending() -> None:
    assert file_name("x" * 300 + ".pdf") == "x" * 246 + ".pdf"
    assert file_name("a/b?.tiff") == "a_b_.tiff"


def test_numbers_are_found_in_either_way_of_making_capitals() -> None:
    assert spellings(" inv-1a ") == ("INV-1A",)
    assert spellings("straße") == ("STRAßE", "STRASSE")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"vendorInvoiceNumber": "FP-88213", "vendorNumber": "20000", "payToVendorNumber": "20000"}, True),
        ({"vendorInvoiceNumber": "fp-88213 ", "vendorNumber": "10000", "payToVendorNumber": "20000"}, True),
        ({"vendorInvoiceNumber": "FP-88213", "vendorNumber": "10000", "payToVendorNumber": "10000"}, False),
        ({"vendorInvoiceNumber": "FP-8821", "vendorNumber": "20000", "payToVendorNumber": "20000"}, False),
    ],
)
def test_a_bill_is_known_by_number_and_either_vendor(row: dict[str, str], expected: bool) -> None:
    assert is_of(row, BILL) is expected


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        ("Draft", BillStatus.DRAFT),
        ("In_x0020_Review", BillStatus.PENDING),
        ("Open", BillStatus.POSTED),
        ("Paid", BillStatus.PAID),
        ("Canceled", BillStatus.CANCELLED),
        ("Corrective", BillStatus.PAID),
        ("_x0020_", BillStatus.PENDING),
        ("Something new", BillStatus.PENDING),
    ],
)
def test_statuses(wire: str, status: BillStatus) -> None:
    assert status_of({"status": wire}) is status


def test_sums_come_as_decimals_to_the_last_digit() -> None:
    row = json.loads(
        '{"id": "1", "status": "Draft", "totalAmountIncludingTax": 0.1, "totalAmountExcludingTax": 1234567.89,'
        ' "totalTaxAmount": 0, "purchaseInvoiceLines": [{}, {}]}',
        parse_float=Decimal,
    )
    read = ledger_bill_of(row, INVOICES)
    assert (read.gross, read.net, read.tax) == (Decimal("0.1"), Decimal("1234567.89"), Decimal(0))
    assert read.line_count == 2


def test_dates_the_server_changed_are_put_right_with_the_due_date_beside() -> None:
    row = {"invoiceDate": "2026-08-11", "postingDate": "2026-08-12", "dueDate": "2026-09-09"}
    assert header_changes(BILL, row) == {"invoiceDate": "2026-08-10", "dueDate": "2026-09-09"}
    assert header_changes(BILL, {**row, "invoiceDate": "2026-08-10"}) == {}
    assert header_changes(bill(due_date=None), {**row, "invoiceDate": "2026-08-10", "dueDate": "2027-01-01"}) == {}


# ------------------------------------------------------------------ dimensions


@given(bills)
def test_header_dimensions_are_those_every_line_has(given_bill: Any) -> None:
    shared = common_dimensions(given_bill)
    for each in given_bill.lines:
        assert shared.items() <= wanted_dimensions(each).items()


@given(
    st.dictionaries(st.sampled_from("ABC"), st.sampled_from("123"), max_size=3),
    st.dictionaries(st.sampled_from("ABC"), st.sampled_from("123"), max_size=3),
)
def test_dimension_changes_bring_what_is_there_to_what_is_wanted(
    wanted: dict[str, str], present: dict[str, str]
) -> None:
    after = dict(present)
    rows = [{"id": f"id-{name}", "code": name, "valueCode": value} for name, value in present.items()]
    for change in dimension_changes(wanted, rows):
        assert (change.id is None) == (change.code not in present), "one that is there is changed, never added"
        after[change.code] = change.value
    assert after == {**present, **wanted}, "defaults the bill does not speak of stay"
    again = [{"id": f"id-{name}", "code": name, "valueCode": value} for name, value in after.items()]
    assert dimension_changes(wanted, again) == ()


def test_an_empty_dimension_value_is_no_wish() -> None:
    assert wanted_dimensions(line(dimensions={"AREA": " ", "project": "p-1"})) == {"PROJECT": "P-1"}
