"""Bills: our records as B1's A/P invoices and credit notes, and back. Pure functions (SAP dossier 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.sap_business_one.manifest import (
    COMMENTS_LENGTH,
    CREDIT_NOTE,
    DESCRIPTION_LENGTH,
    DRAFT,
    INVOICE,
    MEMO_LENGTH,
)
from ml_connector.connectors.texts import code, cut
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.money import add_up, round_amount, round_to

Row = Mapping[str, Any]

DIMENSIONS: Final[Mapping[str, str]] = {
    "1": "CostingCode", "2": "CostingCode2", "3": "CostingCode3", "4": "CostingCode4", "5": "CostingCode5",
    "PROJECT": "ProjectCode",
}  # fmt: skip
"""A dimension's name in our settings, to the line's property. 1 to 5 take distribution rules (SAP dossier 6.4)."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One of the two kinds of document: what it is called in the places that name it."""

    kind: DocumentKind
    entity_set: str
    object_type: int
    draft_object: str
    """`DocObjectCode` of its drafts."""
    draft_stored: str
    """The stored form of that code."""
    payment_link: str
    """`InvoiceType` of a payment's link to it."""
    word: str


INVOICES: Final = Sort(
    DocumentKind.INVOICE, "PurchaseInvoices", INVOICE, "oPurchaseInvoices", "18", "it_PurchaseInvoice", "invoice"
)
CREDIT_NOTES: Final = Sort(
    DocumentKind.CREDIT_NOTE, "PurchaseCreditNotes", CREDIT_NOTE, "oPurchaseCreditNotes", "19", "it_PurchaseCreditNote",
    "credit note",
)  # fmt: skip
SORTS: Final[Mapping[DocumentKind, Sort]] = {sort.kind: sort for sort in (INVOICES, CREDIT_NOTES)}
_BY_TYPE: Final[Mapping[int, Sort]] = {sort.object_type: sort for sort in (INVOICES, CREDIT_NOTES)}

HEADER_FIELDS: Final = (
    "DocEntry,DocNum,CardCode,NumAtCard,DocDate,DocCurrency,DocTotal,DocTotalFc,VatSum,VatSumFc,DocumentStatus,"
    "CancelStatus,TransNum"
)
"""What is selected of a posted document; all of it is there in every release (SAP dossier 7.1)."""
DRAFT_FIELDS: Final = f"{HEADER_FIELDS},DocObjectCode,AuthorizationStatus"


# ------------------------------------------------------------------ ids


@dataclass(frozen=True, slots=True, order=True)
class BillId:
    """A bill's id, `<object type>:<DocEntry>`: invoices, credit notes and drafts are numbered apart."""

    object_type: int
    entry: int

    @classmethod
    def parse(cls, text: str) -> BillId:
        """From its text. Raises ValueError with a sentence where it is none of this connector's."""
        kind, _, entry = text.partition(":")
        if not (kind.isdecimal() and entry.isdecimal()) or int(kind) not in (*_BY_TYPE, DRAFT):
            raise ValueError(f"{text!r} is no id of a bill in SAP Business One.")
        return cls(int(kind), int(entry))

    @property
    def sort(self) -> Sort | None:
        """The kind of document, None for a draft."""
        return _BY_TYPE.get(self.object_type)

    def __str__(self) -> str:
        return f"{self.object_type}:{self.entry}"


# ------------------------------------------------------------------ what is written


@dataclass(frozen=True, slots=True)
class Base:
    """What a matched line is copied from: an order (22) or a receipt (20), and the part of it that is invoiced.

    `quantity` is None for a line of a service document, which is invoiced by its sum.
    """

    object_type: int
    entry: int
    line: int
    quantity: Decimal | None
    net: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """How a bill is laid out: an item document is based on its orders wholly, a service document may be."""

    is_item_document: bool = False
    bases: Mapping[int, tuple[Base, ...]] | None = None
    """By the position of the bill's line; a line may be spread over several receipts."""

    def bases_of(self, position: int) -> tuple[Base, ...]:
        """What the line at that position is based on; nothing where it is only coded."""
        return () if self.bases is None else self.bases.get(position, ())


@dataclass(frozen=True, slots=True)
class Wording:
    """What the company decides about the shape of a document."""

    accounts: Mapping[str, str]
    """Visible account number to the internal code, which documents carry (SAP dossier 6.2)."""
    local_currency: str
    tax_field: str
    branch: int | None = None
    price_places: int = 6


def document_body(bill: Bill, plan: Plan, wording: Wording) -> dict[str, Any]:
    """The whole document. Terms are left out, since the due date is given; so is the rate, which is the ledger's.

    Raises KeyError where an account or a dimension is unknown: it must have been looked up before.
    """
    is_foreign = not same_currency(bill.currency, wording.local_currency)
    body: dict[str, Any] = {
        "DocType": "dDocument_Items" if plan.is_item_document else "dDocument_Service",
        "CardCode": bill.vendor.strip(),
        "NumAtCard": bill.number.strip(),
        "DocDate": bill.posting_date.isoformat(),
        "TaxDate": bill.invoice_date.isoformat(),
    }
    if bill.due_date is not None:
        body["DocDueDate"] = bill.due_date.isoformat()
    body["DocCurrency"] = code(bill.currency) if is_foreign else wording.local_currency
    if wording.branch is not None:
        body["BPL_IDAssignedToInvoice"] = wording.branch
    if text := cut(bill.description, COMMENTS_LENGTH):
        body |= {"Comments": text, "JournalMemo": cut(text, MEMO_LENGTH)}
    body["DocumentLines"] = [
        made
        for position, line in enumerate(bill.lines)
        for made in _lines_of(bill, line, plan.bases_of(position), wording, is_foreign=is_foreign)
    ]
    return body


def _lines_of(
    bill: Bill, line: BillLine, bases: Sequence[Base], wording: Wording, *, is_foreign: bool
) -> list[dict[str, Any]]:
    if not bases:
        return [_coded_line(bill, line, wording, is_foreign=is_foreign)]
    return [_based_line(line, base, wording, is_foreign=is_foreign) for base in bases]


def _coded_line(bill: Bill, line: BillLine, wording: Wording, *, is_foreign: bool) -> dict[str, Any]:
    """A line of a service document; one that takes away has a negative sum."""
    body: dict[str, Any] = {
        "ItemDescription": cut(line.description, DESCRIPTION_LENGTH) or cut(bill.number, DESCRIPTION_LENGTH),
        "AccountCode": wording.accounts[code(line.account)],
        **_sum_of_service(line.net, is_foreign=is_foreign),
    }
    if note := order_note(line):
        body["FreeText"] = note
    return body | _tax(line, wording) | _dimensions(line)


def _based_line(line: BillLine, base: Base, wording: Wording, *, is_foreign: bool) -> dict[str, Any]:
    """A line copied from its base. Account and item come from there; dimensions do not always (SAP dossier 7.2)."""
    body: dict[str, Any] = {"BaseType": base.object_type, "BaseEntry": base.entry, "BaseLine": base.line}
    if base.quantity is None:
        body |= _sum_of_service(base.net, is_foreign=is_foreign)
    else:
        body |= {"Quantity": base.quantity, **_price(base, wording, is_foreign=is_foreign)}
    return body | _tax(line, wording) | _dimensions(line)


def _sum_of_service(net: Decimal, *, is_foreign: bool) -> dict[str, Decimal]:
    # Assumption (SAP dossier 7.1, 7.2): LineTotal is local currency; the price is in the document's currency,
    # and a service line, which has no quantity, costs once its price.
    return {"UnitPrice": net} if is_foreign else {"LineTotal": net}


def _price(base: Base, wording: Wording, *, is_foreign: bool) -> dict[str, Decimal]:
    """The price for one, so that a price that differs from the order's is invoiced as it is.

    Where no price of the company's precision gives the sum, the sum itself is said, in local currency only.
    """
    assert base.quantity is not None
    price = unit_price(base.net, base.quantity, wording.price_places)
    if is_foreign or rounded(price * base.quantity) == base.net:
        return {"UnitPrice": price}
    return {"LineTotal": base.net}


def unit_price(net: Decimal, quantity: Decimal, places: int) -> Decimal:
    """The price for one, in the precision of the company's prices."""
    return round_to(net / quantity, places)


def _tax(line: BillLine, wording: Wording) -> dict[str, str]:
    return {wording.tax_field: line.tax_code.strip()} if line.tax_code.strip() else {}


def _dimensions(line: BillLine) -> dict[str, str]:
    return {DIMENSIONS[name]: value for name, value in wanted_dimensions(line).items()}


def wanted_dimensions(line: BillLine) -> dict[str, str]:
    """A line's dimensions by their names in capitals, empty values left out."""
    return {code(name): value.strip() for name, value in line.dimensions.items() if value.strip()}


def order_note(line: BillLine) -> str:
    """The order a coded line only refers to: nothing was matched, so nothing is taken off the order."""
    if not line.order_number:
        return ""
    place = f" / {line.order_line}" if line.order_line else ""
    return cut(f"Order {line.order_number}{place}", DESCRIPTION_LENGTH)


# ------------------------------------------------------------------ texts and codes


def same_currency(one: str, other: str) -> bool:
    """True where both name the same currency; none at all is the company's own."""
    return code(one) in ("", code(other))


def is_of(row: Row, bill: Bill) -> bool:
    """True where a document carries the bill's vendor and number, in whatever case they are stored."""
    return (code(str(row.get("CardCode") or "")), code(str(row.get("NumAtCard") or ""))) == (
        code(bill.vendor), code(bill.number),
    )  # fmt: skip


# ------------------------------------------------------------------ what is read


def is_mirror(row: Row) -> bool:
    """True for the document that cancels another: it has the same vendor, number and sign (SAP dossier 7.3)."""
    return row.get("CancelStatus") == "csCancellation"


def ledger_bill_of(row: Row, sort: Sort) -> LedgerBill:
    """A document in the ledger; its lines are counted where they were read along.

    Closed does not mean paid (SAP dossier 9): that is told by the settlements, here a bill is only posted.
    """
    gross, tax = amount_of(row, "DocTotal"), amount_of(row, "VatSum")
    lines = row.get("DocumentLines")
    return LedgerBill(
        id=str(BillId(sort.object_type, int(row["DocEntry"]))),
        number=str(row.get("DocNum") or ""),
        status=BillStatus.CANCELLED if row.get("CancelStatus") == "csYes" else BillStatus.POSTED,
        kind=sort.kind,
        vendor=str(row.get("CardCode") or ""),
        vendor_number=str(row.get("NumAtCard") or ""),
        gross=gross,
        net=None if gross is None or tax is None else gross - tax,
        tax=tax,
        currency=str(row.get("DocCurrency") or ""),
        line_count=len(lines) if isinstance(lines, list) else None,
        journal=str(row.get("TransNum") or ""),
    )


_APPROVALS: Final[Mapping[str, BillStatus]] = {
    "dasPending": BillStatus.PENDING,
    "dasApproved": BillStatus.PENDING,
    "dasRejected": BillStatus.CANCELLED,
    "dasCancelled": BillStatus.CANCELLED,
    "dasGenerated": BillStatus.POSTED,
    "dasGeneratedbyAuthorizer": BillStatus.POSTED,
}
"""Where a draft stands; approved, it still waits for somebody to add it. `dasWithout` is no approval at all."""


def draft_status_of(row: Row) -> BillStatus | None:
    """Where a draft stands in its approval, None where it is in none (SAP dossier 7.5: not by DocumentStatus)."""
    return _APPROVALS.get(str(row.get("AuthorizationStatus") or ""))


def pending_bill_of(row: Row, sort: Sort, *, status: BillStatus) -> LedgerBill:
    """A draft as a bill that waits. Its number is the draft's own and changes when it is added."""
    drafted = ledger_bill_of(row, sort)
    return LedgerBill(
        id=str(BillId(DRAFT, int(row["DocEntry"]))), number=f"draft {row['DocEntry']}", status=status,
        kind=sort.kind, vendor=drafted.vendor, vendor_number=drafted.vendor_number, gross=drafted.gross,
        net=drafted.net, tax=drafted.tax, currency=drafted.currency,
    )  # fmt: skip


def sort_of_draft(row: Row) -> Sort | None:
    """The kind of document a draft will become, None where it is none of ours."""
    said = str(row.get("DocObjectCode") or "")
    return next((sort for sort in SORTS.values() if said in (sort.draft_object, sort.draft_stored)), None)


def is_foreign(row: Row) -> bool:
    """True for a document in a foreign currency: only those have a total in it (SAP dossier 7.1)."""
    return decimal_of(row.get("DocTotalFc")) != 0


def amount_of(row: Row, name: str) -> Decimal | None:
    """An amount in the document's own currency, None where it is not told. The plain property is in local currency."""
    value = row.get(f"{name}Fc", row.get(f"{name}FC")) if is_foreign(row) else row.get(name)
    return None if value is None else decimal_of(value)


def decimal_of(value: object) -> Decimal:
    """A number from the wire, zero where there is none."""
    return Decimal(0) if value is None else Decimal(str(value))


def day_of(value: object) -> date | None:
    """A calendar day: the first ten characters, whatever decoration follows (SAP dossier 5.5)."""
    text = str(value or "")[:10]
    return date.fromisoformat(text) if text else None


# ------------------------------------------------------------------ totals foretold


def rounded(amount: Decimal) -> Decimal:
    """To the cent, halves away from zero."""
    return round_to(amount, 2)


def foretold_total(bill: Bill, rates: Mapping[str, Decimal], *, by_code: bool) -> Decimal | None:
    """What the ledger will make of the bill, tax included; None where a tax code's rate is not known.

    Tax is rounded line by line, or once for each code where the company groups lines.
    """
    if any(code(line.tax_code) not in rates for line in bill.lines):
        return None
    nets: dict[object, tuple[str, Decimal]] = {}
    for position, line in enumerate(bill.lines):
        group = code(line.tax_code) if by_code else position
        _, so_far = nets.get(group, ("", Decimal(0)))
        nets[group] = (code(line.tax_code), so_far + line.net)
    taxes = (round_amount(net * rates[tax_code] / 100, bill.currency) for tax_code, net in nets.values())
    return add_up(line.net for line in bill.lines) + add_up(taxes)
