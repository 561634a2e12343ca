"""Supplier invoices as our records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connectors.visma_net.invoices import (
    Surroundings,
    invoice_of,
    receipt_lines_of,
    split_key,
    stage_of,
)
from ml_connector.records.invoice import Attachment, DocumentKind
from ml_connector.records.supplier_invoice import InvoiceLine, InvoiceTax, SourceStage, SupplierInvoice

LINE: dict[str, Any] = {
    "lineNumber": 1, "transactionDescription": "Chair, model 7", "quantity": Decimal("4.0"), "uom": "STK",
    "unitCost": Decimal("2500.0"), "cost": Decimal("10000.0"), "account": {"number": "6540"},
    "vatCode": {"id": "1"}, "poNumber": "PO000412", "poLineNr": 1, "inventoryNumber": "CHAIR7",
}  # fmt: skip
TAX: dict[str, Any] = {
    "taxId": "1I", "vatId": {"number": "1I"}, "vatRate": Decimal("25.000000"), "taxableAmount": Decimal(10000),
    "vatAmount": Decimal(2500),
}  # fmt: skip
INVOICE: dict[str, Any] = {
    "documentType": "Invoice", "referenceNumber": "300045", "status": "Balanced", "hold": False,
    "supplier": {"internalId": 214, "number": "50012", "name": "Kontor & Møbel AS"},
    "supplierReference": "INV-2026-7781", "paymentRefNo": "00123456789012", "date": "2026-08-20T00:00:00",
    "origInvoiceDate": "2026-08-18T00:00:00", "dueDate": "2026-09-17T00:00:00", "currencyId": "NOK",
    "amount": Decimal("12500.0"), "vatAmount": Decimal("2500.0"), "vatTotal": Decimal("2500.0"),
    "balance": Decimal(0), "creditTerms": {"id": "30"}, "description": "Office chairs", "buyerReference": "Kari",
    "taxDetailLines": [TAX], "invoiceLines": [LINE],
    "attachments": [{"name": "note.txt", "id": "a1", "revision": 1}, {"name": "INV.PDF", "id": "a2", "revision": 2}],
    "lastModifiedDateTime": "2026-08-20T11:02:07.31",
}  # fmt: skip
AROUND = Surroundings(accounts={"50012": "15030000000"}, vats={"1": frozenset({"1I", "1O"})})


def test_an_invoice_comes_with_lines_taxes_files_and_account() -> None:
    assert invoice_of(INVOICE, AROUND) == SupplierInvoice(
        key="Invoice/300045", kind=DocumentKind.INVOICE, number="300045", reference="INV-2026-7781", vendor="214",
        vendor_number="50012", vendor_name="Kontor & Møbel AS", currency="NOK", net=Decimal(10000), tax=Decimal(2500),
        gross=Decimal(12500), stage=SourceStage.READY, invoice_date=date(2026, 8, 18), posting_date=date(2026, 8, 20),
        due_date=date(2026, 9, 17), payment_term="30", payment_reference="00123456789012",
        description="Office chairs", buyer_reference="Kari",
        taxes=(InvoiceTax("1I", Decimal(25), Decimal(10000), Decimal(2500)),),
        lines=(InvoiceLine(
            number="1", description="Chair, model 7", net=Decimal(10000), quantity=Decimal(4), unit="STK",
            unit_price=Decimal(2500), product="CHAIR7", account="6540", tax_code="1", tax_percent=Decimal(25),
            order_number="PO000412", order_line="1",
        ),),
        files=(Attachment("a1", "note.txt"), Attachment("a2", "INV.PDF", is_image=True)),
        bank_account="15030000000", modified=datetime(2026, 8, 20, 11, 2, 7, 310000, tzinfo=UTC),
    )  # fmt: skip


def test_a_credit_note_is_a_debit_adjustment_with_positive_sums() -> None:
    found = invoice_of(INVOICE | {"documentType": "DebitAdj"}, AROUND)
    assert (found.key, found.kind, found.gross) == ("DebitAdj/300045", DocumentKind.CREDIT_NOTE, Decimal(12500))


def test_sums_are_in_the_documents_currency() -> None:
    twins = {"vatTotalInCurrency": Decimal(250), "balanceInCurrency": Decimal(1250), "currencyId": "USD"}
    found = invoice_of(INVOICE | twins, AROUND)
    assert (found.currency, found.net, found.tax, found.gross) == ("USD", 10000, 2500, 12500)


def test_what_is_left_out_is_empty() -> None:
    bare = {"documentType": "Invoice", "referenceNumber": "1", "status": "Open", "date": "2026-08-20T00:00:00"}
    found = invoice_of(bare, Surroundings())
    assert (found.invoice_date, found.due_date, found.vendor, found.lines, found.files) == (
        date(2026, 8, 20),
        None,
        "",
        (),
        (),
    )
    assert found.modified is None


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("Hold", SourceStage.ON_HOLD), ("Balanced", SourceStage.READY), ("Open", SourceStage.READY),
        ("Prebooked", SourceStage.READY), ("Scheduled", SourceStage.READY), ("Printed", SourceStage.READY),
        ("Closed", SourceStage.DONE), ("Voided", SourceStage.CANCELLED), ("Reserved", SourceStage.ON_HOLD),
        ("SomethingNew", SourceStage.ON_HOLD),
    ],
)  # fmt: skip
def test_the_status_says_where_it_stands(status: str, stage: SourceStage) -> None:
    assert stage_of(INVOICE | {"status": status}) is stage


def test_a_hold_counts_whatever_the_status_says() -> None:
    assert stage_of(INVOICE | {"hold": True}) is SourceStage.ON_HOLD
    assert stage_of(INVOICE | {"hold": True, "status": "Closed"}) is SourceStage.DONE


def test_a_line_that_names_its_receipt_alone_is_led_to_the_order() -> None:
    line = {name: value for name, value in LINE.items() if name not in ("poNumber", "poLineNr")}
    row = INVOICE | {"invoiceLines": [{**line, "poReceiptNbr": "RC1", "poReceiptLineNbr": 2}]}
    assert receipt_lines_of(row) == [("RC1", "2")]
    assert receipt_lines_of(INVOICE) == []
    found = invoice_of(row, Surroundings(order_lines={("RC1", "2"): ("PO7", "3")})).lines[0]
    assert (found.order_number, found.order_line, found.receipt_number) == ("PO7", "3", "RC1")
    assert invoice_of(row, Surroundings()).lines[0].order_number == ""


def test_a_rate_that_is_not_one_is_left_open() -> None:
    other = {**TAX, "taxId": "1O", "vatId": {"number": "1O"}, "vatRate": Decimal(15)}
    assert invoice_of(INVOICE | {"taxDetailLines": [TAX, other]}, AROUND).lines[0].tax_percent is None
    assert invoice_of(INVOICE, Surroundings()).lines[0].tax_percent is None


def test_lines_with_tax_in_them_are_told_without() -> None:
    line = {**LINE, "cost": Decimal(12500), "unitCost": Decimal(3125)}
    found = invoice_of(INVOICE | {"taxCalculationMode": "Gross", "invoiceLines": [line]}, AROUND).lines[0]
    assert (found.net, found.unit_price) == (Decimal(10000), None)


def test_files_of_lines_come_after_the_invoices_own_each_once() -> None:
    line = {**LINE, "attachments": [{"name": "photo.pdf", "id": "a3"}, {"name": "INV.PDF", "id": "a2"}]}
    found = invoice_of(INVOICE | {"invoiceLines": [line]}, AROUND).files
    assert [(each.key, each.is_image) for each in found] == [("a1", False), ("a2", True), ("a3", False)]


def test_keys_name_type_and_number() -> None:
    assert split_key("DebitAdj/A-1/2") == ("DebitAdj", "A-1/2")
    assert split_key("Prepayment/1") is None
    assert split_key("300045") is None


def test_a_bank_account_is_never_shown() -> None:
    assert "15030000000" not in repr(invoice_of(INVOICE, AROUND)) + repr(AROUND)
