"""Bills: our records as Kinetic's invoices and debit memos, and back. Pure functions (Epicor dossier 9, 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.tablesets import rows_of
from ml_connector.connectors.rows import Row, amount, integer, is_set, number, text
from ml_connector.connectors.texts import code, cut
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill

HEADS: Final = "APInvHed"
LINES: Final = "APInvDtl"
AMOUNTS: Final = "APInvExp"
CODINGS: Final = "APInvExpTGLC"
FILES: Final = "APInvHedAttch"

HEADER: Final = (
    "Company", "VendorNum", "InvoiceNum", "VendorNumVendorID", "GroupID", "Posted", "DebitMemo", "InvoiceHeld",
    "ExternalID", "ApplyDate", "DocInvoiceAmt", "DocInvoiceVendorAmt", "DocTaxAmt", "DocInvoiceBal", "OpenPayable",
    "CurrencyCode", "LegalNumber", "JournalNum", "RefCancelledby", "CancellationInv", "SysRowID", "SysRevID",
)  # fmt: skip
"""What is read of an invoice."""

MISCELLANEOUS: Final = "M"
RECEIVED: Final = "R"
UNRECEIVED: Final = "U"

PART_LENGTH: Final = 50
"""UTF-16 units of a line's part (Epicor dossier 9.5.2)."""
TEXT_LENGTH: Final = 1000
"""Of a line's text. UNCONFIRMED: the dossier names no length."""
HEAD_TEXT_LENGTH: Final = 50
"""Of the header's short text, which is copied to the payment stub. UNCONFIRMED, as above."""

_MARK: Final = "ML-"
_MARK_DIGITS: Final = 24


# ------------------------------------------------------------------ whose it is


def marker_of(key: str) -> str:
    """What `ExternalID` of a bill of ours holds: lasting for the bill's key."""
    return _MARK + sha256(key.encode()).hexdigest()[:_MARK_DIGITS]


def is_ours(row: Mapping[str, Any], bill: Bill) -> bool:
    """True for the entry that was made for this very bill."""
    return text(row, "ExternalID") == marker_of(bill.key)


def is_marked(row: Mapping[str, Any]) -> bool:
    """True for an entry of this connector's, whichever bill it was made for."""
    return text(row, "ExternalID").startswith(_MARK)


# ------------------------------------------------------------------ what is written


def header_fields(bill: Bill) -> dict[str, Any]:
    """What is set in the header's row itself, without a method.

    It is held until it is posted: a held invoice stays in its group whoever posts the group (Epicor dossier 9.1).
    Taxes are calculated by the server at each save once `ReadyToCalc` is set (Epicor dossier 9.6, UNCONFIRMED).
    """
    return {
        "InvoiceNum": bill.number.strip(),
        "Description": cut(bill.description, HEAD_TEXT_LENGTH),
        "InvoiceComment": cut(bill.description, TEXT_LENGTH),
        "ExternalID": marker_of(bill.key),
        "InvoiceHeld": True,
        "ReadyToCalc": True,
    }


def line_text(bill: Bill, line: BillLine) -> str:
    """A line's text; the supplier's number where it has none."""
    return cut(line.description, TEXT_LENGTH) or cut(bill.number, TEXT_LENGTH)


def part_of(bill: Bill, line: BillLine) -> str:
    """A line's part: any text is taken on a miscellaneous one."""
    return cut(line_text(bill, line), PART_LENGTH)


def sign_of(kind: DocumentKind) -> int:
    """Debit memos are entered positive, and stored and read back negative (Epicor dossier 9.6)."""
    return -1 if kind is DocumentKind.CREDIT_NOTE else 1


# ------------------------------------------------------------------ tablesets


def of_line(rows: Iterable[Row], line: int) -> list[Row]:
    """Those rows of a child table that belong to a line."""
    return [row for row in rows if integer(row, "InvoiceLine") == line]


def lines_of(ds: Mapping[str, Any]) -> list[Row]:
    """The stored lines in their order."""
    return sorted(rows_of(ds, LINES), key=lambda row: integer(row, "InvoiceLine"))


# ------------------------------------------------------------------ what is read


def kind_of(row: Mapping[str, Any]) -> DocumentKind:
    """Invoice or debit memo."""
    return DocumentKind.CREDIT_NOTE if is_set(row, "DebitMemo") else DocumentKind.INVOICE


def is_cancellation(row: Mapping[str, Any]) -> bool:
    """True for the document that only takes another one back."""
    return is_set(row, "CancellationInv")


def status_of(row: Mapping[str, Any]) -> BillStatus:
    """Where an invoice stands. `GLPosted` says nothing of it, nor does `OpenPayable` before (dossier 9.3, 11)."""
    if text(row, "RefCancelledby"):
        return BillStatus.CANCELLED
    if not is_set(row, "Posted"):
        return BillStatus.DRAFT
    return BillStatus.PAID if is_settled(row) else BillStatus.POSTED


def is_settled(row: Mapping[str, Any]) -> bool:
    """True where nothing is open any more, by whatever it was settled (Epicor dossier 11.1)."""
    return is_set(row, "Posted") and not is_set(row, "OpenPayable") and not number(row, "DocInvoiceBal")


def number_of(row: Mapping[str, Any]) -> str:
    """The legal number where the country has one, else the supplier's own."""
    return text(row, "LegalNumber") or text(row, "InvoiceNum")


def journal_of(row: Mapping[str, Any]) -> str:
    """The GL journal's number, once it is posted."""
    journal = integer(row, "JournalNum")
    return str(journal) if journal else ""


def ledger_bill_of(row: Mapping[str, Any], *, lines: int | None = None) -> LedgerBill:
    """An invoice in the ledger. Raises Refused (unexpected) where it has no lasting id."""
    bill_id = text(row, "SysRowID")
    if not bill_id:
        raise unexpected(f"the invoice {text(row, 'InvoiceNum')} came without its SysRowID")
    sign = sign_of(kind_of(row))
    gross, tax = amount(row, "DocInvoiceAmt"), amount(row, "DocTaxAmt")
    return LedgerBill(
        id=bill_id.lower(),
        number=number_of(row),
        status=status_of(row),
        kind=kind_of(row),
        vendor=text(row, "VendorNumVendorID") or text(row, "VendorNum"),
        vendor_number=text(row, "InvoiceNum"),
        gross=None if gross is None else sign * gross,
        net=None if gross is None or tax is None else sign * (gross - tax),
        tax=None if tax is None else sign * tax,
        currency=text(row, "CurrencyCode"),
        line_count=lines,
        journal=journal_of(row),
    )


def is_number_of(row: Mapping[str, Any], bill: Bill) -> bool:
    """True where an invoice carries the bill's number, in whatever case it is stored (Epicor dossier 9.7)."""
    return code(text(row, "InvoiceNum")) == code(bill.number)


def say_place(row: Mapping[str, Any]) -> str:
    """An invoice for people, with the group that it is in."""
    group = text(row, "GroupID")
    where = f" in group {group}" if group and not is_set(row, "Posted") else ""
    return f"{text(row, 'InvoiceNum')}{where}"
