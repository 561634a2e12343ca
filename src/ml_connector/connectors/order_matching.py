"""Bills on purchase orders: what the ledgers' matching of lines has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from ml_connector.records.invoice import Bill, BillLine, DocumentKind
from ml_connector.records.reason import Finding, Reason


class Mismatch(Exception):
    """A line that cannot be taken from what it was matched to."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.sentence())


class Supply(Protocol):
    """What can still be invoiced of something; grows less while a bill is laid out."""

    left: Decimal


S = TypeVar("S", bound=Supply)


def is_matched(bill: Bill, line: BillLine) -> bool:
    """True where the line takes something off an order."""
    return bill.kind is DocumentKind.INVOICE and bool(line.order_number.strip()) and line.quantity is not None


def wanted_orders(bills: Sequence[Bill]) -> frozenset[str]:
    """The numbers of the orders that the bills are matched to."""
    return frozenset(line.order_number.strip() for bill in bills for line in bill.lines if is_matched(bill, line))


def require_taken(line: BillLine) -> Decimal:
    """The quantity that a matched line takes. Raises Mismatch where it takes away, or nothing."""
    quantity = line.quantity or Decimal(0)
    if line.net <= 0 or quantity <= 0:
        raise differs(f"a row matched to order {place_of(line)} takes away, or nothing")
    return quantity


def take(line: BillLine, wanted: Decimal, supplies: Sequence[S]) -> list[tuple[S, Decimal]]:
    """Takes as much off the supplies, in their order. Raises Mismatch where they do not hold it."""
    there = sum((each.left for each in supplies), Decimal(0))
    if there <= 0 and line.receipt_number.strip():
        raise differs(f"receipt {line.receipt_number.strip()} has nothing open of order {place_of(line)}")
    if there <= 0:
        raise Mismatch(Finding(Reason.ORDER_UNKNOWN, place_of(line)))
    if there < wanted:
        raise differs(
            f"{wanted.normalize():f} are invoiced on order {place_of(line)}, where {there.normalize():f} are open"
        )
    taken: list[tuple[S, Decimal]] = []
    missing = wanted
    for supply in supplies:
        part = min(supply.left, missing)
        if part > 0:
            taken.append((supply, part))
            supply.left -= part
            missing -= part
    return taken


def spread(net: Decimal, quantities: Sequence[Decimal], *, rounded: Callable[[Decimal], Decimal]) -> list[Decimal]:
    """The sum spread by quantity; the last takes what rounding leaves."""
    whole = sum(quantities, Decimal(0))
    shares = [rounded(net * quantity / whole) for quantity in quantities[:-1]]
    return [*shares, net - sum(shares, Decimal(0))]


def place_of(line: BillLine) -> str:
    """The order and line that a line names, for people."""
    place = line.order_line.strip()
    return f"{line.order_number.strip()} line {place}" if place else f"{line.order_number.strip()} (no line is named)"


def differs(what: str) -> Mismatch:
    """The invoice says otherwise than its order."""
    return Mismatch(Finding(Reason.ORDER_DIFFERS, what))
