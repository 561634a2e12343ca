"""What is posted in a period, for reconciling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ml_connector.connectors.acumatica.books import Books, Period, period_id
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.documents import (
    HEADER,
    IN_THE_BOOKS,
    SORTS,
    known_status_of,
    ledger_bill_of,
    sort_of,
)
from ml_connector.connectors.acumatica.releasing import BILL
from ml_connector.connectors.acumatica.values import Row, day, moment, text
from ml_connector.connectors.base import Page
from ml_connector.connectors.odata import any_of
from ml_connector.records.invoice import LedgerBill

_FIELDS: Final = (*HEADER, "Date", "PostPeriod")
EARLIER: Final = timedelta(days=92)
"""How long before the period a bill in it may be dated. Older ones are found only when they are asked for."""
LATER: Final = timedelta(days=31)


async def posted_bills(client: Acumatica, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
    """Released bills and debit adjustments with a posting date from `since` to `until`, page by page.

    A bill has a date, the supplier's, and a period that it is posted in: its posting date is that date, or the day
    of the period that is nearest to it.
    """
    periods = {each.id: each for each in await Books(client).periods_between(since, until)}
    types = any_of("Type", [sort.type for sort in SORTS.values()])
    first, last = _midnight(since - EARLIER), _midnight(until + LATER)
    where = f"Date ge {moment(first)} and Date le {moment(last)} and ({types})"
    told: set[str] = set()
    async for rows in client.pages(BILL, where=where, select=_FIELDS):
        # A row can come on two pages.
        fresh = {text(row, "id"): row for row in rows if sort_of(row) is not None and text(row, "id") not in told}
        told |= fresh.keys()
        yield Page(
            tuple(ledger_bill_of(row) for row in fresh.values() if _is_posted_within(row, periods, since, until))
        )


def _midnight(when: date) -> datetime:
    """In UTC: what is a day more or less elsewhere does not matter that far off."""
    return datetime.combine(when, time(), UTC)


def _is_posted_within(row: Row, periods: Mapping[str, Period], since: date, until: date) -> bool:
    period, dated = periods.get(period_id(text(row, "PostPeriod"))), day(row, "Date")
    if period is None or dated is None or known_status_of(row) not in IN_THE_BOOKS:
        return False
    return since <= min(max(dated, period.starts), period.ends) <= until
