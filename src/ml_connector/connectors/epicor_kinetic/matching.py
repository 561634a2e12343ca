"""Bills matched to purchase orders: which receipts and releases a line is taken from (Epicor dossier 9.5.4, 12).

A line counts as matched where the payables system tells the quantity it was matched for; one that only names an
order is coded. What was received is invoiced by its receipts, oldest first; the rest by the order's releases.
Credit notes are never matched: what they take back is as a rule invoiced already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import ORDER_SERVICE, RECEIPT_LINES
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH
from ml_connector.connectors.epicor_kinetic.tablesets import rows_of
from ml_connector.connectors.epicor_kinetic.where import eq, in_groups
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
from ml_connector.connectors.rows import Row, amount, day, integer, is_set, number, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.money import round_amount, round_to
from ml_connector.records.reason import Finding, Reason

PER: Final[Mapping[str, int]] = {"E": 1, "C": 100, "M": 1000}
"""How many a price is for (Epicor dossier 12.2)."""
_RECEIPT: Final = (
    "VendorNum", "PurPoint", "PackSlip", "PackLine", "PONum", "POLine", "PORelNum", "VendorQty", "Received",
    "ReceiptDate", "Invoiced", "SupplierUnInvcReceiptQty",
)  # fmt: skip
_PRICE_DECIMALS: Final = 5
"""Of prices (Epicor dossier 17, 22)."""


@dataclass(frozen=True, slots=True)
class Papers:
    """The orders that bills may be matched to, their lines and releases, and what was received of them."""

    orders: Sequence[Row] = ()
    lines: Sequence[Row] = ()
    releases: Sequence[Row] = ()
    receipts: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One line of the invoice that is to be: of a receipt where it names a pack slip, else of a release."""

    order: int
    line: int
    release: int
    quantity: Decimal
    net: Decimal
    purchase_point: str = ""
    pack_slip: str = ""
    pack_line: int = 0

    @property
    def is_received(self) -> bool:
        """True where it is taken from a receipt."""
        return bool(self.pack_line)

    def price(self, cost_per: str) -> Decimal:
        """What one, a hundred or a thousand of them cost."""
        per = PER.get(cost_per, 1)
        return round_to(self.net / self.quantity * per, _PRICE_DECIMALS)

    def is_of(self, row: Row) -> bool:
        """True for the invoice line, or the uninvoiced receipt line, that is taken from the same place."""
        place = (integer(row, "PONum"), integer(row, "POLine"), integer(row, "PORelNum"))
        if place != (self.order, self.line, self.release):
            return False
        theirs = (code(text(row, "PurPoint")), code(text(row, "PackSlip")), integer(row, "PackLine"))
        return theirs == (code(self.purchase_point), code(self.pack_slip), self.pack_line)


@dataclass(slots=True)
class Supply:
    """What can still be invoiced of a receipt's line or of a release; grows less while a bill is laid out."""

    source: Row
    is_receipt: bool
    left: Decimal


@dataclass(slots=True)
class Shelf:
    """The supplies of all papers, shared by the lines of one bill."""

    papers: Papers
    _supplies: dict[tuple[str, ...], Supply] = field(default_factory=dict[tuple[str, ...], Supply])

    def of_receipt(self, row: Row) -> Supply:
        """The receipt's line, with what this bill has left of it."""
        key = ("R", text(row, "PurPoint"), text(row, "PackSlip"), text(row, "PackLine"))
        return self._supplies.setdefault(key, Supply(row, is_receipt=True, left=uninvoiced_of(row)))

    def of_release(self, row: Row) -> Supply:
        """The release, with what this bill has left of what did not come yet."""
        key = ("U", text(row, "PONum"), text(row, "POLine"), text(row, "PORelNum"))
        return self._supplies.setdefault(key, Supply(row, is_receipt=False, left=unreceived_of(row)))


Matches = Mapping[int, tuple[Match, ...]]
"""By the position of the line in the bill; none for a line whose part another one takes along."""


def matches_of(bill: Bill, papers: Papers, *, vendor: int) -> Matches | tuple[Finding, ...]:
    """What each matched line is taken from, or all that speaks against it."""
    shelf = Shelf(papers)
    matches: dict[int, tuple[Match, ...]] = {}
    findings: list[Finding] = []
    for position, line in enumerate(bill.lines):
        if not is_matched(bill, line):
            continue
        try:
            matches[position] = _match(bill, line, shelf, vendor)
        except Mismatch as mismatch:
            findings.append(mismatch.finding)
    return tuple(dict.fromkeys(findings)) or _merged(bill, matches)


def _merged(bill: Bill, matches: Matches) -> Matches | tuple[Finding, ...]:
    """One line of the invoice for each line of a receipt, which is taken once: the first row's, with all sums."""
    homes: dict[tuple[str, str, int], tuple[int, int]] = {}
    found: dict[int, list[Match]] = {position: [] for position in matches}
    findings: list[Finding] = []
    for position, each in [(at, each) for at in sorted(matches) for each in matches[at]]:
        slip = (code(each.purchase_point), code(each.pack_slip), each.pack_line)
        if not each.is_received or slip not in homes:
            homes[slip] = (position, len(found[position]))
            found[position].append(each)
            continue
        home, place = homes[slip]
        if _coding(bill.lines[home]) != _coding(bill.lines[position]):
            what = f"rows {home + 1} and {position + 1} share receipt {each.pack_slip} and are coded otherwise"
            findings.append(Finding(Reason.ORDER_DIFFERS, what))
            continue
        first = found[home][place]
        found[home][place] = replace(first, quantity=first.quantity + each.quantity, net=first.net + each.net)
    return tuple(findings) or {position: tuple(each) for position, each in found.items()}


def _coding(line: BillLine) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return code(line.account), code(line.tax_code), tuple(sorted(line.dimensions.items()))


# ------------------------------------------------------------------ one line


def _match(bill: Bill, line: BillLine, shelf: Shelf, vendor: int) -> tuple[Match, ...]:
    order = _order_of(bill, line, shelf.papers.orders, vendor)
    row = _row_of(line, integer(order, "PONum"), shelf.papers.lines)
    quantity = require_taken(line)
    currency = text(order, "CurrencyCode")
    if currency and code(currency) != code(bill.currency):
        raise differs(f"order {place_of(line)} is in {currency}, the invoice in {code(bill.currency)}")
    place = (integer(order, "PONum"), integer(row, "POLine"))
    taken = take(line, quantity, list(_supplies_of(line, place, shelf)))
    nets = spread(line.net, [part for _, part in taken], rounded=lambda part: round_amount(part, bill.currency))
    return tuple(_made(supply, place, part, net) for (supply, part), net in zip(taken, nets, strict=True))


def _made(supply: Supply, place: tuple[int, int], quantity: Decimal, net: Decimal) -> Match:
    row = supply.source
    release = integer(row, "PORelNum")
    if not supply.is_receipt:
        return Match(*place, release, quantity, net)
    slip = (text(row, "PurPoint"), text(row, "PackSlip"), integer(row, "PackLine"))
    return Match(*place, release, quantity, net, *slip)


def _order_of(bill: Bill, line: BillLine, orders: Sequence[Row], vendor: int) -> Row:
    wanted = line.order_number.strip()
    order = next((each for each in orders if text(each, "PONum") == wanted), None)
    if order is None or is_set(order, "VoidOrder") or not is_set(order, "OpenOrder"):
        raise Mismatch(Finding(Reason.ORDER_UNKNOWN, wanted))
    if integer(order, "VendorNum") != vendor:
        raise differs(f"order {wanted} is another supplier's, not {bill.vendor.strip()}'s")
    return order


def _row_of(line: BillLine, order: int, rows: Sequence[Row]) -> Row:
    for row in rows:
        # The column is spelt so in the lines, and PONum everywhere else (Epicor dossier 8.1).
        of_order = integer(row, "PONUM") or integer(row, "PONum")
        if of_order == order and text(row, "POLine") == line.order_line.strip() and not is_set(row, "VoidLine"):
            return row
    raise Mismatch(Finding(Reason.ORDER_UNKNOWN, place_of(line)))


def _supplies_of(line: BillLine, place: tuple[int, int], shelf: Shelf) -> Iterator[Supply]:
    """Receipts first, oldest first, or only the pack slip that is named; then what did not come yet."""
    wanted = code(line.receipt_number)
    received = [row for row in shelf.papers.receipts if _is_at(row, place) and is_set(row, "Received")]
    for row in sorted(received, key=_age):
        if not wanted or code(text(row, "PackSlip")) == wanted:
            yield shelf.of_receipt(row)
    if not wanted:
        releases = [row for row in shelf.papers.releases if _is_at(row, place)]
        for row in sorted(releases, key=lambda each: integer(each, "PORelNum")):
            yield shelf.of_release(row)


def _is_at(row: Row, place: tuple[int, int]) -> bool:
    return (integer(row, "PONum"), integer(row, "POLine")) == place


def _age(row: Row) -> tuple[date, str, int]:
    return day(row, "ReceiptDate") or date.min, text(row, "PackSlip"), integer(row, "PackLine")


def uninvoiced_of(row: Row) -> Decimal:
    """What is left to be invoiced of a receipt's line, in the supplier's unit."""
    if is_set(row, "Invoiced"):
        return Decimal(0)
    left = amount(row, "SupplierUnInvcReceiptQty")
    return number(row, "VendorQty") if left is None else left


def unreceived_of(row: Row) -> Decimal:
    """What is left to be invoiced of a release before it comes; quantities are the supplier's (dossier 12.2)."""
    if is_set(row, "VoidRelease") or row.get("OpenRelease") is False:
        return Decimal(0)
    gone = max(number(row, "ReceivedQty"), number(row, "InvoicedQty"))
    return max(number(row, "RelQty") - gone, Decimal(0))


# ------------------------------------------------------------------ reading


async def read_papers(client: Kinetic, bills: Sequence[Bill]) -> Papers:
    """The orders that bills are matched to, each whole, and what was received of them.

    Whole, since the set of their lines can answer empty where there are some (Epicor dossier 5.4).
    """
    numbers = sorted(int(each) for each in wanted_orders(bills) if each.isdecimal())
    found = await asyncio.gather(*(client.get_by_id(ORDER_SERVICE, poNum=each) for each in numbers))
    whole = [ds for ds in found if ds is not None]
    receipts: list[Row] = []
    for where in in_groups((eq("PONum", each) for each in numbers), length=FILTER_LENGTH):
        receipts += await client.rows(RECEIPT_LINES, where=where, select=_RECEIPT)
    return Papers(
        orders=[row for ds in whole for row in rows_of(ds, "POHeader")],
        lines=[row for ds in whole for row in rows_of(ds, "PODetail")],
        releases=[row for ds in whole for row in rows_of(ds, "PORel")],
        receipts=receipts,
    )
