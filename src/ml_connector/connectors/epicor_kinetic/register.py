"""What is posted in a period, for reconciling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

from ml_connector.connectors.base import Page
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import INVOICES
from ml_connector.connectors.epicor_kinetic.documents import HEADER, is_cancellation, ledger_bill_of
from ml_connector.connectors.epicor_kinetic.where import all_of, eq, ge, le
from ml_connector.connectors.rows import day, text
from ml_connector.records.invoice import LedgerBill


async def posted_bills(client: Kinetic, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
    """Posted invoices and debit memos with an apply date from `since` to `until`, page by page, each once.

    One that was taken back comes as cancelled, and what took it back not at all.
    """
    where = all_of(eq("Posted", True), ge("ApplyDate", since), le("ApplyDate", until))
    told = set[str]()
    async for rows in client.changes(INVOICES, after=0, where=where, select=HEADER):
        # One that is written to meanwhile comes again, with its new version.
        fresh = {text(row, "SysRowID"): row for row in rows if text(row, "SysRowID") not in told}
        told |= fresh.keys()
        bills = (row for row in fresh.values() if not is_cancellation(row))
        yield Page(tuple(ledger_bill_of(row) for row in bills if since <= (day(row, "ApplyDate") or since) <= until))
