"""Bills: our records as Acumatica's bills and debit adjustments, and back. Pure functions (dossier 9.1, 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.acumatica.errors import set_up, unexpected
from ml_connector.connectors.acumatica.subaccounts import DimensionKind, dimension_of
from ml_connector.connectors.rows import Row, amount, day, number, parts, text
from ml_connector.connectors.texts import code, cut
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.money import round_to

DESCRIPTION_LENGTH: Final = 256
"""UTF-16 units of a document's and of a line's text. UNCONFIRMED: the dossier names no length."""
NEW: Final = "<NEW>"
"""The number of a document that was not saved (Acumatica dossier 8.1)."""
ON_HOLD: Final = "On Hold"

HEADER: Final = (
    "Type", "ReferenceNbr", "Status", "Vendor", "VendorRef", "CurrencyID", "Amount", "TaxTotal", "Balance",
)  # fmt: skip
"""What is read of a bill; its id comes along."""
LINES: Final = ("Details/Account", "Details/Amount", "Details/TransactionDescription")
"""What is read of its lines. `Description` is the account's name, not the line's text (Acumatica dossier 9.1.1)."""

_PRICE_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Sort:
    """One of the two kinds of document: what it is called in the places that name it."""

    kind: DocumentKind
    type: str
    """The label of `Type`, which is what answers carry (Acumatica dossier 3.2)."""
    word: str


BILLS: Final = Sort(DocumentKind.INVOICE, "Bill", "bill")
ADJUSTMENTS: Final = Sort(DocumentKind.CREDIT_NOTE, "Debit Adj.", "debit adjustment")
SORTS: Final[Mapping[DocumentKind, Sort]] = {sort.kind: sort for sort in (BILLS, ADJUSTMENTS)}
_BY_TYPE: Final[Mapping[str, Sort]] = {sort.type: sort for sort in (BILLS, ADJUSTMENTS)}

_STATUSES: Final[Mapping[str, BillStatus]] = {
    "On Hold": BillStatus.DRAFT,
    "Balanced": BillStatus.DRAFT,
    # Both may be released (Acumatica dossier 10.1); what is scheduled never was.
    "Under Reclassification": BillStatus.DRAFT,
    "Pre-Released": BillStatus.DRAFT,
    "Scheduled": BillStatus.DRAFT,
    "Pending Approval": BillStatus.PENDING,
    "Rejected": BillStatus.CANCELLED,
    "Voided": BillStatus.CANCELLED,
    "Open": BillStatus.POSTED,
    "Reserved": BillStatus.POSTED,
    "Closed": BillStatus.PAID,
}
"""Acumatica dossier 3.2, 10.1."""
IN_THE_BOOKS: Final = frozenset({BillStatus.POSTED, BillStatus.PAID})


# ------------------------------------------------------------------ what is written


@dataclass(frozen=True, slots=True)
class Match:
    """The line of an order, or of a receipt of it, that a bill's line is taken from."""

    order_type: str
    order_number: str
    order_line: int
    receipt_number: str = ""
    receipt_line: int | None = None
    is_counted: bool = True
    """False for a line that is billed by its sum, having no quantity."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was looked up for the writing of one bill."""

    period: str = ""
    """`MMYYYY`; empty where the document's own date tells it."""
    branch: str = ""
    vendor: str = ""
    """As the ledger spells it."""
    subaccounts: Mapping[int, str] | None = None
    """By the position of the line: the whole code. A line without takes what the form gives it."""
    matches: Mapping[int, Match] | None = None
    """By the position of the line."""
    taxes: Sequence[Mapping[str, Any]] = ()
    """As `taxes_of` has them; empty where the form computes them."""


def header_body(bill: Bill, plan: Plan) -> dict[str, Any]:
    """The document without its lines, on hold: it is taken off hold when it is posted.

    `Date` is the supplier's date and `PostPeriod` where it is posted. `Amount` is always said: where totals are
    validated a bill leaves hold only with it (Acumatica dossier 10.1). Terms are left out, the due date is said;
    a debit adjustment has none.
    """
    body: dict[str, Any] = {
        "Type": SORTS[bill.kind].type,
        "Vendor": plan.vendor or bill.vendor.strip(),
        "VendorRef": bill.number.strip(),
        "Date": bill.invoice_date,
        "CurrencyID": code(bill.currency),
        "Amount": bill.gross,
        "Hold": True,
    }
    if plan.period:
        body["PostPeriod"] = plan.period
    if plan.branch:
        body["BranchID"] = plan.branch
    if bill.due_date is not None and bill.kind is DocumentKind.INVOICE:
        body["DueDate"] = bill.due_date
    if words := cut(bill.description, DESCRIPTION_LENGTH):
        body["Description"] = words
    if plan.taxes:
        body |= {"IsTaxValid": True, "TaxDetails": list(plan.taxes)}
    return body


def taxes_of(bill: Bill, tax_ids: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """The document's own amounts by tax, to be taken as they are (Acumatica dossier 10.4).

    Empty where a line's tax or its amount is not known: then the form computes them all, and the totals are compared.
    """
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for line in bill.lines:
        tax_id = tax_ids.get(line.tax_code.strip())
        if line.tax is None or (tax_id is None and line.tax):
            return ()
        if tax_id is not None:
            base, tax = sums.get(tax_id, (Decimal(0), Decimal(0)))
            sums[tax_id] = (base + line.net, tax + line.tax)
    if sum((tax for _, tax in sums.values()), Decimal(0)) != bill.tax:
        return ()
    return tuple({"TaxID": name, "TaxableAmount": base, "TaxAmount": tax} for name, (base, tax) in sums.items())


def line_bodies(bill: Bill, plan: Plan) -> list[dict[str, Any]]:
    """All lines, in the bill's order."""
    return [_line_body(bill, position, plan) for position in range(len(bill.lines))]


def _line_body(bill: Bill, position: int, plan: Plan) -> dict[str, Any]:
    line = bill.lines[position]
    body: dict[str, Any] = {"TransactionDescription": line_text(bill, line)}
    if line.tax_code.strip():
        body["TaxCategory"] = line.tax_code.strip()
    match = plan.matches.get(position) if plan.matches else None
    if match is not None:
        return _matched(line, match) | body
    coded: dict[str, Any] = {"Account": line.account.strip(), "ExtendedCost": line.net}
    subaccount = plan.subaccounts.get(position) if plan.subaccounts else None
    if subaccount:
        coded["Subaccount"] = subaccount
    return coded | project_of(line) | body


def _matched(line: BillLine, match: Match) -> dict[str, Any]:
    """Account, subaccount, project and item come from the order; quantity and price are the invoice's.

    The price is said beside the sum: a quantity set after the sum would compute it anew.
    """
    assert line.quantity is not None
    if match.receipt_number:
        # The receipt's line names the order's by itself (Acumatica dossier 10.3).
        body: dict[str, Any] = {
            "POReceiptType": "Receipt", "POReceiptNbr": match.receipt_number, "POReceiptLine": match.receipt_line,
        }  # fmt: skip
    else:
        body = {"POOrderType": match.order_type, "POOrderNbr": match.order_number, "POLine": match.order_line}
    if not match.is_counted:
        return body | {"ExtendedCost": line.net}
    price = round_to(line.net / line.quantity, _PRICE_DECIMALS)
    return body | {"Qty": line.quantity, "UnitCost": price, "ExtendedCost": line.net}


def line_text(bill: Bill, line: BillLine) -> str:
    """A line's text; the supplier's number where it has none."""
    return cut(line.description, DESCRIPTION_LENGTH) or cut(bill.number, DESCRIPTION_LENGTH)


# ------------------------------------------------------------------ dimensions


def wanted_dimensions(line: BillLine) -> dict[str, str]:
    """A line's dimensions by their names in the settings, empty values left out."""
    return {name: value.strip() for name, value in line.dimensions.items() if value.strip()}


def project_of(line: BillLine) -> dict[str, str]:
    """Project and task of a line, as it carries them."""
    found: dict[str, str] = {}
    for name, value in wanted_dimensions(line).items():
        kind = dimension.kind if (dimension := dimension_of(name)) is not None else None
        if kind is DimensionKind.PROJECT:
            found["Project"] = value
        elif kind is DimensionKind.TASK:
            found["ProjectTask"] = value
    return found


# ------------------------------------------------------------------ what is read


def status_of(row: Row) -> BillStatus:
    """Where a bill stands. Raises Refused (set-up) for a label of another language."""
    status = known_status_of(row)
    if status is None:
        raise set_up(
            f"the status of {text(row, 'ReferenceNbr')} reads {text(row, 'Status')!r}; the language of the connector's"
            " user has to be English"
        )
    return status


def known_status_of(row: Row) -> BillStatus | None:
    """Where a bill of anybody's stands, None for a label that is none of ours."""
    return _STATUSES.get(text(row, "Status"))


def sort_of(row: Row) -> Sort | None:
    """The kind of document, None where it is none of ours: a prepayment, a credit adjustment."""
    return _BY_TYPE.get(text(row, "Type"))


def gross_of(row: Row) -> Decimal | None:
    """What the bill comes to by the form's own sums.

    Before it is released that is its balance: the amount may be what we said (Acumatica dossier 9.1, 10.1).
    """
    if status_of(row) in IN_THE_BOOKS:
        return amount(row, "Amount")
    balance = amount(row, "Balance")
    return amount(row, "Amount") if balance is None else balance


def ledger_bill_of(row: Row) -> LedgerBill:
    """A document in the ledger; its lines are counted where they were read along."""
    sort, bill_id = sort_of(row), text(row, "id")
    if sort is None or not bill_id:
        raise unexpected(f"the document {text(row, 'ReferenceNbr')} is of type {text(row, 'Type')!r}")
    gross, tax = gross_of(row), amount(row, "TaxTotal")
    return LedgerBill(
        id=bill_id,
        number=text(row, "ReferenceNbr"),
        status=status_of(row),
        kind=sort.kind,
        vendor=text(row, "Vendor"),
        vendor_number=text(row, "VendorRef"),
        gross=gross,
        net=None if gross is None or tax is None else gross - tax,
        tax=tax,
        currency=text(row, "CurrencyID"),
        line_count=len(parts(row, "Details")) if isinstance(row.get("Details"), list) else None,
    )


def is_of(row: Row, bill: Bill) -> bool:
    """True where a document carries the bill's vendor and number, in whatever case they are stored."""
    return (code(text(row, "Vendor")), code(text(row, "VendorRef"))) == (code(bill.vendor), code(bill.number))


def lines_there(bill: Bill, row: Row) -> int | None:
    """How many of the bill's lines a draft has, where it has the first of them and no others; None where not.

    Text and sum are compared; a draft that a crash left half written is gone on with after these.
    """
    there = parts(row, "Details")
    if len(there) > len(bill.lines):
        return None
    is_ours = all(_is_text(bill, line, made) and line.net == number(made, "Amount") for line, made in _pairs(bill, row))
    return len(there) if is_ours else None


def sum_differences(bill: Bill, row: Row) -> str:
    """The first line that is stored with another sum than it was said with, in words; empty where there is none."""
    for place, (line, made) in enumerate(_pairs(bill, row), 1):
        theirs = number(made, "Amount")
        if _is_text(bill, line, made) and theirs != line.net:
            return f"row {place} is {theirs.normalize():f} in the ledger, {line.net:f} on the invoice"
    return ""


def _pairs(bill: Bill, row: Row) -> zip[tuple[BillLine, Row]]:
    return zip(bill.lines, parts(row, "Details"), strict=False)


def _is_text(bill: Bill, line: BillLine, made: Row) -> bool:
    """True for the line's own text; the ledger may have cut it shorter than we did."""
    ours, theirs = line_text(bill, line), text(made, "TransactionDescription")
    return ours.startswith(theirs) and bool(theirs) == bool(ours)


# ------------------------------------------------------------------ what was stored

COMPARED: Final = ("Vendor", "VendorRef", "Date", "DueDate", "PostPeriod", "CurrencyID", "BranchID")
"""What must have been stored as it was said: a 200 is no proof of it (Acumatica dossier 3.1)."""


def header_changes(bill: Bill, plan: Plan, row: Row) -> dict[str, Any]:
    """What of the header is stored otherwise than the bill says it, by field, as it should be."""
    wanted = {name: value for name, value in header_body(bill, plan).items() if name in COMPARED}
    return {name: value for name, value in wanted.items() if not _is_stored(row, name, value)}


def _is_stored(row: Row, name: str, wanted: Any) -> bool:
    return day(row, name) == wanted if isinstance(wanted, date) else code(text(row, name)) == code(str(wanted))
