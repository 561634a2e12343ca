"""What the payables system is told: of a posting, or of everything that keeps the invoice from being posted."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ml_connector.connectors.base import TransferResponse
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.connectors.http import Exchange, recording
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.invoices.notes import Notes, sentences
from ml_connector.flows.invoices.work import DONE, REJECT, Work
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import BillStatus, DocumentKind, DocumentStatus, TransferStage
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import Document

_CODES: Final = uuid.UUID("6f1c1e0a-6d0f-5b0e-8b6c-2f6d1f3f2c11")


class Answers:
    """Tells each outcome once, however often it has to be tried."""

    def __init__(self, place: Workplace, circuits: Circuits, notes: Notes) -> None:
        self.place = place
        self.circuits = circuits
        self.notes = notes

    async def discard(self, work: Work) -> Work | None:
        """A draft that cannot be posted is removed before the invoice goes back. A posted one stays."""
        document = work.document
        assert document.bill_id is not None
        bill = work.bill or self.notes.coded(document).bill
        async with recording() as exchanges:
            if bill is not None:
                draft = await self.place.ledger.read_bill(bill, document.bill_id)
                if draft is not None and draft.status in DONE:
                    finding = Finding(Reason.ALREADY_POSTED, draft.number)
                    await self.notes.hold(document, (finding,), exchanges, step="to discard")
                    return None
                if draft is not None and draft.status in (BillStatus.DRAFT, BillStatus.PENDING):
                    await self.place.ledger.discard(bill, draft)
        entry = self.notes.entry(document, "discarded", "ok", "The draft was removed from the ledger.", exchanges)
        values: dict[str, Any] = {"intent": REJECT, "bill_id": None, "bill_number": None, "bill_gross": None}
        await self.notes.write(document, entry, **values)
        return replace(work, document=replace(document, **values), fresh=True)

    async def reject(self, work: Work) -> None:
        """Returned to the clerk with the reasons in plain words."""
        document = work.document
        message = _cut(sentences(document.findings), self.place.payables.capabilities.message_length)
        response = TransferResponse(
            code=_response_code(document, success=False), success=False, message=message, at=self.place.clock()
        )
        told, exchanges = await self._tell(work, response)
        if not told:
            return
        entry = self.notes.entry(document, "returned", "rejected", f"Returned to the clerk: {message}", exchanges)
        await self.notes.write(
            document, entry, status=DocumentStatus.REJECTED, intent=None, next_due=None, response_message=message,
            responded_at=self.place.clock(),
        )  # fmt: skip

    async def respond(self, work: Work) -> None:
        """Told of the posting, with the ledger's number."""
        document = work.document
        word = "credit note" if document.kind is DocumentKind.CREDIT_NOTE else "bill"
        message = f"Posted as {word} {document.bill_number}."
        response = TransferResponse(
            code=_response_code(document, success=True), success=True, message=message,
            bill_number=document.bill_number or "", journal=document.bill_journal or "",
            at=document.posted_at or self.place.clock(),
        )  # fmt: skip
        told, exchanges = await self._tell(work, response)
        if not told:
            return
        entry = self.notes.entry(document, "transferred", "ok", f"The payables system was told: {message}", exchanges)
        await self.notes.write(
            document, entry, status=DocumentStatus.TRANSFERRED, intent=None, next_due=None,
            response_message=message, responded_at=self.place.clock(), reason=None, findings=[],
        )  # fmt: skip

    async def _tell(self, work: Work, response: TransferResponse) -> tuple[bool, list[Exchange]]:
        """Sends a response that has not arrived yet. False where a person has to look first."""
        document = work.document
        async with recording() as exchanges:
            if not work.fresh:
                there = await self.place.payables.read_document(document.document_id)
                if there is not None and response.code in there.responses:
                    return True, exchanges
                if there is None or there.stage not in (TransferStage.OFFERED, TransferStage.FETCHED):
                    await self._response_unwanted(document, there.status if there else "gone", exchanges)
                    return False, exchanges
            try:
                await self.place.payables.respond(document.document_id, response)
            except OutcomeUnknown as lost:
                entry = self.notes.entry(document, "to respond", "unknown", str(lost), exchanges)
                await self.notes.write(document, entry, next_due=self.place.back_off(0))
                return False, exchanges
            except Refused as refused:
                if self.place.concerns_side(refused):
                    raise
                finding = Finding(Reason.RESPONSE_REFUSED, "see its own words", str(refused))
                reason = finding if document.bill_id else replace(finding, reason=refused.reason)
                await self.notes.hold(document, (reason,), exchanges, step="to respond")
                return False, exchanges
        await self.circuits.heard("payables")
        return True, exchanges

    async def _response_unwanted(self, document: Document, status: str, exchanges: Sequence[Exchange]) -> None:
        """The document was answered or taken back meanwhile: what is posted stays, a person is told."""
        finding = Finding(Reason.CHANGED_MEANWHILE, status)
        await self.notes.hold(document, (finding,), exchanges, step="to respond")


def _cut(message: str, length: int) -> str:
    return message if len(message) <= length else message[: length - 1] + "…"


def _response_code(document: Document, *, success: bool) -> str:
    # The same for every try of the same answer: that is how a repeated one is recognised.
    count = "success" if success else f"failure/{document.attempts}"
    return str(uuid.uuid5(_CODES, f"{document.key}/{count}"))
