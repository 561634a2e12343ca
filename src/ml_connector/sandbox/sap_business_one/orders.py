"""Orders and receipts: cancelled by a flag, closed and opened again by hand (B1 dossier 6.10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ml_connector.sandbox.sap_business_one.bases import give_back_to_bases, status_of
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import not_supported
from ml_connector.sandbox.sap_business_one.heads import draw_document
from ml_connector.sandbox.sap_business_one.kinds import ORDER, RECEIPT, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import SERVICE
from ml_connector.sandbox.sap_business_one.posting import enter
from ml_connector.sandbox.sap_business_one.schema import Row


def cancel_order(books: Books, kind: DocumentKind, entry: int) -> Row:
    """Cancels an order or receipt: one record, flagged; no mirror (B1 dossier 14.36)."""
    table = books.table(kind.entity_set)
    row = table.rows[entry]
    if row["DocumentStatus"] != "bost_Open":
        raise not_supported()
    give_back_to_bases(books, row)
    lines = [{**line, "LineStatus": "bost_Close"} for line in row["DocumentLines"]]
    flags = {"Cancelled": "tYES", "CancelStatus": "csYes", "DocumentStatus": "bost_Close"}
    return table.put({**row, **flags, "DocumentLines": lines})


def reopen_order(books: Books, kind: DocumentKind, entry: int) -> Row:
    """Opens a document that was closed by hand."""
    table = books.table(kind.entity_set)
    row = table.rows[entry]
    if row["DocumentStatus"] != "bost_Close" or row["CancelStatus"] != "csNo":
        raise not_supported()
    lines = [{**line, "LineStatus": "bost_Open" if _has_rest(row, line) else "bost_Close"} for line in _lines(row)]
    if status_of(lines) == "bost_Close":
        raise not_supported()
    return table.put({**row, "DocumentStatus": "bost_Open", "DocumentLines": lines})


def _lines(row: Row) -> list[Row]:
    return row["DocumentLines"]


def _has_rest(row: Row, line: Row) -> bool:
    return bool(line["OpenAmount"]) if row["DocType"] == SERVICE else line["RemainingOpenQuantity"] > 0


def receive(books: Books, order: Row, quantities: dict[int, Decimal] | None = None, *, day: str | None = None) -> Row:
    """Books a receipt of an order: of everything open, or of those quantities by LineNum.

    Services are received whole: their lines have a sum and no quantity.
    """
    open_lines = [line for line in order["DocumentLines"] if line["LineStatus"] == "bost_Open"]
    chosen = [line for line in open_lines if quantities is None or quantities.get(line["LineNum"])]
    if not chosen:
        message = f"Nothing of order {order['DocNum']} is left to receive."
        raise ValueError(message)
    body = {
        "CardCode": order["CardCode"],
        "DocType": order["DocType"],
        "DocDate": day or books.today(),
        "DocCurrency": order["DocCurrency"],
        "DocRate": order["DocRate"],
        "BPL_IDAssignedToInvoice": order.get("BPL_IDAssignedToInvoice"),
        "DocumentLines": [_received(order, line, quantities) for line in chosen],
    }
    return enter(books, RECEIPT, draw_document(books, RECEIPT, body))


def _received(order: Row, line: Row, quantities: dict[int, Decimal] | None) -> Row:
    based: dict[str, Any] = {
        "BaseType": ORDER.object_type,
        "BaseEntry": order["DocEntry"],
        "BaseLine": line["LineNum"],
        "UnitPrice": line["UnitPrice"],
        **{name: line.get(name) for name in ("CostingCode", "CostingCode2", "CostingCode3")},
    }
    if order["DocType"] != SERVICE:
        asked = line["RemainingOpenQuantity"] if quantities is None else quantities[line["LineNum"]]
        based["Quantity"] = Decimal(str(asked))
    return based
