"""At month end: what was approved is posted, held, in flight or returned; every difference by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from ml_connector.engine.process import Process
from ml_connector.engine.sides import Sides
from ml_connector.flows.coding import code_invoice, kind_of, posting_date_of, within_tolerance
from ml_connector.operations.balance import (
    Balance,
    Difference,
    DifferenceKind,
    Period,
    Place,
    Reconciliation,
    each_of,
    place_of,
    signed,
)
from ml_connector.operations.finding import require_connection
from ml_connector.operations.reconcile_supplied import SuppliedBooks
from ml_connector.records.invoice import (
    ApprovedInvoice,
    Bill,
    BillStatus,
    DocumentKind,
    DocumentStatus,
    LedgerBill,
    TransferStage,
)
from ml_connector.records.reason import Reason
from ml_connector.store.documents import Document, document_from

__all__ = ["Balance", "Difference", "Period", "Place", "Reconciliation", "place_of", "reconcile"]

LOOK_BACK: Final = timedelta(days=92)
"""A document may be approved, and last changed, this long before the day it is posted on."""
LOOKED_FOR_AT_ONCE: Final = 20
"""Bills whose like is looked for in the ledger together."""


async def reconcile(process: Process, connection: str, *, period: Period | None = None) -> Reconciliation:
    """Compares the payables system, the documents here and the ERP, by month of the posting date.

    Raises `UnknownConnection`, and `ConnectorError` where a side cannot be read.
    """
    await require_connection(process.database, connection)
    month = period or Period.of(process.clock().date())
    sides = await process.open_sides(connection)
    try:
        if sides.inbound is not None:
            return await SuppliedBooks(process, sides, month).compare()
        return await _Books(process, sides, month).compare()
    finally:
        await sides.close()


@dataclass(slots=True)
class _Books:
    """The three books of one month."""

    process: Process
    sides: Sides
    period: Period
    differences: list[Difference] = field(default_factory=list)

    async def compare(self) -> Reconciliation:
        ours = await self._ours()
        approved, posted = await asyncio.gather(self._approved(ours), self._posted())
        approved |= await self._read_missing([each for each in ours.values() if each.document_id not in approved])
        self._compare_payables(ours, approved)
        await self._compare_ledger(ours, posted)
        await self._compare_drafts([each for each in ours.values() if place_of(each) is Place.POSTED])
        balances = self._balances(ours, approved)
        return Reconciliation(
            self.sides.connection, self.period, balances,
            tuple(sorted(self.differences, key=lambda each: (each.kind, each.invoice_number, each.document_id))),
        )  # fmt: skip

    # ------------------------------------------------------------------ reading

    async def _ours(self) -> dict[str, Document]:
        """The newest transfer of each document of the month, by document. Without a date, by the day it came."""
        rows = await self.process.database.fetch(
            """SELECT * FROM (
                SELECT DISTINCT ON (document_id) * FROM document WHERE connection_id = :c
                ORDER BY document_id, attempt DESC) newest
            WHERE status <> 'cancelled' AND coalesce(posting_date, invoice_date, cast(created_at AS date))
                BETWEEN :since AND :until""",
            c=self.sides.connection, since=self.period.since, until=self.period.until,
        )  # fmt: skip
        return {row["document_id"]: document_from(row) for row in rows}

    async def _approved(self, ours: Mapping[str, Document]) -> dict[str, ApprovedInvoice]:
        since = datetime.combine(self.period.since - LOOK_BACK, time(), UTC)
        found: dict[str, ApprovedInvoice] = {}
        unknown: list[ApprovedInvoice] = []
        async for invoice in each_of(self.sides.payables.approved(since=since)):
            if invoice.document_id in ours:
                found[invoice.document_id] = invoice
            elif self._posting_day(invoice) in self.period:
                unknown.append(invoice)
        elsewhere = await self._known_elsewhere([each.document_id for each in unknown])
        found |= {each.document_id: each for each in unknown if each.document_id not in elsewhere}
        return found

    async def _known_elsewhere(self, document_ids: Sequence[str]) -> set[str]:
        """Documents that are known here with a posting date of another month, or cancelled."""
        rows = await self.process.database.fetch(
            "SELECT DISTINCT document_id FROM document WHERE connection_id = :c AND document_id = ANY(:ids)",
            c=self.sides.connection, ids=list(document_ids),
        )  # fmt: skip
        return {row["document_id"] for row in rows}

    def _posting_day(self, invoice: ApprovedInvoice) -> date:
        today = self.process.clock().date()
        day = posting_date_of(invoice, self.sides.mapping, today=today) or invoice.invoice_date
        return day or (invoice.updated.date() if invoice.updated else today)

    async def _read_missing(self, documents: Sequence[Document]) -> dict[str, ApprovedInvoice]:
        """Documents of ours that the list did not name, one by one."""
        slots = asyncio.Semaphore(self.sides.payables.capabilities.parallel_documents)

        async def read(document: Document) -> ApprovedInvoice | None:
            async with slots:
                return await self.sides.payables.read_document(document.document_id)

        found = await asyncio.gather(*(read(each) for each in documents))
        return {each.document_id: each for each in found if each is not None and each.stage is not TransferStage.OTHER}

    async def _posted(self) -> dict[str, LedgerBill]:
        pages = self.sides.ledger.posted(since=self.period.since, until=self.period.until)
        return {bill.id: bill async for bill in each_of(pages)}

    # ------------------------------------------------------------------ comparing

    def _compare_payables(self, ours: Mapping[str, Document], approved: Mapping[str, ApprovedInvoice]) -> None:
        for document_id, invoice in approved.items():
            if document_id not in ours:
                self._name_unknown(invoice)
        for document in ours.values():
            invoice = approved.get(document.document_id)
            if invoice is None:
                self._name(DifferenceKind.NOT_IN_PAYABLES, document,
                           "The payables system has no such document for posting any more.")  # fmt: skip
            elif place_of(document) is Place.POSTED and invoice.stage is not TransferStage.TRANSFERRED:
                if document.status is not DocumentStatus.POSTED:
                    self._name(DifferenceKind.NOT_TOLD, document,
                               f"Posted as {document.bill_number}; in the payables system its status is "
                               f"{invoice.status}. Replay it with --from respond.")  # fmt: skip
            elif place_of(document) is not Place.POSTED and invoice.stage is TransferStage.TRANSFERRED:
                self._name(DifferenceKind.TOLD_ELSEWHERE, document,
                           f"The payables system says {invoice.status}; here it is {document.status}.")  # fmt: skip

    def _name_unknown(self, invoice: ApprovedInvoice) -> None:
        advice = (
            "The next poll takes it in; `ml-connector run` does so now."
            if invoice.stage in (TransferStage.OFFERED, TransferStage.FETCHED)
            else "It was transferred by somebody else, or before this connection was made."
        )
        self.differences.append(
            Difference(
                DifferenceKind.UNKNOWN_HERE,
                invoice.document_id,
                invoice.number,
                invoice.supplier,
                invoice.currency,
                signed(invoice.gross, kind_of(invoice, self.sides.mapping)),
                f"Its status in the payables system is {invoice.status}. {advice}",
            )
        )

    async def _compare_ledger(self, ours: Mapping[str, Document], posted: Mapping[str, LedgerBill]) -> None:
        bills = {each.bill_id for each in ours.values() if each.bill_id}
        foreign = {_reference(bill): bill for bill in posted.values() if bill.id not in bills}
        for document in ours.values():
            if place_of(document) is Place.POSTED:
                self._compare_bill(document, posted.get(document.bill_id or "") or await self._bill_of(document))
            twin = foreign.get((document.kind, document.supplier.upper(), document.invoice_number.upper()))
            # One that is held as a possible duplicate says so by itself, and counts as held.
            if twin is not None and document.reason is not Reason.POSSIBLE_DUPLICATE:
                self._name(DifferenceKind.FOREIGN_BILL, document,
                           f"The ledger has {twin.number} over {twin.gross} {twin.currency} with this supplier and "
                           f"number; the document is {document.status} here.")  # fmt: skip

    async def _compare_drafts(self, posted: Sequence[Document]) -> None:
        """A create that was made again after a look may yet have been done, late: what it left is easily posted."""
        again = {each.key: each for each in posted if each.attempts > 1}
        bills = [bill for each in again.values() if (bill := self._coded(each)) is not None]
        for start in range(0, len(bills), LOOKED_FOR_AT_ONCE):
            found = await self.sides.ledger.find(bills[start : start + LOOKED_FOR_AT_ONCE])
            for key, there in found.items():
                drafts = [bill for bill in there if bill.status is BillStatus.DRAFT and bill.id != again[key].bill_id]
                for draft in drafts:
                    self._name(DifferenceKind.SECOND_DRAFT, again[key],
                               f"Beside {again[key].bill_number} the ledger has the draft {draft.number} with this "
                               "supplier and number. Delete it there: posted, it would be a second bill.")  # fmt: skip

    async def _bill_of(self, document: Document) -> LedgerBill | None:
        """A bill that is not among those of the month: it may have been posted on another day."""
        bill = self._coded(document)
        if bill is None or document.bill_id is None:
            return None
        return await self.sides.ledger.read_bill(bill, document.bill_id)

    def _coded(self, document: Document) -> Bill | None:
        invoice = self.sides.payables.parse_document(document.payload)
        return code_invoice(
            invoice, self.sides.mapping, key=document.key, today=document.posting_date or self.period.since,
            number_length=self.sides.ledger.capabilities.number_length,
        ).bill  # fmt: skip

    def _compare_bill(self, document: Document, bill: LedgerBill | None) -> None:
        if bill is None or bill.status not in (BillStatus.POSTED, BillStatus.PAID, BillStatus.CANCELLED):
            self._name(DifferenceKind.NOT_IN_LEDGER, document,
                       f"The bill {document.bill_number} is not in the ledger as a posted one.")  # fmt: skip
        elif bill.status is BillStatus.CANCELLED:
            self._name(DifferenceKind.CANCELLED_IN_LEDGER, document, f"The bill {bill.number} was cancelled there.")
        elif not self._amounts_agree(document, bill):
            self._name(DifferenceKind.AMOUNT, document,
                           f"The bill {bill.number} is over {bill.gross} {bill.currency or document.currency}, the "
                           f"invoice over {document.gross}.")  # fmt: skip

    def _amounts_agree(self, document: Document, bill: LedgerBill) -> bool:
        if bill.gross is None or document.gross is None:
            return True
        return within_tolerance(abs(bill.gross), abs(document.gross), document.currency, self.sides.mapping)

    def _name(self, kind: DifferenceKind, document: Document, words: str) -> None:
        self.differences.append(
            Difference(
                kind,
                document.document_id,
                document.invoice_number,
                document.supplier,
                document.currency,
                signed(document.gross, document.kind),
                words,
            )
        )

    # ------------------------------------------------------------------ adding up

    def _balances(
        self, ours: Mapping[str, Document], approved: Mapping[str, ApprovedInvoice]
    ) -> tuple[Balance, ...]:  # fmt: skip
        found: dict[str, Balance] = {}

        def balance(currency: str) -> Balance:
            return found.setdefault(currency, Balance(currency))

        for invoice in approved.values():
            amount = signed(invoice.gross, kind_of(invoice, self.sides.mapping))
            balance(invoice.currency).approved.add(amount or Decimal(0))
        for document in ours.values():
            amount = signed(document.gross, document.kind)
            balance(document.currency).places[place_of(document)].add(amount or Decimal(0))
        return tuple(found[currency] for currency in sorted(found))


def _reference(bill: LedgerBill) -> tuple[DocumentKind, str, str]:
    return bill.kind, bill.vendor.upper(), bill.vendor_number.upper()
