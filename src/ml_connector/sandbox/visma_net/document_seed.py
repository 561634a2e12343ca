"""The documents of the first day: orders in every state, their receipts, and the supplier invoices with their files."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.trade import CodingRow, Invoice, InvoiceKind, Order, TradingCompany
from ml_connector.sandbox.visma_net import invoices, orders
from ml_connector.sandbox.visma_net.books import CREDIT_NOTE, INVOICE, Books
from ml_connector.sandbox.visma_net.seed import SEGMENTS
from ml_connector.sandbox.visma_net.wire import Row, day

_CATEGORIES = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
_KEPT_OPEN = 24
"""Orders that stay as they are: the first of them are what invoices refer to."""
_IMPOSSIBLE = frozenset(
    {
        "vendor-unknown",
        "account-unknown",
        "account-blocked",
        "account-heading",
        "account-no-direct-posting",
        "dimension-unknown",
        "dimension-blocked",
        "tax-code-unknown",
        "rate-missing",
        "currency-unknown",
        "rows-do-not-add-up",
        "totals-differ",
        "no-coding",
        "posted-by-somebody-else",
    }
)
"""Stories that a ledger would never have let in."""
_STATES = {
    2: "Hold",
    8: "Hold",
    14: "Hold",
    20: "Prebooked",
    21: "Scheduled",
    22: "Printed",
    26: "Voided",
    27: "Voided",
    30: "Closed",
    31: "Closed",
    32: "Closed",
}
"""By the number of a plain invoice among its like; the others are balanced and open by turns."""
_FILES = {4: (), 6: ("pdf", "xml"), 10: ("pdf", "xlsx"), 12: ("xml",)}
"""By the same number; the others have one PDF."""


def seed_documents(books: Books) -> None:
    """Fills the books with orders, receipts and invoices."""
    for index, order in enumerate(books.company.orders):
        _order(books, index, order)
    told = _has_stories(books.company)
    plain = 0
    every = [invoice for invoice in books.company.invoices if invoice.case not in _IMPOSSIBLE]
    for index, invoice in enumerate(every):
        ordinal = plain if told and invoice.case == "plain" else -1
        plain += invoice.case == "plain"
        _invoice(books, index, invoice, ordinal)


def _has_stories(company: TradingCompany) -> bool:
    return any(invoice.case != "plain" for invoice in company.invoices)


def _order(books: Books, index: int, order: Order) -> None:
    supplier = books.row("supplier", order.vendor)
    lines = [
        orders.order_line(
            books,
            number,
            {
                "text": line.description,
                "quantity": line.quantity,
                "unit_cost": line.unit_cost,
                "vat": line.tax_group,
                "item": line.number if line.kind == "Item" else None,
                "account": _account_of(books.company, line.kind, line.number),
            },
        )
        for number, line in enumerate(order.lines, 1)
    ]
    status = _order_status(index, order)
    row = orders.order_row(books, order.number, supplier, lines, on=order.date, currency=order.currency, status=status)
    at = _at(books, order.date, index)
    kept = books.table("purchaseorder").load(order.number, row, at=at)
    got = {number: line.received for number, line in enumerate(order.lines, 1) if line.received}
    if got and status != "Cancelled":
        receipts = _receipts(books, index, kept, got, on=order.date)
        books.table("purchaseorder").load(order.number, orders.received(kept, receipts), at=at)


def _order_status(index: int, order: Order) -> str:
    if order.status != "Open":
        return "Hold" if order.status == "Draft" else "Balanced"
    if index >= _KEPT_OPEN and index % 12 == 5:
        return "Closed"
    return "Cancelled" if index >= _KEPT_OPEN and index % 12 == 9 else "Open"


def _receipts(books: Books, index: int, order: Row, got: dict[int, Decimal], *, on: date) -> list[Row]:
    """All at once, in two parts, with a part sent back, or with one that is not released yet."""
    parts: list[tuple[str, str, dict[int, Decimal]]] = [("PoReceipt", "Released", got)]
    halves = {number: quantity // 2 for number, quantity in got.items() if quantity >= 2}
    if index % 5 == 1 and halves:
        rest = {number: quantity - halves.get(number, Decimal(0)) for number, quantity in got.items()}
        parts = [("PoReceipt", "Released", halves), ("PoReceipt", "Released", rest)]
    elif index % 5 == 3 and halves:
        parts.append(("PoReturn", "Released", dict.fromkeys(halves, Decimal(1))))
    elif index % 5 == 4 and halves:
        parts = [("PoReceipt", "Released", halves), ("PoReceipt", "Balanced", dict.fromkeys(halves, Decimal(1)))]
    made: list[Row] = []
    for offset, (kind, status, quantities) in enumerate(parts, 1):
        number = f"RC{books.next_number('PurchaseReceipt', 123):06d}"
        day_of = min(on + timedelta(days=2 * offset), books.company.today)
        row = orders.receipt_row(books, number, order, quantities, on=day_of, kind=kind, status=status)
        made.append(books.table("PurchaseReceipt").load(number, row, at=_at(books, day_of, index)))
    return made


def _invoice(books: Books, index: int, invoice: Invoice, ordinal: int) -> None:
    kind = CREDIT_NOTE if invoice.kind is InvoiceKind.CREDIT_NOTE else INVOICE
    sign = -1 if sum((row.net for row in invoice.rows), Decimal(0)) < 0 else 1
    lines = [
        invoices.compose_line(books, number, _line(books, row, sign)) for number, row in enumerate(invoice.rows, 1)
    ]
    row = header(books, invoice, kind, books.next_number(kind))
    row = invoices.with_sums(books, {**row, "invoiceLines": lines})
    status = _STATES.get(ordinal, "Open" if index % 2 else "Balanced")
    if invoice.case == "period-closed":
        status = "Closed"
    closed = status == "Closed"
    row |= {"status": "Open" if closed else status, "hold": status == "Hold"}
    row |= {"_case": invoice.case, "_story": invoice.story}
    if status == "Voided":
        row["balance"] = row["balanceInCurrency"] = Decimal(0)
    _load(books, row, _at(books, invoice.voucher_date, index), _names(invoice, ordinal))
    if closed:
        kept = invoices.find_invoice(books, invoices.key_of(row))
        invoices.pay(books, kept, amount=None, on=invoice.voucher_date, reference=f"BNK-{row['referenceNumber']}")


def _load(books: Books, row: Row, at: datetime, names: list[str]) -> None:
    key = invoices.key_of(row)
    kept = [books.attach(key, name, None) for name in names]
    row["attachments"] = [{"name": each.name, "id": each.id, "revision": 1} for each in kept]
    books.table("supplierInvoice").load(key, row, at=at)


def header(books: Books, invoice: Invoice, kind: str, number: int) -> Row:
    """The document without lines and sums."""
    supplier = books.row("supplier", invoice.vendor)
    posted = day(invoice.voucher_date) or ""
    post_period, financial_period = invoices.period(posted)
    return {
        "documentType": kind,
        "referenceNumber": str(number),
        "approvalStatus": "New",
        "supplier": {name: supplier[name] for name in ("internalId", "number", "name")},
        "location": supplier["location"],
        "supplierReference": invoice.number or None,
        "paymentRefNo": f"{number:010d}",
        "date": posted,
        "origInvoiceDate": day(invoice.invoice_date),
        "dueDate": day(invoice.due_date) if kind == INVOICE else None,
        "postPeriod": post_period,
        "financialPeriod": financial_period,
        "currencyId": invoice.currency,
        "exchangeRate": invoice.rate,
        "creditTerms": supplier["creditTerms"],
        "paymentMethod": supplier["paymentMethod"],
        "cashAccount": "1920",
        "branchNumber": {"number": "1", "name": books.company.name},
        "supplierTaxZone": supplier["vatZone"],
        "taxCalculationMode": "TaxSetting",
        "description": invoice.description or None,
        "paySelected": False,
    }


def _line(books: Books, row: CodingRow, sign: int) -> dict[str, Any]:
    """Credit notes have positive amounts here (Visma dossier 1.4)."""
    asked: dict[str, Any] = {
        "text": row.text,
        "net": row.net * sign,
        "account": row.account,
        "vat": _CATEGORIES.get(row.tax_code, row.tax_code),
        "segments": {SEGMENTS[name]: code for name, code in row.dimensions if name in SEGMENTS},
        "project": dict(row.dimensions).get("PROJECT"),
    }
    if not row.order_number:
        return asked
    order = next(each for each in books.company.orders if each.number == row.order_number)
    position = next(index for index, each in enumerate(order.lines, 1) if str(each.line) == row.order_line)
    line = order.lines[position - 1]
    ordered = {"order": order.number, "order_line": position, "quantity": line.quantity, "unit_cost": line.unit_cost}
    return asked | ordered | {"item": line.number if line.kind == "Item" else None}


def _names(invoice: Invoice, ordinal: int) -> list[str]:
    stem = re.sub(r"[^\w.-]+", "_", invoice.number)[:60] or invoice.document_id[:8]
    return [f"{stem}.{ending}" for ending in _FILES.get(ordinal, ("pdf",))]


def _account_of(company: TradingCompany, kind: str, number: str) -> str:
    return next(item.account for item in company.items if item.number == number) if kind == "Item" else number


def _at(books: Books, on: date, index: int) -> datetime:
    """When it was last changed: that day at work, with fractions of every length; two by two at one moment."""
    minutes = index // 2 * 7 % 480
    milliseconds = (0, 640, 643, 500, 7)[index // 2 % 5]
    start = datetime(on.year, on.month, on.day, 8)  # noqa: DTZ001 - the server's own time has no zone
    return min(start + timedelta(minutes=minutes, milliseconds=milliseconds), books.store.now() - timedelta(hours=3))
