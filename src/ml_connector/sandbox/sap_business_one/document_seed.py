"""Opens the documents of a trading company: orders, what was received of them, bills that were keyed before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.heads import draw_document
from ml_connector.sandbox.sap_business_one.kinds import CREDIT_NOTE, INVOICE, ORDER, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import COSTING_CODES, SERVICE
from ml_connector.sandbox.sap_business_one.orders import receive
from ml_connector.sandbox.sap_business_one.posting import enter
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.sap_business_one.seed import DIMENSIONS
from ml_connector.sandbox.trade import CodingRow, Invoice, InvoiceKind, Order, OrderLine

_TAX_CODES = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
_ITEMS = "dDocument_Items"


def seed_documents(books: Books) -> None:
    """Adds them all; masters must be there. Dates before the first open period are posted all the same."""
    opens = books.posting_from
    books.posting_from = date(books.company.today.year - 1, 1, 1)
    for order in books.company.orders:
        if order.status == "Open":
            _add_order(books, order)
    books.posting_from = opens
    for invoice in books.company.already_posted:
        _add_bill(books, invoice)


def order_number(number: str) -> int:
    """The DocNum of an order of the trading company: its digits."""
    return int(re.sub(r"\D", "", number))


def _add_order(books: Books, order: Order) -> None:
    """An order of items, or of services where it has no items: B1 knows no mixed ones (dossier 7.2)."""
    items = [line for line in order.lines if line.kind == "Item"]
    day = order.date.isoformat()
    body: Row = {
        "DocType": _ITEMS if items else SERVICE,
        "CardCode": order.vendor,
        "NumAtCard": order.number,
        "DocDate": day,
        "DocCurrency": order.currency,
        "BPL_IDAssignedToInvoice": 1,
        "Confirmed": "tYES",
        "DocumentLines": [_order_line(line) for line in items or order.lines],
    }
    row = enter(books, ORDER, draw_document(books, ORDER, body))
    row = {**row, "DocNum": order_number(order.number)}
    stored = _stamp(books, ORDER, row, day)
    received = {line.line // 10_000 - 1: line.received for line in items or order.lines if line.received}
    if received:
        receipt = receive(books, stored, received, day=day)
        _stamp_set(books, "PurchaseDeliveryNotes", receipt, day)
        _stamp(books, ORDER, books.table(ORDER.entity_set).rows[row["DocEntry"]], day)


def _order_line(line: OrderLine) -> Row:
    """LineNum is the line's place in the trading company's order, so that lines left out leave gaps."""
    common: Row = {"_keep": line.line // 10_000 - 1, "ItemDescription": line.description, "VatGroup": line.tax_group}
    if line.kind == "Item":
        return {**common, "ItemCode": line.number, "Quantity": line.quantity, "UnitPrice": line.unit_cost}
    return {**common, "AccountCode": line.number, "UnitPrice": line.net}


def _add_bill(books: Books, invoice: Invoice) -> None:
    """A bill that a person keyed and posted before."""
    kind = CREDIT_NOTE if invoice.kind is InvoiceKind.CREDIT_NOTE else INVOICE
    sign = -1 if invoice.gross < 0 else 1
    body: Row = {
        "DocType": SERVICE,
        "CardCode": invoice.vendor,
        "NumAtCard": invoice.number,
        "DocDate": invoice.voucher_date.isoformat(),
        "TaxDate": invoice.invoice_date.isoformat(),
        "DocDueDate": invoice.due_date.isoformat(),
        "DocCurrency": invoice.currency,
        "BPL_IDAssignedToInvoice": 1,
        "Comments": "Keyed by hand",
        "DocumentLines": [_bill_line(row, sign) for row in invoice.rows],
    }
    entered = enter(books, kind, draw_document(books, kind, body))
    _stamp(books, kind, entered, invoice.voucher_date.isoformat())


def _bill_line(row: CodingRow, sign: int) -> Row:
    return {
        "ItemDescription": row.text[:100],
        "AccountCode": row.account,
        "UnitPrice": row.net * sign,
        "VatGroup": _TAX_CODES[row.tax_code],
        **dict(_coding(row)),
    }


def _coding(row: CodingRow) -> Iterator[tuple[str, str]]:
    for dimension, code in row.dimensions:
        yield ("ProjectCode" if dimension == "PROJECT" else COSTING_CODES[DIMENSIONS[dimension] - 1]), code


def _stamp(books: Books, kind: DocumentKind, row: Row, day: str) -> Row:
    return _stamp_set(books, kind.entity_set, row, day)


def _stamp_set(books: Books, entity_set: str, row: Row, day: str) -> Row:
    """As if it had been written that day."""
    stamps = {"CreationDate": day, "UpdateDate": day, "UpdateTime": "09:00:00", "_created_at": f"{day}T09:00:00+00:00"}
    return books.table(entity_set).put({**row, **stamps}, touch=False)
