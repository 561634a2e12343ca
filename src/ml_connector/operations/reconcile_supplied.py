"""At month end, the other way round: the ERP's invoices have entered, or are held, in flight, rejected or cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from ml_connector.engine.process import Process
from ml_connector.engine.sides import Sides
from ml_connector.flows.supplier_invoices.content import hash_of, payload_of
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
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.money import round_amount
from ml_connector.records.supplier_invoice import SourceStage, Standing, StandingStage, SupplierInvoice
from ml_connector.store.documents import Document, document_from

VISIBLE_AFTER: Final = timedelta(hours=24)
"""An invoice that entered may be so long on its way to where its standing is told."""
_NOWHERE: Final = (StandingStage.REFUSED, StandingStage.REMOVED)


@dataclass(slots=True)
class SuppliedBooks:
    """The three books of one month."""

    process: Process
    sides: Sides
    period: Period
    differences: list[Difference] = field(default_factory=list)

    async def compare(self) -> Reconciliation:
        """Raises ConnectorError where a side cannot be read."""
        in_erp, standings = await asyncio.gather(self._in_erp(), self._standings())
        ours = await self._ours(list(in_erp))
        self._compare_erp(ours, in_erp)
        self._compare_payables(ours, standings)
        return Reconciliation(
            self.sides.connection, self.period, _balances(ours, in_erp),
            tuple(sorted(self.differences, key=lambda each: (each.kind, each.invoice_number, each.document_id))),
        )  # fmt: skip

    # ------------------------------------------------------------------ reading

    async def _in_erp(self) -> dict[str, SupplierInvoice]:
        """The ERP's invoices of the month: it has no list by month, so all are read."""
        pages = self.sides.source.invoices(since=None)
        return {each.key: each async for each in each_of(pages) if self._day(each) in self.period}

    async def _standings(self) -> dict[str, Standing]:
        assert self.sides.inbound is not None, "only connections with a way in get here"
        newest: dict[str, Standing] = {}
        async for each in each_of(self.sides.inbound.standings(since=None)):
            newest[each.id] = each
        return newest

    async def _ours(self, keys: Sequence[str]) -> dict[str, Document]:
        """What is known here of the month, by our dates or by the ERP's."""
        rows = await self.process.database.fetch(
            """SELECT * FROM document WHERE connection_id = :c AND (document_id = ANY(:keys)
                OR coalesce(posting_date, invoice_date, cast(created_at AS date)) BETWEEN :since AND :until)""",
            c=self.sides.connection, keys=list(keys), since=self.period.since, until=self.period.until,
        )  # fmt: skip
        return {row["document_id"]: document_from(row) for row in rows}

    def _day(self, invoice: SupplierInvoice) -> date:
        modified = invoice.modified.date() if invoice.modified else self.process.clock().date()
        return invoice.posting_date or invoice.invoice_date or modified

    # ------------------------------------------------------------------ comparing

    def _compare_erp(self, ours: dict[str, Document], in_erp: Mapping[str, SupplierInvoice]) -> None:
        for key, invoice in in_erp.items():
            if key not in ours:
                self._name_unread(invoice)
        for key, document in list(ours.items()):
            invoice = in_erp.get(key)
            if invoice is None:
                self._name_gone(document)
                del ours[key]
            elif document.posted_at is not None:
                self._compare_entered(document, invoice)
            elif hash_of(payload_of(invoice)) != document.payload_hash:
                self._name(DifferenceKind.NOT_YET_READ, document,
                           f"In the ERP it is over {invoice.gross} {invoice.currency} and {invoice.stage}, here it is "
                           f"{document.status} over {document.gross}. The next run takes it in.")  # fmt: skip

    def _compare_entered(self, document: Document, invoice: SupplierInvoice) -> None:
        if invoice.stage is SourceStage.CANCELLED:
            self._name(DifferenceKind.VOIDED_AFTERWARDS, document,
                       f"It was voided in the ERP after it had entered as {document.admission_id}: have it removed "
                       "in the payables system.")  # fmt: skip
        elif (invoice.gross, invoice.currency) != (document.gross, document.currency):
            self._name(DifferenceKind.CHANGED_AFTERWARDS, document,
                       f"In the ERP it is over {invoice.gross} {invoice.currency} now; what entered is over "
                       f"{document.gross} {document.currency}.")  # fmt: skip

    def _compare_payables(self, ours: Mapping[str, Document], standings: Mapping[str, Standing]) -> None:
        for document in ours.values():
            standing = standings.get(document.admission_id or "")
            is_there = standing is not None and standing.stage not in _NOWHERE
            if document.posted_at is not None and not is_there:
                if document.posted_at <= self.process.clock() - VISIBLE_AFTER:
                    self._name(DifferenceKind.NOT_VISIBLE, document,
                               f"It entered as {document.admission_id}, which the payables system does not "
                               "show.")  # fmt: skip
            elif document.posted_at is None and is_there and document.status is not DocumentStatus.UNCONFIRMED:
                self._name(DifferenceKind.ENTERED_UNAWARES, document,
                           f"The payables system has it under {document.admission_id}; here it is {document.status}. "
                           "The next run of the statuses takes note of it.")  # fmt: skip

    # ------------------------------------------------------------------ naming

    def _name_unread(self, invoice: SupplierInvoice) -> None:
        self.differences.append(
            Difference(
                DifferenceKind.NOT_READ, invoice.key, invoice.reference, invoice.vendor_number, invoice.currency,
                signed(invoice.gross, invoice.kind),
                f"In the ERP it is {invoice.stage}. The next run of supplier-invoices takes it in; with `--full` also "
                "what was changed long ago.",
            )
        )  # fmt: skip

    def _name_gone(self, document: Document) -> None:
        if document.status is DocumentStatus.CANCELLED and document.posted_at is None:
            return  # it was taken note of
        self._name(DifferenceKind.GONE_FROM_ERP, document,
                   f"The ERP has no such invoice in this month any more; here it is {document.status}.")  # fmt: skip

    def _name(self, kind: DifferenceKind, document: Document, words: str) -> None:
        self.differences.append(
            Difference(
                kind, document.document_id, document.invoice_number, document.supplier, document.currency,
                signed(document.gross, document.kind), words,
            )
        )  # fmt: skip


def _balances(ours: Mapping[str, Document], in_erp: Mapping[str, SupplierInvoice]) -> tuple[Balance, ...]:
    found: dict[str, Balance] = {}

    def balance(currency: str) -> Balance:
        return found.setdefault(currency, Balance(currency, with_cancelled=True))

    for invoice in in_erp.values():
        amount = signed(round_amount(invoice.gross, invoice.currency), invoice.kind)
        balance(invoice.currency).approved.add(amount or Decimal(0))
    for document in ours.values():
        gross = None if document.gross is None else round_amount(document.gross, document.currency)
        balance(document.currency).places[_place(document)].add(signed(gross, document.kind) or Decimal(0))
    return tuple(found[currency] for currency in sorted(found))


def _place(document: Document) -> Place:
    if document.posted_at is None and document.status is DocumentStatus.CANCELLED:
        return Place.CANCELLED
    return place_of(document)
