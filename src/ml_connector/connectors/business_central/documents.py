"""Bills: our records as Business Central's documents, and back. Pure functions (BC dossier 8 and 9.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.business_central.manifest import (
    DESCRIPTION2_LENGTH,
    DESCRIPTION_LENGTH,
    FILE_NAME_LENGTH,
)
from ml_connector.connectors.business_central.mapping import decimal_of
from ml_connector.connectors.odata import decode_enum
from ml_connector.connectors.texts import code, cut, units
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sort:
    """One of the two kinds of document: what its entities and properties are called."""

    kind: DocumentKind
    documents: str
    lines: str
    number: str
    """The property with the supplier's number."""
    document_date: str
    parent_type: str
    """What an attachment calls the document it belongs to."""
    has_description2: bool
    ledger_type: str
    """The vendor ledger's name of the document type."""

    @property
    def header_fields(self) -> str:
        """What is selected of a document's header."""
        return ",".join(
            ("id", "number", "status", "vendorNumber", "payToVendorNumber", self.number, "currencyCode",
             self.document_date, "postingDate", "dueDate", "totalAmountExcludingTax", "totalTaxAmount",
             "totalAmountIncludingTax", "lastModifiedDateTime")
        )  # fmt: skip


INVOICES: Final = Sort(
    kind=DocumentKind.INVOICE,
    documents="purchaseInvoices",
    lines="purchaseInvoiceLines",
    number="vendorInvoiceNumber",
    document_date="invoiceDate",
    parent_type="Purchase Invoice",
    has_description2=True,
    ledger_type="Invoice",
)
CREDIT_MEMOS: Final = Sort(
    kind=DocumentKind.CREDIT_NOTE,
    documents="purchaseCreditMemos",
    lines="purchaseCreditMemoLines",
    number="vendorCreditMemoNumber",
    document_date="creditMemoDate",
    parent_type="Purchase Credit Memo",
    has_description2=False,
    ledger_type="Credit Memo",
)
SORTS: Final[Mapping[DocumentKind, Sort]] = {sort.kind: sort for sort in (INVOICES, CREDIT_MEMOS)}

# A corrective document is posted and closed against the one it corrects.
_STATUSES: Final[Mapping[str, BillStatus]] = {
    "Draft": BillStatus.DRAFT,
    "In Review": BillStatus.PENDING,
    "Open": BillStatus.POSTED,
    "Paid": BillStatus.PAID,
    "Canceled": BillStatus.CANCELLED,
    "Corrective": BillStatus.PAID,
}
_NOT_IN_FILE_NAMES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


# ------------------------------------------------------------------ what is written


def document_body(bill: Bill, *, dimensions: Mapping[str, str]) -> dict[str, Any]:
    """The whole document in one object: header, header dimensions, lines (BC dossier 5.4, 5.5).

    Built from writable properties only: a single read-only one refuses the whole call (5.3).
    `dimensions` are put on the header, from where every line inherits them.
    """
    sort = SORTS[bill.kind]
    body: dict[str, Any] = {
        "vendorNumber": bill.vendor.strip(),
        sort.document_date: bill.invoice_date.isoformat(),
        "postingDate": bill.posting_date.isoformat(),
    }
    if bill.due_date is not None:
        body["dueDate"] = bill.due_date.isoformat()
    body[sort.number] = bill.number.strip()
    body["currencyCode"] = bill.currency
    if dimensions:
        body["dimensionSetLines"] = [{"code": code, "valueCode": value} for code, value in dimensions.items()]
    body[sort.lines] = [line_body(line, sort) for line in bill.lines]
    return body


def line_body(line: BillLine, sort: Sort) -> dict[str, Any]:
    """A line. One that takes away has quantity -1, so that its unit cost stays positive."""
    body: dict[str, Any] = {"lineType": "Account", "lineObjectNumber": line.account.strip()}
    description = cut(line.description, DESCRIPTION_LENGTH)
    if description:
        body["description"] = description
    order = order_note(line)
    if order and sort.has_description2:
        body["description2"] = order
    body["quantity"] = -1 if line.net < 0 else 1
    body["unitCost"] = abs(line.net)
    if line.tax_code:
        body["taxCode"] = line.tax_code
    return body


def order_note(line: BillLine) -> str:
    """The order a line was matched to, as a note: an invoice line cannot be tied to it (BC dossier 9.3)."""
    if not line.order_number:
        return ""
    place = f" / {line.order_line}" if line.order_line else ""
    return cut(f"Order {line.order_number}{place}", DESCRIPTION2_LENGTH)


def file_name(name: str) -> str:
    """A name the server takes as it stands: a bad one would be stored as filename.txt (BC dossier 11)."""
    clean = _NOT_IN_FILE_NAMES.sub("_", name).strip(" .") or "attachment"
    stem, dot, extension = clean.rpartition(".")
    if not dot or units(extension) > 20:
        return cut(clean, FILE_NAME_LENGTH)
    return f"{cut(stem, FILE_NAME_LENGTH - 1 - units(extension))}.{extension}"


# ------------------------------------------------------------------ codes


def spellings(number: str) -> tuple[str, ...]:
    """What a supplier's number may be stored as.

    Capitals character by character, as the server makes them (`ß` has none there), and as the full rules
    of Unicode do.
    """
    text = number.strip()
    single = "".join(each.upper() if len(each.upper()) == 1 else each for each in text)
    return tuple(dict.fromkeys((single, text.upper())))


def is_of(row: Row, bill: Bill) -> bool:
    """True where a document carries the bill's number and vendor, as buy-from or pay-to vendor."""
    sort = SORTS[bill.kind]
    if code(str(row.get(sort.number) or "")) != code(bill.number):
        return False
    vendors = {code(str(row.get(name) or "")) for name in ("vendorNumber", "payToVendorNumber")}
    return code(bill.vendor) in vendors


# ------------------------------------------------------------------ what is read


def status_of(row: Row) -> BillStatus:
    """Where a document stands. An unknown status is somebody else's business: nothing is done about it."""
    return _STATUSES.get(decode_enum(str(row.get("status") or "")), BillStatus.PENDING)


def ledger_bill_of(row: Row, sort: Sort) -> LedgerBill:
    """A document as it stands; its lines are counted where they were read along."""
    lines = row.get(sort.lines)
    return LedgerBill(
        id=str(row["id"]),
        number=str(row.get("number") or ""),
        status=status_of(row),
        kind=sort.kind,
        vendor=str(row.get("vendorNumber") or ""),
        vendor_number=str(row.get(sort.number) or ""),
        gross=_amount(row, "totalAmountIncludingTax"),
        net=_amount(row, "totalAmountExcludingTax"),
        tax=_amount(row, "totalTaxAmount"),
        currency=str(row.get("currencyCode") or ""),
        line_count=len(lines) if isinstance(lines, list) else None,
    )


def _amount(row: Row, name: str) -> Decimal | None:
    return None if row.get(name) is None else decimal_of(row[name])


def header_changes(bill: Bill, row: Row) -> dict[str, str]:
    """The dates the server made something else of (terms, linked dates: BC dossier 8.2.8)."""
    sort = SORTS[bill.kind]
    wanted: dict[str, date | None] = {
        sort.document_date: bill.invoice_date, "postingDate": bill.posting_date, "dueDate": bill.due_date,
    }  # fmt: skip
    differing = {
        name: day.isoformat()
        for name, day in wanted.items()
        if day is not None and name in row and str(row[name])[:10] != day.isoformat()
    }
    if differing and bill.due_date is not None:
        # Another document date would compute the due date anew unless it comes along.
        differing["dueDate"] = bill.due_date.isoformat()
    return differing


# ------------------------------------------------------------------ dimensions


def wanted_dimensions(line: BillLine) -> dict[str, str]:
    """A line's dimensions by code, empty values left out."""
    return {code(name): code(value) for name, value in line.dimensions.items() if value.strip()}


def common_dimensions(bill: Bill) -> dict[str, str]:
    """The dimensions that every line carries with the same value: they go on the header."""
    lines = iter(bill.lines)
    first = next(lines, None)
    shared = dict(wanted_dimensions(first)) if first is not None else {}
    for line in lines:
        theirs = wanted_dimensions(line)
        shared = {name: value for name, value in shared.items() if theirs.get(name) == value}
    return shared


@dataclass(frozen=True, slots=True)
class DimensionChange:
    """One dimension to bring to `value`: changed where `id` tells of one that is there, else added."""

    code: str
    value: str
    id: str | None


def dimension_changes(wanted: Mapping[str, str], present: Iterable[Row]) -> tuple[DimensionChange, ...]:
    """What brings the dimensions that are present to what is wanted. Others, from defaults, stay."""
    known = {code(str(row.get("code") or "")): row for row in present}
    changes: list[DimensionChange] = []
    for name, value in wanted.items():
        row = known.get(name)
        if row is None:
            changes.append(DimensionChange(name, value, None))
        elif code(str(row.get("valueCode") or "")) != value:
            changes.append(DimensionChange(name, value, str(row["id"])))
    return tuple(changes)
