"""How far bills are paid (SAP dossier 8, 9).

A document tells how much of it is settled, its payments tell when and by what. A payment carries no stamp of
change, but makes the document's move; where that is not sure (reconciled, payment cancelled: U7), the recent
documents are read again once a day. Older ones whose stamp does not move are not noticed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from ml_connector.connectors.base import Page
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.odata import any_of
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.documents import (
    CREDIT_NOTES,
    HEADER_FIELDS,
    INVOICES,
    BillId,
    Sort,
    amount_of,
    day_of,
    decimal_of,
    is_foreign,
    is_mirror,
)
from ml_connector.connectors.sap_business_one.errors import UNKNOWN_PROPERTY, unexpected
from ml_connector.connectors.sap_business_one.manifest import DOCUMENTS_PER_PAGE, OR_TERMS
from ml_connector.records.invoice import Settlement

Row = Mapping[str, Any]
OurBills = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Tells which of some bill ids are ours: id to number."""

_STAMPS: Final = f"{HEADER_FIELDS},CreationDate,UpdateDate,UpdateTime"
_PAID: Final = "PaidToDate,PaidToDateFC,DataVersion"
"""Only in releases of 2024 and later (SAP dossier 9)."""
PAYMENT_FIELDS: Final = (
    "DocEntry,DocNum,DocDate,CardCode,Cancelled,TransferSum,CashSum,BillOfExchangeAmount,PaymentChecks,PaymentInvoices"
)
_OVERLAP: Final = timedelta(days=1)
"""A mark is a day of the server, whose clock is not ours."""
RECENT: Final = timedelta(days=90)
_EARLY: Final = timedelta(days=31)
"""How long before a bill's posting date its payment may be dated."""
_REMEMBERED: Final = 1_000
"""Rows of the overlap a mark remembers, so that they are not told of again."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far both entity sets were read, when recent ones were read again, and what was told of."""

    days: Mapping[str, str] = field(default_factory=dict[str, str])
    """By object type: the latest day of change that was seen."""
    swept: str = ""
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    """By bill id: its state, with a plus where something was paid."""

    @classmethod
    def parse(cls, text: str | None) -> Marks:
        """From its text. Raises Refused (unexpected) where it is none of ours."""
        if not text:
            return cls()
        try:
            read = json.loads(text)
            marks = cls({str(k): str(v) for k, v in read["days"].items()}, str(read["swept"]), dict(read["told"]))
            for day in (*marks.days.values(), marks.swept):
                date.fromisoformat(day)
        except (ValueError, KeyError, TypeError, AttributeError) as odd:
            raise unexpected(f"the mark {text[:80]!r} is none of this connector's") from odd
        return marks

    def __str__(self) -> str:
        return json.dumps(
            {"days": dict(self.days), "swept": self.swept, "told": dict(self.told)},
            separators=(",", ":"),
            sort_keys=True,
        )


@dataclass(frozen=True, slots=True)
class Link:
    """What one payment did to a document, in the document's currency."""

    payment: int
    number: str
    day: date | None
    amount: Decimal
    discount: Decimal
    method: str
    is_cancelled: bool


class SettlementReader:
    """Reads what became of bills."""

    def __init__(self, client: ServiceLayer, *, today: Callable[[], date]) -> None:
        self._client = client
        self._today = today
        self._tells_paid = True
        """Until a read shows the contrary."""

    async def pages(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """Settlements of the bills of ours that changed; the mark comes with the last page."""
        marks, today = Marks.parse(since), self._today().isoformat()
        reached: dict[str, str] = {}
        told: dict[str, tuple[str, str]] = {}
        for sort in (INVOICES, CREDIT_NOTES):
            day = marks.days.get(str(sort.object_type))
            async for rows in self._changed(sort, day, sweep=marks.swept != today):
                day = max([*_days(rows), day] if day else _days(rows), default=None)
                known = await ours([_id(sort, row) for row in rows]) if rows else {}
                mine = [row for row in rows if _id(sort, row) in known]
                fresh = [row for row in mine if not self._was_told(marks, sort, row)]
                told |= {_id(sort, row): (str(row.get("UpdateDate"))[:10], _state(row)) for row in mine}
                if fresh:
                    yield Page(tuple(await self._settlements(sort, fresh, marks)))
            if day is not None:
                reached[str(sort.object_type)] = day
        yield Page((), str(Marks(reached, today, _to_remember(told, reached))))

    async def _changed(self, sort: Sort, day: str | None, *, sweep: bool) -> AsyncIterator[list[dict[str, Any]]]:
        """The documents of a kind that changed since the day, mirrors left out."""
        options: dict[str, str] = {}
        if day is not None:
            changed = f"UpdateDate ge '{date.fromisoformat(day) - _OVERLAP}'"
            recent = f"DocDate ge '{self._today() - RECENT}'"
            options["$filter"] = f"({changed} or {recent})" if sweep else changed
        begun = False
        try:
            async for rows in self._pages(sort, options):
                begun = True
                yield [row for row in rows if not is_mirror(row)]
        except Refused as refusal:
            if begun or not self._tells_paid or refusal.code not in UNKNOWN_PROPERTY:
                raise
            # An older release: the payments alone have to do from now on.
            self._tells_paid = False
            async for rows in self._pages(sort, options):
                yield [row for row in rows if not is_mirror(row)]

    def _pages(self, sort: Sort, options: Mapping[str, str]) -> AsyncIterator[list[dict[str, Any]]]:
        select = f"{_STAMPS},{_PAID}" if self._tells_paid else _STAMPS
        asked = {**options, "$select": select}
        return self._client.pages(sort.entity_set, asked, key="DocEntry")

    def _was_told(self, marks: Marks, sort: Sort, row: Row) -> bool:
        # Without a paid sum of its own a row looks the same before and after a payment of the same minute.
        return self._tells_paid and marks.told.get(_id(sort, row)) == _state(row)

    async def _settlements(self, sort: Sort, rows: Sequence[Row], marks: Marks) -> list[Settlement]:
        wanted = [row for row in rows if _may_have_payments(row, marks.told.get(_id(sort, row), ""))]
        payments = await self._payments(wanted) if wanted else []
        links = links_of(sort, rows, payments)
        return [settlement_of(row, sort, links.get(int(row["DocEntry"]), ())) for row in rows]

    async def _payments(self, rows: Sequence[Row]) -> list[Row]:
        """The payments to the vendors of these documents: what they settle cannot be asked for (SAP dossier 9)."""
        vendors = sorted({str(row.get("CardCode")) for row in rows})
        first = min((day for row in rows if (day := day_of(row.get("DocDate"))) is not None), default=None)
        found: list[Row] = []
        for start in range(0, len(vendors), OR_TERMS):
            wanted = f"({any_of('CardCode', vendors[start : start + OR_TERMS])})"
            if first is not None:
                wanted += f" and DocDate ge '{first - _EARLY}'"
            options = {"$filter": wanted, "$select": PAYMENT_FIELDS}
            found += await self._client.rows("VendorPayments", options, key="DocEntry", size=DOCUMENTS_PER_PAGE)
        return found


# ------------------------------------------------------------------ payments


def links_of(sort: Sort, rows: Iterable[Row], payments: Iterable[Row]) -> dict[int, tuple[Link, ...]]:
    """What each payment did to these documents, by DocEntry, oldest first.

    A payment names the document by its DocEntry; its own DocNum there means nothing (SAP dossier 6.9).
    """
    foreign = {int(row["DocEntry"]): is_foreign(row) for row in rows}
    found: dict[int, list[Link]] = {}
    for payment in sorted(payments, key=lambda each: int(each["DocEntry"])):
        for each in payment.get("PaymentInvoices") or ():
            entry = each.get("DocEntry")
            if entry in foreign and each.get("InvoiceType") == sort.payment_link:
                found.setdefault(int(entry), []).append(_link(payment, each, in_foreign=foreign[int(entry)]))
    return {entry: tuple(links) for entry, links in found.items()}


def _link(payment: Row, row: Row, *, in_foreign: bool) -> Link:
    # A credit note offset in a payment has a negative sum there.
    return Link(
        payment=int(payment["DocEntry"]),
        number=str(payment.get("DocNum") or ""),
        day=day_of(payment.get("DocDate")),
        amount=abs(decimal_of(row.get("AppliedFC" if in_foreign else "SumApplied"))),
        discount=abs(decimal_of(row.get("TotalDiscountFC" if in_foreign else "TotalDiscount"))),
        method=_method(payment),
        is_cancelled=payment.get("Cancelled") in ("tYES", "Y"),
    )


def _method(payment: Row) -> str:
    means = {
        "bank transfer": decimal_of(payment.get("TransferSum")),
        "cash": decimal_of(payment.get("CashSum")),
        "cheque": sum((decimal_of(each.get("CheckSum")) for each in payment.get("PaymentChecks") or ()), Decimal(0)),
        "bill of exchange": decimal_of(payment.get("BillOfExchangeAmount")),
    }
    return max(means, key=lambda name: means[name]) if any(means.values()) else ""


# ------------------------------------------------------------------ settlements


def settlement_of(row: Row, sort: Sort, links: Sequence[Link]) -> Settlement:
    """How far a document is settled (SAP dossier 9). What payments do not explain was offset or reconciled."""
    standing = [link for link in links if not link.is_cancelled]
    gone = [link for link in links if link.is_cancelled]
    is_cancelled = row.get("CancelStatus") == "csYes"
    total = amount_of(row, "DocTotal") or Decimal(0)
    settled = Decimal(0) if is_cancelled else _settled_sum(row, standing, total)
    latest = max(standing, key=lambda link: (link.day or date.min, link.payment), default=None)
    is_paid = settled > 0
    discount = sum((link.discount for link in standing), Decimal(0)) if is_paid else Decimal(0)
    return Settlement(
        bill_id=_id(sort, row),
        bill_number=str(row.get("DocNum") or ""),
        paid_total=settled - discount,
        currency=str(row.get("DocCurrency") or ""),
        paid_on=None if not is_paid else latest.day if latest else day_of(row.get("UpdateDate")),
        discount=discount,
        payment_number=latest.number if is_paid and latest else "",
        method=latest.method if is_paid and latest else "",
        reversal_of=gone[-1].number if gone and not is_paid and not is_cancelled else "",
        is_settled=is_cancelled or (is_paid and settled >= total),
        dated_by_ledger=latest is not None or not is_paid,
    )


def _settled_sum(row: Row, standing: Sequence[Link], total: Decimal) -> Decimal:
    """All that settled the document, discount included.

    A release that does not tell it: the sum of the payments; one that is closed, and not cancelled, is settled
    whole, since an A/P document is closed by nothing else (assumption, SAP dossier 9).
    """
    told = amount_of(row, "PaidToDate")
    if told is not None:
        return told
    if row.get("DocumentStatus") == "bost_Close":
        return total
    return sum((link.amount + link.discount for link in standing), Decimal(0))


def _may_have_payments(row: Row, told: str) -> bool:
    """True where something is paid, or was and may have been taken back."""
    if row.get("CancelStatus") == "csYes":
        return False
    if "PaidToDate" not in row or decimal_of(row.get("PaidToDate")) or decimal_of(row.get("PaidToDateFC")):
        return True
    return told.endswith("+") or str(row.get("UpdateDate"))[:10] != str(row.get("CreationDate"))[:10]


# ------------------------------------------------------------------ marks


def _id(sort: Sort, row: Row) -> str:
    return str(BillId(sort.object_type, int(row["DocEntry"])))


def _days(rows: Iterable[Row]) -> list[str]:
    return [str(row["UpdateDate"])[:10] for row in rows if row.get("UpdateDate")]


def _state(row: Row) -> str:
    """A row in one state of it, with a plus where something is paid."""
    names = ("UpdateDate", "UpdateTime", "DataVersion", "PaidToDate", "PaidToDateFC", "DocumentStatus", "CancelStatus")
    paid = bool(decimal_of(row.get("PaidToDate")) or decimal_of(row.get("PaidToDateFC")))
    state = " ".join(str(row.get(name)) for name in names)
    return f"{crc32(state.encode()):08x}{'+' if paid else ''}"


def _to_remember(told: Mapping[str, tuple[str, str]], reached: Mapping[str, str]) -> dict[str, str]:
    """The rows the next read will meet again: those inside the overlap before the marks, the newest first."""
    if not reached:
        return {}
    oldest = (date.fromisoformat(min(reached.values())) - _OVERLAP).isoformat()
    recent = [(day, key, state) for key, (day, state) in told.items() if day >= oldest]
    return {key: state for _, key, state in sorted(recent, reverse=True)[:_REMEMBERED]}
