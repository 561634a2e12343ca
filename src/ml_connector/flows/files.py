"""Images and attachments of posted documents, payables to ledger, where both sides can.

The payables system lists a document's files only after its transfer, and only where the customer switched that
on. So that others pay nothing, a few documents are looked at once a day; files are fetched once one was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.http import Exchange, recording
from ml_connector.flows.coding import code_invoice
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import ApprovedInvoice, BillStatus
from ml_connector.store.documents import Document, document_from
from ml_connector.store.trail import Entry

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(hours=24)
LOOK_BACK: Final = timedelta(days=7)
PROBES: Final = 3
BATCH: Final = 50
_MARK: Final = "files"


class FileFlow:
    """Brings the files of documents that were transferred lately to their bills."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.documents = place.documents()

    async def run(self) -> int:
        """Attaches what there is; the number of documents it is done with. Errors leave the rest for later."""
        if not self.place.ledger.capabilities.attaches_files:
            return 0
        seen = await self.place.marks().read(_MARK)
        lists_files = seen is not None and seen.value == "listed"
        if not lists_files and seen is not None and seen.swept_at and seen.swept_at > self.place.clock() - LOOK_EVERY:
            return 0
        try:
            return await self._bring(limit=BATCH if lists_files else PROBES, probing=not lists_files)
        except ConnectorError as error:
            log.warning("Files could not be brought over; they are tried again later.", error=str(error))
            return 0

    async def _bring(self, *, limit: int, probing: bool) -> int:
        rows = await self.place.database.fetch(
            "SELECT * FROM document WHERE connection_id = :c AND status IN ('transferred', 'paid') AND NOT attached "
            "AND posted_at > :since ORDER BY posted_at DESC LIMIT :limit",
            c=self.place.connection, since=self.place.clock() - LOOK_BACK, limit=limit,
        )  # fmt: skip
        if not rows:
            return 0
        brought = [await self._bring_one(document_from(row), probing=probing) for row in rows]
        if probing:
            value = "listed" if any(brought) else "none"
            await self.place.marks().move(_MARK, value, at=self.place.clock(), swept=True)
        return sum(brought)

    async def _bring_one(self, document: Document, *, probing: bool) -> bool:
        """True where the document has files and they are with its bill now."""
        async with recording() as exchanges:
            invoice = await self.place.payables.read_document(document.document_id)
            attachments = invoice.attachments if invoice is not None else ()
            if invoice is None or not attachments:
                if not probing:
                    await self._done(document, "It has no files.", ())
                return False
            names = await self._attach(document, invoice)
        # What the files hold does not belong into the trail, only what was asked.
        await self._done(document, f"Brought to the bill: {', '.join(names)}.", exchanges[:1])
        return True

    async def _attach(self, document: Document, invoice: ApprovedInvoice) -> list[str]:
        bill = code_invoice(
            self.place.payables.parse_document(document.payload), self.place.mapping, key=document.key,
            today=document.posting_date or self.place.clock().date(),
            number_length=self.place.ledger.capabilities.number_length,
        ).bill  # fmt: skip
        if bill is None or document.bill_id is None:
            return []
        posted = await self.place.ledger.read_bill(bill, document.bill_id)
        if posted is None or posted.status is BillStatus.DRAFT:
            return []
        for each in invoice.attachments:
            content = await self.place.payables.read_attachment(document.document_id, each.key)
            await self.place.ledger.attach(bill, posted, name=each.name, content=content)
        return [each.name for each in invoice.attachments]

    async def _done(self, document: Document, summary: str, exchanges: Sequence[Exchange]) -> None:
        entry = Entry(
            flow=Flow.INVOICES, record=document.document_id, step="files", outcome="ok", summary=summary,
            exchanges=tuple(exchanges),
        )  # fmt: skip
        await self.documents.change(document.key, entry, at=self.place.clock(), attached=True)
