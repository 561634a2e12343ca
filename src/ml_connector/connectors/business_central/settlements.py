"""How far bills are paid (BC dossier 8.6, 10).

A document's status tells that it is paid, not when or by what, and nothing of partial payments. The vendor
ledger entries of the finance reports API add a date where a tenant still has that API. They do not link a
payment to what it pays: a payment's date is taken only where all payments of the vendor that were closed in
the same moment agree on it, else the day on which the document became paid is given and marked as such.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from ml_connector.connectors.base import Page
from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.documents import (
    CREDIT_MEMOS,
    INVOICES,
    Sort,
    status_of,
)
from ml_connector.connectors.business_central.errors import unexpected
from ml_connector.connectors.business_central.manifest import LIMITS
from ml_connector.connectors.business_central.mapping import (
    OVERLAP,
    changed_since,
    date_of,
    decimal_of,
    later,
)
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.odata import decode_enum
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillStatus, Settlement

Row = dict[str, Any]
OurBills = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Tells which of some bill ids are ours: id to number."""

LEDGER_API: Final = "microsoft/reportsFinance/beta"
_ENTRY_FIELDS: Final = (
    "entryNumber,documentType,documentNumber,postingDate,vendorNumber,open,amount,currencyCode,lastModifiedDateTime"
)
_SAME_MOMENT: Final = timedelta(seconds=10)
"""A payment and what it pays are closed in one transaction: their stamps lie this close together."""
_REMEMBERED: Final = 300
"""Rows of the overlap a mark remembers, so that they are not told of again."""
_PAYMENTS: Final[Mapping[str, str]] = {INVOICES.ledger_type: "Payment", CREDIT_MEMOS.ledger_type: "Refund"}


@dataclass(frozen=True, slots=True)
class Marks:
    """How far each of the two entity sets was read, and which rows inside the overlap were told of."""

    invoices: str | None = None
    credit_memos: str | None = None
    told: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str | None) -> Marks:
        """From its text. Raises Refused (unexpected) where it is none of ours."""
        if not text:
            return cls()
        parts = text.split("|")
        try:
            for stamp in parts[:2]:
                if stamp:
                    datetime.fromisoformat(stamp)
            invoices, credit_memos, told = parts
        except ValueError as odd:
            raise unexpected(f"the mark {text[:80]!r} is none of this connector's") from odd
        return cls(invoices or None, credit_memos or None, frozenset(told.split(",")) - {""})

    def __str__(self) -> str:
        return f"{self.invoices or ''}|{self.credit_memos or ''}|{','.join(sorted(self.told))}"


class SettlementReader:
    """Reads what became of bills."""

    def __init__(self, client: BusinessCentralClient) -> None:
        self._client = client
        self._has_ledger_api = True
        """Until a read shows the contrary."""

    async def pages(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """Settlements of the bills of ours that changed; the mark comes with the last page."""
        marks = Marks.parse(since)
        told: list[tuple[str, str]] = []
        reached: list[str | None] = []
        for sort, mark in ((INVOICES, marks.invoices), (CREDIT_MEMOS, marks.credit_memos)):
            highest = mark
            async for rows in self._changed(sort, mark):
                highest = later(highest, rows)
                posted = [row for row in rows if settlement_of(row) is not None]
                known = await ours([str(row["id"]) for row in posted]) if posted else {}
                wanted = [row for row in posted if str(row["id"]) in known]
                told += [(str(row["lastModifiedDateTime"]), _token(row)) for row in wanted]
                fresh = [row for row in wanted if _token(row) not in marks.told]
                if fresh:
                    yield Page(tuple(await self._settlements(sort, fresh)))
            reached.append(highest)
        yield Page((), str(Marks(reached[0], reached[1], _to_remember(told, reached))))

    async def _changed(self, sort: Sort, mark: str | None) -> AsyncIterator[list[Row]]:
        options = {
            "$select": "id,number,status,vendorNumber,payToVendorNumber,currencyCode,"
            "totalAmountIncludingTax,lastModifiedDateTime"
        }
        if mark is not None:
            options["$filter"] = changed_since(mark)
        async for rows in self._client.pages(sort.documents, options, size=LIMITS.page_size):
            yield rows

    async def _settlements(self, sort: Sort, rows: Sequence[Row]) -> list[Settlement]:
        paid = [row for row in rows if status_of(row) is BillStatus.PAID]
        entries = await self._payments(paid) if paid else []
        found: list[Settlement] = []
        for row in rows:
            settlement = settlement_of(row)
            if settlement is not None and status_of(row) is BillStatus.PAID:
                settlement = dated_by(settlement, row, entries, sort)
            if settlement is not None:
                found.append(settlement)
        return found

    async def _payments(self, paid: Sequence[Row]) -> list[Row]:
        """The closed entries of the vendors concerned since the first of the documents was paid."""
        if not self._has_ledger_api:
            return []
        vendors = {code(str(row["payToVendorNumber"])) for row in paid}
        first = min((str(row["lastModifiedDateTime"]) for row in paid), key=datetime.fromisoformat)
        options = {"$filter": changed_since(first), "$select": _ENTRY_FIELDS}
        found: list[Row] = []
        try:
            async for rows in self._client.pages(
                "vendorLedgerEntries", options, size=LIMITS.page_size, group=LEDGER_API
            ):
                found += [
                    row for row in rows
                    if code(str(row["vendorNumber"])) in vendors
                    and decode_enum(str(row["documentType"])) in _PAYMENTS.values()
                ]  # fmt: skip
        except Refused:
            # Not there, or no right to it: the status alone has to do from now on (BC dossier 10, U19).
            self._has_ledger_api = False
            return []
        return found


def settlement_of(row: Row) -> Settlement | None:
    """What a document's status says of its payment; None while it is not posted."""
    status = status_of(row)
    if status in (BillStatus.DRAFT, BillStatus.PENDING):
        return None
    is_paid = status is BillStatus.PAID
    return Settlement(
        bill_id=str(row["id"]),
        bill_number=str(row.get("number") or ""),
        paid_total=decimal_of(row.get("totalAmountIncludingTax")) if is_paid else Decimal(0),
        currency=str(row.get("currencyCode") or ""),
        paid_on=date_of(row.get("lastModifiedDateTime")) if is_paid else None,
        is_settled=status in (BillStatus.PAID, BillStatus.CANCELLED),
        dated_by_ledger=False,
    )


def dated_by(settlement: Settlement, row: Row, entries: Sequence[Row], sort: Sort) -> Settlement:
    """The settlement with the payment's own date and number, where the ledger's entries agree on them."""
    became_paid = datetime.fromisoformat(str(row["lastModifiedDateTime"]))
    payments = [
        entry
        for entry in entries
        if code(str(entry["vendorNumber"])) == code(str(row["payToVendorNumber"]))
        and decode_enum(str(entry["documentType"])) == _PAYMENTS[sort.ledger_type]
        and abs(datetime.fromisoformat(str(entry["lastModifiedDateTime"])) - became_paid) <= _SAME_MOMENT
    ]
    days = {date_of(entry["postingDate"]) for entry in payments}
    numbers = {str(entry["documentNumber"]) for entry in payments}
    if len(days) != 1:
        return settlement
    return replace(
        settlement,
        paid_on=days.pop(),
        payment_number=numbers.pop() if len(numbers) == 1 else "",
        dated_by_ledger=True,
    )


def _token(row: Row) -> str:
    """A row in one state of it."""
    state = f"{row['id']} {row['lastModifiedDateTime']}"
    return f"{crc32(state.encode()):08x}"


def _to_remember(told: Sequence[tuple[str, str]], reached: Sequence[str | None]) -> frozenset[str]:
    """The rows the next read will meet again: those inside the overlap before the marks."""
    stamps = [datetime.fromisoformat(mark) - OVERLAP for mark in reached if mark]
    if not stamps:
        return frozenset()
    recent = [(stamp, token) for stamp, token in told if datetime.fromisoformat(stamp) >= min(stamps)]
    return frozenset(token for _, token in sorted(recent, reverse=True)[:_REMEMBERED])
