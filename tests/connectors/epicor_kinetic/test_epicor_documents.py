"""Invoices as they are written and told: signs, statuses, whose they are (Epicor dossier 9, 11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from epicor_papers import bill_of, coded
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.documents import (
    header_fields,
    is_marked,
    is_ours,
    ledger_bill_of,
    line_text,
    marker_of,
    part_of,
    status_of,
)
from ml_connector.connectors.epicor_kinetic.groups import candidates, is_own
from ml_connector.connectors.epicor_kinetic.releasing import words_for
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.texts import units
from ml_connector.records.invoice import BillStatus, DocumentKind

ROW: dict[str, Any] = {
    "SysRowID": "3288BB53-900F-4BEC-BC08-9F9D0117A043", "InvoiceNum": "INV-77", "VendorNum": 1042,
    "VendorNumVendorID": "ACME", "GroupID": "MLABCDEF", "DebitMemo": False, "Posted": False, "OpenPayable": True,
    "DocInvoiceAmt": Decimal("124.00"), "DocTaxAmt": Decimal("24.00"), "DocInvoiceBal": Decimal("124.00"),
    "CurrencyCode": "EUR", "GLPosted": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, BillStatus.DRAFT),
        ({"OpenPayable": False, "DocInvoiceBal": Decimal(0)}, BillStatus.DRAFT),
        ({"Posted": True, "GLPosted": False}, BillStatus.POSTED),
        ({"Posted": True, "OpenPayable": False, "DocInvoiceBal": Decimal(0)}, BillStatus.PAID),
        ({"Posted": True, "RefCancelledby": "INV-77-C"}, BillStatus.CANCELLED),
    ],
)
def test_only_posted_tells_that_an_invoice_is_in_the_books(changes: dict[str, Any], status: BillStatus) -> None:
    assert status_of({**ROW, **changes}) is status


def test_a_debit_memo_is_told_with_its_signs_turned() -> None:
    stored = {"DebitMemo": True, "DocInvoiceAmt": Decimal("-124.00"), "DocTaxAmt": Decimal("-24.00")}
    bill = ledger_bill_of({**ROW, **stored, "Posted": True, "JournalNum": 88, "LegalNumber": "AP-1"})
    assert (bill.kind, bill.net, bill.tax, bill.gross) == (DocumentKind.CREDIT_NOTE, 100, 24, 124)
    assert (bill.id, bill.number, bill.vendor_number) == (ROW["SysRowID"].lower(), "AP-1", "INV-77")
    assert (bill.vendor, bill.journal) == ("ACME", "88")


def test_an_invoice_without_its_lasting_id_is_none_we_understand() -> None:
    with pytest.raises(Refused):
        ledger_bill_of({**ROW, "SysRowID": ""})


def test_a_draft_is_held_and_bears_our_mark() -> None:
    bill = bill_of(" INV-77 ", description="x" * 80)
    fields = header_fields(bill)
    assert (fields["InvoiceNum"], fields["InvoiceHeld"], units(fields["Description"])) == ("INV-77", True, 50)
    assert is_ours(fields, bill)
    assert is_marked(fields)
    assert not is_ours(fields, bill_of("INV-77", key="c/other/1"))
    assert not is_marked({"ExternalID": "12345"})


def test_a_part_is_cut_where_the_column_ends_and_the_text_is_not() -> None:
    bill = bill_of("INV-77", lines=(coded(description="é" * 70), coded(description="")))
    assert (units(part_of(bill, bill.lines[0])), units(line_text(bill, bill.lines[0]))) == (50, 70)
    assert line_text(bill, bill.lines[1]) == "INV-77"


@given(key=st.text(min_size=1))
def test_groups_of_a_bill_are_found_again_and_fit(key: str) -> None:
    marker = marker_of(key)
    names = candidates(marker, day=None)
    assert names == candidates(marker_of(key), day=None)
    assert len(set(names)) == len(names)
    assert all(len(each) == 8 and is_own(each) for each in names)


@pytest.mark.parametrize("name", ["BW250131", "AP", "ML12345", "MLABCDEFG", ""])
def test_other_peoples_groups_are_none_of_ours(name: str) -> None:
    assert not is_own(name)


def test_what_a_posting_complained_of_is_told_to_the_invoice_that_it_is_about() -> None:
    log = "Invoice INV-1: Invoice with no detail\r\nInvoice INV-2: closed"
    assert words_for(log, {"InvoiceNum": "INV-2"}) == "Invoice INV-2: closed"
    assert words_for(log, {"InvoiceNum": "OTHER"}) == log
