"""Bills as they stand in the ledger: by their id, or by kind, vendor and number.

What was taken back is told as cancelled, and what took it back is no bill (reversing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.documents import (
    COMPARED,
    HEADER,
    LINES,
    ON_HOLD,
    SORTS,
    Sort,
    is_of,
    ledger_bill_of,
    lines_there,
    sort_of,
)
from ml_connector.connectors.acumatica.manifest import FILTER_LENGTH, LINES_PER_REQUEST, NUMBER_LENGTH, RECORDS_PER_PAGE
from ml_connector.connectors.acumatica.releasing import BILL
from ml_connector.connectors.acumatica.reversing import Judged, judge, may_be_taken_back
from ml_connector.connectors.odata import literal
from ml_connector.connectors.rows import Row, text
from ml_connector.connectors.texts import units
from ml_connector.records.invoice import Bill, LedgerBill

Pair = tuple[str, str]
"""A vendor and its number of a document."""

WHOLE: Final = tuple(dict.fromkeys((*HEADER, *COMPARED, *LINES)))
"""What is read of a draft that is compared, with `PARTS` expanded."""
PARTS: Final = ("Details",)


class Finder:
    """Looks bills up."""

    def __init__(self, client: Acumatica) -> None:
        self._client = client

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Documents of the same kind, vendor and number; voided and rejected ones as cancelled."""
        found: dict[str, list[LedgerBill]] = {bill.key: [] for bill in bills}
        hits: list[tuple[Bill, Row]] = []
        for kind, sort in SORTS.items():
            of_kind = [bill for bill in bills if bill.kind is kind]
            rows = await self._numbered(_pairs_of(of_kind), of=sort)
            hits += [(bill, row) for row in rows for bill in of_kind if is_of(row, bill)]
        judged = await self._judged([row for _, row in hits])
        for bill, row in hits:
            if text(row, "id") not in judged.mirrors:
                found[bill.key].append(judged.of(await self._known(bill, row)))
        return {key: tuple(each) for key, each in found.items()}

    async def _numbered(self, pairs: Iterable[Pair], *, of: Sort | None = None) -> list[Row]:
        """The documents with these vendors and numbers, each once."""
        rows: dict[str, Row] = {}
        for wanted in _filters(pairs):
            where = f"Type eq {literal(of.type)} and ({wanted})" if of else wanted
            listed = await self._client.rows(BILL, where=where, select=HEADER, size=RECORDS_PER_PAGE)
            rows |= {text(row, "id"): row for row in listed if sort_of(row) in ((of,) if of else SORTS.values())}
        return list(rows.values())

    async def _judged(self, rows: Sequence[Row]) -> Judged:
        """Which of them were taken back; asked only where one of them is settled."""
        doubtful = [row for row in rows if may_be_taken_back(row)]
        if not doubtful:
            return Judged()
        return judge(await self._numbered((text(row, "Vendor"), text(row, "VendorRef")) for row in doubtful))

    async def _known(self, bill: Bill, row: Row) -> LedgerBill:
        """The document; one of ours that is half written tells no sums, since they are not the bill's yet."""
        there = ledger_bill_of(row)
        if len(bill.lines) <= LINES_PER_REQUEST or text(row, "Status") != ON_HOLD or there.net == bill.net:
            return there
        whole = await self._client.get(BILL, there.id, select=WHOLE, expand=PARTS, missing_ok=True)
        is_half = whole is not None and lines_there(bill, whole) in range(1, len(bill.lines))
        return replace(there, gross=None, net=None, tax=None) if is_half else there

    async def read(self, bill_id: str) -> LedgerBill | None:
        """One document by its id, None where it is gone; one that was taken back as cancelled."""
        row = await self.header(bill_id)
        return None if row is None else (await self._judged([row])).of(ledger_bill_of(row))

    async def header(self, bill_id: str) -> Row | None:
        """One document as it is told, None where it is gone."""
        return await self._client.get(BILL, bill_id, select=HEADER, missing_ok=True)


def _pairs_of(bills: Iterable[Bill]) -> list[Pair]:
    """Vendors and numbers, those left out that no document can have."""
    numbers = ((bill.vendor.strip(), bill.number.strip()) for bill in bills)
    return [(vendor, number) for vendor, number in numbers if number and units(number) <= NUMBER_LENGTH]


def _filters(wanted: Iterable[Pair]) -> Iterator[str]:
    """Filters that together find some vendors and numbers, each short enough for an address."""
    pairs = dict.fromkeys(
        f"(Vendor eq {literal(vendor)} and VendorRef eq {literal(number)})" for vendor, number in wanted
    )
    group: list[str] = []
    taken = 0
    for pair in pairs:
        cost = len(quote(f"{pair} or ", safe="()"))
        if group and taken + cost > FILTER_LENGTH:
            yield " or ".join(group)
            group, taken = [], 0
        group.append(pair)
        taken += cost
    if group:
        yield " or ".join(group)
