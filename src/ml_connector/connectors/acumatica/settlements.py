"""How far bills are paid (Acumatica dossier 4.3, 11).

Bills and payments are listed from their last change on. That a payment changes the bills it settles is likely, not
sure (dossier U10): a payment whose bills did not change with it is looked into, and what is open is looked at anew
when a new day begins. With nothing changed that is two reads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zlib import crc32

from ml_connector.connectors.acumatica.applications import (
    STANDING,
    VOIDED,
    Picture,
    explains,
    is_adjustment,
    is_on,
    links_of,
    settled_sum,
    settlement_of,
)
from ml_connector.connectors.acumatica.client import Acumatica, any_key
from ml_connector.connectors.acumatica.documents import ADJUSTMENTS, HEADER, sort_of, status_of
from ml_connector.connectors.acumatica.errors import unexpected
from ml_connector.connectors.acumatica.manifest import RECORDS_PER_PAGE
from ml_connector.connectors.acumatica.releasing import BILL
from ml_connector.connectors.acumatica.values import instant, instant_text, moment, parse_instant
from ml_connector.connectors.base import Page
from ml_connector.connectors.rows import Row, number, parts, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillStatus, Settlement

OurBills = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Tells which of some bill ids are ours: id to number."""
Key = tuple[str, ...]
"""Type and number."""

CHECK: Final = "Check"
_STAMP: Final = "LastModifiedDateTime"
_FIELDS: Final = (*HEADER, _STAMP)
_PAYMENT_FIELDS: Final = ("Type", "ReferenceNbr", "Status", "Vendor", _STAMP)
_PAYMENT_WHOLE: Final = ("Type", "ReferenceNbr", "Status", "CurrencyID", "ApplicationDate", "PaymentMethod")
OVERLAP: Final = timedelta(minutes=5)
"""How far before the mark a read begins (Acumatica dossier 4.3)."""
_SAME_MOMENT: Final = timedelta(seconds=10)
"""A payment and the bills it settles are saved together: their stamps lie this close."""
_REMEMBERED: Final = 1_000
"""Rows of the overlap a mark remembers, so that they are not told of again."""
_AT_ONCE: Final = 20
_MADE: Final = STANDING | {VOIDED}


@dataclass(frozen=True, slots=True)
class Marks:
    """How far bills and payments were read, the day on which what is open was looked at, and what was told of."""

    bills: str = ""
    payments: str = ""
    swept: str = ""
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    """By bill id, or a payment's type and number: its state."""

    @classmethod
    def parse(cls, text: str | None) -> Marks:
        """From its text. Raises Refused (unexpected) where it is none of ours."""
        if not text:
            return cls()
        try:
            read = json.loads(text)
            marks = cls(str(read["bills"]), str(read["payments"]), str(read["swept"]), dict(read["told"]))
        except (ValueError, KeyError, TypeError) as odd:
            raise unexpected(f"the mark {text[:80]!r} is none of this connector's") from odd
        if any(each and parse_instant(each) is None for each in (marks.bills, marks.payments)):
            raise unexpected(f"the mark {text[:80]!r} is none of this connector's")
        return marks

    def __str__(self) -> str:
        said = {"bills": self.bills, "payments": self.payments, "swept": self.swept, "told": dict(self.told)}
        return json.dumps(said, separators=(",", ":"), sort_keys=True)

    def is_new(self, key: str, row: Row) -> bool:
        """True where a row is not in the state it was told of."""
        return self.told.get(key) != _state(row)


class SettlementReader:
    """Reads what became of bills."""

    def __init__(self, client: Acumatica) -> None:
        self._client = client

    def pages(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """Settlements of the bills of ours that changed; the mark comes with the last page."""
        return _Reading(self._client, Marks.parse(since), ours).pages()


class _Reading:
    """One reading: what it met so far."""

    def __init__(self, client: Acumatica, marks: Marks, ours: OurBills) -> None:
        self._client = client
        self._marks = marks
        self._ours = ours
        self._payments: list[Row] = []
        """Those that changed, headers only."""
        self._whole: dict[Key, asyncio.Task[Row | None]] = {}
        self._moments: dict[str, list[datetime]] = {}
        """By vendor: when bills of it changed."""
        self._met: dict[str, Row] = {}
        """Every row that may be met again, by what it is remembered by."""

    async def pages(self) -> AsyncIterator[Page[Settlement]]:
        await self._read_payments()
        seen: set[str] = set()
        async for rows in self._client.pages(BILL, where=self._changed_bills(), select=_FIELDS):
            fresh = [row for row in rows if text(row, "id") not in seen]
            seen |= {text(row, "id") for row in fresh}
            for row in fresh:
                if (stamp := instant(row, _STAMP)) is not None:
                    self._moments.setdefault(code(text(row, "Vendor")), []).append(stamp)
            if told := await self._told_of(fresh):
                yield Page(tuple(told))
        overlooked = [row for row in await self._overlooked() if text(row, "id") not in seen]
        yield Page(tuple(await self._told_of(overlooked)), str(self._reached()))

    # ------------------------------------------------------------------ lists

    def _changed_bills(self) -> str:
        """Since the mark; when a new day has begun for the ledger, what is open too."""
        if not self._marks.bills:
            return ""
        changed = f"{_STAMP} ge {_from(self._marks.bills)}"
        return f"({changed}) or Status eq 'Open'" if self._day() != self._marks.swept else changed

    def _day(self) -> str:
        """The day that the ledger's newest change was on, in UTC: no clock of ours is asked."""
        stamps = [self._marks.bills, self._marks.payments, *(text(row, _STAMP) for row in self._payments)]
        known = [found for each in stamps if (found := parse_instant(each)) is not None]
        return max(known).date().isoformat() if known else ""

    async def _read_payments(self) -> None:
        """The payments that changed. On the first reading none: all bills are looked into then."""
        if not self._marks.payments:
            return
        where = f"{_STAMP} ge {_from(self._marks.payments)}"
        self._payments = await self._client.rows(CHECK, where=where, select=_PAYMENT_FIELDS)
        self._met |= {_name(row): row for row in self._payments}

    def _reached(self) -> Marks:
        newest = max((each for found in self._moments.values() for each in found), default=None)
        bills = _latest([self._marks.bills, instant_text(newest) if newest else ""])
        payments = _latest([self._marks.payments or bills, *(text(row, _STAMP) for row in self._payments)])
        oldest = min((found for each in (bills, payments) if (found := parse_instant(each))), default=None)
        return Marks(bills, payments, self._day() or bills[:10], _to_remember(self._met, oldest))

    # ------------------------------------------------------------------ bills

    async def _told_of(self, rows: Iterable[Row]) -> list[Settlement]:
        """The settlements of those of the rows that are ours and look different from what was told."""
        bills = [row for row in rows if sort_of(row) is not None]
        known = await self._ours([text(row, "id") for row in bills]) if bills else {}
        mine = [row for row in bills if text(row, "id") in known and _may_be_settled(row)]
        self._met |= {text(row, "id"): row for row in mine}
        fresh = [row for row in mine if self._marks.is_new(text(row, "id"), row)]
        return list(await asyncio.gather(*(self._settlement(row) for row in fresh)))

    async def _settlement(self, bill: Row) -> Settlement:
        if settled_sum(bill) <= 0:
            return settlement_of(bill, Picture(voided=await self._voided(bill)))
        whole = [await self._payment(_key(each)) for each in self._payments if _is_beside(bill, each)]
        links = [link for payment in whole if payment is not None for link in links_of(bill, payment)]
        # One payment of many bills explains them all, without a read for each.
        picture = Picture(links) if links and explains(bill, links) else await self._applications(bill)
        return settlement_of(bill, picture)

    async def _applications(self, bill: Row) -> Picture:
        """What is applied to a bill, by its own list of that and the payments named there."""
        row = await self._client.get(BILL, text(bill, "id"), select=_FIELDS, expand=("Applications",), missing_ok=True)
        standing = [each for each in parts(row or {}, "Applications") if text(each, "Status") in STANDING]
        # An adjustment's own date is not the day on which it was set off.
        paying = [each for each in standing if not is_adjustment(each)]
        payments = await asyncio.gather(*(self._payment(_key_of_application(each)) for each in paying))
        links = [link for payment in payments if payment is not None for link in links_of(bill, payment)]
        taken_back = [
            number(each, "AmountPaid") for each in standing if is_adjustment(each) and await self._reverses(bill, each)
        ]
        return Picture(
            links=links,
            applied=sum((number(each, "AmountPaid") for each in standing), Decimal(0)),
            reversed=sum(taken_back, Decimal(0)),
        )

    async def _reverses(self, bill: Row, application: Row) -> bool:
        """True for the adjustment that takes the bill back: it has its reference (Acumatica dossier 10.7)."""
        row = await self._client.get(
            BILL, ADJUSTMENTS.type, text(application, "ReferenceNbr"), select=("VendorRef",), missing_ok=True
        )
        return row is not None and code(text(row, "VendorRef")) == code(text(bill, "VendorRef")) != ""

    async def _voided(self, bill: Row) -> str:
        """The number of the payment that was last taken back from a bill with nothing paid, where one changed."""
        vendor = code(text(bill, "Vendor"))
        for each in sorted(self._payments, key=lambda row: (text(row, _STAMP), _key(row)), reverse=True):
            if text(each, "Status") == VOIDED and code(text(each, "Vendor")) == vendor:
                payment = await self._payment(_key(each))
                if payment is not None and any(is_on(bill, row) for row in parts(payment, "History")):
                    return text(payment, "ReferenceNbr")
        return ""

    # ------------------------------------------------------------------ payments

    async def _payment(self, key: Key) -> Row | None:
        """One payment with what it was applied to, read once."""
        if key not in self._whole:
            reading = self._client.get(CHECK, *key, select=_PAYMENT_WHOLE, expand=("History",), missing_ok=True)
            self._whole[key] = asyncio.ensure_future(reading)
        return await self._whole[key]

    async def _overlooked(self) -> list[Row]:
        """Bills that changed payments settle, though they did not change with them (Acumatica dossier U10)."""
        wanted: dict[Key, None] = {}
        for each in self._payments:
            if (
                text(each, "Status") not in _MADE
                or not self._marks.is_new(_name(each), each)
                or self._is_explained(each)
            ):
                continue
            payment = await self._payment(_key(each))
            if text(each, "Type") == ADJUSTMENTS.type:
                # Set off against a bill, it is settled itself: the same number in both lists (dossier 10.7).
                wanted[_key(each)] = None
            for row in parts(payment or {}, "History"):
                wanted[(text(row, "DocType"), text(row, "ReferenceNbr"))] = None
        found: list[Row] = []
        keys = list(wanted)
        for start in range(0, len(keys), _AT_ONCE):
            where = any_key(BILL, keys[start : start + _AT_ONCE])
            found += await self._client.rows(BILL, where=where, select=_FIELDS, size=RECORDS_PER_PAGE)
        return found

    def _is_explained(self, payment: Row) -> bool:
        """True where a bill of its vendor changed in the same moment: that one was listed."""
        stamp = instant(payment, _STAMP)
        moments = self._moments.get(code(text(payment, "Vendor")), ())
        return stamp is not None and any(abs(each - stamp) <= _SAME_MOMENT for each in moments)


# ------------------------------------------------------------------ pieces


def _may_be_settled(row: Row) -> bool:
    """A bill that was posted, or voided; one that was rejected never was."""
    return status_of(row) in (BillStatus.POSTED, BillStatus.PAID) or text(row, "Status") == VOIDED


def _is_beside(bill: Row, payment: Row) -> bool:
    """True for a payment to the bill's vendor that was made in the moment in which the bill changed."""
    if text(payment, "Status") not in STANDING or text(payment, "Type") == ADJUSTMENTS.type:
        return False
    ours, theirs = instant(bill, _STAMP), instant(payment, _STAMP)
    if ours is None or theirs is None or code(text(bill, "Vendor")) != code(text(payment, "Vendor")):
        return False
    return abs(ours - theirs) <= _SAME_MOMENT


def _key(payment: Row) -> Key:
    """As the server spells the type: its labels differ by release (Acumatica dossier 3.2)."""
    return text(payment, "Type"), text(payment, "ReferenceNbr")


def _key_of_application(application: Row) -> Key:
    return text(application, "DocType"), text(application, "ReferenceNbr")


def _name(payment: Row) -> str:
    return "/".join(_key(payment))


def _from(mark: str) -> str:
    stamp = parse_instant(mark)
    assert stamp is not None, "marks are parsed before they are used"
    return moment(stamp - OVERLAP)


def _latest(stamps: Iterable[str]) -> str:
    """The largest of some stamps as an instant; empty for none."""
    known = [found for each in stamps if (found := parse_instant(each)) is not None]
    return instant_text(max(known)) if known else ""


def _state(row: Row) -> str:
    state = " ".join(text(row, name) for name in (_STAMP, "Status", "Balance"))
    return f"{crc32(state.encode()):08x}"


def _to_remember(met: Mapping[str, Row], oldest: datetime | None) -> dict[str, str]:
    """The rows the next read will meet again: those inside the overlap before the marks, the newest first."""
    if oldest is None:
        return {}
    recent = [
        (stamp, key, _state(row))
        for key, row in met.items()
        if (stamp := instant(row, _STAMP)) is not None and stamp >= oldest - OVERLAP
    ]
    return {key: state for _, key, state in sorted(recent, reverse=True)[:_REMEMBERED]}
