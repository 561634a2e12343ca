"""Brings supplier invoices on, several at once, each by itself in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ml_connector.connectors.errors import ConnectorError
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.hands import DocumentFlow
from ml_connector.flows.supplier_invoices.handing import Handing
from ml_connector.flows.supplier_invoices.notes import HAND_IN, SupplierNotes
from ml_connector.flows.supplier_invoices.waiting import Waiting
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding
from ml_connector.store.documents import Document

BATCH: Final = 50
"""Invoices of which one look tells what they wait for."""


class SupplierInvoiceFlow(DocumentFlow[Document]):
    """The supplier invoices of one connection, for as long as this process works it."""

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.notes = SupplierNotes(place, circuits)
        super().__init__(place, circuits, self.notes, batch=BATCH)
        self.waiting = Waiting(place)
        self.handing = Handing(place, circuits, self.notes, self.waiting)

    async def prepare(self, batch: Sequence[Document]) -> list[Document]:
        """Sorts out what has to wait for its supplier or an order; one look tells of all of them."""
        at_start = [each for each in batch if each.intent is None]
        now = self.place.clock()
        contents = {each.key: (each.payload, each.content_at or now) for each in at_start}
        awaited = await self.waiting.findings(contents) if contents else {}
        as_before: list[str] = []
        for document in at_start:
            findings = tuple(awaited.get(document.key, ()))
            if findings and document.status is DocumentStatus.HELD and document.findings == findings:
                as_before.append(document.key)
            elif findings:
                await self.notes.hold_for(document, findings)
        if as_before:
            await self.notes.documents.rest(as_before)
        return [each for each in batch if each.key not in awaited]

    def document_of(self, work: Document) -> Document:
        return work

    async def advance(self, work: Document) -> None:
        """Whatever is found with the intent may have entered: it begins with a look."""
        try:
            if work.intent == HAND_IN:
                await self.handing.look(work)
            else:
                await self.handing.begin(work)
        except ConnectorError as error:
            await self._meet(work, error)

    async def _meet(self, document: Document, error: ConnectorError) -> None:
        """An error of a read, or of the admission: nothing was handed in by it."""
        if self.place.concerns_side(error) or document.intent is None:
            await self.notes.meet(document, error)
        else:
            await self.notes.hold_uncertain(document, error.findings[0])

    async def hold_unexpected(self, document: Document, finding: Finding) -> None:
        """What may have been handed in keeps its intent, as it stands in its row by now."""
        now = await self.notes.documents.get(document.key)
        if now is not None and now.intent is not None:
            await self.notes.hold_uncertain(now, finding, again=False)
        else:
            await self.notes.hold(document, (finding,))
