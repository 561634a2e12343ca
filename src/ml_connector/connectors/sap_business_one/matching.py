"""Bills matched to purchase orders: what each line is copied from (SAP dossier 7.2, 6.10).

A line counts as matched where the payables system tells the quantity it was matched for; one that only names
an order is coded, with the order as a note. A received line is based on its receipts, oldest first, since the
received quantity is no longer open on the order; the rest is based on the order.

One document is of items or of services as a whole. So a bill matched to an item order has to be matched
altogether, and credit notes are never based: what they take back is as a rule invoiced and closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.odata import any_of
from ml_connector.connectors.order_matching import (
    Mismatch,
    differs,
    is_matched,
    place_of,
    require_taken,
    spread,
    take,
    wanted_orders,
)
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.documents import (
    Base,
    Plan,
    decimal_of,
    rounded,
    same_currency,
)
from ml_connector.connectors.sap_business_one.manifest import DOCUMENTS_PER_PAGE, OR_TERMS, ORDER, RECEIPT
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.reason import Finding, Reason

Row = Mapping[str, Any]

ORDER_FIELDS: Final = "DocEntry,DocNum,DocType,CardCode,DocCurrency,DocumentStatus,Cancelled,DocumentLines"
RECEIPT_FIELDS: Final = "DocEntry,DocNum,DocType,CardCode,DocumentStatus,CancelStatus,DocumentLines"
_OPEN: Final = "bost_Open"
_SERVICE: Final = "dDocument_Service"


@dataclass(frozen=True, slots=True)
class Papers:
    """The orders and open receipts that bills may be based on."""

    orders: Sequence[Row] = ()
    receipts: Sequence[Row] = ()


@dataclass(slots=True)
class Supply:
    """What can still be taken from one line of an order or receipt; grows less while a bill is laid out."""

    object_type: int
    entry: int
    line: int
    left: Decimal


@dataclass(slots=True)
class Shelf:
    """The supplies of all papers, shared by the lines of one bill."""

    papers: Papers
    _supplies: dict[tuple[int, int, int], Supply] = field(default_factory=dict[tuple[int, int, int], Supply])

    def supply(self, object_type: int, paper: Row, row: Row) -> Supply:
        """The line of that paper, with what this bill has left of it."""
        key = (object_type, int(paper["DocEntry"]), int(row["LineNum"]))
        if key not in self._supplies:
            self._supplies[key] = Supply(*key, left=_open_part(paper, row))
        return self._supplies[key]


def needs_receipts(order: Row) -> bool:
    """True where something of the order was received or invoiced: then its receipts have to be read too."""
    return order.get("DocumentStatus") != _OPEN or any(
        row.get("LineStatus") not in (None, _OPEN)
        or (order.get("DocType") == _SERVICE and decimal_of(row.get("OpenAmount")) != decimal_of(row.get("LineTotal")))
        or decimal_of(row.get("RemainingOpenQuantity")) != decimal_of(row.get("Quantity"))
        for row in order.get("DocumentLines") or ()
    )


def plan_of(bill: Bill, papers: Papers) -> Plan | tuple[Finding, ...]:
    """How the bill is laid out, or all that speaks against it."""
    shelf = Shelf(papers)
    bases: dict[int, tuple[Base, ...]] = {}
    findings: list[Finding] = []
    for position, line in enumerate(bill.lines):
        if not is_matched(bill, line):
            continue
        try:
            bases[position] = _bases_of(bill, line, shelf)
        except Mismatch as mismatch:
            findings.append(mismatch.finding)
    if findings:
        return tuple(dict.fromkeys(findings))
    of_items = {position for position, made in bases.items() if made[0].quantity is not None}
    if of_items and len(of_items) < len(bill.lines):
        return (_mixed(bill, of_items, bases),)
    return Plan(is_item_document=bool(of_items), bases=bases)


def _mixed(bill: Bill, of_items: set[int], bases: Mapping[int, tuple[Base, ...]]) -> Finding:
    numbers = ", ".join(dict.fromkeys(bill.lines[position].order_number.strip() for position in sorted(of_items)))
    what = "rows matched to service orders" if bases.keys() - of_items else "rows without an order line"
    return Finding(
        Reason.ORDER_DIFFERS, f"rows matched to order {numbers}, which is of items, stand beside {what}; "
        "one document takes only one of the two"
    )  # fmt: skip


# ------------------------------------------------------------------ one line


def _bases_of(bill: Bill, line: BillLine, shelf: Shelf) -> tuple[Base, ...]:
    order = _order_of(bill, line, shelf.papers.orders)
    row = _row_of(line, order)
    quantity = require_taken(line)
    supplies = list(_supplies_of(line, order, row, shelf))
    if order.get("DocType") == _SERVICE:
        return _service_bases(bill, line, order, supplies)
    return _item_bases(line, quantity, supplies)


def _order_of(bill: Bill, line: BillLine, orders: Sequence[Row]) -> Row:
    number = line.order_number.strip()
    named = [each for each in orders if str(each.get("DocNum")) == number and each.get("Cancelled") != "tYES"]
    theirs = [each for each in named if code(str(each.get("CardCode") or "")) == code(bill.vendor)]
    if not named:
        raise Mismatch(Finding(Reason.ORDER_UNKNOWN, number))
    if not theirs:
        raise differs(f"order {number} is of supplier {named[0].get('CardCode')}, not of {bill.vendor.strip()}")
    # A number may recur in another series or year (SAP dossier 7.1): the one that is open is meant.
    still_open = [each for each in theirs if each.get("DocumentStatus") == _OPEN]
    chosen = still_open or theirs
    if len(chosen) > 1:
        raise differs(f"{len(chosen)} orders of supplier {bill.vendor.strip()} have the number {number}")
    return chosen[0]


def _row_of(line: BillLine, order: Row) -> Row:
    """The order's line; its number for people is one more than its key."""
    for row in order.get("DocumentLines") or ():
        if str(int(row["LineNum"]) + 1) == line.order_line.strip():
            return row
    raise Mismatch(Finding(Reason.ORDER_UNKNOWN, place_of(line)))


def _supplies_of(line: BillLine, order: Row, row: Row, shelf: Shelf) -> Iterator[Supply]:
    """Receipts first, oldest first, or only the one that is named; then what is open on the order itself."""
    source = (int(order["DocEntry"]), int(row["LineNum"]))
    wanted = line.receipt_number.strip()
    for receipt in sorted(shelf.papers.receipts, key=lambda each: int(each["DocEntry"])):
        if wanted and str(receipt.get("DocNum")) != wanted:
            continue
        for each in receipt.get("DocumentLines") or ():
            if each.get("BaseType") == ORDER and (each.get("BaseEntry"), each.get("BaseLine")) == source:
                yield shelf.supply(RECEIPT, receipt, each)
    if not wanted:
        yield shelf.supply(ORDER, order, row)


def _item_bases(line: BillLine, quantity: Decimal, supplies: Sequence[Supply]) -> tuple[Base, ...]:
    taken = take(line, quantity, supplies)
    nets = spread(line.net, [part for _, part in taken], rounded=rounded)
    return tuple(
        Base(supply.object_type, supply.entry, supply.line, part, net)
        for (supply, part), net in zip(taken, nets, strict=True)
    )


def _service_bases(bill: Bill, line: BillLine, order: Row, supplies: Sequence[Supply]) -> tuple[Base, ...]:
    """What is open on services is a sum, in the order's currency."""
    currency = str(order.get("DocCurrency") or "")
    if currency and not same_currency(bill.currency, currency):
        raise differs(f"order {place_of(line)} is in {currency}, the invoice in {code(bill.currency)}")
    return tuple(
        Base(supply.object_type, supply.entry, supply.line, None, part)
        for supply, part in take(line, line.net, supplies)
    )


def _open_part(paper: Row, row: Row) -> Decimal:
    """What can still be invoiced of a line; nothing once its header is closed (SAP dossier 7.2)."""
    if paper.get("DocumentStatus") != _OPEN or row.get("LineStatus") not in (None, _OPEN):
        return Decimal(0)
    if paper.get("DocType") == _SERVICE:
        is_foreign = decimal_of(row.get("OpenAmountFC")) != 0
        return decimal_of(row.get("OpenAmountFC" if is_foreign else "OpenAmount"))
    return decimal_of(row.get("RemainingOpenQuantity"))


# ------------------------------------------------------------------ reading


async def read_papers(client: ServiceLayer, bills: Sequence[Bill]) -> Papers:
    """The orders that bills are matched to, and the open receipts of their vendors where any may be needed."""
    numbers = sorted(int(number) for number in wanted_orders(bills) if number.isdecimal())
    orders: list[Row] = []
    for start in range(0, len(numbers), OR_TERMS):
        wanted = " or ".join(f"DocNum eq {number}" for number in numbers[start : start + OR_TERMS])
        orders += await client.rows(
            "PurchaseOrders", {"$filter": wanted, "$select": ORDER_FIELDS}, key="DocEntry", size=DOCUMENTS_PER_PAGE
        )
    vendors = sorted({str(order.get("CardCode")) for order in orders if needs_receipts(order)})
    receipts: list[Row] = []
    for start in range(0, len(vendors), OR_TERMS):
        wanted = f"DocumentStatus eq 'bost_Open' and ({any_of('CardCode', vendors[start : start + OR_TERMS])})"
        options = {"$filter": wanted, "$select": RECEIPT_FIELDS}
        receipts += await client.rows("PurchaseDeliveryNotes", options, key="DocEntry", size=DOCUMENTS_PER_PAGE)
    return Papers(orders, receipts)
