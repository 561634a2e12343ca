"""What is posted in a period, for reconciling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ml_connector.connectors.acumatica.books import Books, Period, period_id
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.documents import (
    ADJUSTMENTS,
    BILLS,
    HEADER,
    IN_THE_BOOKS,
    Sort,
    known_status_of,
    ledger_bill_of,
    sort_of,
)
from ml_connector.connectors.acumatica.releasing import BILL
from ml_connector.connectors.acumatica.reversing import Judged, Reversals
from ml_connector.connectors.acumatica.values import moment
from ml_connector.connectors.base import Page
from ml_connector.connectors.odata import literal
from ml_connector.connectors.rows import Row, day, text
from ml_connector.records.invoice import LedgerBill

_FIELDS: Final = (*HEADER, "Date", "PostPeriod")
EARLIER: Final = timedelta(days=92)
"""How long before the period a bill in it is dated as a rule; older ones are found by their stamp."""
LATER: Final = timedelta(days=31)
ENTERED: Final = timedelta(days=31)
"""How long before the period a bill in it may have been entered, and last changed."""


async def posted_bills(client: Acumatica, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
    """Released bills and debit adjustments with a posting date from `since` to `until`, page by page.

    A bill has a date, the supplier's, and a period that it is posted in: its posting date is that date, or the day
    of the period that is nearest to it. A bill that was taken back comes as cancelled, and what did it not at all.
    """
    span = _Span({each.id: each for each in await Books(client).periods_between(since, until)}, since, until)
    dated, entered = moment(_midnight(since - EARLIER)), moment(_midnight(since - ENTERED))
    first = f"(Date ge {dated} or LastModifiedDateTime ge {entered})"
    last = f"Date le {moment(_midnight(until + LATER))}"
    # Adjustments of any later day: a bill of the period may be taken back long after.
    adjustments = await client.rows(BILL, where=f"{_is(ADJUSTMENTS)} and {first}", select=_FIELDS)
    reversals, told = Reversals.among(adjustments), set[str]()
    async for rows in client.pages(BILL, where=f"{_is(BILLS)} and {first} and {last}", select=_FIELDS):
        # A row can come on two pages.
        fresh = {text(row, "id"): row for row in rows if sort_of(row) is BILLS and text(row, "id") not in told}
        told |= fresh.keys()
        judged = Judged(frozenset(key for key, row in fresh.items() if reversals.take_back(row)))
        yield Page(tuple(judged.of(ledger_bill_of(row)) for row in fresh.values() if span.has(row)))
    yield Page(tuple(ledger_bill_of(row) for row in reversals.unused(adjustments) if span.has(row)))


@dataclass(frozen=True, slots=True)
class _Span:
    """The days that are asked for, and the financial periods that have any of them."""

    periods: Mapping[str, Period]
    since: date
    until: date

    def has(self, row: Row) -> bool:
        """True for a released document that was posted on one of the days."""
        period, dated = self.periods.get(period_id(text(row, "PostPeriod"))), day(row, "Date")
        if period is None or dated is None or known_status_of(row) not in IN_THE_BOOKS:
            return False
        return self.since <= min(max(dated, period.starts), period.ends) <= self.until


def _is(sort: Sort) -> str:
    return f"Type eq {literal(sort.type)}"


def _midnight(when: date) -> datetime:
    """In UTC: what is a day more or less elsewhere does not matter that far off."""
    return datetime.combine(when, time(), UTC)
