"""Bills as they stand in the ledger: by their lasting id, or by supplier and number over all groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from ml_connector.connectors.epicor_kinetic.books import Books
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import INVOICE_SERVICE, INVOICES
from ml_connector.connectors.epicor_kinetic.documents import (
    HEADER,
    is_cancellation,
    is_number_of,
    is_ours,
    kind_of,
    ledger_bill_of,
)
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH, NUMBER_LENGTH
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset
from ml_connector.connectors.epicor_kinetic.where import all_of, eq, in_groups
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.rows import Row, integer, text
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill


class Finder:
    """Looks bills up."""

    def __init__(self, client: Kinetic, books: Books) -> None:
        self._client = client
        self._books = books

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Invoices of the same kind, supplier and number, posted or not and in whatever group (dossier 9.7).

        What took another document back is no bill.
        """
        rows = await self.numbered(bills)
        return {
            bill.key: tuple(
                _as_known(bill, row)
                for row in rows.get(bill.key, ())
                if kind_of(row) is bill.kind and not is_cancellation(row)
            )
            for bill in bills
        }

    async def numbered(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Row, ...]]:
        """Invoices and debit memos with these suppliers and numbers, by the bill's key; those without are left out."""
        vendors = await self._books.vendors.get({code(bill.vendor) for bill in bills})
        wanted = {
            bill.key: (facts.number, bill)
            for bill in bills
            if (facts := vendors.get(code(bill.vendor))) is not None and 0 < units(bill.number.strip()) <= NUMBER_LENGTH
        }
        pairs = {(vendor, bill.number.strip()): None for vendor, bill in wanted.values()}
        parts = [all_of(eq("VendorNum", vendor), eq("InvoiceNum", number)) for vendor, number in pairs]
        rows: dict[str, Row] = {}
        for where in in_groups(parts, length=FILTER_LENGTH):
            found = await self._client.rows(INVOICES, where=where, select=HEADER)
            rows |= {text(row, "SysRowID"): row for row in found}
        return {
            key: tuple(row for row in rows.values() if integer(row, "VendorNum") == vendor and is_number_of(row, bill))
            for key, (vendor, bill) in wanted.items()
        }

    async def read(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id, None where it is gone."""
        row = await self.header(bill, bill_id)
        return None if row is None else ledger_bill_of(row)

    async def header(self, bill: Bill, bill_id: str) -> Row | None:
        """One invoice as it is told, None where it is gone; by the bill's number where ids cannot be asked for."""
        try:
            wanted = UUID(bill_id)
        except ValueError:
            return None
        try:
            rows = await self._client.rows(INVOICES, where=eq("SysRowID", wanted), select=HEADER)
        except Refused:
            rows = (await self.numbered([bill])).get(bill.key, ())
        return next((row for row in rows if text(row, "SysRowID").lower() == bill_id), None)

    async def whole(self, row: Row) -> Tableset | None:
        """An invoice with its lines and their accounts, None where it is gone."""
        vendor, number = integer(row, "VendorNum"), text(row, "InvoiceNum")
        return await self._client.get_by_id(INVOICE_SERVICE, vendorNum=vendor, invoiceNum=number)


def _as_known(bill: Bill, row: Row) -> LedgerBill:
    """One of ours that is half written tells no sums, since they are not the bill's yet."""
    there = ledger_bill_of(row)
    if there.status is BillStatus.DRAFT and is_ours(row, bill) and there.net != bill.net:
        return replace(there, gross=None, net=None, tax=None)
    return there
