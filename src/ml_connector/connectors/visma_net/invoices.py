"""Supplier invoices as our records. Pure functions (Visma dossier 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from ml_connector.connectors.rows import amount, number, part, parts, text
from ml_connector.connectors.visma_net.values import Row, day, is_set, moment
from ml_connector.records.invoice import Attachment, DocumentKind
from ml_connector.records.money import round_amount
from ml_connector.records.supplier_invoice import InvoiceLine, InvoiceTax, SourceStage, SupplierInvoice

KINDS: Final[Mapping[str, DocumentKind]] = {
    "Invoice": DocumentKind.INVOICE,
    "DebitAdj": DocumentKind.CREDIT_NOTE,  # reduces the debt; its sums are positive (dossier 9.2)
}
"""Types that go into the payables system; CreditAdj, Prepayment, Refund and payments do not."""
STAGES: Final[Mapping[str, SourceStage]] = {
    "Hold": SourceStage.ON_HOLD,
    "Reserved": SourceStage.ON_HOLD,
    "Balanced": SourceStage.READY,
    "Open": SourceStage.READY,
    "Prebooked": SourceStage.READY,
    "Scheduled": SourceStage.READY,
    "Printed": SourceStage.READY,
    "Closed": SourceStage.DONE,
    "Voided": SourceStage.CANCELLED,
}
_GROSS: Final = "Gross"
_PDF: Final = ".pdf"

ReceiptLine = tuple[str, str]
"""A receipt's number and a line of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What invoices refer to and do not carry themselves."""

    accounts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The suppliers' bank accounts, by supplier number."""
    vats: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The VATs of each VAT category."""
    order_lines: Mapping[ReceiptLine, tuple[str, str]] = field(default_factory=dict)
    """Order and line that a receipt's line came of."""


def key_of(row: Row) -> str:
    """An invoice's key: its type and number, since series of types may overlap (dossier 17.21)."""
    return f"{text(row, 'documentType')}/{text(row, 'referenceNumber')}"


def split_key(key: str) -> tuple[str, str] | None:
    """Type and number; None where it is no key of ours."""
    kind, _, reference = key.partition("/")
    return (kind, reference) if kind in KINDS and reference else None


def stage_of(row: Row) -> SourceStage:
    """Where it stands; what is held, or in a state we do not know, is not ready."""
    found = STAGES.get(text(row, "status"), SourceStage.ON_HOLD)
    return SourceStage.ON_HOLD if found is SourceStage.READY and is_set(row, "hold") else found


def receipt_lines_of(row: Row) -> list[ReceiptLine]:
    """The receipt lines whose order an invoice's lines do not tell (dossier 9.6)."""
    return [
        (text(line, "poReceiptNbr"), text(line, "poReceiptLineNbr"))
        for line in parts(row, "invoiceLines")
        if text(line, "poReceiptNbr") and not text(line, "poNumber")
    ]


def invoice_of(row: Row, around: Surroundings) -> SupplierInvoice:
    """An invoice or credit note with its lines, taxes and files.

    UNCONFIRMED (dossier 9.3): the plain member is in the document's currency, its `InCurrency` twin in the
    company's own. Only plain ones are read.
    """
    supplier, currency = part(row, "supplier"), text(row, "currencyId")
    gross, tax = number(row, "amount"), _tax_of(row)
    taxes = _taxes_of(row)
    return SupplierInvoice(
        key=key_of(row),
        kind=KINDS[text(row, "documentType")],
        number=text(row, "referenceNumber"),
        reference=text(row, "supplierReference"),
        vendor=text(supplier, "internalId"),
        vendor_number=text(supplier, "number"),
        vendor_name=text(supplier, "name"),
        currency=currency,
        net=gross - tax,
        tax=tax,
        gross=gross,
        stage=stage_of(row),
        invoice_date=day(row, "origInvoiceDate") or day(row, "date"),
        posting_date=day(row, "date"),
        due_date=day(row, "dueDate"),
        payment_term=text(part(row, "creditTerms"), "id"),
        payment_reference=text(row, "paymentRefNo"),
        description=text(row, "description"),
        buyer_reference=text(row, "buyerReference"),
        taxes=taxes,
        lines=_lines_of(row, around, currency),
        files=_files_of(row),
        bank_account=around.accounts.get(text(supplier, "number"), ""),
        modified=_modified(row),
    )


def _tax_of(row: Row) -> Decimal:
    found = amount(row, "vatTotal")
    return number(row, "vatAmount") if found is None else found


def _taxes_of(row: Row) -> tuple[InvoiceTax, ...]:
    return tuple(
        InvoiceTax(
            code=text(part(each, "vatId"), "number") or text(each, "taxId"),
            percent=amount(each, "vatRate"),
            base=number(each, "taxableAmount"),
            amount=number(each, "vatAmount"),
        )
        for each in parts(row, "taxDetailLines")
    )


def _modified(row: Row) -> datetime | None:
    """UNCONFIRMED zone (dossier 4.2): it is told as if it were UTC, and compared with nothing of ours."""
    found = moment(row.get("lastModifiedDateTime"))
    return None if found is None else found.replace(tzinfo=UTC)


# ------------------------------------------------------------------ lines


def _lines_of(row: Row, around: Surroundings, currency: str) -> tuple[InvoiceLine, ...]:
    taxes = parts(row, "taxDetailLines")
    is_gross = text(row, "taxCalculationMode") == _GROSS
    lines = sorted(parts(row, "invoiceLines"), key=lambda line: number(line, "lineNumber"))
    return tuple(_line(each, taxes, around, is_gross=is_gross, currency=currency) for each in lines)


def _line(row: Row, taxes: Sequence[Row], around: Surroundings, *, is_gross: bool, currency: str) -> InvoiceLine:
    percent = _percent(row, taxes, around)
    receipt = text(row, "poReceiptNbr")
    order, order_line = text(row, "poNumber"), text(row, "poLineNr")
    if receipt and not order:
        order, order_line = around.order_lines.get((receipt, text(row, "poReceiptLineNbr")), ("", ""))
    net, quantity, price = number(row, "cost"), amount(row, "quantity"), amount(row, "unitCost")
    if is_gross and percent:
        net, price = round_amount(net / (1 + percent / 100), currency), None
    return InvoiceLine(
        number=text(row, "lineNumber"),
        description=text(row, "transactionDescription"),
        net=net,
        quantity=quantity or None,
        unit=text(row, "uom"),
        unit_price=price if quantity else None,
        product=text(row, "inventoryNumber"),
        account=text(part(row, "account"), "number"),
        tax_code=text(part(row, "vatCode"), "id"),
        tax_percent=percent,
        order_number=order,
        order_line=order_line,
        receipt_number=receipt,
    )


def _percent(line: Row, taxes: Sequence[Row], around: Surroundings) -> Decimal | None:
    """The rate of the one tax of the invoice that is of the line's category; None where that is not one."""
    category = text(part(line, "vatCode"), "id")
    if not category:
        return None
    listed = around.vats.get(category)
    if listed is None:
        return None
    found = {
        rate
        for each in taxes
        if listed & {text(each, "taxId"), text(part(each, "vatId"), "number")}
        and (rate := amount(each, "vatRate")) is not None
    }
    return found.pop() if len(found) == 1 else None


# ------------------------------------------------------------------ files


def _files_of(row: Row) -> tuple[Attachment, ...]:
    """The invoice's own files, then those of its lines, each once. Its image is the first PDF of its own."""
    own = [each for each in parts(row, "attachments") if text(each, "id")]
    of_lines = [each for line in parts(row, "invoiceLines") for each in parts(line, "attachments") if text(each, "id")]
    image = next((text(each, "id") for each in own if text(each, "name").lower().endswith(_PDF)), "")
    found = {
        text(each, "id"): Attachment(
            key=text(each, "id"), name=text(each, "name") or text(each, "id"), is_image=text(each, "id") == image
        )
        for each in [*own, *of_lines]
    }
    return tuple(found.values())
