"""Intake: the ERP's invoices become rows, in their newest version for as long as they have not been handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ml_connector.flows.pages import read_ahead
from ml_connector.flows.supplier_invoices.content import content_of, hash_of, payload_of
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import SourceStage, SupplierInvoice
from ml_connector.store.changes import Change
from ml_connector.store.documents import Document, document_key, findings_to
from ml_connector.store.trail import Entry

FLOW: Final = Flow.SUPPLIER_INVOICES
_ASIDE: Final = {
    SourceStage.ON_HOLD: (DocumentStatus.HELD, Reason.ON_HOLD),
    SourceStage.DONE: (DocumentStatus.CANCELLED, Reason.SETTLED),
    SourceStage.CANCELLED: (DocumentStatus.CANCELLED, Reason.VOIDED),
}
"""Where an invoice rests that is not ready, and why."""
_STANDS: Final = {
    SourceStage.ON_HOLD: "on hold", SourceStage.READY: "open", SourceStage.DONE: "settled",
    SourceStage.CANCELLED: "voided",
}  # fmt: skip


def aside_finding(invoice: SupplierInvoice) -> Finding | None:
    """Why an invoice is not to be handed in as it stands in the ERP; None where it is ready."""
    if invoice.stage is SourceStage.READY:
        return None
    return Finding(_ASIDE[invoice.stage][1], invoice.number)


class SupplierIntake:
    """Reads what changed in the ERP since the mark, and keeps every record of it before the mark moves."""

    def __init__(self, place: Workplace, counts: Counts, *, run_id: int, source: str) -> None:
        self.place = place
        self.counts = counts
        self.run_id = run_id
        self.source = source
        self.documents = place.documents()

    async def run(self, *, full: bool) -> None:
        """Raises ConnectorError; what was read until then is kept, and not read again."""
        marks = self.place.marks()
        mark = await marks.read(FLOW)
        before = mark.value if mark else None
        newest = before
        async for page in read_ahead(self.place.source.invoices(since=None if full else before)):
            self.place.go_on()
            self.counts.read += len(page.records)
            await self.keep(page.records)
            if page.mark is not None and page.mark != newest:
                newest = page.mark
                await marks.move(FLOW, newest, at=self.place.clock())
        if mark is None and newest is None:
            await marks.move(FLOW, None, at=self.place.clock())

    async def keep(self, invoices: Sequence[SupplierInvoice]) -> None:
        """Stores what is new, and what is new of what is known."""
        latest = {each.key: each for each in invoices}
        known = await self.documents.latest(list(latest))
        fresh = [each for key, each in latest.items() if key not in known]
        changes = [self._change(known[key], each) for key, each in latest.items() if key in known]
        changed = [each for each in changes if each is not None]
        self.counts.unchanged += len(invoices) - len(fresh) - len(changed)
        if fresh:
            rows = [self._row(each) for each in fresh]
            entries = [self._entry(each) for each in fresh]
            await self.documents.receive(rows, entries, at=self.place.clock())
        await self.documents.change_all(changed, at=self.place.clock())

    def _row(self, invoice: SupplierInvoice) -> dict[str, Any]:
        now = self.place.clock()
        return {
            **content_of(invoice, at=now), **self._placed(invoice),
            "key": document_key(self.place.connection, invoice.key, 1), "connection_id": self.place.connection,
            "document_id": invoice.key, "attempt": 1, "flow": str(FLOW), "acknowledged": True, "attempts": 0,
            # Its files go with it, and not the way that bills get theirs.
            "attached": True, "admissions": 0, "payment_count": 0, "run_id": self.run_id, "created_at": now,
            "updated_at": now,
        }  # fmt: skip

    def _placed(self, invoice: SupplierInvoice) -> dict[str, Any]:
        """Where an invoice that was never handed in stands now."""
        finding = aside_finding(invoice)
        if finding is None:
            return {
                "status": DocumentStatus.RECEIVED, "reason": None, "findings": [], "next_due": self.place.clock(),
            }  # fmt: skip
        status, reason = _ASIDE[invoice.stage]
        return {"status": status, "reason": str(reason), "findings": findings_to([finding]), "next_due": None}

    def _change(self, document: Document, invoice: SupplierInvoice) -> Change | None:
        digest = hash_of(payload_of(invoice))
        if digest == document.payload_hash:
            return None
        if is_past(document):
            # What went in is what the row shows; only that it differs from the ERP's is noted.
            values: dict[str, Any] = {"payload_hash": digest, "source_updated": invoice.modified}
            words = (
                f"Changed in the ERP after it had been handed in: it is {_STANDS[invoice.stage]} there now, over "
                f"{invoice.gross} {invoice.currency}. It is not sent again."
            )
            return Change(document.key, values, self._told(invoice, "changed", "ok", words, before=document))
        content = content_of(invoice, at=self.place.clock())
        if document.status is DocumentStatus.REJECTED and document.reason is Reason.RETURNED:
            words = "Changed in the ERP; a person left it out here, and it stays so."
            return Change(document.key, content, self._told(invoice, "changed", "ok", words, before=document))
        values = {**content, **self._placed(invoice), "intent": None, "run_id": self.run_id}
        words = "Changed in the ERP before it was handed in: its newest version is taken."
        return Change(document.key, values, self._told(invoice, "changed", self._outcome(invoice), words))

    def _entry(self, invoice: SupplierInvoice) -> Entry:
        return self._told(invoice, "received", self._outcome(invoice), f"Read from the ERP, found by {self.source}.")

    def _outcome(self, invoice: SupplierInvoice) -> str:
        return "ok" if invoice.stage is SourceStage.READY else str(_ASIDE[invoice.stage][0])

    def _told(
        self, invoice: SupplierInvoice, step: str, outcome: str, words: str, *, before: Document | None = None
    ) -> Entry:
        finding = aside_finding(invoice)
        detail = {
            "number": invoice.number, "reference": invoice.reference, "supplier": invoice.vendor_number,
            "gross": str(invoice.gross), "currency": invoice.currency, "stage": str(invoice.stage),
        }  # fmt: skip
        if before is not None:
            detail["gross before"] = str(before.gross)
        summary = words if finding is None or before is not None else f"{words} {finding.sentence()}"
        return Entry(FLOW, invoice.key, step, outcome, summary, detail=detail)


def is_past(document: Document) -> bool:
    """True where it has been handed in, or may have been: from here on it is never sent anew by itself."""
    return document.posted_at is not None or document.intent is not None or document.standing is not None
