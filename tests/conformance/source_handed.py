"""Invoices with their files, as any source might give them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from conformance.source_inbound_bench import Handed
from ml_connector.records.invoice import Attachment, DocumentKind
from ml_connector.records.supplier_invoice import (
    InvoiceFile,
    InvoiceLine,
    InvoiceTax,
    SourceStage,
    SupplierInvoice,
)

_LINE: Final = InvoiceLine(
    number="1", description="Copy paper A4", net=Decimal("100.00"), quantity=Decimal(10), unit="PCE",
    unit_price=Decimal(10), product="PAPER-A4", account="6110", tax_code="VAT24", tax_percent=Decimal(24),
    order_number="PO1", order_line="2",
)  # fmt: skip
_INVOICE: Final = SupplierInvoice(
    key="Invoice/000007", kind=DocumentKind.INVOICE, number="000007", reference="N-7", vendor="42",
    vendor_number="V1", vendor_name="Nordic Paper Oy", currency="EUR", net=Decimal("150.10"), tax=Decimal("36.02"),
    gross=Decimal("186.12"), stage=SourceStage.READY, invoice_date=date(2026, 1, 31), due_date=date(2026, 3, 2),
    payment_term="30D", payment_reference="12344", description="Paper för januari",
    taxes=(InvoiceTax("VAT24", Decimal(24), Decimal("150.10"), Decimal("36.02")),),
    lines=(_LINE, replace(_LINE, number="2", net=Decimal("50.10"), order_number="", order_line="")),
    bank_account="FI21 1234 5600 0007 85",
)  # fmt: skip
_SHEET: Final = InvoiceFile("liite-ä.xlsx", bytes(range(256)))


def handed_of(reference: str, **changes: Any) -> Handed:
    """An invoice of that number, its image first, and a file that is none."""
    image = InvoiceFile(f"{reference}.pdf", b"%PDF-1.7\n\x00\xff bytes of " + reference.encode() + b"\r\n%%EOF")
    files = (image, _SHEET)
    listed = tuple(Attachment(str(at), each.name, is_image=at == 0) for at, each in enumerate(files))
    invoice = replace(_INVOICE, reference=reference, number=reference, key=f"Invoice/{reference}", files=listed)
    return Handed(replace(invoice, **changes), files)


def digests_of(files: Sequence[InvoiceFile]) -> tuple[str, ...]:
    """What the files can be compared by."""
    return tuple(hashlib.sha256(file.content).hexdigest() for file in files)


PLAIN: Final = handed_of("N-7")
CREDIT_NOTE: Final = handed_of(
    "CN-8", kind=DocumentKind.CREDIT_NOTE, key="DebitAdj/CN-8", due_date=None, original="N-7"
)
FOREIGN: Final = handed_of("F-9", currency="USD")
