"""Posting, and what happens to posted documents afterwards (BC dossier 8.6, 8.7, 9)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import CREDIT_MEMO, INVOICE, ORDER, DocumentKind
from ml_connector.sandbox.business_central.errors import dialog
from ml_connector.sandbox.business_central.ledger import closing_status, enter_document
from ml_connector.sandbox.business_central.lines import document_lines
from ml_connector.sandbox.business_central.schema import TYPES, Row
from ml_connector.sandbox.business_central.table import new_id

_MANDATORY = {
    "Invoice": "You need to enter the document number of the document from the vendor in the Vendor Invoice No. "
    "field, so that this document stays linked to the original.",
    "Credit Memo": "You need to enter the document number of the document from the vendor in the Vendor Cr. Memo "
    "No. field, so that this document stays linked to the original.",
}


def post(books: Books, kind: DocumentKind, document_id: str) -> Row:
    """Posts a draft: same id, new number, an entry in the ledgers; raises Refused with the first failure only.

    What the batch did before is committed first, so that a failed post cannot take it back (dossier 5.6).
    """
    books.store.commit()
    header = books.table(kind.headers).rows[document_id]
    if header["_posted"]:
        raise dialog(f"The action can be applied to a draft {kind.short.lower()} only.")
    lines = document_lines(books, kind, document_id)
    if kind is CREDIT_MEMO and not lines:
        raise dialog("Please add at least one line item to the credit memo.")
    _require_postable(books, kind, header, lines, number=header[kind.external_number])
    return _enter(books, kind, header, lines, number=header[kind.external_number])


def _enter(books: Books, kind: DocumentKind, header: Row, lines: list[Row], *, number: str) -> Row:
    posted = {
        **header,
        "number": books.next_number(kind.posted_series),
        "_draft_number": header["number"],
        "_posted": True,
        "status": "Open",
    }
    posted = books.table(kind.headers).put(posted)
    enter_document(books, kind, posted, lines, external_number=number)
    return posted


def _require_postable(books: Books, kind: DocumentKind, header: Row, lines: list[Row], *, number: str) -> None:
    _test_approval(kind, header)
    _test_window(books, header)
    if not number:
        raise dialog(_MANDATORY["Credit Memo" if kind is CREDIT_MEMO else "Invoice"])
    _test_vendor(books, header)
    for parent in (header, *lines):
        _test_dimensions(books, parent)
    _test_mandatory(books, header)
    if not any(line["quantity"] and line["lineType"] != "Comment" for line in lines):
        raise dialog("There is nothing to post because the document does not contain a quantity or amount.")
    _test_duplicate(books, kind, header, number)


def _test_approval(kind: DocumentKind, header: Row) -> None:
    if header["_document_status"] == "Pending Approval":
        raise dialog(
            f"{kind.title} {header['number']} must be approved and released before you can perform this action."
        )


def _test_window(books: Books, header: Row) -> None:
    if not books.posting_from.isoformat() <= header["postingDate"] <= books.posting_to.isoformat():
        raise dialog("Posting Date is not within your range of allowed posting dates.")


def _test_vendor(books: Books, header: Row) -> None:
    vendor = books.table("vendors").rows.get(header["vendorId"])
    if vendor is None or vendor["blocked"] == "All":
        raise dialog(
            f"You cannot post this type of document when Vendor {header['vendorNumber']} is blocked with type All"
        )


def _test_dimensions(books: Books, parent: Row) -> None:
    for dimension, code in parent["_dims"].items():
        value = books.dimension_value(dimension, code)
        if value is None or value["_blocked"]:
            raise dialog(f"Dimension Value {dimension} - {code} is blocked.")


def _test_mandatory(books: Books, header: Row) -> None:
    for rule in books.table("defaultDimensions").find("parentId", header["vendorId"]):
        code = rule["dimensionCode"]
        if rule["postingValidation"] == "Code Mandatory" and code not in header["_dims"]:
            raise dialog(
                f"Select a Dimension Value Code for the Dimension Code {code} for Vendor {header['vendorNumber']}."
            )


def _test_duplicate(books: Books, kind: DocumentKind, header: Row, number: str) -> None:
    wanted = "Credit Memo" if kind is CREDIT_MEMO else "Invoice"
    for entry in books.table("vendorLedgerEntries").find("externalDocumentNumber", number):
        if entry["documentType"] == wanted and entry["vendorNumber"] == header["payToVendorNumber"]:
            raise dialog(f"Purchase {wanted} {number} already exists for this vendor.")


def cancel(books: Books, kind: DocumentKind, document_id: str) -> Row:
    """Cancels a posted document by its opposite, which is posted too; raises Refused for a draft."""
    header = books.table(kind.headers).rows[document_id]
    if not header["_posted"]:
        raise dialog(f"The action can be applied to a posted {kind.short.lower()} only.")
    if header["status"] == "Canceled":
        raise dialog(f"The {kind.short.lower()} cannot be cancelled because it has already been canceled.")
    closing_status(books, header, "Canceled")
    return _correct(books, kind, books.table(kind.headers).rows[document_id])


def _correct(books: Books, kind: DocumentKind, header: Row) -> Row:
    opposite = CREDIT_MEMO if kind is INVOICE else INVOICE
    row = TYPES[opposite.headers].blank()
    row |= {name: value for name, value in header.items() if name in row}
    row |= {
        "id": new_id(),
        "number": books.next_number(opposite.posted_series),
        opposite.own_date: header[kind.own_date],
        opposite.external_number: "",
        "status": "Corrective",
    }
    private = {name: value for name, value in header.items() if name.startswith("_")}
    books.table(opposite.headers).put({**row, **private, "_corrects": header["id"]})
    return header


def receive_and_invoice(books: Books, order_id: str) -> None:
    """Posts receipt and invoice of an order together; the order is gone afterwards (dossier 9.3)."""
    books.store.commit()
    order = books.table(ORDER.headers).rows[order_id]
    lines = document_lines(books, ORDER, order_id)
    number: str = order.get("_external_number", "")
    _require_postable(books, ORDER, order, lines, number=number)
    receive(books, order, lines)
    invoice = _invoice_of(books, order, number)
    billed = [_line_of(books, invoice, line) for line in lines]
    _enter(books, INVOICE, invoice, billed, number=number)
    for line in lines:
        books.table(ORDER.lines).drop(line["id"])
    books.table(ORDER.headers).drop(order_id)


def _invoice_of(books: Books, order: Row, number: str) -> Row:
    row = TYPES[INVOICE.headers].blank()
    row |= {name: value for name, value in order.items() if name in row or name.startswith("_")}
    row |= {
        "id": new_id(),
        "orderId": order["id"],
        "orderNumber": order["number"],
        "invoiceDate": order["orderDate"],
        "dueDate": books.due_date(order["_terms"], order["orderDate"]),
        "vendorInvoiceNumber": number,
        "number": books.next_number(INVOICE.draft_series),
    }
    return books.table(INVOICE.headers).put(row)


def _line_of(books: Books, invoice: Row, line: Row) -> Row:
    row = TYPES[INVOICE.lines].blank()
    row |= {name: value for name, value in line.items() if name in row or name.startswith("_")}
    row |= {"id": new_id(), "documentId": invoice["id"], "unitCost": line["directUnitCost"]}
    return books.table(INVOICE.lines).put(row)


def receive(books: Books, order: Row, lines: list[Row]) -> Row | None:
    """Posts a receipt for what is to be received of an order; None when that is nothing."""
    due = [(line, line["quantity"] - line["receivedQuantity"]) for line in lines]
    due = [(line, quantity) for line, quantity in due if quantity > 0]
    if not due:
        return None
    receipt = write_receipt(books, order, due)
    for line, _ in due:
        books.table(ORDER.lines).put({**line, "receivedQuantity": line["quantity"], "receiveQuantity": Decimal(0)})
    return receipt


def write_receipt(books: Books, order: Row, received: list[tuple[Row, Decimal]]) -> Row:
    """The receipt of those quantities of an order's lines."""
    row = TYPES["purchaseReceipts"].blank()
    row |= {name: value for name, value in order.items() if name in row}
    row |= {
        "id": new_id(),
        "number": books.next_number("PR"),
        "orderNumber": order["number"],
        "invoiceDate": order["orderDate"],
        "postingDate": books.today(),
        "dueDate": books.due_date(order["_terms"], order["orderDate"]),
        "_dims": dict(order["_dims"]),
    }
    receipt = books.table("purchaseReceipts").put(row)
    for line, quantity in received:
        _write_receipt_line(books, receipt, line, quantity)
    return receipt


def _write_receipt_line(books: Books, receipt: Row, line: Row, quantity: Decimal) -> None:
    row = TYPES["purchaseReceiptLines"].blank()
    row |= {name: value for name, value in line.items() if name in row}
    row |= {
        "id": new_id(),
        "documentId": receipt["id"],
        "lineType": "G/L Account" if line["lineType"] == "Account" else line["lineType"],
        "unitCost": line["directUnitCost"],
        "quantity": quantity,
        "_dims": dict(line["_dims"]),
    }
    books.table("purchaseReceiptLines").put(row)
