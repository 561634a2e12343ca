"""What is posted in a period, for reconciling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

from ml_connector.connectors.base import Page
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.documents import HEADER_FIELDS, SORTS, is_mirror, ledger_bill_of
from ml_connector.records.invoice import LedgerBill


async def posted_bills(client: ServiceLayer, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
    """Documents with a posting date from `since` to `until`, page by page, invoices first.

    A cancelled bill was posted; the mirror that cancelled it is no bill (SAP dossier 7.3).
    """
    for sort in SORTS.values():
        options = {
            "$filter": f"DocDate ge '{since.isoformat()}' and DocDate le '{until.isoformat()}'",
            "$select": HEADER_FIELDS,
        }
        async for rows in client.pages(sort.entity_set, options, key="DocEntry"):
            bills = (ledger_bill_of(row, sort) for row in rows if not is_mirror(row))
            yield Page(tuple(bills))
