"""Which stored line is which line of the bill: judged by reading, so none is ever appended twice. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ml_connector.connectors.epicor_kinetic.checking import Plan
from ml_connector.connectors.epicor_kinetic.coding import Account, coding_row
from ml_connector.connectors.epicor_kinetic.documents import (
    CODINGS,
    MISCELLANEOUS,
    RECEIVED,
    UNRECEIVED,
    line_text,
    lines_of,
    of_line,
    sign_of,
)
from ml_connector.connectors.epicor_kinetic.matching import Match, Papers, uninvoiced_of
from ml_connector.connectors.epicor_kinetic.tablesets import rows_of
from ml_connector.connectors.epicor_kinetic.values import account_of
from ml_connector.connectors.order_matching import is_matched
from ml_connector.connectors.rows import Row, integer, is_set, number, text
from ml_connector.records.invoice import Bill
from ml_connector.records.money import add_up


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that the invoice is to have: one row of the bill, or a part of one that is matched to several places."""

    position: int
    net: Decimal
    """As it is stored: a debit memo's lines with their signs turned."""
    text: str
    match: Match | None = None

    @property
    def line_type(self) -> str:
        """What kind of line it is in the ledger."""
        if self.match is None:
            return MISCELLANEOUS
        return RECEIVED if self.match.is_received else UNRECEIVED

    def is_at(self, row: Row) -> bool:
        """True for a stored line of the same kind, from the same place."""
        if text(row, "LineType") != self.line_type:
            return False
        return self.match is None or self.match.is_of(row)

    def has_sum(self, row: Row) -> bool:
        """True where a stored line has the sum."""
        return number(row, "DocExtCost") == self.net

    def has_text(self, row: Row) -> bool:
        """True for its own text; the ledger may have cut it shorter than we did."""
        theirs = text(row, "Description")
        return self.text.startswith(theirs) and bool(theirs) == bool(self.text)

    def needs_change(self, row: Row) -> bool:
        """True for a line taken from an order that has not the bill's quantity or sum yet."""
        if self.match is None:
            return False
        return not self.has_sum(row) or abs(number(row, "VendorQty")) != self.match.quantity


@dataclass(frozen=True, slots=True)
class Claims:
    """Which entry is which stored line."""

    entries: Sequence[Entry]
    rows: Mapping[int, Row]
    """By the entry's place."""
    strays: Sequence[Row]
    """Stored lines that the bill does not have."""

    @property
    def missing(self) -> list[Entry]:
        """What is to be added."""
        return [entry for place, entry in enumerate(self.entries) if place not in self.rows]

    @property
    def unlike(self) -> list[tuple[Entry, Row]]:
        """What is there, with another quantity or sum."""
        return [(self.entries[place], row) for place, row in self.rows.items() if self.entries[place].needs_change(row)]

    def __iter__(self) -> Iterator[tuple[Entry, Row]]:
        """What is there, in the bill's order."""
        return ((self.entries[place], self.rows[place]) for place in sorted(self.rows))


def entries_of(bill: Bill, matches: Mapping[int, Sequence[Match]]) -> list[Entry]:
    """The lines that the invoice is to have, in the bill's order."""
    sign = sign_of(bill.kind)
    found: list[Entry] = []
    for position, line in enumerate(bill.lines):
        words = line_text(bill, line)
        if position in matches:
            found += [Entry(position, sign * each.net, words, each) for each in matches[position]]
        else:
            found.append(Entry(position, sign * line.net, words))
    return found


def claim(entries: Sequence[Entry], ds: Mapping[str, Any]) -> Claims:
    """Finds the stored line of each entry: the one that is like it in all, else one that has at least its sum."""
    left = lines_of(ds)
    rows: dict[int, Row] = {}

    def take(fits: Callable[[Entry, Row], bool]) -> None:
        for place, entry in enumerate(entries):
            row = next((row for row in left if place not in rows and fits(entry, row)), None)
            if row is not None:
                rows[place] = row
                left.remove(row)

    take(lambda entry, row: entry.is_at(row) and entry.has_sum(row) and entry.has_text(row))
    take(lambda entry, row: entry.is_at(row) and entry.has_sum(row))
    take(lambda entry, row: entry.match is not None and entry.is_at(row))
    return Claims(entries, rows, left)


def matches_as_stored(bill: Bill, ds: Mapping[str, Any]) -> dict[int, tuple[Match, ...]]:
    """What the matched lines of the bill were taken from, as the stored lines tell it.

    All that is stored of an order's line belongs to the bill's first row of it, if it makes up the sum of all of them.
    """
    stored: dict[tuple[str, str], list[Row]] = {}
    for row in lines_of(ds):
        if text(row, "LineType") in (RECEIVED, UNRECEIVED):
            stored.setdefault((text(row, "PONum"), text(row, "POLine")), []).append(row)
    found: dict[int, tuple[Match, ...]] = {}
    for place, positions in _places(bill).items():
        rows = stored.get(place, [])
        agrees = add_up(number(row, "DocExtCost") for row in rows) == add_up(bill.lines[each].net for each in positions)
        first, *others = positions
        found[first] = tuple(map(_match_of, rows)) if agrees else ()
        found |= dict.fromkeys(others, ())
    return found


def _places(bill: Bill) -> dict[tuple[str, str], list[int]]:
    places: dict[tuple[str, str], list[int]] = {}
    for position, line in enumerate(bill.lines):
        if is_matched(bill, line):
            places.setdefault((line.order_number.strip(), line.order_line.strip()), []).append(position)
    return places


def _match_of(row: Row) -> Match:
    return Match(
        *_place_of(row), number(row, "VendorQty"), number(row, "DocExtCost"), text(row, "PurPoint"),
        text(row, "PackSlip"), integer(row, "PackLine"),
    )  # fmt: skip


def papers_before(papers: Papers, ds: Mapping[str, Any]) -> Papers:
    """The orders and receipts as they were before this draft took its part of them."""
    taken = [row for row in lines_of(ds) if integer(row, "PONum")]
    return replace(
        papers,
        receipts=[_receipt_before(row, taken) for row in papers.receipts],
        releases=[_release_before(row, taken) for row in papers.releases],
    )


def _receipt_before(row: Row, taken: Sequence[Row]) -> Row:
    slip = _slip_of(row)
    ours = sum((abs(number(each, "VendorQty")) for each in taken if slip[2] and _slip_of(each) == slip), Decimal(0))
    if not ours:
        return row
    return {**row, "Invoiced": False, "SupplierUnInvcReceiptQty": uninvoiced_of(row) + ours}


def _release_before(row: Row, taken: Sequence[Row]) -> Row:
    place = _place_of(row)
    ours = sum((abs(number(each, "VendorQty")) for each in taken if _place_of(each) == place), Decimal(0))
    return {**row, "InvoicedQty": number(row, "InvoicedQty") - ours, "OpenRelease": True} if ours else row


def _slip_of(row: Row) -> tuple[str, str, int]:
    return text(row, "PurPoint").upper(), text(row, "PackSlip").upper(), integer(row, "PackLine")


def _place_of(row: Row) -> tuple[int, int, int]:
    return integer(row, "PONum"), integer(row, "POLine"), integer(row, "PORelNum")


# ------------------------------------------------------------------ accounts


@dataclass(frozen=True, slots=True)
class Uncoded:
    """A stored line whose account is not the one that was asked for."""

    line: int
    position: int
    wanted: Account
    row: Row | None
    """The row that is to have it, None where it has to be made."""

    def __str__(self) -> str:
        stored = account_of(self.row) if self.row else ""
        there = f"{stored} in the ledger" if stored else "empty in the ledger"
        return f"the account of row {self.position + 1} is {there}, {self.wanted.stored} on the invoice"


def uncoded(claims: Claims, ds: Mapping[str, Any], plan: Plan) -> list[Uncoded]:
    """Lines whose accounts are empty, or others than the bill's; one of an order that names none keeps its own."""
    rows = rows_of(ds, CODINGS)
    found: list[Uncoded] = []
    for entry, stored in claims:
        wanted, line = plan.accounts.get(entry.position), integer(stored, "InvoiceLine")
        row = coding_row(rows, line, chart=plan.chart)
        if wanted is None or (row is None and entry.match is not None):
            continue
        if row is None or not wanted.is_in(row):
            found.append(Uncoded(line, entry.position, wanted, row))
    return found


def empty_accounts(ds: Mapping[str, Any]) -> list[int]:
    """The lines that have a row for an account of the main book, and none in it: such a group does not post."""
    rows = [
        row for row in rows_of(ds, CODINGS)
        if text(row, "RecordType") in ("A", "") and not text(row, "BookID") and not is_set(row, "IsExternalCompany")
    ]  # fmt: skip
    lines = (integer(row, "InvoiceLine") for row in lines_of(ds))
    return [line for line in lines if any(not account_of(row) for row in of_line(rows, line))]
