"""What is posted in a period, for reconciling (BC dossier 8.1, 8.6: drafts and posted documents are one list)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.documents import CREDIT_MEMOS, INVOICES, ledger_bill_of
from ml_connector.connectors.business_central.manifest import LIMITS
from ml_connector.records.invoice import BillStatus, LedgerBill

_POSTED: Final = (BillStatus.POSTED, BillStatus.PAID, BillStatus.CANCELLED)
"""A cancelled bill was posted; what cancelled it is a document of its own."""


async def posted_bills(client: BusinessCentralClient, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
    """Posted documents with a posting date from `since` to `until`, page by page, invoices first."""
    for sort in (INVOICES, CREDIT_MEMOS):
        options = {
            "$filter": f"postingDate ge {since.isoformat()} and postingDate le {until.isoformat()}",
            "$select": sort.header_fields,
        }
        async for rows in client.pages(sort.documents, options, size=LIMITS.page_size):
            bills = (ledger_bill_of(row, sort) for row in rows)
            yield Page(tuple(bill for bill in bills if bill.status in _POSTED))
