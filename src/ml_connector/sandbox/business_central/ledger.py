"""The vendor ledger and the general ledger: entries of posted documents and of payments (BC dossier 8.6, 10)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import CREDIT_MEMO, INVOICE, DocumentKind
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import new_id
from ml_connector.sandbox.trade import rounded

PAYABLES_ACCOUNT = "2100"
VAT_ACCOUNT = "2700"
_ZERO = Decimal(0)


def enter_document(books: Books, kind: DocumentKind, header: Row, lines: list[Row], *, external_number: str) -> None:
    """Writes the entries of a document that was just posted."""
    sign = 1 if kind is CREDIT_MEMO else -1
    document_type = "Credit Memo" if kind is CREDIT_MEMO else "Invoice"
    amount = header["totalAmountIncludingTax"] * sign
    _enter_vendor(
        books,
        header,
        amount,
        document_type=document_type,
        number=header["number"],
        external_number=external_number,
        day=header["postingDate"],
    )
    for line in lines:
        if line["lineType"] != "Comment" and line["netAmount"]:
            _enter_account(
                books, header, document_type, line["_account"], line["netAmount"] * -sign, dims=line["_dims"]
            )
    _enter_account(books, header, document_type, VAT_ACCOUNT, header["totalTaxAmount"] * -sign)
    _enter_account(books, header, document_type, PAYABLES_ACCOUNT, amount)


def _enter_vendor(
    books: Books,
    header: Row,
    amount: Decimal,
    *,
    document_type: str,
    number: str,
    external_number: str,
    day: str,
    is_open: bool = True,
) -> Row:
    local = rounded(amount * header["_factor"])
    row = TYPES["vendorLedgerEntries"].blank() | {
        "entryNumber": books.next_entry("vendor entries"),
        "documentType": document_type,
        "documentNumber": number,
        "externalDocumentNumber": external_number,
        "postingDate": day,
        "documentDate": day,
        "vendorNumber": header["payToVendorNumber"],
        "description": f"{document_type} {number}",
        "currencyCode": header["_currency"],
        "amount": amount,
        "amountLocalCurrency": local,
        "debitAmount": max(amount, _ZERO),
        "creditAmount": max(-amount, _ZERO),
        "open": is_open,
        "_remaining": amount if is_open else _ZERO,
    }
    vendor = books.table("vendors").rows.get(header["payToVendorId"])
    if vendor is not None:
        vendor["balance"] -= local  # A flow field: it moves without touching the row.
    return books.table("vendorLedgerEntries").put(row)


def _enter_account(
    books: Books,
    header: Row,
    document_type: str,
    number: str,
    amount: Decimal,
    *,
    dims: dict[str, str] | None = None,
) -> None:
    if not amount:
        return
    local = rounded(amount * header["_factor"])
    account = books.by_number("accounts", number)
    row = TYPES["generalLedgerEntries"].blank() | {
        "id": new_id(),
        "entryNumber": books.next_entry("account entries"),
        "postingDate": header["postingDate"],
        "documentNumber": header["number"],
        "documentType": document_type,
        "accountId": account["id"] if account else NO_GUID,
        "accountNumber": number,
        "description": f"{document_type} {header['number']}",
        "debitAmount": max(local, _ZERO),
        "creditAmount": max(-local, _ZERO),
        "_dims": dims or {},
    }
    books.table("generalLedgerEntries").put(row)


def entry_of(books: Books, header: Row) -> Row:
    """The vendor ledger entry of a posted document; raises LookupError when there is none."""
    for entry in books.table("vendorLedgerEntries").find("documentNumber", header["number"]):
        if entry["documentType"] in ("Invoice", "Credit Memo"):
            return entry
    message = f"{header['number']} has no entry in the vendor ledger: it is not posted."
    raise LookupError(message)


def pay(books: Books, header: Row, *, amount: Decimal | None, day: str) -> Row:
    """Pays a posted document in full, or in part when `amount` is less than what is open.

    A part payment shows nowhere on the document (dossier 8.6); the last part closes it.
    """
    entry = entry_of(books, header)
    open_amount = abs(entry["_remaining"])
    paid = open_amount if amount is None else min(amount, open_amount)
    sign = 1 if entry["amount"] < 0 else -1
    number = books.next_number("BP")
    _enter_vendor(
        books,
        header,
        paid * sign,
        document_type="Payment" if sign > 0 else "Refund",
        number=number,
        external_number="",
        day=day,
        is_open=False,
    )
    left = entry["_remaining"] + paid * sign
    payments = (*entry.get("_payments", ()), (number, paid * sign))
    settled = {**entry, "_remaining": left, "open": bool(left), "_payments": payments}
    books.table("vendorLedgerEntries").put(settled)
    if not left and header["status"] == "Open":
        _set_status(books, header, "Paid")
    return entry_of(books, header)


def unpay(books: Books, header: Row, *, day: str) -> Row:
    """Reverses every payment of a document: it is open again."""
    entry = entry_of(books, header)
    for number, amount in entry.get("_payments", ()):
        _enter_vendor(
            books,
            header,
            -amount,
            document_type="Payment",
            number=number,
            external_number="",
            day=day,
            is_open=False,
        )
    restored = {**entry, "_remaining": entry["amount"], "open": True, "_payments": ()}
    books.table("vendorLedgerEntries").put(restored)
    if header["status"] == "Paid":
        _set_status(books, header, "Open")
    return entry_of(books, header)


def closing_status(books: Books, header: Row, status: str) -> None:
    """Closes the entry of a document and gives it the status that says why."""
    entry = entry_of(books, header)
    books.table("vendorLedgerEntries").put({**entry, "_remaining": _ZERO, "open": False})
    _set_status(books, header, status)


def _set_status(books: Books, header: Row, status: str) -> None:
    table = books.table(INVOICE.headers if header["id"] in books.table(INVOICE.headers).rows else CREDIT_MEMO.headers)
    table.put({**table.rows[header["id"]], "status": status})
