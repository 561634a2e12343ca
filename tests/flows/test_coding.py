"""From an approved invoice to a bill: money survives, nothing is guessed, every fault is told at once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.side import DimensionRule, MappingRules
from ml_connector.flows.coding import Coded, code_invoice, within_tolerance
from ml_connector.records.invoice import ApprovedInvoice, CodingRow, DocumentKind, TransferStage
from ml_connector.records.money import add_up
from ml_connector.records.reason import CATALOGUE, Reason

TODAY = date(2026, 11, 21)
RULES = MappingRules(
    dimensions=(DimensionRule("costCenterCode", "DEPARTMENT"), DimensionRule("dimCode1", "AREA")),
    tax_codes={"T24": "VAT24"},
    tolerance={"EUR": Decimal("0.02")},
)


def row(index: int = 1, net: str | None = "100.00", **given: object) -> CodingRow:
    values: dict[str, object] = {
        "index": index,
        "account": "6110",
        "net": None if net is None else Decimal(net),
        "tax_code": "T24",
        "fields": {"costCenterCode": "ADM", "dimCode1": "", "text1": "Paper"},
    }
    return CodingRow(**(values | given))  # type: ignore[arg-type]


def invoice(**given: object) -> ApprovedInvoice:
    values: dict[str, object] = {
        "document_id": "a" * 32,
        "company": "1000",
        "status": "WaitingForTransfer",
        "stage": TransferStage.OFFERED,
        "number": "INV-1",
        "type_code": "RE",
        "supplier": "V1",
        "supplier_name": "Paper Oy",
        "currency": "EUR",
        "net": Decimal("100.00"),
        "tax": Decimal("24.00"),
        "gross": Decimal("124.00"),
        "invoice_date": date(2026, 11, 1),
        "voucher_date": date(2026, 11, 5),
        "due_date": date(2026, 12, 1),
        "exchange_rate": None,
        "description": "Paper for November",
        "reference": "",
        "payment_term": "30D",
        "rows": (row(),),
    }
    return ApprovedInvoice(**(values | given))  # type: ignore[arg-type]


def code(document: ApprovedInvoice, rules: MappingRules = RULES) -> Coded:
    return code_invoice(document, rules, key="c/a/1", today=TODAY, number_length=35)


def reasons(document: ApprovedInvoice) -> set[Reason]:
    coded = code(document)
    assert coded.bill is None
    return {finding.reason for finding in coded.findings}


def test_a_plain_invoice_becomes_a_bill() -> None:
    bill = code(invoice()).bill
    assert bill is not None
    assert (bill.kind, bill.number, bill.vendor) == (DocumentKind.INVOICE, "INV-1", "V1")
    assert (bill.net, bill.tax, bill.gross) == (Decimal(100), Decimal(24), Decimal(124))
    assert bill.posting_date == date(2026, 11, 5)
    (line,) = bill.lines
    assert (line.account, line.net, line.tax_code, line.description) == ("6110", Decimal(100), "VAT24", "Paper")
    assert line.dimensions == {"DEPARTMENT": "ADM"}, "an empty field carries no dimension"


def test_the_description_stands_in_for_a_row_without_text() -> None:
    bill = code(invoice(rows=(row(fields={}),))).bill
    assert bill is not None
    assert bill.lines[0].description == "Paper for November"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("voucherDate", date(2026, 11, 5)), ("invoiceDate", date(2026, 11, 1)), ("transferDate", TODAY)],
)
def test_the_posting_date_follows_the_mapping(setting: str, expected: date) -> None:
    bill = code(invoice(), replace(RULES, posting_date=setting)).bill
    assert bill is not None
    assert bill.posting_date == expected


def test_the_invoice_date_stands_in_for_an_empty_voucher_date() -> None:
    bill = code(invoice(voucher_date=None)).bill
    assert bill is not None
    assert bill.posting_date == date(2026, 11, 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_credit_note_has_positive_sums_whichever_sign_it_came_with(sign: int) -> None:
    amounts = {"net": sign * Decimal(100), "tax": sign * Decimal(24), "gross": sign * Decimal(124)}
    bill = code(invoice(type_code="CN", rows=(row(net=str(100 * sign)),), **amounts)).bill
    assert bill is not None
    assert bill.kind is DocumentKind.CREDIT_NOTE
    assert (bill.net, bill.gross, bill.lines[0].net) == (100, 124, 100)


def test_a_negative_gross_is_a_credit_note_whatever_its_type() -> None:
    bill = code(invoice(net=Decimal(-100), tax=Decimal(-24), gross=Decimal(-124), rows=(row(net="-100"),))).bill
    assert bill is not None
    assert bill.kind is DocumentKind.CREDIT_NOTE


def test_every_fault_is_told_at_once() -> None:
    bare = invoice(number="", supplier="", invoice_date=None, currency="", rows=())
    assert reasons(bare) == {
        Reason.NUMBER_MISSING,
        Reason.VENDOR_UNKNOWN,
        Reason.DATE_MISSING,
        Reason.CURRENCY_UNKNOWN,
        Reason.CODING_MISSING,
    }


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (invoice(number="X" * 36), Reason.NUMBER_TOO_LONG),
        (invoice(rows=(row(account=""),)), Reason.CODING_MISSING),
        (invoice(rows=(row(net=None),)), Reason.CODING_MISSING),
        (invoice(rows=(row(net="99.99"),)), Reason.SUMS_DIFFER),
        (invoice(gross=Decimal("124.01")), Reason.SUMS_DIFFER),
        (invoice(net=None, tax=None), Reason.SUMS_DIFFER),
    ],
)
def test_what_posting_needs_is_never_guessed(document: ApprovedInvoice, reason: Reason) -> None:
    assert reasons(document) == {reason}


cents = st.integers(min_value=-(10**9), max_value=10**9).filter(bool).map(lambda value: Decimal(value).scaleb(-2))


@given(st.lists(cents, min_size=1, max_size=40), st.booleans())
def test_no_cent_is_lost_between_invoice_and_bill(nets: list[Decimal], is_credit: bool) -> None:
    net = add_up(nets)
    document = invoice(
        net=net, tax=Decimal(0), gross=net, type_code="CN" if is_credit else "RE",
        rows=tuple(row(index, str(each)) for index, each in enumerate(nets)),
    )  # fmt: skip
    bill = code(document).bill
    assert bill is not None
    assert add_up(line.net for line in bill.lines) == bill.net
    assert abs(bill.net) == abs(net)
    assert bill.net >= 0
    assert bill.kind is (DocumentKind.CREDIT_NOTE if is_credit or net < 0 else DocumentKind.INVOICE)


@given(cents, cents)
def test_a_total_is_accepted_within_the_tolerance_and_nowhere_else(ours: Decimal, theirs: Decimal) -> None:
    assert within_tolerance(theirs, ours, "EUR", RULES) is (abs(theirs - ours) <= Decimal("0.02"))
    assert within_tolerance(theirs, ours, "USD", RULES) is (theirs == ours)


def test_every_reason_is_explained_to_both_people() -> None:
    assert set(CATALOGUE) == set(Reason)
    for reason, explained in CATALOGUE.items():
        assert explained.clerk.endswith((".", "}")), reason
        assert explained.engineer, reason
