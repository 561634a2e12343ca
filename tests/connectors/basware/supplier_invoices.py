"""Supplier invoices as an ERP might give them, for the tests of Basware's ways in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.records.invoice import Attachment, DocumentKind
from ml_connector.records.supplier_invoice import InvoiceLine, InvoiceTax, SourceStage, SupplierInvoice

LINE = InvoiceLine(
    number="1",
    description="Copy paper A4",
    net=Decimal("100.00"),
    quantity=Decimal(10),
    unit="PCE",
    unit_price=Decimal(10),
    product="PAPER-A4",
    account="6110",
    tax_code="VAT24",
    tax_percent=Decimal(24),
    order_number="PO1",
    order_line="2",
    receipt_number="RC1",
)

INVOICE = SupplierInvoice(
    key="Invoice/000007",
    kind=DocumentKind.INVOICE,
    number="000007",
    reference="N-7",
    vendor="42",
    vendor_number="V1",
    vendor_name="Nordic Paper Oy",
    currency="EUR",
    net=Decimal("100.00"),
    tax=Decimal("24.00"),
    gross=Decimal("124.00"),
    stage=SourceStage.READY,
    invoice_date=date(2026, 1, 31),
    due_date=date(2026, 3, 2),
    payment_term="30D",
    payment_reference="12344",
    description="Paper for January",
    taxes=(InvoiceTax("VAT24", Decimal(24), Decimal("100.00"), Decimal("24.00")),),
    lines=(LINE,),
    files=(Attachment("f1", "n-7.pdf", is_image=True), Attachment("f2", "liite-ä.xlsx")),
    bank_account="FI21 1234 5600 0007 85",
)


def invoice(**changes: Any) -> SupplierInvoice:
    return replace(INVOICE, **changes)


def line(**changes: Any) -> InvoiceLine:
    return replace(LINE, **changes)
