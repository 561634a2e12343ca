"""Bills on purchase orders: which line of which order, or receipt, a bill's line is taken from (dossier 9.5, 10.3).

What of an order is billed already is not told (Acumatica dossier 9.5.1): the ledger's refusal tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.documents import Match
from ml_connector.connectors.acumatica.manifest import FILTER_LENGTH, RECORDS_PER_PAGE
from ml_connector.connectors.acumatica.orders import NORMAL, is_billable
from ml_connector.connectors.odata import any_of, chunks_of_filter
from ml_connector.connectors.order_matching import Mismatch, differs, is_matched, place_of, require_taken, wanted_orders
from ml_connector.connectors.rows import Row, is_set, number, parts, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.reason import Finding, Reason

_RECEIPT: Final = "Receipt"
_ORDER_FIELDS: Final = (
    "Type", "OrderNbr", "Status", "VendorID", "CurrencyID", "Details/LineNbr", "Details/OrderQty", "Details/Cancelled",
    "Details/MaxReceiptPercent",
)  # fmt: skip
_RECEIPT_FIELDS: Final = (
    "Type", "ReceiptNbr", "Status", "VendorID", "Details/LineNbr", "Details/POOrderType", "Details/POOrderNbr",
    "Details/POLineNbr", "Details/ReceiptQty",
)  # fmt: skip
_PERCENT: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Papers:
    """The orders, and the receipts that are named, with their lines."""

    orders: Sequence[Row] = ()
    receipts: Sequence[Row] = ()


@dataclass(slots=True)
class Taken:
    """What one bill takes off each line of an order or receipt."""

    quantities: dict[tuple[str, str, str], Decimal] = field(default_factory=dict[tuple[str, str, str], Decimal])

    def add(self, key: tuple[str, str, str], quantity: Decimal) -> Decimal:
        """Takes more of a line; all that is taken of it by now."""
        self.quantities[key] = self.quantities.get(key, Decimal(0)) + quantity
        return self.quantities[key]


def wanted_receipts(bills: Sequence[Bill]) -> frozenset[str]:
    """The numbers of the receipts that the bills name."""
    return frozenset(
        line.receipt_number.strip()
        for bill in bills
        for line in bill.lines
        if is_matched(bill, line) and line.receipt_number.strip()
    )


def matches_of(bill: Bill, papers: Papers) -> Mapping[int, Match] | tuple[Finding, ...]:
    """By the position of each matched line what it is taken from, or all that speaks against it."""
    found: dict[int, Match] = {}
    findings: list[Finding] = []
    taken = Taken()
    for position, line in enumerate(bill.lines):
        if not is_matched(bill, line):
            continue
        try:
            found[position] = _match_of(bill, line, papers, taken)
        except Mismatch as mismatch:
            findings.append(mismatch.finding)
    return tuple(dict.fromkeys(findings)) if findings else found


# ------------------------------------------------------------------ one line


def _match_of(bill: Bill, line: BillLine, papers: Papers, taken: Taken) -> Match:
    order = _order_of(bill, line, papers.orders)
    row = _line_of(line, order)
    quantity = require_taken(line)
    key = (text(order, "Type"), text(order, "OrderNbr"), text(row, "LineNbr"))
    is_counted = number(row, "OrderQty") != 0
    most = number(row, "OrderQty") * max(number(row, "MaxReceiptPercent"), _PERCENT) / _PERCENT
    if is_counted and taken.add(key, quantity) > most:
        raise differs(
            f"{taken.quantities[key]:f} are invoiced on order {place_of(line)}, where {most.normalize():f} are ordered"
        )
    match = Match(key[0], key[1], int(number(row, "LineNbr")), is_counted=is_counted)
    return _on_receipt(line, match, papers.receipts) if line.receipt_number.strip() else match


def _order_of(bill: Bill, line: BillLine, orders: Sequence[Row]) -> Row:
    wanted = code(line.order_number)
    named = [each for each in orders if code(text(each, "OrderNbr")) == wanted and text(each, "Type") == NORMAL]
    standing = [each for each in named if is_billable(each)]
    if not standing:
        raise Mismatch(Finding(Reason.ORDER_UNKNOWN, line.order_number.strip()))
    theirs = [each for each in standing if code(text(each, "VendorID")) == code(bill.vendor)]
    if not theirs:
        owner = text(standing[0], "VendorID")
        raise differs(f"order {line.order_number.strip()} is of supplier {owner}, not of {bill.vendor.strip()}")
    if code(text(theirs[0], "CurrencyID")) not in ("", code(bill.currency)):
        currency = text(theirs[0], "CurrencyID")
        raise differs(f"order {line.order_number.strip()} is in {currency}, the invoice in {code(bill.currency)}")
    return theirs[0]


def _line_of(line: BillLine, order: Row) -> Row:
    for row in parts(order, "Details"):
        if text(row, "LineNbr") == line.order_line.strip() and not is_set(row, "Cancelled"):
            return row
    raise Mismatch(Finding(Reason.ORDER_UNKNOWN, place_of(line)))


def _on_receipt(line: BillLine, match: Match, receipts: Sequence[Row]) -> Match:
    """The receipt's line that was received on the order's one."""
    wanted = line.receipt_number.strip()
    for receipt in receipts:
        if code(text(receipt, "ReceiptNbr")) != code(wanted):
            continue
        for row in parts(receipt, "Details"):
            source = (text(row, "POOrderType"), text(row, "POOrderNbr"), text(row, "POLineNbr"))
            if source == (match.order_type, match.order_number, str(match.order_line)):
                place = int(number(row, "LineNbr"))
                return replace(match, receipt_number=text(receipt, "ReceiptNbr"), receipt_line=place)
    raise differs(f"receipt {wanted} holds nothing of order {place_of(line)}")


# ------------------------------------------------------------------ reading


async def read_papers(client: Acumatica, bills: Sequence[Bill]) -> Papers:
    """The orders that bills are matched to, and the receipts that they name."""
    return Papers(
        await _numbered(client, "PurchaseOrder", "OrderNbr", wanted_orders(bills), _ORDER_FIELDS),
        await _numbered(client, "PurchaseReceipt", "ReceiptNbr", wanted_receipts(bills), _RECEIPT_FIELDS),
    )


async def _numbered(
    client: Acumatica, entity: str, name: str, numbers: frozenset[str], select: tuple[str, ...]
) -> list[Row]:
    """Asked for by key only: by other fields a list of them can come out empty (Acumatica dossier 4.1)."""
    rows: list[Row] = []
    for group in chunks_of_filter(name, sorted(numbers), length=FILTER_LENGTH):
        rows += await client.rows(
            entity, where=any_of(name, group), select=select, expand=("Details",), size=RECORDS_PER_PAGE
        )
    return [row for row in rows if entity != "PurchaseReceipt" or text(row, "Type") == _RECEIPT]
