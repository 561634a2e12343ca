"""How far bills are paid (Epicor dossier 11).

An invoice tells its balance, its transactions tell by what it was settled. Posting a payment need not move the
invoice's own stamp, so the transactions are what is followed; invoices are read by their stamp beside them, for what
is settled by none. Stamps are of the server's own clock: they are compared with nothing but themselves.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import INVOICES, PAYMENTS, TRANSACTIONS
from ml_connector.connectors.epicor_kinetic.documents import HEADER, is_settled, kind_of, number_of, sign_of, status_of
from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH
from ml_connector.connectors.epicor_kinetic.values import local_time
from ml_connector.connectors.epicor_kinetic.where import Where, all_of, eq, ge, in_groups
from ml_connector.connectors.rows import Row, day, integer, is_set, number, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillStatus, Settlement
from ml_connector.records.money import add_up

OurBills = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Tells which of some bill ids are ours: id to number."""
Pair = tuple[int, str]
"""A supplier's number in the ledger and its own number of an invoice, in capitals."""

OVERLAP: Final = timedelta(days=1)
"""Rows are read again that far back: stamps may lack their time, and late ones come in between (dossier 7.3)."""
_REMEMBERED: Final = 2_000
"""Rows of the overlap that a mark remembers, so that they cost nothing more."""
_PAYMENT: Final = "Pay"

TRANSACTION: Final = (
    "HeadNum", "APTranNo", "InvoiceNum", "Voided", "VendorNum", "TranType", "Posted", "TranDate", "CheckNum",
    "DocTranAmt", "DocDiscAmt", "CurrencyCode", "BankAcctID", "ChangeDate", "SysRowID", "SysRevID",
)  # fmt: skip
PAYMENT: Final = ("HeadNum", "CheckNum", "ApplyingPayment", "PMUIDName", "SysRevID")
_STAMPED: Final = (*HEADER, "ChangeDate")


# ------------------------------------------------------------------ marks


@dataclass(frozen=True, slots=True)
class Marks:
    """How far both sets were read, by the server's clock, and which rows of the overlap were looked into."""

    reached: Mapping[str, str] = field(default_factory=dict[str, str])
    """By set: the latest stamp of change that was seen."""
    seen: Mapping[str, str] = field(default_factory=dict[str, str])
    """By row id: its version."""

    @classmethod
    def parse(cls, said: str | None) -> Marks:
        """From its text. Raises Refused (unexpected) where it is none of ours."""
        if not said:
            return cls()
        try:
            read = json.loads(said)
            marks = cls(
                {str(name): str(stamp) for name, stamp in read["reached"].items()},
                {str(key): str(version) for key, version in read["seen"].items()},
            )
            for stamp in marks.reached.values():
                datetime.fromisoformat(stamp)
        except (ValueError, KeyError, TypeError, AttributeError) as odd:
            raise unexpected(f"the mark {said[:80]!r} is none of this connector's") from odd
        return marks

    def since(self, name: str) -> datetime | None:
        """From when on a set is to be read, None for all of it."""
        stamp = self.reached.get(name)
        return datetime.fromisoformat(stamp) - OVERLAP if stamp else None

    def knows(self, row: Row) -> bool:
        """True for a row that was looked into in this very version."""
        return self.seen.get(text(row, "SysRowID")) == text(row, "SysRevID")

    def __str__(self) -> str:
        return json.dumps(
            {"reached": dict(self.reached), "seen": dict(self.seen)}, separators=(",", ":"), sort_keys=True
        )


@dataclass(slots=True)
class Trace:
    """What a read comes by: the latest stamp of each set, and the rows that the next one meets again."""

    reached: dict[str, str]
    seen: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By row id: its stamp and its version."""

    def note(self, name: str, rows: Iterable[Row]) -> None:
        """Takes rows of a set down."""
        for row in rows:
            changed = local_time(row, "ChangeDate")
            if changed is None:
                continue
            stamp = changed.isoformat(timespec="seconds")
            self.reached[name] = max(self.reached.get(name, ""), stamp)
            self.seen[text(row, "SysRowID")] = (stamp, text(row, "SysRevID"))

    def marks(self) -> Marks:
        """What the next read begins with."""
        if not self.reached:
            return Marks()
        oldest = min(datetime.fromisoformat(each) for each in self.reached.values()) - OVERLAP
        floor = oldest.isoformat(timespec="seconds")
        recent = sorted(((stamp, key, version) for key, (stamp, version) in self.seen.items() if stamp >= floor),
                        reverse=True)  # fmt: skip
        return Marks(self.reached, {key: version for _, key, version in recent[:_REMEMBERED]})


# ------------------------------------------------------------------ reading


class SettlementReader:
    """Reads what became of bills."""

    def __init__(self, client: Kinetic) -> None:
        self._client = client

    async def pages(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """Settlements of the bills of ours that changed; the mark comes with the last page."""
        marks = Marks.parse(since)
        trace = Trace(dict(marks.reached))
        touched: dict[Pair, Where] = {}
        async for rows in self._client.pages(
            TRANSACTIONS, where=_changed(marks, TRANSACTIONS.name), select=TRANSACTION
        ):
            trace.note(TRANSACTIONS.name, rows)
            fresh = [row for row in rows if text(row, "InvoiceNum") and not marks.knows(row)]
            touched |= {pair_of(row): _is_pair_of(row) for row in fresh}
        told: set[str] = set()
        async for rows in self._client.changes(
            INVOICES, after=0, where=_changed(marks, INVOICES.name), select=_STAMPED
        ):
            trace.note(INVOICES.name, rows)
            fresh = [row for row in rows if not marks.knows(row)]
            mine = await _of_ours(fresh, ours)
            told |= {_id(row) for row in mine}
            if mine:
                yield Page(tuple(await self._settlements(mine)))
        async for rows in self._invoices(touched.values()):
            mine = [row for row in await _of_ours(rows, ours) if _id(row) not in told]
            if mine:
                yield Page(tuple(await self._settlements(mine)))
        yield Page((), str(trace.marks()))

    async def _invoices(self, pairs: Iterable[Where]) -> AsyncIterator[list[Row]]:
        """The invoices that transactions name: a number is only one together with its supplier (dossier 11.2)."""
        for where in in_groups(pairs, length=FILTER_LENGTH):
            yield await self._client.rows(INVOICES, where=where, select=HEADER)

    async def _settlements(self, rows: Sequence[Row]) -> list[Settlement]:
        pairs = {pair_of(row): _is_pair_of(row) for row in rows if is_set(row, "Posted")}
        transactions: dict[Pair, list[Row]] = {}
        for where in in_groups(pairs.values(), length=FILTER_LENGTH):
            found = [
                row async for page in self._client.pages(TRANSACTIONS, where=where, select=TRANSACTION) for row in page
            ]
            # Each once, by its id: adjustments of two suppliers may have the same key otherwise.
            for each in {text(row, "SysRowID"): row for row in found}.values():
                transactions.setdefault(pair_of(each), []).append(each)
        headers = await self._headers(each for of_one in transactions.values() for each in of_one)
        return [settlement_of(row, transactions.get(pair_of(row), ()), headers) for row in rows]

    async def _headers(self, transactions: Iterable[Row]) -> Mapping[int, Row]:
        """The payments that these transactions belong to, by their number."""
        wanted = sorted({integer(row, "HeadNum") for row in transactions if text(row, "TranType") == _PAYMENT} - {0})
        found: dict[int, Row] = {}
        for where in in_groups((eq("HeadNum", each) for each in wanted), length=FILTER_LENGTH):
            rows = await self._client.rows(PAYMENTS, where=where, select=PAYMENT)
            found |= {integer(row, "HeadNum"): row for row in rows}
        return found


def pair_of(row: Row) -> Pair:
    """Which invoice a row is, or speaks of."""
    return integer(row, "VendorNum"), code(text(row, "InvoiceNum"))


def _is_pair_of(row: Row) -> Where:
    return all_of(eq("VendorNum", integer(row, "VendorNum")), eq("InvoiceNum", text(row, "InvoiceNum")))


def _changed(marks: Marks, name: str) -> Where | None:
    since = marks.since(name)
    return None if since is None else ge("ChangeDate", since)


async def _of_ours(rows: Sequence[Row], ours: OurBills) -> list[Row]:
    known = await ours([_id(row) for row in rows]) if rows else {}
    return [row for row in rows if _id(row) in known]


def _id(row: Row) -> str:
    return text(row, "SysRowID").lower()


# ------------------------------------------------------------------ one bill


def settlement_of(invoice: Row, transactions: Sequence[Row], headers: Mapping[int, Row]) -> Settlement:
    """How far an invoice is paid, as it stands now.

    Only what was posted counts, and of that only money: a debit memo that was applied is none, and what was adjusted
    settles without a payment. A voided payment is a second row with its signs turned, so that the two cancel out.
    """
    sign = sign_of(kind_of(invoice))
    posted = [row for row in transactions if text(row, "TranType") == _PAYMENT and is_set(row, "Posted")]
    money = [row for row in posted if not is_set(headers.get(integer(row, "HeadNum"), {}), "ApplyingPayment")]
    taken = sign * add_up(number(row, "DocTranAmt") for row in money)
    discount = sign * add_up(number(row, "DocDiscAmt") for row in money)
    if discount and _holds_discount(invoice, transactions, posted):
        taken -= discount
    voided = {integer(row, "HeadNum") for row in money if is_set(row, "Voided")}
    standing = [row for row in money if integer(row, "HeadNum") not in voided]
    latest = max(standing, key=_age, default=None)
    gone = max((row for row in money if is_set(row, "Voided")), key=_age, default=None)
    is_cancelled = status_of(invoice) is BillStatus.CANCELLED
    return Settlement(
        bill_id=_id(invoice),
        bill_number=number_of(invoice),
        paid_total=taken,
        currency=text(invoice, "CurrencyCode"),
        paid_on=day(latest, "TranDate") if latest else None,
        discount=discount,
        payment_number=_number(latest, headers) if latest else "",
        method=_method(latest, headers) if latest else "",
        reversal_of=_number(gone, headers) if gone and not latest and not is_cancelled else "",
        is_settled=is_cancelled or is_settled(invoice),
    )


def _holds_discount(invoice: Row, transactions: Sequence[Row], posted: Sequence[Row]) -> bool:
    """True where the sums of payments have the discount in them, which the balance proves (dossier 11.3, UNCONFIRMED).

    The assumption is that they are what is taken off the balance.
    """
    off = number(invoice, "DocInvoiceAmt") - number(invoice, "DocInvoiceBal")
    others = [row for row in transactions if text(row, "TranType") != _PAYMENT]
    sums = add_up(number(row, "DocTranAmt") for row in (*posted, *others))
    return sums + add_up(number(row, "DocDiscAmt") for row in posted) != off


def _age(row: Row) -> tuple[str, int]:
    return text(row, "TranDate")[:10], integer(row, "HeadNum")


def _number(row: Row, headers: Mapping[int, Row]) -> str:
    """The reference that people know a payment by, its own number where it has none."""
    head = integer(row, "HeadNum")
    reference = integer(row, "CheckNum") or integer(headers.get(head, {}), "CheckNum")
    return str(reference or head)


def _method(row: Row, headers: Mapping[int, Row]) -> str:
    return text(headers.get(integer(row, "HeadNum"), {}), "PMUIDName")
